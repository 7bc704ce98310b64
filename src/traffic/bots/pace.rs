//! The pace of a program, and how long its visit lasts.

use chrono::TimeDelta;

use crate::traffic::chance::Chance;
use crate::traffic::knobs::Span;
use crate::traffic::session::{Step, Then};

/// What a program's visit has before it.
pub struct Pace {
    gap_s: f64,
    jitter: f64,
    /// Requests that are left.
    left: u32,
    /// Requests that were done.
    done: u32,
}

impl Pace {
    /// A visit of so many requests.
    pub fn new(gap_s: f64, jitter: f64, requests: Span, chance: &mut Chance) -> Self {
        Self { gap_s, jitter, left: requests.draw(chance), done: 0 }
    }

    /// Counts a request; gives how many were done, or `None` when the visit is over.
    pub fn tick(&mut self) -> Option<u32> {
        self.left = self.left.saturating_sub(1);
        self.done += 1;
        (self.left > 0).then_some(self.done)
    }

    /// The next request after a gap: a metronome's and a person's, mixed by the jitter.
    pub fn then(&self, step: Step, chance: &mut Chance) -> Then {
        let uneven = chance.dwell(self.gap_s).num_milliseconds() as f64;
        let gap_ms = self.gap_s * 1_000.0 * (1.0 - self.jitter) + uneven * self.jitter;
        Then::Do(TimeDelta::milliseconds(gap_ms as i64), step)
    }

    /// In words, for the ground truth.
    pub fn every(&self) -> String {
        format!("one every {} s", self.gap_s)
    }
}
