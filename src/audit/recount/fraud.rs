//! What each user ordered and gave back on a day, and the verdicts on it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::json;

use crate::audit::recount::Expected;
use crate::audit::recount::verdict::Verdict;
use crate::audit::recount::windows::Pane;
use crate::audit::rules::is_old_refund;
use crate::model::event::{Action, Event, Refund};
use crate::model::ids::{OrderId, ProductId};
use crate::model::money::Cents;
use crate::store::schema::Schema;

/// A refund so soon after its order is a fast one.
const FAST_MINUTES: i64 = 10;
const LOOPS_MIN: usize = 3;
const FAST_MIN: usize = 2;
const RATE_MIN: f64 = 0.5;
const RATE_ORDERS_MIN: usize = 4;
const RATE_REFUNDED_MIN: usize = 3;

/// One user's events of the day, by what they are.
#[derive(Default)]
struct UserDay<'a> {
    all: Vec<&'a Event>,
    /// Orders of the day; of two claims to one order the greater amount stands.
    orders: BTreeMap<&'a OrderId, Cents>,
    refunds: Vec<(&'a Event, &'a Refund)>,
    old_refunds: Vec<&'a Refund>,
}

/// The documents of one day: facts and verdicts for each user.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let mut days: BTreeMap<&str, UserDay<'_>> = BTreeMap::new();
    for event in events {
        days.entry(event.visitor()).or_default().add(event);
    }
    days.iter().flat_map(|(visitor, day)| day.documents(pane, visitor)).collect()
}

impl<'a> UserDay<'a> {
    fn add(&mut self, event: &'a Event) {
        self.all.push(event);
        match &event.action {
            Action::Purchase(order) => {
                let total = self.orders.entry(&order.order_id).or_insert(order.total);
                *total = order.total.max(*total);
            }
            Action::Refund(refund) if is_old_refund(event, refund.ordered_at) => {
                self.old_refunds.push(refund)
            }
            Action::Refund(refund) => self.refunds.push((event, refund)),
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
    }

    fn fast(&self) -> Vec<&'a Event> {
        let is_fast = |(event, refund): &&(&Event, &Refund)| {
            event.timestamp - refund.ordered_at <= TimeDelta::minutes(FAST_MINUTES)
        };
        self.refunds.iter().filter(is_fast).map(|(event, _)| *event).collect()
    }

