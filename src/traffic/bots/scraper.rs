//! A program that reads the catalogue: it searches and opens the results from the top down, one to
//! seven a second, and never buys.

use chrono::TimeDelta;
use rand::RngExt;

use crate::model::event::Action;
use crate::model::time::Timestamp;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Moment, Step, Then};

/// Events of one session.
const EVENTS: std::ops::Range<u32> = 120..600;
/// Milliseconds between two requests of one program as far as the mix lets it; where a person takes many seconds.
const GAP_MS: std::ops::Range<i64> = 150..1_000;
/// How many results of a list are opened.
const OPENED: std::ops::RangeInclusive<usize> = 4..=24;

/// What the program keeps.
pub struct Scraper {
    results: Results,
    searched_at: Timestamp,
    /// The position to open next, from 1.
    position: usize,
    /// How far down this list is opened.
    depth: usize,
    events_left: u32,
    gap_ms: i64,
}

impl Scraper {
    /// Comes in; gives the first step.
    pub fn arrive(moment: &mut Moment<'_>) -> (Step, Self) {
        let (step, results) = search(moment);
        let scraper = Self {
            results,
            searched_at: moment.now,
            position: 1,
            depth: moment.chance.random_range(OPENED),
            events_left: moment.chance.random_range(EVENTS),
            gap_ms: moment.chance.random_range(GAP_MS),
        };
        (step, scraper)
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        self.events_left = self.events_left.saturating_sub(1);
        if self.events_left == 0 {
            return Then::Leave(None);
        }
        if let Action::Search(_) = done {
            self.searched_at = moment.now;
            self.position = 1;
            self.depth = moment.chance.random_range(OPENED);
        }
        let jitter = moment.chance.random_range(0.7..1.3);
        let wait = TimeDelta::milliseconds((self.gap_ms as f64 * jitter) as i64);
        Then::Do(wait, self.next_step(moment))
    }

    fn next_step(&mut self, moment: &mut Moment<'_>) -> Step {
        let item = self.results.at(self.position, self.searched_at, moment);
        if let Some((_, item)) = item.filter(|_| self.position <= self.depth) {
            self.position += 1;
            return Step::View(item);
        }
        let (step, results) = search(moment);
        self.results = results;
        step
    }
}

fn search(moment: &mut Moment<'_>) -> (Step, Results) {
    let wanted = moment.assortment.popular(moment.chance);
    Results::of(Question::new(moment.assortment.wording(wanted, moment.taste, moment.chance)), moment)
}
