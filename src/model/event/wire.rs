//! The JSON form of an event: one flat object, read in one pass. `write` is the other direction.
//!
//! Flat and with optional fields because serde's tagged and flattened enums buffer the whole object
//! first; turning it into an [`Event`] is where each type's fields are demanded.

use std::collections::BTreeMap;

use serde::Deserialize;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::model::category::CategoryPath;
use crate::model::event::{
    Action, Attribution, Event, EventType, ITEMS_MAX, Item, Order, QUANTITY_MAX, QUERY_CHARS_MAX, Refund,
    Reject, SCHEMA_VERSION, SESSION_MAX, Search, Touch, time_of,
};
use crate::model::ids::{ClientId, OrderId, ProductId, QueryId, SessionId, UserId};
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;

/// Longest brand or reason, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Most filters on one search.
const FILTERS_MAX: usize = 20;
/// Most products that a search can have found: more than any shop has, and a number that every store holds.
const RESULT_COUNT_MAX: u64 = 1_000_000_000_000;

macro_rules! wire {
    ($($field:ident: $type:ty),* $(,)?) => {
        /// Every field that any type of event has.
        #[derive(Debug, Default, Deserialize)]
        pub struct Wire {
            event_type: Kind,
            pub timestamp: Timestamp,
            $(#[serde(default)] $field: Option<$type>,)*
        }
    };
}

wire! {
    event_id: Uuid,
    schema_version: u16,
    user_id: UserId,
    client_id: ClientId,
    session_id: SessionId,
    session_started_at: Timestamp,
    query_id: QueryId,
    intent_id: QueryId,
    query: SmolStr,
    filters: BTreeMap<SmolStr, SmolStr>,
    result_count: u64,
    result_ids: Vec<ProductId>,
    product_id: ProductId,
    category: CategoryPath,
    brand: SmolStr,
    unit_price_cents: Cents,
    quantity: u32,
    attribution: Attribution,
    order_id: OrderId,
    currency: Currency,
    total_cents: Cents,
    items: Vec<Item>,
    ordered_at: Timestamp,
    order_total_cents: Cents,
    reason: SmolStr,
}

/// The type of an event or that of a tick. Not an untagged enum: serde would copy the text first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Tick,
    Search,
    View,
    AddToCart,
    Purchase,
    Refund,
}

impl Kind {
    /// `None` for a tick.
    fn event_type(self) -> Option<EventType> {
        match self {
            Self::Tick => None,
            Self::Search => Some(EventType::Search),
            Self::View => Some(EventType::View),
            Self::AddToCart => Some(EventType::AddToCart),
            Self::Purchase => Some(EventType::Purchase),
            Self::Refund => Some(EventType::Refund),
        }
    }
}

impl Wire {
    /// Whether this is a tick of the processor and not a shopper's event.
    pub fn is_tick(&self) -> bool {
        self.event_type == Kind::Tick
    }
}

/// Takes the field or says which one is missing.
macro_rules! need {
    ($wire:ident, $type:expr, $field:ident) => {
        $wire
            .$field
            .take()
            .ok_or(Reject::Missing { event_type: $type.as_str(), field: stringify!($field) })?
    };
}

impl TryFrom<Wire> for Event {
    type Error = Reject;

    fn try_from(mut wire: Wire) -> Result<Self, Reject> {
        Self::of(&mut wire)
    }
}

impl Event {
    /// Takes an event out of its JSON form, which is too large to be handed over again and again.
    pub(super) fn of(wire: &mut Wire) -> Result<Self, Reject> {
        let Some(kind) = wire.event_type.event_type() else {
            return Err(Reject::Unreadable("a tick is not a shopper's event".to_owned()));
        };
        let version = need!(wire, kind, schema_version);
        if version != SCHEMA_VERSION {
            return Err(Reject::UnknownVersion(version));
        }
        let event = Self {
            event_id: need!(wire, kind, event_id),
            timestamp: wire.timestamp,
            user_id: wire.user_id.take(),
            client_id: need!(wire, kind, client_id),
            session_id: need!(wire, kind, session_id),
            session_started_at: need!(wire, kind, session_started_at),
            action: action(kind, wire)?,
        };
        check(&event)?;
        Ok(event)
    }
}

fn action(kind: EventType, wire: &mut Wire) -> Result<Action, Reject> {
    Ok(match kind {
        EventType::Search => Action::Search(Search {
            query_id: need!(wire, kind, query_id),
            intent_id: need!(wire, kind, intent_id),
            query: need!(wire, kind, query),
            filters: wire.filters.take().unwrap_or_default(),
            result_count: need!(wire, kind, result_count),
            result_ids: wire.result_ids.take().unwrap_or_default().into(),
        }),
        EventType::View => Action::View(touch(kind, wire)?),
        EventType::AddToCart => Action::AddToCart(touch(kind, wire)?),
        EventType::Purchase => Action::Purchase(Order {
            order_id: need!(wire, kind, order_id),
            currency: need!(wire, kind, currency),
            total: need!(wire, kind, total_cents),
            items: need!(wire, kind, items),
        }),
        EventType::Refund => Action::Refund(Refund {
            order: Order {
                order_id: need!(wire, kind, order_id),
                currency: need!(wire, kind, currency),
                total: need!(wire, kind, total_cents),
                items: need!(wire, kind, items),
            },
            ordered_at: need!(wire, kind, ordered_at),
            order_total: need!(wire, kind, order_total_cents),
            reason: wire.reason.take().unwrap_or_default(),
        }),
    })
}

