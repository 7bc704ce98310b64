//! Receipts: per day of the order and account, the refunds of orders that nobody placed; of accounts that had a refund
//! before its purchase in the log.

use chrono::TimeDelta;
use serde_json::json;

use crate::model::event::{Action, Event, Refund};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, Timestamp};
use crate::stream::sim::naive::{Expected, Place, distinct, evidence, first_seen, last_seen};

/// The day of the order, for accounts, while it is not longer ago than four weeks.
pub fn time(event: &Event) -> Option<Timestamp> {
    event.user_id.as_ref()?;
    match &event.action {
        Action::Purchase(_) => Some(event.timestamp),
        Action::Refund(refund) => {
            let is_old = event.timestamp - refund.ordered_at.floor_to(DAY_MS) > TimeDelta::days(29);
            (!is_old).then_some(refund.ordered_at)
        }
        Action::Search(_) | Action::View(_) | Action::AddToCart(_) => None,
    }
}

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let refunds: Vec<(&Event, &Refund)> = events
        .iter()
        .filter_map(|event| match &event.action {
            Action::Refund(refund) => Some((*event, refund)),
            _ => None,
        })
        .collect();
    let suspects = refunds.iter().filter(|(event, refund)| {
        let before = events.iter().take_while(|other| other.event_id != event.event_id);
        !before.into_iter().any(|other| is_purchase(other, event.visitor(), refund))
    });
    let users = distinct(suspects.map(|(event, _)| event.visitor()));
    users.into_iter().map(|user| document(events, &refunds, place, user)).collect()
}

/// Whether this event is the purchase that the refund of this user is of.
fn is_purchase(event: &Event, user: &str, refund: &Refund) -> bool {
    match &event.action {
        Action::Purchase(order) => event.visitor() == user && order.order_id == refund.order.order_id,
        _ => false,
    }
}

fn document(events: &[&Event], refunds: &[(&Event, &Refund)], place: Place, user: &str) -> Expected {
    let purchases = || events.iter().filter(|event| matches!(event.action, Action::Purchase(_)));
    let first = purchases().map(|event| event.timestamp).min();
    let is_known = |refund: &Refund| events.iter().any(|event| is_purchase(event, user, refund));
    let is_covered = |refund: &Refund| first.is_some_and(|first| first <= refund.ordered_at);
    let own: Vec<_> = refunds.iter().filter(|(event, _)| event.visitor() == user).collect();
    let unknown: Vec<_> = own.iter().filter(|(_, refund)| !is_known(refund)).collect();
    let unverifiable = unknown.iter().filter(|(_, refund)| !is_covered(refund)).count();
    let covered = own.iter().filter(|(_, refund)| is_covered(refund)).count();
    let support = own.len() + (own.len() - unknown.len()) + covered;
    let shown: Vec<&Event> = match unknown.len() {
        0 => own.iter().map(|(event, _)| *event).collect(),
        _ => unknown.iter().map(|(event, _)| *event).collect(),
    };
    let cents: i64 = unknown.iter().map(|(_, refund)| refund.order.total.0).sum();
    let (count, verified) = (unknown.len(), unknown.len() - unverifiable);
    let score = if verified > 0 { 3.0 * verified as f64 } else { f64::from(u8::from(count > 0)) };
    let body = json!({
        "rule": "refund_without_purchase",
        "rule_version": 1,
        "severity": Severity::of_score(score),
        "score": score,
        "active": count > 0,
        "visitor": user,
        "user_id": user,
        "day": place.start,
        "partition": place.partition,
        "support": support,
        "count": count,
        "first_seen": first_seen(&shown),
        "last_seen": last_seen(&shown),
        "summary": format!(
            "{count} refunds of orders that were never placed, {cents} cents in all; {unverifiable} of the orders are said \
             to be older than the log"
        ),
        "figures": { "refunds": count, "unverifiable": unverifiable, "refunded_cents": cents },
        "thresholds": { "refunds": 1, "before_history": true },
        "event_ids": evidence(&shown),
    });
    Expected {
        index: format!("fraud-signals-{}", place.start.month()),
        id: format!("refund_without_purchase|{}|{}|{user}", place.start.millis(), place.partition),
        version: support as u64,
        body,
    }
}
