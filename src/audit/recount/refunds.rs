//! The verdicts on what a user ordered and gave back on a day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::json;

use crate::audit::recount::fraud::{UserDay, orders_of};
use crate::audit::recount::verdict::Verdict;
use crate::model::event::{Event, Order};
use crate::model::ids::OrderId;
use crate::model::money::Cents;
use crate::model::rules::{Rule, Rules};
use crate::model::time::Timestamp;

/// Every verdict that must be there, with the events that it shows.
pub fn verdicts<'a>(
    day: &UserDay<'a>,
    visitor: &'a str,
    rules: &Rules,
) -> Vec<(Verdict<'a>, Vec<&'a Event>)> {
    let fast = TimeDelta::minutes(rules.fast_refund.minutes.into());
    let fast = || day.within(fast).into_iter().map(|(event, _)| event).collect::<Vec<_>>();
    let refunds = || day.refunds.iter().map(|(event, _)| *event).collect::<Vec<_>>();
    let purchases = || day.purchases.iter().map(|(event, _)| *event).collect::<Vec<_>>();
    let blank = |rule: Rule| Verdict {
        rule,
        visitor,
        user_id: day.user_id(),
        session_id: None,
        active: true,
        score: 0.0,
        count: 0,
        summary: String::new(),
        figures: json!({}),
        thresholds: json!({}),
    };
    let all = [
        refund_loop(day, blank(Rule::RefundLoop), rules).map(|verdict| (verdict, refunds())),
        fast_refund(day, blank(Rule::FastRefund), rules).map(|verdict| (verdict, fast())),
        abnormal_rate(day, blank(Rule::AbnormalRefundRate), rules).map(|verdict| (verdict, refunds())),
        excess_refund(day, blank(Rule::ExcessRefund), rules).map(|verdict| (verdict, refunds())),
        purchase_velocity(day, blank(Rule::PurchaseVelocity), rules).map(|verdict| (verdict, purchases())),
    ];
    all.into_iter().flatten().collect()
}

fn refund_loop<'a>(day: &UserDay<'a>, blank: Verdict<'a>, rules: &Rules) -> Option<Verdict<'a>> {
    let least = rules.refund_loop.loops;
    let (product, loops) = day.most_returned().filter(|(_, loops)| *loops as u64 >= least)?;
    Some(Verdict {
        score: 1.5 * loops as f64 / least as f64,
        count: loops as u64,
        summary: format!("bought product {product} and gave it back in {loops} orders of one day"),
        figures: json!({ "loops": loops, "product_id": product }),
        thresholds: json!({ "loops": least }),
        ..blank
    })
}

fn fast_refund<'a>(day: &UserDay<'a>, blank: Verdict<'a>, rules: &Rules) -> Option<Verdict<'a>> {
    let rule = &rules.fast_refund;
    let minutes = rule.minutes;
    let orders = orders_of(&day.within(TimeDelta::minutes(minutes.into()))).len() as u64;
    (orders >= rule.refunded_orders).then(|| Verdict {
        score: orders as f64 / rule.refunded_orders as f64,
        count: orders,
        summary: format!("{orders} orders of one day came back within {minutes} minutes"),
        figures: json!({ "refunded_orders": orders }),
        thresholds: json!({ "refunded_orders": rule.refunded_orders, "minutes": minutes }),
        ..blank
    })
}

/// Written from its minimum evidence on, active or not, for the rate can fall again.
fn abnormal_rate<'a>(day: &UserDay<'a>, blank: Verdict<'a>, rules: &Rules) -> Option<Verdict<'a>> {
    let rule = &rules.abnormal_refund_rate;
    let refunded = day.refunded_orders();
    if (refunded.len() as u64) < rule.refunded_orders {
        return None;
    }
    let early = orders_of(&day.within(TimeDelta::hours(rule.early_hours.into()))).len();
    let orders: BTreeSet<&OrderId> = day.orders().into_keys().chain(refunded.iter().copied()).collect();
    let bases = orders.iter().map(|order| rule.base.of(department(day, order)));
    let base = bases.sum::<f64>() / orders.len() as f64;
    let chance = upper_tail(refunded.len(), orders.len(), base).min(upper_tail(
        early,
        orders.len(),
        base * rule.early_share,
    ));
    let p_value = five_digits((2.0 * chance).min(1.0));
    let percent = 100 * refunded.len() / orders.len();
    Some(Verdict {
        active: p_value <= rule.p_value,
        score: p_value.max(f64::MIN_POSITIVE).ln() / rule.p_value.ln(),
        count: refunded.len() as u64,
        summary: format!(
            "{} of {} orders of one day came back ({percent} %), {early} of them within {} hours; by chance \
             that happens with p = {p_value:e}",
            refunded.len(),
            orders.len(),
            rule.early_hours
        ),
        figures: json!({
            "refunded_orders": refunded.len(), "early_refunded_orders": early, "orders": orders.len(),
            "p_value": p_value, "base_rate": base,
        }),
        thresholds: json!({
            "refunded_orders": rule.refunded_orders, "p_value": rule.p_value, "early_hours": rule.early_hours,
            "early_share": rule.early_share,
        }),
        ..blank
    })
}

