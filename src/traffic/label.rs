//! The ground truth of a run, to judge detectors by. It is written apart from the events, which never tell it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::event::Event;
use crate::model::ids::{ClientId, UserId};
use crate::model::time::Timestamp;
use crate::traffic::persona::{Class, Persona};

/// A statement about one visitor that comes with one event: with the first event of everybody who is not a
/// plain shopper, and with each further act that gives them away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The account, when logged in.
    pub user_id: Option<UserId>,
    /// The browser.
    pub client_id: ClientId,
    /// What the persona counts as.
    pub class: Class,
    /// What they are up to.
    pub kind: Persona,
    /// The event that it comes with.
    pub event_id: Uuid,
    /// That event's time.
    pub at: Timestamp,
    /// Whether it is the first event of this identity; else an act that gives them away.
    pub first: bool,
    /// In words: what this visitor does, or what this act is.
    pub why: String,
}

impl Label {
    /// The label that comes with an event: with the first one of everybody who is not a plain shopper, and
    /// with each that gives its visitor away.
    pub fn of(event: &Event, persona: Persona, first: bool, evidence: Option<String>) -> Option<Self> {
        let is_plain = persona == Persona::Shopper;
        let why = evidence.or_else(|| (first && !is_plain).then(|| persona.describe().to_owned()))?;
        Some(Self {
            user_id: event.user_id.clone(),
            client_id: event.client_id.clone(),
            class: persona.class(),
            kind: persona,
            event_id: event.event_id,
            at: event.timestamp,
            first,
            why,
        })
    }
}
