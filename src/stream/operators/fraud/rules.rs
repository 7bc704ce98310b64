//! The rules on orders and refunds: pure functions from a user's day to findings.
//!
//! A finding whose figure can only grow is written from the moment it holds. One that later events could refute
//! is written, `active` or not, from evidence on that can only grow: what is withdrawn must not stay behind.

use chrono::TimeDelta;
use serde_json::json;
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::model::money::Cents;
use crate::model::rules::{ExcessRefund, Rule, Rules};
use crate::stream::operators::fraud::facts::{Placed, Returned, UserDay};
use crate::stream::operators::signal::{Evidence, Finding};

/// The events that findings may show.
pub struct Shown {
    fast: Evidence,
    refunds: Evidence,
    purchases: Evidence,
}

impl Shown {
    /// Those of a user's day.
    pub fn of(day: &UserDay, rules: &Rules) -> Self {
        Self {
            fast: day.refund_evidence(Some(fast(rules))),
            refunds: day.refund_evidence(None),
            purchases: day.purchase_evidence(),
        }
    }
}

/// What is to be written of a user's day.
pub fn judge<'a>(day: &UserDay, shown: &'a Shown, rules: &Rules) -> impl Iterator<Item = Finding<'a>> {
    let findings = [
        refund_loop(day, shown, rules),
        fast_refund(day, shown, rules),
        abnormal_refund_rate(day, shown, rules),
        excess_refund(day, shown, rules),
        purchase_velocity(day, shown, rules),
    ];
    findings.into_iter().flatten()
}

fn fast(rules: &Rules) -> TimeDelta {
    TimeDelta::minutes(rules.fast_refund.minutes.into())
}

/// The same product bought and given back again and again.
fn refund_loop<'a>(day: &UserDay, shown: &'a Shown, rules: &Rules) -> Option<Finding<'a>> {
    let least = rules.refund_loop.loops;
    let (product, loops) = day.most_returned()?;
    let loops = Some(loops as u64).filter(|loops| *loops >= least)?;
    Some(Finding {
        rule: Rule::RefundLoop,
        active: true,
        count: loops,
        score: 1.5 * loops as f64 / least as f64,
        summary: format!("bought product {product} and gave it back in {loops} orders of one day"),
        figures: json!({ "loops": loops, "product_id": product }),
        thresholds: json!({ "loops": least }),
        evidence: &shown.refunds,
    })
}

/// Money back soon after the order, more than once.
fn fast_refund<'a>(day: &UserDay, shown: &'a Shown, rules: &Rules) -> Option<Finding<'a>> {
    let rule = &rules.fast_refund;
    let orders = Some(day.refunded_within(fast(rules))).filter(|orders| *orders >= rule.refunded_orders)?;
    let minutes = rule.minutes;
    Some(Finding {
        rule: Rule::FastRefund,
        active: true,
        count: orders,
        score: orders as f64 / rule.refunded_orders as f64,
        summary: format!("{orders} orders of one day came back within {minutes} minutes"),
        figures: json!({ "refunded_orders": orders }),
        thresholds: json!({ "refunded_orders": rule.refunded_orders, "minutes": minutes }),
        evidence: &shown.fast,
    })
}