/// Of the first product, as the first purchase of the order says, else its first refund.
fn department<'a>(day: &UserDay<'a>, order: &OrderId) -> &'a str {
    let is_it = |one: &&(&'a Event, &'a Order)| one.1.order_id == *order;
    let purchase = day.purchases.iter().filter(is_it).min_by_key(|(event, _)| event.event_id);
    let refunds = day.refunds.iter().filter(|(_, refund)| refund.order.order_id == *order);
    let refund = refunds.min_by_key(|(event, _)| event.event_id);
    let said = purchase.map(|(event, _)| *event).or(refund.map(|(event, _)| *event));
    said.and_then(|event| event.items().first()).map_or("", |item| item.category.department())
}

/// The chance of `least` or more of `n`, each with chance `p`: the terms of the binomial law, each from the one
/// above it, from all `n` down to `least`.
fn upper_tail(least: usize, n: usize, p: f64) -> f64 {
    let mut term = p.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for k in (least..=n).rev() {
        sum += term;
        term *= k as f64 / (n - k + 1) as f64 * (1.0 - p) / p;
    }
    sum
}

fn five_digits(p_value: f64) -> f64 {
    format!("{p_value:.4e}").parse().unwrap_or_default()
}

/// Written once the least that an order may have cost is exceeded, active or not: a purchase may still say more.
fn excess_refund<'a>(day: &UserDay<'a>, blank: Verdict<'a>, rules: &Rules) -> Option<Verdict<'a>> {
    let rule = &rules.excess_refund;
    let mut suspected = false;
    let mut exceeding: BTreeMap<&OrderId, (i64, i64)> = BTreeMap::new();
    for order in day.refunded_orders() {
        let refunds = || day.refunds.iter().filter(|(_, refund)| refund.order.order_id == *order);
        let back: i64 = refunds().map(|(_, refund)| refund.order.total.0).sum();
        let purchases = || day.purchases.iter().filter(|(_, one)| one.order_id == *order);
        let totals = || purchases().map(|(_, order)| order.total.0);
        let costs = || refunds().map(|(_, refund)| refund.order_total.0);
        suspected |= totals().chain(costs()).any(|cost| back > cost);
        let paid = totals().max().or(costs().max()).unwrap_or_default();
        let over = back - paid;
        if over > rule.over_cents && over * 100 > paid * rule.over_percent {
            exceeding.insert(order, (back, paid));
        }
    }
    let count = exceeding.len() as u64;
    let back: i64 = exceeding.values().map(|(back, _)| back).sum();
    let paid: i64 = exceeding.values().map(|(_, paid)| paid).sum();
    suspected.then(|| Verdict {
        active: count > 0,
        score: count as f64 * back as f64 / paid.max(1) as f64,
        count,
        summary: format!("{back} cents given back of {count} orders that had cost {paid} cents"),
        figures: json!({ "orders": count, "refunded_cents": Cents(back), "paid_cents": Cents(paid) }),
        thresholds: json!({ "over_cents": rule.over_cents, "over_percent": rule.over_percent }),
        ..blank
    })
}

fn purchase_velocity<'a>(day: &UserDay<'a>, blank: Verdict<'a>, rules: &Rules) -> Option<Verdict<'a>> {
    let rule = &rules.purchase_velocity;
    let (minutes, span) = (rule.minutes, TimeDelta::minutes(rule.minutes.into()));
    let times = || day.purchases.iter().map(|(event, _)| event.timestamp);
    let from = |start: Timestamp| times().filter(|at| *at >= start && *at <= start + span).count() as u64;
    let orders = times().map(from).max().filter(|orders| *orders >= rule.orders)?;
    Some(Verdict {
        score: orders as f64 / rule.orders as f64,
        count: orders,
        summary: format!("{orders} orders within {minutes} minutes"),
        figures: json!({ "orders": orders }),
        thresholds: json!({ "orders": rule.orders, "minutes": minutes }),
        ..blank
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_the_binomial_law_is_that_of_the_tables() {
        // Three heads or more of four tosses: 5 of 16.
        assert!((upper_tail(3, 4, 0.5) - 0.3125).abs() < 1e-12);
        assert!((upper_tail(0, 9, 0.2) - 1.0).abs() < 1e-12);
        assert_eq!(five_digits(0.000_123_456_78), 0.000_123_46);
    }
}
