//! Fraud: per day of the order and user, the facts and the verdicts of the rules on refunds.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::model::event::{Action, Event, Order, Refund};
use crate::model::severity::Severity;
use crate::model::time::DAY_MS;
use crate::stream::sim::naive::{Expected, Place, distinct, evidence, first_seen, last_seen};

/// Whether a refund comes more than three days after the day of its order.
pub fn is_old(event: &Event, refund: &Refund) -> bool {
    event.timestamp - refund.ordered_at.floor_to(DAY_MS) > TimeDelta::days(4)
}

/// A user's events of one day of orders, sorted out.
struct Day<'a> {
    events: Vec<&'a Event>,
    orders: Vec<(&'a Event, &'a Order)>,
    refunds: Vec<(&'a Event, &'a Refund)>,
    old: Vec<&'a Refund>,
}

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let users = distinct(events.iter().map(|event| event.visitor()));
    let of_user = |user: &str| {
        let own: Vec<&Event> = events.iter().copied().filter(|event| event.visitor() == user).collect();
        let day = sort_out(own);
        let at = format!("{}|{}|{user}", place.start.millis(), place.partition);
        let facts = ("fraud-facts", format!("fraud|{at}"), facts(&day, place, user));
        let signals = verdicts(&day).into_iter().map(|verdict| {
            let id = format!("{}|{at}", verdict["rule"].as_str().unwrap());
            ("fraud-signals", id, signal(&day, place, user, verdict))
        });
        let version = day.events.len() as u64;
        let all: Vec<_> = [facts].into_iter().chain(signals).collect();
        all.into_iter().map(move |(index, id, body)| Expected {
            index: format!("{index}-{}", place.start.month()),
            id,
            version,
            body,
        })
    };
    users.into_iter().flat_map(of_user).collect()
}

fn sort_out(events: Vec<&Event>) -> Day<'_> {
    let mut day = Day { orders: Vec::new(), refunds: Vec::new(), old: Vec::new(), events };
    for event in day.events.iter().copied() {
        match &event.action {
            Action::Purchase(order) => day.orders.push((event, order)),
            Action::Refund(refund) if is_old(event, refund) => day.old.push(refund),
            Action::Refund(refund) => day.refunds.push((event, refund)),
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
    }
    day
}

impl Day<'_> {
    /// The orders of which something came back within so much time.
    fn back_within(&self, time: TimeDelta) -> Vec<&str> {
        let soon = self.refunds.iter().filter(|(event, refund)| event.timestamp - refund.ordered_at <= time);
        distinct(soon.map(|(_, refund)| refund.order.order_id.as_str()))
    }

    /// The refunds within an hour.
    fn fast_events(&self) -> Vec<&Event> {
        let hour = TimeDelta::hours(1);
        let fast = self.refunds.iter().filter(|(event, refund)| event.timestamp - refund.ordered_at <= hour);
        fast.map(|(event, _)| *event).collect()
    }

    /// What is known of an order: totals that its purchases claim, and by its refunds what it had cost and what was
    /// given back.
    fn claims(&self, order: &str) -> (Vec<i64>, Vec<i64>, i64) {
        let totals =
            self.orders.iter().filter(|(_, one)| one.order_id.as_str() == order).map(|(_, one)| one.total.0);
        let refunds = || self.refunds.iter().filter(|(_, one)| one.order.order_id.as_str() == order);
        let costs = refunds().map(|(_, one)| one.order_total.0);
        (totals.collect(), costs.collect(), refunds().map(|(_, one)| one.order.total.0).sum())
    }

    /// The department of the first product of the first purchase of an order, else of its first refund.
    fn department(&self, order: &str) -> &str {
        let purchases = self.orders.iter().filter(|(_, one)| one.order_id.as_str() == order);
        let purchase = purchases.min_by_key(|(event, _)| event.event_id).map(|(event, _)| event);
        let refunds = self.refunds.iter().filter(|(_, one)| one.order.order_id.as_str() == order);
        let refund = refunds.min_by_key(|(event, _)| event.event_id).map(|(event, _)| event);
        let event = purchase.or(refund).unwrap();
        event.items()[0].category.as_str().split('.').next().unwrap()
    }

    fn refund_events(&self) -> Vec<&Event> {
        self.refunds.iter().map(|(event, _)| *event).collect()
    }

    fn refunded_orders(&self) -> Vec<&str> {
        distinct(self.refunds.iter().map(|(_, refund)| refund.order.order_id.as_str()))
    }

    fn order_ids(&self) -> Vec<&str> {
        distinct(self.orders.iter().map(|(_, order)| order.order_id.as_str()))
    }

    /// The product that came back from the most orders, the first by id among equals.
    fn most_returned(&self) -> Option<(&str, usize)> {
        let returned = |refund: &Refund, product: &str| {
            refund.order.items.iter().any(|item| item.product_id.as_str() == product)
        };
        let items = self.refunds.iter().flat_map(|(_, refund)| &refund.order.items);
        let products = distinct(items.map(|item| item.product_id.as_str())).into_iter();
        let orders = products.map(|product| {
            let back = self.refunds.iter().filter(|(_, refund)| returned(refund, product));
            (product, distinct(back.map(|(_, refund)| refund.order.order_id.as_str())).len())
        });
        orders.rev().max_by_key(|(_, orders)| *orders)
    }
}