/// Far more came back than customers give back.
fn abnormal_refund_rate<'a>(day: &UserDay, shown: &'a Shown, rules: &Rules) -> Option<Finding<'a>> {
    let rule = &rules.abnormal_refund_rate;
    let refunded = Some(day.refunded_orders()).filter(|refunded| *refunded >= rule.refunded_orders)?;
    let early = day.refunded_within(TimeDelta::hours(rule.early_hours.into()));
    let known = day.known_orders();
    let orders = known.len() as u64;
    // Orders of several departments differ in their chances; with the mean of these the binomial tail is, above
    // the mean, never less than the true one (Hoeffding 1956), so the test errs on the user's side.
    let base = known.values().map(|department| rule.base.of(department)).sum::<f64>() / orders as f64;
    let tails = [tail(refunded, orders, base), tail(early, orders, base * rule.early_share)];
    // Bonferroni's correction for two tests.
    let p_value = rounded((2.0 * tails.into_iter().fold(1.0, f64::min)).min(1.0));
    let percent = 100 * refunded / orders;
    Some(Finding {
        rule: Rule::AbnormalRefundRate,
        active: p_value <= rule.p_value,
        count: refunded,
        score: p_value.max(f64::MIN_POSITIVE).ln() / rule.p_value.ln(),
        summary: format!(
            "{refunded} of {orders} orders of one day came back ({percent} %), {early} of them within \
             {} hours; by chance that happens with p = {p_value:e}",
            rule.early_hours
        ),
        figures: json!({
            "refunded_orders": refunded, "early_refunded_orders": early, "orders": orders, "p_value": p_value,
            "base_rate": base,
        }),
        thresholds: json!({
            "refunded_orders": rule.refunded_orders, "p_value": rule.p_value, "early_hours": rule.early_hours,
            "early_share": rule.early_share,
        }),
        evidence: &shown.refunds,
    })
}

/// The chance of so many or more successes out of `trials` that each succeed with chance `p`.
fn tail(successes: u64, trials: u64, p: f64) -> f64 {
    let Some(fewer) = successes.checked_sub(1) else { return 1.0 };
    Binomial::new(p, trials).map_or(1.0, |binomial| binomial.sf(fewer))
}

/// To five digits: what two ways of computing it agree on.
fn rounded(p_value: f64) -> f64 {
    format!("{p_value:.4e}").parse().unwrap_or(p_value)
}

/// More money back than an order had cost.
fn excess_refund<'a>(day: &UserDay, shown: &'a Shown, rules: &Rules) -> Option<Finding<'a>> {
    let rule = &rules.excess_refund;
    // Another event may still say that more was paid; that the least claim was exceeded stays true.
    let could_exceed = |(returned, placed): (&Returned, Option<&Placed>)| {
        let claims = [Some(returned.least), placed.map(|placed| placed.least)];
        claims.into_iter().flatten().min().is_some_and(|least| returned.cents > least)
    };
    day.returns().any(could_exceed).then_some(())?;
    let all = day
        .returns()
        .map(|(returned, placed)| (returned.cents, placed.map_or(returned.paid, |placed| placed.paid)));
    let exceeding: Vec<(Cents, Cents)> = all.filter(|(back, paid)| exceeds(*back, *paid, rule)).collect();
    let orders = exceeding.len() as u64;
    let back: Cents = exceeding.iter().map(|(back, _)| *back).sum();
    let paid: Cents = exceeding.iter().map(|(_, paid)| *paid).sum();
    Some(Finding {
        rule: Rule::ExcessRefund,
        active: orders > 0,
        count: orders,
        score: orders as f64 * back.0 as f64 / paid.0.max(1) as f64,
        summary: format!("{} cents given back of {orders} orders that had cost {} cents", back.0, paid.0),
        figures: json!({ "orders": orders, "refunded_cents": back, "paid_cents": paid }),
        thresholds: json!({ "over_cents": rule.over_cents, "over_percent": rule.over_percent }),
        evidence: &shown.refunds,
    })
}

fn exceeds(back: Cents, paid: Cents, rule: &ExcessRefund) -> bool {
    let over = i128::from(back.0) - i128::from(paid.0);
    over > rule.over_cents.into() && over * 100 > i128::from(paid.0) * i128::from(rule.over_percent)
}

/// Orders faster than anybody shops.
fn purchase_velocity<'a>(day: &UserDay, shown: &'a Shown, rules: &Rules) -> Option<Finding<'a>> {
    let rule = &rules.purchase_velocity;
    let minutes = rule.minutes;
    let orders = day.purchases_within(TimeDelta::minutes(minutes.into()));
    Some(Finding {
        rule: Rule::PurchaseVelocity,
        active: true,
        count: Some(orders).filter(|orders| *orders >= rule.orders)?,
        score: orders as f64 / rule.orders as f64,
        summary: format!("{orders} orders within {minutes} minutes"),
        figures: json!({ "orders": orders }),
        thresholds: json!({ "orders": rule.orders, "minutes": minutes }),
        evidence: &shown.purchases,
    })
}
