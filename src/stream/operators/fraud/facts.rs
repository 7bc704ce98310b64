//! The facts of one user's orders of one day. Each figure is a function of the set of events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::Serialize;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::model::event::{Event, Order, Refund, time_of};
use crate::model::ids::{OrderId, ProductId, UserId};
use crate::model::money::Cents;
use crate::model::rules::Rules;
use crate::model::time::Timestamp;
use crate::stream::fold::Pane;
use crate::stream::footprint::{text, tree};
use crate::stream::operators::signal::Evidence;

/// What one user ordered on one day, and what came back of it.
#[derive(Default)]
pub struct UserDay {
    support: u64,
    user_id: Option<UserId>,
    orders: BTreeMap<OrderId, Placed>,
    purchases: Vec<Uuid>,
    returns: BTreeMap<OrderId, Returned>,
    refunds: Vec<(Uuid, TimeDelta)>,
    refunded_cents: Cents,
    /// By product: the orders that it came back from.
    returned: BTreeMap<ProductId, BTreeSet<OrderId>>,
    old_refunds: u64,
    old_refund_cents: Cents,
    all: Evidence,
}

/// An order, as its purchase says. Two events may claim one order.
pub struct Placed {
    first: Uuid,
    department: SmolStr,
    /// The least that is claimed to have been paid.
    pub least: Cents,
    /// The most.
    pub paid: Cents,
}

/// What came back of an order, as its refunds say.
pub struct Returned {
    first: Uuid,
    department: SmolStr,
    /// The least that the order is claimed to have cost.
    pub least: Cents,
    /// The most.
    pub paid: Cents,
    /// What was given back in all.
    pub cents: Cents,
    /// Time from the order to its first refund.
    pub soonest: TimeDelta,
}

/// The document in `fraud-facts`.
#[derive(Serialize)]
pub struct Body<'a> {
    day: Timestamp,
    partition: i32,
    user: &'a str,
    support: u64,
    orders: usize,
    ordered_cents: Cents,
    refunds: usize,
    refunded_orders: usize,
    refunded_cents: Cents,
    fast_refunds: u64,
    loops: usize,
    old_refunds: u64,
    old_refund_cents: Cents,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

impl UserDay {
    /// Adds an order of the day.
    pub fn ordered(&mut self, event: &Event, order: &Order) {
        self.note(event);
        self.purchases.push(event.event_id);
        let new = || Placed {
            first: event.event_id,
            department: department(order),
            least: order.total,
            paid: order.total,
        };
        let placed = self.orders.entry(order.order_id.clone()).or_insert_with(new);
        placed.least = placed.least.min(order.total);
        placed.paid = placed.paid.max(order.total);
        if event.event_id < placed.first {
            (placed.first, placed.department) = (event.event_id, department(order));
        }
    }

    /// Adds a refund of an order of the day.
    pub fn refunded(&mut self, event: &Event, refund: &Refund) {
        self.note(event);
        let after = event.timestamp - refund.ordered_at;
        self.refunds.push((event.event_id, after));
        self.refunded_cents += refund.order.total;
        for item in &refund.order.items {
            let orders = self.returned.entry(item.product_id.clone()).or_default();
            orders.insert(refund.order.order_id.clone());
        }
        let new = || Returned {
            first: event.event_id,
            department: department(&refund.order),
            least: refund.order_total,
            paid: refund.order_total,
            cents: Cents(0),
            soonest: after,
        };
        let returned = self.returns.entry(refund.order.order_id.clone()).or_insert_with(new);
        returned.least = returned.least.min(refund.order_total);
        returned.paid = returned.paid.max(refund.order_total);
        returned.cents += refund.order.total;
        returned.soonest = returned.soonest.min(after);
        if event.event_id < returned.first {
            (returned.first, returned.department) = (event.event_id, department(&refund.order));
        }
    }

    /// Adds a refund of the day whose order is too old to be held against it.
    pub fn refunded_old(&mut self, event: &Event, refund: &Refund) {
        self.note(event);
        self.old_refunds += 1;
        self.old_refund_cents += refund.order.total;
    }

    fn note(&mut self, event: &Event) {
        self.support += 1;
        self.all.add(event.event_id);
        // The key of all these records is this id, so they agree on it.
        self.user_id = self.user_id.take().or_else(|| event.user_id.clone());
    }

