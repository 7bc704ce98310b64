//! Receipts: whether the orders that users have refunded were ever placed.
//!
//! A purchase is kept for four weeks as nothing but a hash, so that a refund can be held against it for as long as
//! shops take things back. A refund and its purchase lie in the same window, the day of the order, and in the same
//! partition, that of the user; guests are left out, who may have logged in between the two.
//!
//! Whoever refunds nothing before its purchase is never mentioned: the two lie in one log, whose order every
//! reader sees, and a purchase that comes after its refund withdraws what was said. What is said of the others
//! is, as everywhere, a function of the set of events.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::model::event::{Action, Event};
use crate::model::ids::{OrderId, UserId};
use crate::model::money::Cents;
use crate::model::rules::{Rule, Rules};
use crate::model::time::{DAY_MS, Timestamp};
use crate::stream::documents::Documents;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, hash_table, text};
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::signal::{Evidence, Finding, Subject};

/// How much later than the order's day a refund may come and still be checked: less than topics keep their events.
const HORIZON: TimeDelta = TimeDelta::days(28);
/// The horizon and an hour for what comes late.
const LATENESS: TimeDelta = TimeDelta::hours(28 * 24 + 1);

/// The operator. Its window is the day on which an order is said to have been placed, its key the user.
pub struct Receipts {
    /// By which it judges.
    pub rules: Arc<Rules>,
}

/// The orders of one day, and the refunds of what is said to be among them.
#[derive(Default)]
pub struct Day {
    /// Hashes of user and order.
    orders: HashSet<u64>,
    /// The first purchase of anybody: what is said to be older cannot be checked.
    first: Option<Timestamp>,
    claims: Keyed<UserId, Claims>,
}

/// A user's refunds.
#[derive(Default)]
struct Claims {
    all: Vec<Claim>,
    /// Whether the log had one before its purchase: then it was, or is, a case.
    suspected: bool,
}

/// A refund.
struct Claim {
    event_id: Uuid,
    order_id: OrderId,
    ordered_at: Timestamp,
    cents: Cents,
}

impl Weighed for Day {
    fn footprint(&self) -> Footprint {
        let claims = self.claims.footprint(|user, claims| {
            2 * text(user.as_str())
                + claims.all.capacity() * size_of::<Claim>()
                + claims.all.iter().map(|claim| text(claim.order_id.as_str())).sum::<usize>()
        });
        let orders = hash_table::<u64>(self.orders.capacity());
        Footprint { entries: claims.entries + self.orders.len(), bytes: claims.bytes + orders }
    }
}

impl Operator for Receipts {
    type State = Day;

    fn name(&self) -> &'static str {
        "receipts"
    }

    fn window_ms(&self) -> i64 {
        DAY_MS
    }

    fn lateness(&self) -> TimeDelta {
        LATENESS
    }

    fn time(&self, event: &Event) -> Option<Timestamp> {
        event.user_id.as_ref()?;
        match &event.action {
            Action::Purchase(_) => Some(event.timestamp),
            Action::Refund(refund) => {
                let day_end = refund.ordered_at.floor_to(DAY_MS) + TimeDelta::days(1);
                (event.timestamp - day_end <= HORIZON).then_some(refund.ordered_at)
            }
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => None,
        }
    }

    fn fold(&self, state: &mut Day, event: &Event) -> bool {
        let Some(user) = &event.user_id else { return true };
        match &event.action {
            Action::Purchase(order) => state.placed(user, &order.order_id, event.timestamp),
            Action::Refund(refund) => {
                let is_known = state.orders.contains(&hash(user, &refund.order.order_id));
                let claims = state.claims.change(user);
                claims.suspected |= !is_known;
                claims.all.push(Claim {
                    event_id: event.event_id,
                    order_id: refund.order.order_id.clone(),
                    ordered_at: refund.ordered_at,
                    cents: refund.order.total,
                });
            }
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
        true
    }

    fn render(&self, state: &mut Day, pane: &Pane, out: &mut Documents) {
        let Day { orders, first, claims } = state;
        claims.take_changed(|user, Claims { all: claims, suspected }| {
            if !*suspected {
                return;
            }
            let checked = Checked::of(user, claims, orders, *first);
            let subject = Subject {
                visitor: user.as_str(),
                user_id: Some(user),
                session_id: None,
                support: checked.support,
            };
            checked.finding(&self.rules).write(&subject, pane, &self.rules, out);
        });
    }
}

impl Day {
    fn placed(&mut self, user: &UserId, order: &OrderId, at: Timestamp) {
        self.orders.insert(hash(user, order));
        if self.claims.get(user).is_some_and(|claims| claims.all.iter().any(|claim| claim.order_id == *order))
        {
            self.claims.change(user);
        }
        if self.first.is_none_or(|first| at < first) {
            self.first = Some(at);
            self.claims.touch(|_, claims| claims.all.iter().any(|claim| claim.ordered_at >= at));
        }
    }
}

