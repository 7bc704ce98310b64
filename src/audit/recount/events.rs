//! The raw events with their context.

use crate::audit::recount::{Expected, as_stored};
use crate::model::event::Event;
use crate::model::event::enrich::enrich;
use crate::store::schema::Schema;

/// The document of a raw event.
pub fn document(event: &Event) -> Expected {
    Expected {
        schema: &Schema::EVENTS,
        index: Schema::EVENTS.index_at(event.timestamp),
        id: event.event_id.to_string(),
        version: None,
        body: as_stored(&enrich(event)),
    }
}
