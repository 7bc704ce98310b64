//! The counts of a run: what was handed over to Kafka, so that an independent count can be checked
//! against it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::event::{Action, EventType, Item};
use crate::model::money::Cents;
use crate::model::time::Timestamp;
use crate::traffic::persona::{Class, Persona};
use crate::traffic::session::Simulated;
use crate::traffic::shape::Presence;

/// What was simulated, counted. In JSON it is a part of the final report.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Events by type.
    pub events: BTreeMap<EventType, u64>,
    /// Sessions.
    pub sessions: u64,
    /// Sessions with a search or a view.
    pub entrants: u64,
    /// Pieces by what was done with them.
    pub units: Units,
    /// Sum of the purchases' totals, in minor units.
    pub purchased_cents: Cents,
    /// Sum of the refunds' totals, in minor units.
    pub refunded_cents: Cents,
    /// Accounts and guests' browsers.
    pub visitors: u64,
    /// Accounts.
    pub users: u64,
    /// Visitors and events by what the visitors are up to.
    pub personas: BTreeMap<Persona, Presence>,
    /// Bytes of all events as JSON.
    pub bytes: u64,
    /// The first event's time.
    pub first: Option<Timestamp>,
    /// The last event's time.
    pub last: Option<Timestamp>,
}

/// Pieces: the sums of the quantities of all items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Units {
    /// Looked at.
    pub viewed: u64,
    /// Put into a cart.
    pub carted: u64,
    /// Ordered.
    pub purchased: u64,
    /// Given back.
    pub refunded: u64,
}

impl Tally {
    /// Counts one event of so many bytes.
    pub fn count(&mut self, simulated: &Simulated, bytes: usize) {
        let Simulated { event, persona, firsts, label: _ } = simulated;
        *self.events.entry(event.event_type()).or_default() += 1;
        self.sessions += u64::from(firsts.of_session);
        self.entrants += u64::from(firsts.of_entry);
        let units = event.items().iter().map(|item: &Item| u64::from(item.quantity)).sum::<u64>();
        match &event.action {
            Action::Search(_) => {}
            Action::View(_) => self.units.viewed += units,
            Action::AddToCart(_) => self.units.carted += units,
            Action::Purchase(order) => {
                self.units.purchased += units;
                self.purchased_cents += order.total;
            }
            Action::Refund(refund) => {
                self.units.refunded += units;
                self.refunded_cents += refund.order.total;
            }
        }
        let newcomer = u64::from(firsts.of_visitor);
        self.visitors += newcomer;
        self.users += newcomer * u64::from(event.user_id.is_some());
        let presence = self.personas.entry(*persona).or_default();
        presence.visitors += newcomer;
        presence.events += 1;
        self.bytes += bytes as u64;
        self.first.get_or_insert(event.timestamp);
        self.last = Some(event.timestamp);
    }

    /// Visitors and events of a class.
    pub fn class(&self, class: Class) -> Presence {
        let of_class = self.personas.iter().filter(|(persona, _)| persona.class() == class);
        of_class.fold(Presence::default(), |sum, (_, presence)| Presence {
            visitors: sum.visitors + presence.visitors,
            events: sum.events + presence.events,
        })
    }

    /// Events of all types.
    pub fn total(&self) -> u64 {
        self.events.values().sum()
    }
}
