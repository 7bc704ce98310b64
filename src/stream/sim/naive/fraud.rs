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
    fn fast(&self) -> Vec<&Event> {
        let fast = self
            .refunds
            .iter()
            .filter(|(event, refund)| event.timestamp - refund.ordered_at <= TimeDelta::minutes(10));
        fast.map(|(event, _)| *event).collect()
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
        "fast_refunds": day.fast().len(),
        "loops": day.most_returned().map_or(0, |(_, orders)| orders),
        "old_refunds": day.old.len(),
        "old_refund_cents": day.old.iter().map(|refund| refund.order.total.0).sum::<i64>(),
        "first_seen": first_seen(&day.events),
        "last_seen": last_seen(&day.events),
    })
}

/// The part of each signal that depends on the rule.
fn verdicts(day: &Day<'_>) -> Vec<Value> {
    let mut verdicts = Vec::new();
    if let Some((product, loops)) = day.most_returned().filter(|(_, loops)| *loops >= 3) {
        verdicts.push(json!({
            "rule": "refund_loop", "active": true, "count": loops, "score": 1.5 * loops as f64 / 3.0,
            "summary": format!("bought product {product} and gave it back in {loops} orders of one day"),
            "figures": { "loops": loops, "product_id": product }, "thresholds": { "loops": 3 },
        }));
    }
    let fast = day.fast().len();
    if fast >= 2 {
        verdicts.push(json!({
            "rule": "fast_refund", "active": true, "count": fast, "score": fast as f64 / 2.0,
            "summary": format!("{fast} refunds within 10 minutes of their orders, all ordered on one day"),
            "figures": { "fast_refunds": fast }, "thresholds": { "fast_refunds": 2, "fast_minutes": 10 },
        }));
    }
    let refunded = day.refunded_orders().len();
    let orders = distinct(day.order_ids().into_iter().chain(day.refunded_orders())).len();
    if refunded >= 3 {
        let rate = refunded as f64 / orders as f64;
        verdicts.push(json!({
            "rule": "abnormal_refund_rate", "active": orders >= 4 && rate >= 0.5, "count": refunded,
            "score": rate / 0.5 * refunded as f64 / 3.0,
            "summary": format!("{refunded} of {orders} orders of one day came back ({:.0} %)", rate * 100.0),
            "figures": { "refunded_orders": refunded, "orders": orders, "rate": rate },
            "thresholds": { "rate": 0.5, "orders": 4, "refunded_orders": 3 },
        }));
    }
    verdicts
}

fn signal(day: &Day<'_>, place: Place, user: &str, verdict: Value) -> Value {
    let shown = if verdict["rule"] == "fast_refund" { day.fast() } else { day.refund_events() };
    let mut body = verdict;
    body["rule_version"] = json!(1);
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
