//! The rules: pure functions from a user's day to verdicts. All thresholds are here.
//!
//! A rule whose figure can only grow is written from the moment it holds. The refund rate can fall
//! again, so from its minimum evidence on it is always written, `active` or not: a verdict that is
//! withdrawn must not stay behind.

use serde_json::{Value, json};

use crate::model::severity::Severity;
use crate::model::time::DAY_MS;
use crate::stream::fold::Pane;
use crate::stream::operators::fraud::facts::{FAST, UserDay};
use crate::stream::operators::signal::{Evidence, Signal};

/// A change of any threshold is another version.
const VERSION: u16 = 1;
/// Orders that the same product came back from.
const LOOPS_MIN: usize = 3;
/// Refunds within [`FAST`] of their order.
const FAST_MIN: u64 = 2;
/// Share of the known orders of which anything came back.
const RATE_MIN: f64 = 0.5;
/// Orders below which a share says nothing.
const RATE_ORDERS_MIN: usize = 4;
/// Refunded orders from which the rate is always written.
const RATE_REFUNDED_MIN: usize = 3;

/// What a rule found.
struct Finding<'a> {
    rule: &'static str,
    active: bool,
    count: u64,
    score: f64,
    summary: String,
    figures: Value,
    thresholds: Value,
    evidence: &'a Evidence,
}

/// The verdicts that are to be written for a user's day.
pub fn judge<'a>(day: &'a UserDay, pane: &Pane, visitor: &'a str) -> Vec<Signal<'a>> {
    let findings = [refund_loop(day), fast_refund(day), abnormal_refund_rate(day)];
    let signal = |finding: Finding<'a>| Signal {
        rule: finding.rule,
        rule_version: VERSION,
        severity: Severity::of_score(finding.score),
        score: finding.score,
        active: finding.active,
        visitor,
        user_id: day.user_id(),
        session_id: None,
        day: pane.start.floor_to(DAY_MS),
        partition: pane.partition,
        support: day.support(),
        count: finding.count,
        first_seen: finding.evidence.first_seen(),
        last_seen: finding.evidence.last_seen(),
        summary: finding.summary,
        figures: finding.figures,
        thresholds: finding.thresholds,
        event_ids: finding.evidence.ids(),
    };
    findings.into_iter().flatten().map(signal).collect()
}

/// The same product bought and given back again and again.
fn refund_loop(day: &UserDay) -> Option<Finding<'_>> {
    let (product, loops) = day.most_returned().filter(|(_, loops)| *loops >= LOOPS_MIN)?;
    Some(Finding {
        rule: "refund_loop",
        active: true,
        count: loops as u64,
        // A loop is never just low: the third is already half as much again as chance would have it.
        score: 1.5 * loops as f64 / LOOPS_MIN as f64,
        summary: format!("bought product {product} and gave it back in {loops} orders of one day"),
        figures: json!({ "loops": loops, "product_id": product }),
        thresholds: json!({ "loops": LOOPS_MIN }),
        evidence: day.refund_evidence(),
    })
}

/// Money back minutes after the order, more than once.
fn fast_refund(day: &UserDay) -> Option<Finding<'_>> {
    let fast = Some(day.fast_refunds()).filter(|fast| *fast >= FAST_MIN)?;
    let minutes = FAST.num_minutes();
    Some(Finding {
        rule: "fast_refund",
        active: true,
        count: fast,
        score: fast as f64 / FAST_MIN as f64,
        summary: format!("{fast} refunds within {minutes} minutes of their orders, all ordered on one day"),
        figures: json!({ "fast_refunds": fast }),
        thresholds: json!({ "fast_refunds": FAST_MIN, "fast_minutes": minutes }),
        evidence: day.fast_evidence(),
    })
}

/// Most orders come back.
fn abnormal_refund_rate(day: &UserDay) -> Option<Finding<'_>> {
    let refunded = Some(day.refunded_orders()).filter(|refunded| *refunded >= RATE_REFUNDED_MIN)?;
    let orders = day.known_orders();
    let rate = refunded as f64 / orders as f64;
    Some(Finding {
        rule: "abnormal_refund_rate",
        active: orders >= RATE_ORDERS_MIN && rate >= RATE_MIN,
        count: refunded as u64,
        // Both how far the rate is over its threshold and how many orders it rests on.
        score: rate / RATE_MIN * refunded as f64 / RATE_REFUNDED_MIN as f64,
        summary: format!("{refunded} of {orders} orders of one day came back ({:.0} %)", rate * 100.0),
        figures: json!({ "refunded_orders": refunded, "orders": orders, "rate": rate }),
        thresholds: json!({ "rate": RATE_MIN, "orders": RATE_ORDERS_MIN, "refunded_orders": RATE_REFUNDED_MIN }),
        evidence: day.refund_evidence(),
    })
}
