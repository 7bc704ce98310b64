//! What each user ordered and gave back on a day, and the verdicts on it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::json;

use crate::audit::recount::Expected;
use crate::audit::recount::refunds::verdicts;
use crate::audit::recount::verdict::Verdict;
use crate::audit::recount::windows::Pane;
use crate::audit::rules::is_old_refund;
use crate::model::event::{Action, Event, Order, Refund};
use crate::model::ids::{OrderId, ProductId, UserId};
use crate::model::money::Cents;
use crate::model::rules::Rules;
use crate::store::schema::Schema;

/// One user's events of the day, by what they are.
#[derive(Default)]
pub struct UserDay<'a> {
    all: Vec<&'a Event>,
    /// Orders of the day.
    pub purchases: Vec<(&'a Event, &'a Order)>,
    /// Refunds of the day's orders.
    pub refunds: Vec<(&'a Event, &'a Refund)>,
    old_refunds: Vec<&'a Refund>,
}

/// The facts of one day, for each user.
pub fn facts(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    days(events).iter().map(|(visitor, day)| day.facts(pane, visitor)).collect()
}

/// The verdicts on one day, for each user.
pub fn signals(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    days(events).iter().flat_map(|(visitor, day)| day.signals(pane, visitor)).collect()
}

fn days<'a>(events: &[&'a Event]) -> BTreeMap<&'a str, UserDay<'a>> {
    let mut days: BTreeMap<&str, UserDay<'_>> = BTreeMap::new();
    for event in events {
        days.entry(event.visitor()).or_default().add(event);
    }
    days
}

impl<'a> UserDay<'a> {
    fn add(&mut self, event: &'a Event) {
        self.all.push(event);
        match &event.action {
            Action::Purchase(order) => self.purchases.push((event, order)),
            Action::Refund(refund) if is_old_refund(event, refund.ordered_at) => {
                self.old_refunds.push(refund)
            }
            Action::Refund(refund) => self.refunds.push((event, refund)),
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
    }

    /// The refunds within so much time of their order.
    pub fn within(&self, time: TimeDelta) -> Vec<(&'a Event, &'a Refund)> {
        let is_soon = |(event, refund): &&(&Event, &Refund)| event.timestamp - refund.ordered_at <= time;
        self.refunds.iter().filter(is_soon).copied().collect()
    }

    /// The orders with what they cost: of two claims to one order the greater amount stands.
    pub fn orders(&self) -> BTreeMap<&'a OrderId, Cents> {
        let mut orders: BTreeMap<&OrderId, Cents> = BTreeMap::new();
        for (_, order) in &self.purchases {
            let total = orders.entry(&order.order_id).or_insert(order.total);
            *total = order.total.max(*total);
        }
        orders
    }

    /// The orders of which something came back.
    pub fn refunded_orders(&self) -> BTreeSet<&'a OrderId> {
        orders_of(&self.refunds)
    }

    /// The product that came back from the most orders, the first by id among equals, and from how many.
    pub fn most_returned(&self) -> Option<(&'a ProductId, usize)> {
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

    fn facts(&self, pane: &Pane, visitor: &str) -> Expected {
        let support = self.all.len() as u64;
        let fast = TimeDelta::minutes(Rules::in_force().fast_refund.minutes.into());
        let times = || self.all.iter().map(|event| event.timestamp);
        let facts = json!({
            "day": pane.window,
            "partition": pane.partition,
            "user": visitor,
            "support": support,
            "orders": self.orders().len(),
            "ordered_cents": self.orders().into_values().sum::<Cents>(),
            "refunds": self.refunds.len(),
            "refunded_orders": self.refunded_orders().len(),
            "refunded_cents": self.refunds.iter().map(|(_, refund)| refund.order.total).sum::<Cents>(),
            "fast_refunds": orders_of(&self.within(fast)).len(),
            "loops": self.most_returned().map_or(0, |(_, orders)| orders),
            "old_refunds": self.old_refunds.len(),
            "old_refund_cents": self.old_refunds.iter().map(|refund| refund.order.total).sum::<Cents>(),
            "first_seen": times().min(),
            "last_seen": times().max(),
        });
        let id = format!("fraud|{}|{}|{visitor}", pane.window.millis(), pane.partition);
        Expected::result(&Schema::FRAUD_FACTS, pane.window, id, support, &facts)
    }

    fn signals(&self, pane: &Pane, visitor: &str) -> Vec<Expected> {
        let support = self.all.len() as u64;
        let signal = |(verdict, evidence): (Verdict<'_>, Vec<&Event>)| {
            let (rule, window) = (verdict.rule.as_str(), pane.window);
            let id = format!("{rule}|{}|{}|{visitor}", window.millis(), pane.partition);
            let body = verdict.body(pane, support, &evidence);
            Expected::result(&Schema::FRAUD_SIGNALS, window, id, support, &body)
        };
        verdicts(self, visitor, &Rules::in_force()).into_iter().map(signal).collect()
    }

    /// The user, when logged in.
    pub fn user_id(&self) -> Option<&'a UserId> {
        self.all.iter().find_map(|event| event.user_id.as_ref())
    }
}

/// The orders of some refunds.
pub fn orders_of<'a>(refunds: &[(&Event, &'a Refund)]) -> BTreeSet<&'a OrderId> {
    refunds.iter().map(|(_, refund)| &refund.order.order_id).collect()
}
