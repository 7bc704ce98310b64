//! Accounts that are after the shop's money. Each works in rounds: it orders something (or does not, and pretends
//! so) and gives it back in a later visit; between the rounds some shop as honest people do.
//!
//! With the defaults, loops and fast refunds take seconds where honest returns take days, so that a demonstration
//! of five minutes shows them; the other kinds take minutes to hours, and a scenario may say days.

mod schemes;

use rand::RngExt;

use crate::model::event::{Action, Item, Order, QUANTITY_MAX, Refund};
use crate::model::money::Cents;
use crate::traffic::assortment::Rank;
use crate::traffic::fraud::schemes::Plan;
use crate::traffic::knobs::Span;
use crate::traffic::persona::Persona;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Comeback, Moment, Return, Script, Step, Then};
use crate::traffic::shopper::{self, Shopper};

pub use crate::traffic::fraud::schemes::Schemes;

/// Mean seconds between the steps of somebody who knows the way.
const BETWEEN_STEPS_S: f64 = 2.5;
/// Refunds of small orders from which their rate tells.
const TELLING_REFUNDS: u32 = 3;

/// An account at work, over several sessions.
pub struct Fraud {
    scheme: Persona,
    plan: Plan,
    target: Rank,
    rounds_left: u32,
    orders: u32,
    refunds: u32,
    /// Refunds of the same order that still follow.
    parts_left: u32,
    /// Refunds of the same order so far.
    parts_given: u32,
    results: Option<Results>,
    /// Honest shopping in between.
    cover: Option<Shopper>,
}

