//! Shows how far a load is: a bar on a terminal, else a line every few seconds.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

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
        let template = "{bar:32} {human_pos}/{human_len} products, {per_sec:.0} products/s, {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
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
