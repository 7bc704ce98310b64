//! The JSON form of an event, written straight from the event: the same flat object that `wire` reads.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::event::{Action, Event, Order, SCHEMA_VERSION, Search, Touch};

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event_type", self.event_type().as_str())?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("event_id", &self.event_id)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        if let Some(user_id) = &self.user_id {
            map.serialize_entry("user_id", user_id)?;
        }
        map.serialize_entry("client_id", &self.client_id)?;
        map.serialize_entry("session_id", &self.session_id)?;
        map.serialize_entry("session_started_at", &self.session_started_at)?;
        match &self.action {
            Action::Search(search) => write_search(&mut map, search)?,
            Action::View(touch) | Action::AddToCart(touch) => write_touch(&mut map, touch)?,
            Action::Purchase(order) => write_order(&mut map, order)?,
            Action::Refund(refund) => {
                write_order(&mut map, &refund.order)?;
                map.serialize_entry("ordered_at", &refund.ordered_at)?;
                map.serialize_entry("order_total_cents", &refund.order_total)?;
                map.serialize_entry("reason", &refund.reason)?;
            }
        }
        map.end()
    }
}

fn write_search<M: SerializeMap>(map: &mut M, search: &Search) -> Result<(), M::Error> {
    map.serialize_entry("query_id", &search.query_id)?;
    map.serialize_entry("intent_id", &search.intent_id)?;
    map.serialize_entry("query", &search.query)?;
    if !search.filters.is_empty() {
        map.serialize_entry("filters", &search.filters)?;
    }
    map.serialize_entry("result_count", &search.result_count)?;
    map.serialize_entry("result_ids", &*search.result_ids)
}

fn write_touch<M: SerializeMap>(map: &mut M, touch: &Touch) -> Result<(), M::Error> {
    let item = &touch.item;
    map.serialize_entry("product_id", &item.product_id)?;
    map.serialize_entry("category", &item.category)?;
    map.serialize_entry("brand", &item.brand)?;
    map.serialize_entry("unit_price_cents", &item.unit_price_cents)?;
    map.serialize_entry("quantity", &item.quantity)?;
    if let Some(attribution) = &item.attribution {
        map.serialize_entry("attribution", attribution)?;
    }
    map.serialize_entry("currency", &touch.currency)
}

fn write_order<M: SerializeMap>(map: &mut M, order: &Order) -> Result<(), M::Error> {
    map.serialize_entry("order_id", &order.order_id)?;
    map.serialize_entry("currency", &order.currency)?;
    map.serialize_entry("total_cents", &order.total)?;
    map.serialize_entry("items", &order.items)
}
