//! What honest shoppers give back, and when.

use chrono::TimeDelta;
use rand::RngExt;

use crate::model::event::Order;
use crate::traffic::chance::Chance;
use crate::traffic::session::{Comeback, Moment, Script, Step};

/// Share of refunds that are of one thing of the order, and not of all of it.
const ONE_THING: f64 = 0.5;
/// The reasons of honest shoppers.
const REASONS: [&str; 5] =
    ["did not fit", "changed my mind", "arrived damaged", "not as described", "wrong item"];

/// A reason that anybody might give.
pub fn reason(chance: &mut Chance) -> &'static str {
    chance.one_of(&REASONS).copied().unwrap_or_default()
}

/// Whether something of an order comes back, and when.
pub fn comeback(order: &Order, share: f64, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
    if !moment.chance.random_bool(share) {
        return None;
    }
    let reason = reason(moment.chance);
    let mut step = Step::give_back(order, moment.now, reason);
    if let Step::Refund(back) = &mut step
        && moment.chance.random_bool(ONE_THING)
    {
        back.items.truncate(1);
    }
    Some(Comeback::new(days_later(moment.chance), step, Script::Errand))
}

/// Two hours to three weeks, most within days: nothing arrives, is unpacked and sent back in minutes.
fn days_later(chance: &mut Chance) -> TimeDelta {
    (TimeDelta::hours(2) + chance.dwell(3.0 * 86_400.0)).min(TimeDelta::days(21))
}