/// What the orders say of a user's refunds.
struct Checked {
    /// Refunds, and once more each whose order is known, and once more each that can be checked. All three can
    /// only grow and together decide what is said, so the greatest sum is that of the complete set.
    support: u64,
    /// Refunds of orders that are not there.
    unknown: u64,
    /// Those of them whose order is said to be older than the log.
    unverifiable: u64,
    cents: Cents,
    evidence: Evidence,
}

impl Checked {
    fn of(user: &UserId, claims: &[Claim], orders: &HashSet<u64>, first: Option<Timestamp>) -> Self {
        let is_known = |claim: &&Claim| orders.contains(&hash(user, &claim.order_id));
        let is_covered = |claim: &&Claim| first.is_some_and(|first| claim.ordered_at >= first);
        let known = claims.iter().filter(is_known).count();
        let covered = claims.iter().filter(is_covered).count();
        let unknown: Vec<&Claim> = claims.iter().filter(|claim| !is_known(claim)).collect();
        // Of a case that was withdrawn all refunds are shown.
        let all = unknown.is_empty();
        let shown = claims.iter().filter(|claim| all || !is_known(claim));
        Self {
            support: (claims.len() + known + covered) as u64,
            unknown: unknown.len() as u64,
            unverifiable: unknown.iter().filter(|claim| !is_covered(claim)).count() as u64,
            cents: unknown.iter().map(|claim| claim.cents).sum(),
            evidence: shown.map(|claim| claim.event_id).collect(),
        }
    }

    fn finding(&self, rules: &Rules) -> Finding<'_> {
        let rule = &rules.refund_without_purchase;
        let Self { unknown, unverifiable, cents, .. } = self;
        let verified = unknown - unverifiable;
        let count = if rule.before_history { *unknown } else { verified };
        Finding {
            rule: Rule::RefundWithoutPurchase,
            active: count >= rule.refunds,
            count,
            score: if verified > 0 { 3.0 * verified as f64 } else { count.min(1) as f64 },
            summary: format!(
                "{count} refunds of orders that were never placed, {} cents in all; {unverifiable} of the orders \
                 are said to be older than the log",
                cents.0
            ),
            figures: json!({ "refunds": unknown, "unverifiable": unverifiable, "refunded_cents": cents }),
            thresholds: json!({ "refunds": rule.refunds, "before_history": rule.before_history }),
            evidence: &self.evidence,
        }
    }
}

/// Lives in memory alone, so that it may differ from one build to the next.
fn hash(user: &UserId, order: &OrderId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, order).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, event_id, purchase, refund};
    use serde_json::Value;

    fn placed(number: u64, ms: i64) -> Event {
        let mut event = Event { event_id: event_id(at(ms), number), ..purchase(at(ms)) };
        if let Action::Purchase(order) = &mut event.action {
            order.order_id = OrderId::numbered(0, number);
        }
        event
    }

    fn given_back(number: u64, ms: i64, ordered_ms: i64) -> Event {
        let mut event = Event { event_id: event_id(at(ms), number), ..refund(at(ms), at(ordered_ms)) };
        if let Action::Refund(refund) = &mut event.action {
            refund.order.order_id = OrderId::numbered(0, number);
        }
        event
    }

    /// What is said of the one user after each of these events.
    fn said_after_each(events: &[Event]) -> Vec<(bool, String)> {
        let receipts = Receipts { rules: Rules::embedded() };
        let (mut day, mut out) = (Day::default(), Documents::default());
        let pane = Pane::new(at(0).floor_to(DAY_MS), 0, Some(0));
        let mut said = (false, String::new());
        let after = |event: &Event| {
            receipts.fold(&mut day, event);
            receipts.render(&mut day, &pane, &mut out);
            if let Some(document) = out.iter().last() {
                let body: Value = serde_json::from_slice(document.source).unwrap();
                said = (body["active"] == true, body["severity"].as_str().unwrap().to_owned());
            }
            said.clone()
        };
        events.iter().map(after).collect()
    }

    #[test]
    fn a_refund_of_what_was_ordered_is_nothing_whichever_is_read_first() {
        let in_order = said_after_each(&[placed(1, 0), given_back(1, 9_000, 0)]);
        assert_eq!(in_order[1], (false, String::new()));
        let late_purchase = said_after_each(&[placed(2, 0), given_back(1, 9_000, 5), placed(1, 5)]);
        assert!(late_purchase[1].0 && !late_purchase[2].0);
    }

    #[test]
    fn a_refund_of_what_was_never_ordered_is_serious_only_where_the_log_reaches_back_so_far() {
        let (phantom, other) = (given_back(1, 9_000, 500), placed(2, 400));
        let said = said_after_each(&[phantom, other]);
        assert_eq!(said, [(true, "low".to_owned()), (true, "high".to_owned())]);
    }

    #[test]
    fn an_order_of_more_than_four_weeks_ago_is_not_checked() {
        let receipts = Receipts { rules: Rules::embedded() };
        let days = |days: i64| days * DAY_MS;
        assert!(receipts.time(&given_back(1, days(28), 0)).is_some());
        assert!(receipts.time(&given_back(1, days(30), 0)).is_none());
    }
}
