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
    /// Begins to show a load of so many products on standard error.
    pub fn of(products: u64) -> Self {
        let template = "{bar:32} {human_pos}/{human_len} products, {rate} products/s, {eta} left";
        let rate = |state: &ProgressState, text: &mut dyn Write| {
            // A text of a bar takes everything; there is nobody to tell if it did not.
            let _ = write!(text, "{:.0}", state.per_sec());
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("rate", rate);
        let bar = ProgressBar::new(products).with_style(style);
        Self { bar, is_terminal: stderr().is_terminal(), next_line: Instant::now() + LINE_EVERY }
    }

    /// Tells that so many more products were taken.
    pub fn add(&mut self, products: u64) {
        self.bar.inc(products);
        if self.is_terminal || Instant::now() < self.next_line {
            return;
        }
        self.next_line = Instant::now() + LINE_EVERY;
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let (rate, left_s) = (self.bar.per_sec(), self.bar.eta().as_secs());
        eprintln!("{done} of {all} products, {rate:.0} products/s, {left_s} s left");
    }

    /// Takes the bar away. Gives the time since the beginning.
    pub fn finish(&self) -> Duration {
        self.bar.finish_and_clear();
        self.bar.elapsed()
    }
}
