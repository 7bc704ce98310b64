//! The events of a window by session.

use std::collections::BTreeMap;

use crate::model::event::Event;
use crate::model::ids::SessionId;

/// The sessions of a window.
pub fn sessions<'a>(events: &[&'a Event]) -> BTreeMap<&'a SessionId, Vec<&'a Event>> {
    let mut sessions: BTreeMap<&SessionId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        sessions.entry(&event.session_id).or_default().push(event);
    }
    sessions
}
