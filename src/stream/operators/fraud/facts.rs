//! The facts of one user's orders of one day. Each figure is a function of the set of events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::Serialize;

use crate::model::event::{Event, Order, Refund};
use crate::model::ids::{OrderId, ProductId, UserId};
use crate::model::money::Cents;
use crate::model::time::Timestamp;
use crate::stream::fold::Pane;
use crate::stream::footprint::{text, tree};
use crate::stream::operators::signal::Evidence;

/// A refund that is asked for so soon after the order is a fast one: nothing was even packed.
pub const FAST: TimeDelta = TimeDelta::minutes(10);

/// What one user ordered on one day, and what came back of it.
#[derive(Default)]
pub struct UserDay {
    support: u64,
    user_id: Option<UserId>,
    orders: BTreeMap<OrderId, Cents>,
    refunds: u64,
    refunded_cents: Cents,
    /// Orders of which anything came back.
    refunded_orders: BTreeSet<OrderId>,
    fast_refunds: u64,
    /// By product: the orders that it came back from.
    returned: BTreeMap<ProductId, BTreeSet<OrderId>>,
    old_refunds: u64,
    old_refund_cents: Cents,
    all: Evidence,
    fast: Evidence,
    refund_evidence: Evidence,
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
    refunds: u64,
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
        // Two events may claim one order; the greater amount stands, whichever came first.
        let total = self.orders.entry(order.order_id.clone()).or_default();
        *total = order.total.max(*total);
    }

    /// Adds a refund of an order of the day.
    pub fn refunded(&mut self, event: &Event, refund: &Refund) {
        self.note(event);
        self.refund_evidence.add(event.event_id, event.timestamp);
        self.refunds += 1;
        self.refunded_cents += refund.order.total;
        self.refunded_orders.insert(refund.order.order_id.clone());
        if event.timestamp - refund.ordered_at <= FAST {
            self.fast_refunds += 1;
            self.fast.add(event.event_id, event.timestamp);
        }
        for item in &refund.order.items {
            let orders = self.returned.entry(item.product_id.clone()).or_default();
            orders.insert(refund.order.order_id.clone());
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
        self.all.add(event.event_id, event.timestamp);
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

    /// Refunds within [`FAST`] of their order.
    pub fn fast_refunds(&self) -> u64 {
        self.fast_refunds
    }

    /// Orders that are known, by themselves or by a refund.
    pub fn known_orders(&self) -> usize {
        self.orders.len()
            + self.refunded_orders.iter().filter(|order| !self.orders.contains_key(*order)).count()
    }

    /// Orders of which anything came back.
    pub fn refunded_orders(&self) -> usize {
        self.refunded_orders.len()
    }

    /// The product that came back from the most orders (the first by id among equals), and from how many.
    pub fn most_returned(&self) -> Option<(&ProductId, usize)> {
        let counts = self.returned.iter().map(|(product, orders)| (product, orders.len()));
        counts.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The fast refunds.
    pub fn fast_evidence(&self) -> &Evidence {
        &self.fast
    }

    /// The refunds of the day's orders.
    pub fn refund_evidence(&self) -> &Evidence {
        &self.refund_evidence
    }

    /// Bytes that they take on the heap.
    pub fn bytes(&self) -> usize {
        let of_order = |order: &OrderId| text(order.as_str());
        let orders: usize = self.orders.keys().chain(&self.refunded_orders).map(of_order).sum();
        let returned = self.returned.iter().map(|(product, orders)| {
            text(product.as_str())
                + tree::<OrderId>(orders.len())
                + orders.iter().map(of_order).sum::<usize>()
        });
        orders
            + returned.sum::<usize>()
            + tree::<(OrderId, Cents)>(self.orders.len())
            + tree::<OrderId>(self.refunded_orders.len())
            + tree::<(ProductId, BTreeSet<OrderId>)>(self.returned.len())
            + self.user_id.as_ref().map_or(0, |user| text(user.as_str()))
            + [&self.all, &self.fast, &self.refund_evidence].map(Evidence::bytes).iter().sum::<usize>()
    }

    /// The document.
    pub fn body<'a>(&self, pane: &Pane, user: &'a str) -> Body<'a> {
        Body {
            day: pane.start,
            partition: pane.partition,
            user,
            support: self.support,
            orders: self.orders.len(),
            ordered_cents: self.orders.values().copied().sum(),
            refunds: self.refunds,
            refunded_orders: self.refunded_orders.len(),
            refunded_cents: self.refunded_cents,
            fast_refunds: self.fast_refunds,
            loops: self.most_returned().map_or(0, |(_, orders)| orders),
            old_refunds: self.old_refunds,
            old_refund_cents: self.old_refund_cents,
            first_seen: self.all.first_seen(),
            last_seen: self.all.last_seen(),
        }
    }
}
