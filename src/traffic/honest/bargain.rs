//! A bargain hunter: reads through lists of results and looks at one product after the other, by the hundred.

use rand::RngExt;

use crate::model::event::{Action, Item};
use crate::model::time::Timestamp;
use crate::traffic::assortment::Rank;
use crate::traffic::honest::after;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Moment, Step, Then};

/// Mean seconds before an order.
const BEFORE_ORDER_S: f64 = 40.0;

/// What a hunter keeps.
pub struct Hunter {
    results: Results,
    searched_at: Timestamp,
    /// The position to open next, from 1.
    position: usize,
    views_left: u32,
    looking_at: Rank,
    /// The cheapest thing seen that can be bought.
    bargain: Option<Item>,
}

impl Hunter {
    /// Comes in; gives the first step.
    pub fn arrive(moment: &mut Moment<'_>) -> (Step, Self) {
        let views_left = moment.world.honest.bargain_hunter.views.draw(moment.chance);
        let (step, results) = search(moment);
        let (position, looking_at) = (1, 0);
        (step, Self { results, searched_at: moment.now, position, views_left, looking_at, bargain: None })
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let settings = moment.world.honest.bargain_hunter;
        match done {
            Action::Search(_) => {
                self.searched_at = moment.now;
                self.position = 1;
            }
            Action::View(touch) => {
                self.views_left = self.views_left.saturating_sub(1);
                let is_cheaper = |other: &Item| touch.item.unit_price_cents < other.unit_price_cents;
                if moment.assortment.is_sold(self.looking_at) && self.bargain.as_ref().is_none_or(is_cheaper)
                {
                    self.bargain = Some(touch.item.clone());
                }
            }
            Action::AddToCart(touch) => {
                return after(BEFORE_ORDER_S, Some(Step::Purchase(vec![touch.item.clone()])), moment);
            }
            Action::Purchase(_) | Action::Refund(_) => return Then::Leave(None),
        }
        if self.views_left == 0 {
            let bargain = self.bargain.take().filter(|_| moment.chance.random_bool(settings.buys));
            return after(settings.dwell_s, bargain.map(Step::AddToCart), moment);
        }
        let step = self.next(moment);
        after(settings.dwell_s, Some(step), moment)
    }

    fn next(&mut self, moment: &mut Moment<'_>) -> Step {
        if let Some((rank, item)) = self.results.at(self.position, self.searched_at, moment) {
            self.position += 1;
            self.looking_at = rank;
            return Step::View(item);
        }
        let (step, results) = search(moment);
        self.results = results;
        step
    }
}

fn search(moment: &mut Moment<'_>) -> (Step, Results) {
    let wanted = moment.assortment.wanted(moment.taste, moment.chance);
    let text = moment.assortment.wording(wanted, moment.taste, moment.chance);
    Results::of(Question::new(text), moment)
}
