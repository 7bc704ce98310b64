//! Accounts that are after the shop's money. One buys the same thing and gives it back over and over, the
//! other gives a dear thing back as soon as it is ordered. Both do in minutes what honest returns take
//! days for, so that a demonstration of five minutes shows them.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::model::event::{Action, Item, Order};
use crate::model::time::Timestamp;
use crate::traffic::assortment::Rank;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Comeback, Moment, Script, Step, Then};

/// Rounds of buying and giving back the same thing.
const LOOP_ROUNDS: std::ops::RangeInclusive<u32> = 3..=7;
/// Orders that are given back at once.
const FAST_ROUNDS: std::ops::RangeInclusive<u32> = 2..=4;
/// Products that are looked at to find a dear one.
const CANDIDATES: u32 = 8;
/// Mean seconds between the steps of somebody who knows the way.
const BETWEEN_STEPS_S: f64 = 2.5;

/// The kinds of fraud.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schemes {}

/// What such an account does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The same thing again and again.
    RefundLoop,
    /// Another dear thing each time.
    FastRefund,
}

/// An account at work, over several sessions.
pub struct Fraud {
    scheme: Scheme,
    target: Rank,
    rounds_left: u32,
    results: Option<Results>,
}

impl Fraud {
    /// Comes in; gives the first step.
    pub fn arrive(scheme: Scheme, moment: &mut Moment<'_>) -> (Step, Self) {
        let rounds = match scheme {
            Scheme::RefundLoop => LOOP_ROUNDS,
            Scheme::FastRefund => FAST_ROUNDS,
        };
        let rounds_left = moment.chance.random_range(rounds);
        let mut fraud = Self { scheme, target: dear_product(moment), rounds_left, results: None };
        (fraud.search(moment), fraud)
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let step = match done {
            Action::Search(_) => self.target_item(moment).map(Step::View),
            Action::View(touch) => Some(Step::AddToCart(touch.item.clone())),
            Action::AddToCart(touch) => Some(Step::Purchase(vec![touch.item.clone()])),
            Action::Purchase(order) => return Then::Leave(Some(self.give_back(order, moment.now, moment))),
            Action::Refund(_) => return Then::Leave(self.next_round(moment)),
        };
        match step {
            Some(step) => Then::Do(moment.chance.dwell(BETWEEN_STEPS_S), step),
            None => Then::Leave(None),
        }
    }

    fn search(&mut self, moment: &mut Moment<'_>) -> Step {
        let text = moment.assortment.wording(self.target, moment.taste, moment.chance);
        let (step, results) = Results::of(Question::new(text), moment);
        self.results = Some(results);
        step
    }

    /// The target as the search shows it, or without a search where it is not among the results.
    fn target_item(&self, moment: &Moment<'_>) -> Option<Item> {
        let shown = self
            .results
            .as_ref()
            .and_then(|results| results.at(results.position_of(self.target)?, moment.now, moment));
        shown.map(|(_, item)| item).or_else(|| moment.assortment.item(self.target, None))
    }

    fn give_back(&mut self, order: &Order, ordered_at: Timestamp, moment: &mut Moment<'_>) -> Comeback {
        Comeback {
            after: moment.chance.between_s(8, 40),
            step: Step::give_back(order, ordered_at, "changed my mind"),
            script: Script::Fraud(Self { results: None, ..*self }),
        }
    }

    fn next_round(&mut self, moment: &mut Moment<'_>) -> Option<Comeback> {
        self.rounds_left = self.rounds_left.saturating_sub(1);
        if self.rounds_left == 0 {
            return None;
        }
        let (after, step) = match self.scheme {
            Scheme::RefundLoop => {
                (moment.chance.between_s(8, 30), Step::View(moment.assortment.item(self.target, None)?))
            }
            Scheme::FastRefund => {
                self.target = dear_product(moment);
                (moment.chance.between_s(20, 120), self.search(moment))
            }
        };
        let script = Script::Fraud(Self { results: self.results.take(), ..*self });
        Some(Comeback { after, step, script })
    }
}

/// The dearest of a few products that are sold.
fn dear_product(moment: &mut Moment<'_>) -> Rank {
    let candidates = (0..CANDIDATES).map(|_| moment.assortment.popular(moment.chance));
    let price = |rank: &Rank| {
        let product = moment.assortment.product(*rank);
        product.map(|product| (product.stock > 0, product.price_cents))
    };
    candidates.max_by_key(price).unwrap_or_default()
}
