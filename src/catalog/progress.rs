//! Shows how far a load is: a bar on a terminal, else a line every few seconds.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// How far a load is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    next_line: Instant,
}

impl Progress {
    /// Begins to show a load of so many products on standard error; `None` where nobody knows how many.
    pub fn of(products: Option<u64>) -> Self {
        let template = match products {
            Some(_) => "{bar:32} {human_pos}/{human_len} products, {rate} products/s, {eta} left",
            None => "{spinner} {human_pos} products, {rate} products/s",
        };
        let rate = |state: &ProgressState, text: &mut dyn Write| {
            // A text of a bar takes everything; there is nobody to tell if it did not.
            let _ = write!(text, "{:.0}", state.per_sec());
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("rate", rate);
        let bar = products.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style);
        Self { bar, is_terminal: stderr().is_terminal(), next_line: Instant::now() + LINE_EVERY }
    }

    /// Tells that so many more products were taken.
    pub fn add(&mut self, products: u64) {
        self.bar.inc(products);
        if self.is_terminal || Instant::now() < self.next_line {
            return;
        }
        self.next_line = Instant::now() + LINE_EVERY;
        let (done, rate) = (self.bar.position(), self.bar.per_sec());
        match self.bar.length() {
            Some(all) => {
                let left_s = self.bar.eta().as_secs();
                eprintln!("{done} of {all} products, {rate:.0} products/s, {left_s} s left");
            }
            None => eprintln!("{done} products, {rate:.0} products/s"),
        }
    }

    /// Takes the bar away. Gives the time since the beginning.
    pub fn finish(&self) -> Duration {
        self.bar.finish_and_clear();
        self.bar.elapsed()
    }
}