fn facts(day: &Day<'_>, place: Place, user: &str) -> Value {
    let totals = day.order_ids().into_iter().map(|id| {
        let claims = day.orders.iter().filter(|(_, order)| order.order_id.as_str() == id);
        claims.map(|(_, order)| order.total.0).max().unwrap_or(0)
    });
    json!({
        "day": place.start,
        "partition": place.partition,
        "user": user,
        "support": day.events.len(),
        "orders": day.order_ids().len(),
        "ordered_cents": totals.sum::<i64>(),
        "refunds": day.refunds.len(),
        "refunded_orders": day.refunded_orders().len(),
        "refunded_cents": day.refunds.iter().map(|(_, refund)| refund.order.total.0).sum::<i64>(),
        "fast_refunds": day.back_within(TimeDelta::hours(1)).len(),
        "loops": day.most_returned().map_or(0, |(_, orders)| orders),
        "old_refunds": day.old.len(),
        "old_refund_cents": day.old.iter().map(|refund| refund.order.total.0).sum::<i64>(),
        "first_seen": first_seen(&day.events),
        "last_seen": last_seen(&day.events),
    })
}

/// The part of each signal that depends on the rule.
fn verdicts(day: &Day<'_>) -> Vec<Value> {
    [loops(day), fast(day), rate(day), excess(day), haste(day)].into_iter().flatten().collect()
}

fn loops(day: &Day<'_>) -> Option<Value> {
    let (product, loops) = day.most_returned().filter(|(_, loops)| *loops >= 3)?;
    Some(json!({
        "rule": "refund_loop", "rule_version": 2, "active": true, "count": loops, "score": 1.5 * loops as f64 / 3.0,
        "summary": format!("bought product {product} and gave it back in {loops} orders of one day"),
        "figures": { "loops": loops, "product_id": product }, "thresholds": { "loops": 3 },
    }))
}

fn fast(day: &Day<'_>) -> Option<Value> {
    let orders = Some(day.back_within(TimeDelta::hours(1)).len()).filter(|orders| *orders >= 2)?;
    Some(json!({
        "rule": "fast_refund", "rule_version": 2, "active": true, "count": orders, "score": orders as f64 / 2.0,
        "summary": format!("{orders} orders of one day came back within 60 minutes"),
        "figures": { "refunded_orders": orders }, "thresholds": { "refunded_orders": 2, "minutes": 60 },
    }))
}

fn rate(day: &Day<'_>) -> Option<Value> {
    let refunded = Some(day.refunded_orders().len()).filter(|refunded| *refunded >= 2)?;
    let orders = distinct(day.order_ids().into_iter().chain(day.refunded_orders()));
    let early = day.back_within(TimeDelta::hours(12)).len();
    let base_of = |order: &&str| if day.department(order) == "fashion" { 0.25 } else { 0.08 };
    let base = orders.iter().map(base_of).sum::<f64>() / orders.len() as f64;
    let best = at_least(refunded, orders.len(), base).min(at_least(early, orders.len(), base * 0.1));
    let p_value: f64 = format!("{:.4e}", (2.0 * best).min(1.0)).parse().unwrap();
    let percent = 100 * refunded / orders.len();
    Some(json!({
        "rule": "abnormal_refund_rate", "rule_version": 2, "active": p_value <= 0.002, "count": refunded,
        "score": p_value.ln() / 0.002_f64.ln(),
        "summary": format!(
            "{refunded} of {} orders of one day came back ({percent} %), {early} of them within 12 hours; by chance that \
             happens with p = {p_value:e}", orders.len()
        ),
        "figures": {
            "refunded_orders": refunded, "early_refunded_orders": early, "orders": orders.len(), "p_value": p_value,
            "base_rate": base,
        },
        "thresholds": { "refunded_orders": 2, "p_value": 0.002, "early_hours": 12, "early_share": 0.1 },
    }))
}