impl Fraud {
    /// Comes in; gives the first step. `None` for a persona that is not after the shop's money, and
    /// where nothing can be bought.
    pub fn arrive(scheme: Persona, moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        let plan = moment.world.fraud.plan(scheme)?;
        let mut fraud = Self {
            scheme,
            plan,
            target: target(plan.candidates, moment)?,
            rounds_left: plan.rounds.draw(moment.chance),
            orders: 0,
            refunds: 0,
            parts_left: 0,
            parts_given: 0,
            results: None,
            cover: None,
        };
        Some((fraud.search(moment), fraud))
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        if let Some(cover) = &mut self.cover {
            return match cover.then(done, moment) {
                Then::Do(wait, step) | Then::LogIn(wait, step) => Then::Do(wait, step),
                Then::Leave(_) => {
                    self.cover = None;
                    Then::Leave(self.begin_round(moment))
                }
            };
        }
        let step = match done {
            Action::Search(_) => self.target_item(moment).map(Step::View),
            Action::View(_) if self.scheme == Persona::PhantomRefund => {
                return Then::Leave(self.pretend(moment));
            }
            Action::View(touch) => Some(Step::AddToCart(touch.item.clone())),
            Action::AddToCart(touch) => Some(Step::Purchase(vec![touch.item.clone()])),
            Action::Purchase(order) => return Then::Leave(self.after_order(order, moment)),
            Action::Refund(refund) => return Then::Leave(self.after_refund(refund, moment)),
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

    fn after_order(&mut self, order: &Order, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
        self.orders += 1;
        self.parts_given = 0;
        let keeps = self.scheme == Persona::RefundRate
            && !moment.chance.random_bool(moment.world.fraud.refund_rate.rate);
        if keeps {
            return self.next_round(moment);
        }
        let reason = shopper::reason(moment.chance);
        let mut step = Step::give_back(order, moment.now, reason);
        if let (Persona::ExcessRefund, Step::Refund(back)) = (self.scheme, &mut step) {
            let factor = moment.world.fraud.excess(moment.chance);
            if moment.chance.random_bool(moment.world.fraud.excess_refund.in_parts) {
                self.parts_left = factor - 1;
            } else {
                let many =
                    |item: &mut Item| item.quantity = item.quantity.saturating_mul(factor).min(QUANTITY_MAX);
                back.items.iter_mut().for_each(many);
            }
        }
        Some(self.later(self.plan.refund_after_s, step, moment))
    }

    fn after_refund(&mut self, refund: &Refund, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
        self.refunds += 1;
        self.parts_given += 1;
        self.tell(refund, moment);
        if self.parts_left == 0 {
            return self.next_round(moment);
        }
        self.parts_left -= 1;
        let again = Step::Refund(Return {
            order_id: refund.order.order_id.clone(),
            ordered_at: refund.ordered_at,
            order_total: refund.order_total,
            items: refund.order.items.clone(),
            reason: shopper::reason(moment.chance),
        });
        Some(self.later(self.plan.refund_after_s, again, moment))
    }

    /// A refund of an order that was never placed: nobody else gets its number.
    fn pretend(&mut self, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
        let item = self.target_item(moment)?;
        let after = self.plan.refund_after_s.seconds(moment.chance);
        let ago = moment.world.fraud.phantom_refund.pretended_hours.hours(moment.chance);
        let step = Step::Refund(Return {
            order_id: moment.ids.order(),
            ordered_at: moment.now + after - ago,
            order_total: item.amount(),
            items: vec![Item { attribution: None, ..item }],
            reason: shopper::reason(moment.chance),
        });
        Some(Comeback::new(after, step, self.go_on()))
    }

    fn next_round(&mut self, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
        self.rounds_left = self.rounds_left.saturating_sub(1);
        if self.rounds_left == 0 {
            return None;
        }
        if !moment.chance.random_bool(self.plan.camouflage) {
            return self.begin_round(moment);
        }
        let (step, cover) = Shopper::arrive(moment.habits, moment);
        self.cover = Some(cover);
        Some(self.later(self.plan.pause_s, step, moment))
    }

    fn begin_round(&mut self, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
        let step = if self.scheme == Persona::RefundLoop {
            Step::View(moment.assortment.item(self.target, None)?)
        } else {
            self.target = target(self.plan.candidates, moment)?;
            self.search(moment)
        };
        Some(self.later(self.plan.pause_s, step, moment))
    }

    fn later(&mut self, after: Span, step: Step, moment: &mut Moment<'_>) -> Box<Comeback> {
        Comeback::new(after.seconds(moment.chance), step, self.go_on())
    }

    /// The same account in its next session.
    fn go_on(&mut self) -> Script {
        let (results, cover) = (self.results.take(), self.cover.take());
        Script::Fraud(Self { results, cover, ..*self })
    }

    /// Says what this refund gives away, if it does.
    fn tell(&self, refund: &Refund, moment: &mut Moment<'_>) {
        let (refunds, orders) = (self.refunds, self.orders);
        let Refund { ordered_at, order_total: Cents(cost), order, .. } = refund;
        let after_s = (moment.now - *ordered_at).num_seconds();
        match self.scheme {
            Persona::RefundLoop if refunds > 1 => {
                moment.tell(|| format!("refund {refunds} of the same product, {after_s} s after its order"));
            }
            Persona::FastRefund => {
                moment.tell(|| format!("refund of {cost} cents {after_s} s after the order"));
            }
            Persona::RefundRate if refunds >= TELLING_REFUNDS => {
                moment.tell(|| format!("refund {refunds} of {orders} small orders"));
            }
            Persona::ExcessRefund if order.total > refund.order_total => {
                moment.tell(|| format!("refund of {} cents of an order of {cost}", order.total.0));
            }
            Persona::ExcessRefund if self.parts_given > 1 => {
                moment.tell(|| {
                    format!("another refund of an order of {cost} cents that was given back already")
                });
            }
            Persona::PhantomRefund => {
                moment.tell(|| format!("refund of {cost} cents of an order that was never placed"));
            }
            _ => {}
        }
    }
}

/// The dearest of so many products that are looked at and can be bought.
fn target(candidates: u32, moment: &mut Moment<'_>) -> Option<Rank> {
    let Moment { assortment, chance, .. } = moment;
    let candidates = (0..candidates).filter_map(|_| assortment.in_stock(|| assortment.popular(chance)));
    candidates.max_by_key(|rank| assortment.product(*rank).map(|product| product.price_cents))
}
