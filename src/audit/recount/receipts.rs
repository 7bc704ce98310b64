//! Refunds of orders that were never placed, by account and day of the order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::audit::recount::Expected;
use crate::audit::recount::verdict::Verdict;
use crate::audit::recount::windows::Pane;
use crate::model::event::{Action, Event, Refund};
use crate::model::ids::{OrderId, UserId};
use crate::model::rules::{Rule, Rules};
use crate::model::time::Timestamp;
use crate::store::schema::Schema;

/// The documents of one day: one for each account that had a refund before its purchase in the log.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let mut placed: BTreeSet<(&UserId, &OrderId)> = BTreeSet::new();
    let mut first: Option<Timestamp> = None;
    let mut suspects: BTreeSet<&UserId> = BTreeSet::new();
    let mut refunds: BTreeMap<&UserId, Vec<(&Event, &Refund)>> = BTreeMap::new();
    for event in events {
        let Some(user) = &event.user_id else { continue };
        match &event.action {
            Action::Purchase(order) => {
                placed.insert((user, &order.order_id));
                first = Some(first.map_or(event.timestamp, |first| first.min(event.timestamp)));
            }
            Action::Refund(refund) => {
                if !placed.contains(&(user, &refund.order.order_id)) {
                    suspects.insert(user);
                }
                refunds.entry(user).or_default().push((event, refund));
            }
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
    }
    let suspected = refunds.into_iter().filter(|(user, _)| suspects.contains(user));
    let found = suspected.map(|(user, refunds)| {
        let known = |refund: &Refund| placed.contains(&(user, &refund.order.order_id));
        let is_in_log = |refund: &Refund| first.is_some_and(|first| refund.ordered_at >= first);
        document(pane, user, &refunds, known, is_in_log)
    });
    found.collect()
}

fn document(
    pane: &Pane,
    user: &UserId,
    refunds: &[(&Event, &Refund)],
    is_known: impl Fn(&Refund) -> bool,
    is_in_log: impl Fn(&Refund) -> bool,
) -> Expected {
    let rules = Rules::in_force();
    let rule = &rules.refund_without_purchase;
    let (known, unknown): (Vec<_>, Vec<_>) =
        refunds.iter().copied().partition(|(_, refund)| is_known(refund));
    let in_log = refunds.iter().filter(|(_, refund)| is_in_log(refund)).count();
    let verified = unknown.iter().filter(|(_, refund)| is_in_log(refund)).count();
    let unverifiable = unknown.len() - verified;
    let count = if rule.before_history { unknown.len() } else { verified };
    let cents: i64 = unknown.iter().map(|(_, refund)| refund.order.total.0).sum();
    let score = match (verified, count) {
        (0, 0) => 0.0,
        (0, _) => 1.0,
        (verified, _) => 3.0 * verified as f64,
    };
    let shown = if unknown.is_empty() { &known } else { &unknown };
    let evidence: Vec<&Event> = shown.iter().map(|(event, _)| *event).collect();
    let verdict = Verdict {
        rule: Rule::RefundWithoutPurchase,
        visitor: user.as_str(),
        user_id: Some(user),
        session_id: None,
        active: count as u64 >= rule.refunds,
        score,
        count: count as u64,
        summary: format!(
            "{count} refunds of orders that were never placed, {cents} cents in all; {unverifiable} of the orders \
             are said to be older than the log"
        ),
        figures: json!({ "refunds": unknown.len(), "unverifiable": unverifiable, "refunded_cents": cents }),
        thresholds: json!({ "refunds": rule.refunds, "before_history": rule.before_history }),
    };
    let support = (refunds.len() + known.len() + in_log) as u64;
    let id = format!("{}|{}|{}|{user}", verdict.rule.as_str(), pane.window.millis(), pane.partition);
    let body = verdict.body(pane, support, &evidence);
    Expected::result(&Schema::FRAUD_SIGNALS, pane.window, id, support, &body)
}
