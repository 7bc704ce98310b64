//! A program that searches on and on: through the shop's words like a dictionary, or one question with changes.

use rand::RngExt;

use crate::traffic::assortment::Rank;
use crate::traffic::bots::pace::Pace;
use crate::traffic::bots::scraper;
use crate::traffic::query;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Moment, Step, Then};

/// Searches after which nobody takes it for a person.
const TELLING: u32 = 30;
/// Share of the changes of a question that are slips of its letters; the others are filters.
const SLIPS: f64 = 0.5;

/// What the program keeps.
pub struct Flood {
    /// The one question, and what it asks for; `None` for a dictionary.
    question: Option<(Question, Rank)>,
    pace: Pace,
}

impl Flood {
    /// Comes in; gives the first step.
    pub fn arrive(moment: &mut Moment<'_>) -> (Step, Self) {
        let settings = moment.world.bots.search_flood;
        let pace = Pace::new(settings.gap_s, settings.jitter, settings.requests, moment.chance);
        let question = moment.chance.random_bool(settings.one_question).then(|| {
            let wanted = moment.assortment.popular(moment.chance);
            (Question::new(moment.assortment.wording(wanted, moment.taste, moment.chance)), wanted)
        });
        let flood = Self { question, pace };
        (flood.search(moment), flood)
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, moment: &mut Moment<'_>) -> Then {
        let Some(requests) = self.pace.tick() else { return Then::Leave(None) };
        if requests == TELLING {
            moment.tell(|| format!("{TELLING} searches without a look at a product, {}", self.pace.every()));
        }
        let step = self.search(moment);
        self.pace.then(step, moment.chance)
    }

    fn search(&self, moment: &mut Moment<'_>) -> Step {
        let Some((question, wanted)) = &self.question else { return scraper::search(None, moment).0 };
        let mut changed = question.clone();
        if moment.chance.random_bool(SLIPS) {
            changed.text = query::typed(changed.text, 1.0, moment.chance);
        } else {
            changed.filters.extend(moment.assortment.filter(*wanted, moment.chance));
        }
        Results::of(changed, moment).0
    }
}