fn touch(kind: EventType, wire: &mut Wire) -> Result<Touch, Reject> {
    Ok(Touch {
        item: Item {
            product_id: need!(wire, kind, product_id),
            category: need!(wire, kind, category),
            brand: need!(wire, kind, brand),
            unit_price_cents: need!(wire, kind, unit_price_cents),
            quantity: wire.quantity.unwrap_or(1),
            attribution: wire.attribution.take(),
        },
        currency: need!(wire, kind, currency),
    })
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Reject> {
    if holds { Ok(()) } else { Err(Reject::Implausible(otherwise())) }
}

/// What the event alone can contradict.
fn check(event: &Event) -> Result<(), Reject> {
    let id = event.event_id;
    ensure(id.get_version_num() == 7, || format!("event_id {id} is not a UUIDv7"))?;
    ensure(event.timestamp == time_of(id), || {
        format!("event_id {id} and timestamp {} name different times", event.timestamp)
    })?;
    let into_session = event.timestamp - event.session_started_at;
    ensure((chrono::TimeDelta::zero()..=SESSION_MAX).contains(&into_session), || {
        format!(
            "timestamp lies {} s after session_started_at, not within 0 s to 2 h",
            into_session.num_seconds()
        )
    })?;
    match &event.action {
        Action::Search(search) => check_search(search)?,
        Action::View(_) | Action::AddToCart(_) => {}
        Action::Purchase(order) => check_amount("total_cents", order.total)?,
        Action::Refund(refund) => {
            check_amount("total_cents", refund.order.total)?;
            check_amount("order_total_cents", refund.order_total)?;
            ensure(refund.ordered_at <= event.timestamp, || "ordered_at lies after the refund".to_owned())?;
            check_text("reason", &refund.reason, TEXT_CHARS_MAX)?;
        }
    }
    let items = event.items();
    ensure(items.len() <= ITEMS_MAX, || format!("{} items, more than {ITEMS_MAX}", items.len()))?;
    let is_order = matches!(event.action, Action::Purchase(_) | Action::Refund(_));
    ensure(!is_order || !items.is_empty(), || "items is empty".to_owned())?;
    items.iter().try_for_each(|item| check_item(item, event.timestamp))
}

fn check_search(search: &Search) -> Result<(), Reject> {
    check_text("query", &search.query, QUERY_CHARS_MAX)?;
    ensure(search.result_ids.len() <= ITEMS_MAX, || format!("more than {ITEMS_MAX} result_ids"))?;
    ensure(search.result_count <= RESULT_COUNT_MAX, || {
        format!("result_count is {}, not 0 to {RESULT_COUNT_MAX}", search.result_count)
    })?;
    ensure(search.filters.len() <= FILTERS_MAX, || format!("more than {FILTERS_MAX} filters"))?;
    search.filters.iter().try_for_each(|(name, value)| {
        ensure(!name.trim().is_empty(), || "filters has a filter without a name".to_owned())?;
        check_text("filters", name, TEXT_CHARS_MAX)?;
        check_text("filters", value, TEXT_CHARS_MAX)
    })
}

fn check_item(item: &Item, at: Timestamp) -> Result<(), Reject> {
    check_amount("unit_price_cents", item.unit_price_cents)?;
    check_amount("unit_price_cents times quantity", item.amount())?;
    check_text("brand", &item.brand, TEXT_CHARS_MAX)?;
    ensure((1..=QUANTITY_MAX).contains(&item.quantity), || {
        format!("quantity is {}, not 1 to {QUANTITY_MAX}", item.quantity)
    })?;
    let Some(attribution) = &item.attribution else { return Ok(()) };
    check_text("attribution.query", &attribution.query, QUERY_CHARS_MAX)?;
    ensure(attribution.position >= 1, || "attribution.position counts from 1".to_owned())?;
    ensure(attribution.searched_at <= at, || "attribution.searched_at lies after the event".to_owned())
}

/// Largest single amount: ten thousand million major units, so that sums of many stay far from overflow.
const AMOUNT_MAX: Cents = Cents(1_000_000_000_000);

fn check_amount(field: &str, amount: Cents) -> Result<(), Reject> {
    ensure((Cents(0)..=AMOUNT_MAX).contains(&amount), || {
        format!("{field} is {}, not 0 to {}", amount.0, AMOUNT_MAX.0)
    })
}

fn check_text(field: &str, text: &str, chars_max: usize) -> Result<(), Reject> {
    // Bytes first: counting characters is only needed for texts that might be too long.
    ensure(text.len() <= chars_max || text.chars().count() <= chars_max, || {
        format!("{field} is longer than {chars_max} characters")
    })
}
