//! What a shopper did: one record in Kafka, one JSON object, one [`Event`].
//!
//! An event carries everything that results depend on (category, brand and price as the shopper saw
//! them, and the search that led there), so no result depends on when the catalogue was read.
//! [`parse`] turns bytes into an event or a [`Reject`]; [`door`] checks it against where and when it
//! was stored; [`enrich`] derives what is handy to query.

pub mod door;
pub mod enrich;
mod wire;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use thiserror::Error;
use uuid::Uuid;

use crate::model::category::CategoryPath;
use crate::model::ids::{ClientId, OrderId, ProductId, QueryId, SessionId, UserId};
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;

/// The version of the event format that this build writes and reads.
pub const SCHEMA_VERSION: u16 = 1;
/// Longest session; the door starts a new one after it.
pub const SESSION_MAX: TimeDelta = TimeDelta::hours(2);
/// Most characters of a search's text that are kept.
pub const QUERY_CHARS_MAX: usize = 200;
/// Most products that one order or one page of results may hold.
pub const ITEMS_MAX: usize = 100;
/// Most pieces of one product in one event.
pub const QUANTITY_MAX: u32 = 10_000;

/// One thing a shopper did.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "wire::Wire")]
pub struct Event {
    /// A UUIDv7 whose time is [`Event::timestamp`], so that a retry is the same event.
    pub event_id: Uuid,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Who, when logged in.
    pub user_id: Option<UserId>,
    /// From which browser or app.
    pub client_id: ClientId,
    /// In which visit.
    pub session_id: SessionId,
    /// When that visit began; at most two hours before the event.
    pub session_started_at: Timestamp,
    /// What.
    pub action: Action,
}

/// What the shopper did.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Searched and was answered.
    Search(Search),
    /// Looked at a product's page.
    View(Touch),
    /// Put a product into the cart.
    AddToCart(Touch),
    /// Placed an order.
    Purchase(Order),
    /// Gave back all or a part of an order.
    Refund(Refund),
}

/// An answered search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// This answer.
    pub query_id: QueryId,
    /// The first search of its chain of refinements.
    pub intent_id: QueryId,
    /// What was typed, at most [`QUERY_CHARS_MAX`] characters; may be empty when only filters were set.
    pub query: SmolStr,
    /// Filters by name.
    pub filters: BTreeMap<SmolStr, SmolStr>,
    /// How many products were found.
    pub result_count: u64,
    /// The first page, best first; shared, for popular searches are answered alike.
    pub result_ids: Arc<[ProductId]>,
}

/// One product that was viewed or put into the cart.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch {
    /// The product as it was seen.
    pub item: Item,
    /// The currency of the item's price.
    pub currency: Currency,
}

/// A product as the shopper saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub product_id: ProductId,
    /// Its leaf category then.
    pub category: CategoryPath,
    /// Its brand then.
    pub brand: SmolStr,
    /// Its price for one piece then.
    pub unit_price_cents: Cents,
    /// How many pieces, at least 1.
    pub quantity: u32,
    /// The search that led to it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
}

impl Item {
    /// Price times quantity.
    pub fn amount(&self) -> Cents {
        self.unit_price_cents.times(self.quantity)
    }
}

/// The search that led to a product, and where on its result page the product stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// The answered search.
    pub query_id: QueryId,
    /// The first search of its chain of refinements.
    pub intent_id: QueryId,
    /// What was typed.
    pub query: SmolStr,
    /// When.
    pub searched_at: Timestamp,
    /// Place among the results, from 1.
    pub position: u32,
}

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Which.
    pub order_id: OrderId,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// What was paid, or for a refund given back.
    pub total: Cents,
    /// What was bought, or given back; 1 to [`ITEMS_MAX`].
    pub items: Vec<Item>,
}

/// Money back for an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Refund {
    /// The order, with what is given back.
    pub order: Order,
    /// When the order was placed.
    pub ordered_at: Timestamp,
    /// What the whole order had cost.
    pub order_total: Cents,
    /// The shopper's reason.
    pub reason: SmolStr,
}

/// The kinds of [`Action`], without their contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// [`Action::Search`]
    Search,
    /// [`Action::View`]
    View,
    /// [`Action::AddToCart`]
    AddToCart,
    /// [`Action::Purchase`]
    Purchase,
    /// [`Action::Refund`]
    Refund,
}

impl EventType {
    /// Every kind, in the order of a shopper's way.
    pub const ALL: [Self; 5] = [Self::Search, Self::View, Self::AddToCart, Self::Purchase, Self::Refund];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::View => "view",
            Self::AddToCart => "add_to_cart",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
        }
    }

    /// The stream that carries it.
    pub fn stream(self) -> Stream {
        match self {
            Self::Search => Stream::Search,
            Self::View | Self::AddToCart => Stream::Product,
            Self::Purchase | Self::Refund => Stream::Order,
        }
    }
}