/// The chance of `least` or more of `n`, each with chance `p`: by adding up, walking Pascal's triangle.
fn at_least(least: usize, n: usize, p: f64) -> f64 {
    let mut exactly = vec![1.0];
    for _ in 0..n {
        let with = exactly.iter().map(|chance| chance * p);
        let without = exactly.iter().map(|chance| chance * (1.0 - p)).chain([0.0]);
        exactly = [0.0].into_iter().chain(with).zip(without).map(|(with, without)| with + without).collect();
    }
    exactly[least..].iter().rev().sum()
}

fn excess(day: &Day<'_>) -> Option<Value> {
    let orders = day.refunded_orders();
    let claims: Vec<_> = orders.iter().map(|order| day.claims(order)).collect();
    let least = |totals: &[i64], costs: &[i64]| *totals.iter().chain(costs).min().unwrap();
    claims.iter().any(|(totals, costs, back)| *back > least(totals, costs)).then_some(())?;
    let paid = |totals: &[i64], costs: &[i64]| *totals.iter().max().or(costs.iter().max()).unwrap();
    let all = claims.iter().map(|(totals, costs, back)| (*back, paid(totals, costs)));
    let exceeding: Vec<_> =
        all.filter(|(back, paid)| back - paid > 100 && (back - paid) * 100 > paid * 2).collect();
    let back: i64 = exceeding.iter().map(|(back, _)| back).sum();
    let paid: i64 = exceeding.iter().map(|(_, paid)| paid).sum();
    let count = exceeding.len();
    Some(json!({
        "rule": "excess_refund", "rule_version": 1, "active": count > 0, "count": count,
        "score": count as f64 * back as f64 / paid.max(1) as f64,
        "summary": format!("{back} cents given back of {count} orders that had cost {paid} cents"),
        "figures": { "orders": count, "refunded_cents": back, "paid_cents": paid },
        "thresholds": { "over_cents": 100, "over_percent": 2 },
    }))
}

fn haste(day: &Day<'_>) -> Option<Value> {
    let times: Vec<_> = day.orders.iter().map(|(event, _)| event.timestamp).collect();
    let soon = |start, at| (TimeDelta::zero()..=TimeDelta::minutes(10)).contains(&(at - start));
    let from = |start| times.iter().filter(|at| soon(start, **at)).count();
    let orders = times.iter().map(|start| from(*start)).max().filter(|orders| *orders >= 15)?;
    Some(json!({
        "rule": "purchase_velocity", "rule_version": 1, "active": true, "count": orders, "score": orders as f64 / 15.0,
        "summary": format!("{orders} orders within 10 minutes"),
        "figures": { "orders": orders }, "thresholds": { "orders": 15, "minutes": 10 },
    }))
}

fn signal(day: &Day<'_>, place: Place, user: &str, verdict: Value) -> Value {
    let shown = match verdict["rule"].as_str() {
        Some("fast_refund") => day.fast_events(),
        Some("purchase_velocity") => day.orders.iter().map(|(event, _)| *event).collect(),
        _ => day.refund_events(),
    };
    let mut body = verdict;
    body["severity"] = json!(Severity::of_score(body["score"].as_f64().unwrap()));
    body["visitor"] = json!(user);
    body["day"] = json!(place.start);
    body["partition"] = json!(place.partition);
    body["support"] = json!(day.events.len());
    body["first_seen"] = json!(first_seen(&shown));
    body["last_seen"] = json!(last_seen(&shown));
    body["event_ids"] = json!(evidence(&shown));
    if let Some(user_id) = day.events.iter().find_map(|event| event.user_id.as_ref()) {
        body["user_id"] = json!(user_id);
    }
    body
}
