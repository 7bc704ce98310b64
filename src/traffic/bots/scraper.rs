//! A program that reads prices: it asks for a category, views each result from the top down, page by page,
//! goes on with the next category and never buys.

use std::collections::BTreeMap;

use crate::model::event::Action;
use crate::model::ids::QueryId;
use crate::model::time::Timestamp;
use crate::traffic::bots::pace::Pace;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Moment, Step, Then};

/// Requests after which nobody takes it for a person: half a minute's worth of the fastest reader's.
const TELLING: u32 = 30;

/// What the program keeps.
pub struct Scraper {
    results: Results,
    searched_at: Timestamp,
    /// The position to open next, from 1.
    position: usize,
    pace: Pace,
}

impl Scraper {
    /// Comes in; gives the first step.
    pub fn arrive(moment: &mut Moment<'_>) -> (Step, Self) {
        let settings = moment.world.bots.price_scraper;
        let pace = Pace::new(settings.gap_s, settings.jitter, settings.requests, moment.chance);
        let (step, results) = search(None, moment);
        (step, Self { results, searched_at: moment.now, position: 1, pace })
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let Some(requests) = self.pace.tick() else { return Then::Leave(None) };
        if requests == TELLING {
            moment.tell(|| format!("{TELLING} requests down the lists of results, {}", self.pace.every()));
        }
        if let Action::Search(_) = done {
            self.searched_at = moment.now;
            self.position = 1;
        }
        let step = self.next_step(moment);
        self.pace.then(step, moment.chance)
    }

    fn next_step(&mut self, moment: &mut Moment<'_>) -> Step {
        if let Some((_, item)) = self.results.at(self.position, self.searched_at, moment) {
            self.position += 1;
            return Step::View(item);
        }
        let (step, results) = search(None, moment);
        self.results = results;
        step
    }
}

/// Asks for something that the shop has, as a category's page would.
pub fn search(intent_id: Option<QueryId>, moment: &mut Moment<'_>) -> (Step, Results) {
    let wanted = moment.assortment.popular(moment.chance);
    let text = moment.assortment.wording(wanted, moment.taste, moment.chance);
    Results::of(Question { text, filters: BTreeMap::new(), intent_id }, moment)
}