    /// The number of the user's events in the window.
    pub fn support(&self) -> u64 {
        self.support
    }

    /// The user when logged in.
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// Every order that is known, by itself or by a refund, with its department.
    pub fn known_orders(&self) -> BTreeMap<&OrderId, &str> {
        let returned = self.returns.iter().map(|(id, one)| (id, one.department.as_str()));
        // What the purchase says counts more than what a refund says.
        returned.chain(self.orders.iter().map(|(id, one)| (id, one.department.as_str()))).collect()
    }

    /// What came back, by order, each with the order as its purchase says.
    pub fn returns(&self) -> impl Iterator<Item = (&Returned, Option<&Placed>)> {
        self.returns.iter().map(|(id, returned)| (returned, self.orders.get(id)))
    }

    /// Orders of which something came back.
    pub fn refunded_orders(&self) -> u64 {
        self.returns.len() as u64
    }

    /// Orders of which something came back within that time.
    pub fn refunded_within(&self, time: TimeDelta) -> u64 {
        self.returns.values().filter(|returned| returned.soonest <= time).count() as u64
    }

    /// The product that came back from the most orders (the first by id among equals), and from how many.
    pub fn most_returned(&self) -> Option<(&ProductId, usize)> {
        let counts = self.returned.iter().map(|(product, orders)| (product, orders.len()));
        counts.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Most purchases within so much time.
    pub fn purchases_within(&self, time: TimeDelta) -> u64 {
        let mut times: Vec<Timestamp> = self.purchases.iter().map(|id| time_of(*id)).collect();
        times.sort_unstable();
        let until = |from: Timestamp| times.partition_point(|at| *at <= from + time);
        let most = times.iter().enumerate().map(|(before, from)| until(*from) - before).max();
        most.unwrap_or_default() as u64
    }

    /// The day's purchases.
    pub fn purchase_evidence(&self) -> Evidence {
        self.purchases.iter().copied().collect()
    }

    /// The refunds of the day's orders, or only those within so much time.
    pub fn refund_evidence(&self, within: Option<TimeDelta>) -> Evidence {
        let wanted = self.refunds.iter().filter(|(_, after)| within.is_none_or(|time| *after <= time));
        wanted.map(|(id, _)| *id).collect()
    }

    /// Bytes that they take on the heap.
    pub fn bytes(&self) -> usize {
        let of_order = |order: &OrderId| text(order.as_str());
        let orders: usize = self.orders.keys().chain(self.returns.keys()).map(of_order).sum();
        let returned = self.returned.iter().map(|(product, orders)| {
            text(product.as_str())
                + tree::<OrderId>(orders.len())
                + orders.iter().map(of_order).sum::<usize>()
        });
        orders
            + returned.sum::<usize>()
            + tree::<(OrderId, Placed)>(self.orders.len())
            + tree::<(OrderId, Returned)>(self.returns.len())
            + tree::<(ProductId, BTreeSet<OrderId>)>(self.returned.len())
            + self.purchases.capacity() * size_of::<Uuid>()
            + self.refunds.capacity() * size_of::<(Uuid, TimeDelta)>()
            + self.user_id.as_ref().map_or(0, |user| text(user.as_str()))
            + self.all.bytes()
    }

    /// The document.
    pub fn body<'a>(&self, pane: &Pane, user: &'a str, rules: &Rules) -> Body<'a> {
        let fast = TimeDelta::minutes(rules.fast_refund.minutes.into());
        Body {
            day: pane.start,
            partition: pane.partition,
            user,
            support: self.support,
            orders: self.orders.len(),
            ordered_cents: self.orders.values().map(|placed| placed.paid).sum(),
            refunds: self.refunds.len(),
            refunded_orders: self.returns.len(),
            refunded_cents: self.refunded_cents,
            fast_refunds: self.refunded_within(fast),
            loops: self.most_returned().map_or(0, |(_, orders)| orders),
            old_refunds: self.old_refunds,
            old_refund_cents: self.old_refund_cents,
            first_seen: self.all.first_seen(),
            last_seen: self.all.last_seen(),
        }
    }
}

/// The department of an order: that of its first product.
fn department(order: &Order) -> SmolStr {
    order.items.first().map(|item| item.category.department().into()).unwrap_or_default()
}