/// The three event topics. All of a session lies in the same partition of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Searches.
    Search,
    /// Views and cart additions.
    Product,
    /// Purchases and refunds.
    Order,
}

impl Stream {
    /// All three, in the order in which the processor numbers them.
    pub const ALL: [Self; 3] = [Self::Search, Self::Product, Self::Order];

    /// The topic's name, before any prefix.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Search => "search-events",
            Self::Product => "product-events",
            Self::Order => "order-events",
        }
    }
}

impl Event {
    /// The kind of the action.
    pub fn event_type(&self) -> EventType {
        match self.action {
            Action::Search(_) => EventType::Search,
            Action::View(_) => EventType::View,
            Action::AddToCart(_) => EventType::AddToCart,
            Action::Purchase(_) => EventType::Purchase,
            Action::Refund(_) => EventType::Refund,
        }
    }

    /// The record's key: the user when logged in, else the browser. One visitor's records share a partition.
    pub fn visitor(&self) -> &str {
        self.user_id.as_ref().map_or(self.client_id.as_str(), UserId::as_str)
    }

    /// The products that the event is about; none for a search.
    pub fn items(&self) -> &[Item] {
        match &self.action {
            Action::Search(_) => &[],
            Action::View(touch) | Action::AddToCart(touch) => std::slice::from_ref(&touch.item),
            Action::Purchase(order) => &order.items,
            Action::Refund(refund) => &refund.order.items,
        }
    }

    /// The currency of its amounts; `None` for a search.
    pub fn currency(&self) -> Option<Currency> {
        match &self.action {
            Action::Search(_) => None,
            Action::View(touch) | Action::AddToCart(touch) => Some(touch.currency),
            Action::Purchase(order) => Some(order.currency),
            Action::Refund(refund) => Some(refund.order.currency),
        }
    }
}

/// What lies in an event topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A shopper's event. Boxed, for a tick is nothing but a time.
    Event(Box<Event>),
    /// A statement of the `sessions` group's owner that event time has come this far in a quiet partition.
    Tick(Timestamp),
}

/// Why a record cannot be used. The record goes to `dead-letters` with [`Reject::code`] and this text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reject {
    /// Not JSON, not an object, or a field of another type or with an illegal value.
    #[error("{0}")]
    Unreadable(String),
    /// A field that its type of event must have is not there.
    #[error("a {event_type} needs the field {field}")]
    Missing {
        /// The type.
        event_type: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The parts of the event contradict each other or the shop's bounds.
    #[error("{0}")]
    Implausible(String),
    /// Another format version than this build knows.
    #[error("schema_version is {0} but this build reads {SCHEMA_VERSION}")]
    UnknownVersion(u16),
    /// In a topic or partition where it does not belong.
    #[error("{0}")]
    Misplaced(String),
    /// Dated after it was stored, or before the retention.
    #[error("{0}")]
    WrongTime(String),
}

impl Reject {
    /// A short word to filter by: `unreadable`, `missing_field`, `implausible`, `unknown_version`,
    /// `misplaced`, `wrong_time`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Missing { .. } => "missing_field",
            Self::Implausible(_) => "implausible",
            Self::UnknownVersion(_) => "unknown_version",
            Self::Misplaced(_) => "misplaced",
            Self::WrongTime(_) => "wrong_time",
        }
    }
}

/// Reads one record. Checks everything that the record alone can tell; never panics.
///
/// # Errors
/// The [`Reject`] that goes with the record to `dead-letters`.
pub fn parse(payload: &[u8]) -> Result<Record, Reject> {
    // Fields one after the other in a list would be read as those of an object.
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return Err(Reject::Unreadable("not a JSON object: a record holds one event".to_owned()));
    }
    // Checked as a whole where it can be, which is quicker than text by text; a field of no use to us may be anything.
    let wire: Result<wire::Wire, _> =
        str::from_utf8(payload).map_or_else(|_| serde_json::from_slice(payload), serde_json::from_str);
    match wire {
        Ok(wire) if wire.is_tick() => Ok(Record::Tick(wire.timestamp)),
        Ok(mut wire) => Event::of(&mut wire).map(|event| Record::Event(Box::new(event))),
        Err(error) => Err(Reject::Unreadable(shortened(&error.to_string()))),
    }
}

/// Most characters of a reason: it quotes the input, which may be as long as it likes.
const REASON_CHARS_MAX: usize = 300;

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}

/// The time in a UUIDv7, which for an event's id is that of the event.
pub fn time_of(id: Uuid) -> Timestamp {
    // 48 bits of milliseconds always fit.
    Timestamp::from_millis((id.as_u128() >> 80) as i64)
}

/// The bytes of a tick record.
pub fn tick(at: Timestamp) -> Vec<u8> {
    format!(r#"{{"event_type":"tick","timestamp":"{at}"}}"#).into_bytes()
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
pub mod tests;