    fn refunded_orders(&self) -> BTreeSet<&'a OrderId> {
        self.refunds.iter().map(|(_, refund)| &refund.order.order_id).collect()
    }

    /// The product that came back from the most orders, the first by id among equals, and from how many.
    fn most_returned(&self) -> Option<(&'a ProductId, usize)> {
        let mut returned: BTreeMap<&ProductId, BTreeSet<&OrderId>> = BTreeMap::new();
        for (_, refund) in &self.refunds {
            for item in &refund.order.items {
                returned.entry(&item.product_id).or_default().insert(&refund.order.order_id);
            }
        }
        let counts = returned.into_iter().map(|(product, orders)| (product, orders.len()));
        // The last of equals in reverse order is the first.
        counts.rev().max_by_key(|(_, orders)| *orders)
    }

    fn documents(&self, pane: &Pane, visitor: &str) -> Vec<Expected> {
        let support = self.all.len() as u64;
        let place = format!("{}|{}|{visitor}", pane.window.millis(), pane.partition);
        let times = || self.all.iter().map(|event| event.timestamp);
        let facts = json!({
            "day": pane.window,
            "partition": pane.partition,
            "user": visitor,
            "support": support,
            "orders": self.orders.len(),
            "ordered_cents": self.orders.values().copied().sum::<Cents>(),
            "refunds": self.refunds.len(),
            "refunded_orders": self.refunded_orders().len(),
            "refunded_cents": self.refunds.iter().map(|(_, refund)| refund.order.total).sum::<Cents>(),
            "fast_refunds": self.fast().len(),
            "loops": self.most_returned().map_or(0, |(_, orders)| orders),
            "old_refunds": self.old_refunds.len(),
            "old_refund_cents": self.old_refunds.iter().map(|refund| refund.order.total).sum::<Cents>(),
            "first_seen": times().min(),
            "last_seen": times().max(),
        });
        let id = format!("fraud|{place}");
        let mut documents = vec![Expected::result(&Schema::FRAUD_FACTS, pane.window, id, support, &facts)];
        for (verdict, evidence) in self.verdicts(visitor) {
            let id = format!("{}|{place}", verdict.rule);
            let body = verdict.body(pane, support, &evidence);
            documents.push(Expected::result(&Schema::FRAUD_SIGNALS, pane.window, id, support, &body));
        }
        documents
    }

    fn verdicts(&self, visitor: &'a str) -> Vec<(Verdict<'a>, Vec<&'a Event>)> {
        let refunds: Vec<&Event> = self.refunds.iter().map(|(event, _)| *event).collect();
        let all = [
            self.refund_loop(visitor).map(|verdict| (verdict, refunds.clone())),
            self.fast_refund(visitor).map(|verdict| (verdict, self.fast())),
            self.abnormal_refund_rate(visitor).map(|verdict| (verdict, refunds)),
        ];
        all.into_iter().flatten().collect()
    }

    fn refund_loop(&self, visitor: &'a str) -> Option<Verdict<'a>> {
        let (product, loops) = self.most_returned().filter(|(_, loops)| *loops >= LOOPS_MIN)?;
        Some(Verdict {
            rule: "refund_loop",
            score: 1.5 * loops as f64 / LOOPS_MIN as f64,
            count: loops as u64,
            summary: format!("bought product {product} and gave it back in {loops} orders of one day"),
            figures: json!({ "loops": loops, "product_id": product }),
            thresholds: json!({ "loops": LOOPS_MIN }),
            ..self.verdict(visitor)
        })
    }

    fn fast_refund(&self, visitor: &'a str) -> Option<Verdict<'a>> {
        let fast = Some(self.fast().len()).filter(|fast| *fast >= FAST_MIN)?;
        Some(Verdict {
            rule: "fast_refund",
            score: fast as f64 / FAST_MIN as f64,
            count: fast as u64,
            summary: format!(
                "{fast} refunds within {FAST_MINUTES} minutes of their orders, all ordered on one day"
            ),
            figures: json!({ "fast_refunds": fast }),
            thresholds: json!({ "fast_refunds": FAST_MIN, "fast_minutes": FAST_MINUTES }),
            ..self.verdict(visitor)
        })
    }

    /// Written from its minimum evidence on, active or not, for the rate can fall again.
    fn abnormal_refund_rate(&self, visitor: &'a str) -> Option<Verdict<'a>> {
        let refunded = self.refunded_orders();
        let known =
            self.orders.keys().copied().chain(refunded.iter().copied()).collect::<BTreeSet<_>>().len();
        let refunded = Some(refunded.len()).filter(|refunded| *refunded >= RATE_REFUNDED_MIN)?;
        let rate = refunded as f64 / known as f64;
        Some(Verdict {
            rule: "abnormal_refund_rate",
            active: known >= RATE_ORDERS_MIN && rate >= RATE_MIN,
            score: rate / RATE_MIN * refunded as f64 / RATE_REFUNDED_MIN as f64,
            count: refunded as u64,
            summary: format!("{refunded} of {known} orders of one day came back ({:.0} %)", rate * 100.0),
            figures: json!({ "refunded_orders": refunded, "orders": known, "rate": rate }),
            thresholds: json!({
                "rate": RATE_MIN, "orders": RATE_ORDERS_MIN, "refunded_orders": RATE_REFUNDED_MIN
            }),
            ..self.verdict(visitor)
        })
    }

    /// What every verdict on this user begins with.
    fn verdict(&self, visitor: &'a str) -> Verdict<'a> {
        Verdict {
            rule: "",
            visitor,
            user_id: self.all.iter().find_map(|event| event.user_id.as_ref()),
            session_id: None,
            active: true,
            score: 0.0,
            count: 0,
            summary: String::new(),
            figures: json!({}),
            thresholds: json!({}),
        }
    }
}
