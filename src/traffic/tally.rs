//! The counts of a run: what was handed over to Kafka, so that an independent count can be checked
//! against it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::event::{Action, EventType, Item};
use crate::model::money::Cents;
use crate::model::time::Timestamp;
use crate::traffic::persona::Persona;
use crate::traffic::session::Simulated;

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
    /// Programs that read the catalogue; the ground truth of bot signals.
    pub bots: u64,
    /// Their events.
    pub bot_events: u64,
    /// Accounts after the shop's money, by scheme; the ground truth of fraud signals.
    pub fraudsters: Fraudsters,
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

/// Accounts by scheme.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fraudsters {
    /// Buying and giving back the same thing again and again.
    pub refund_loop: u64,
    /// Giving back right after buying.
    pub fast_refund: u64,
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
        match persona {
            Persona::PriceScraper => {
                self.bots += newcomer;
                self.bot_events += 1;
            }
            Persona::RefundLoop => self.fraudsters.refund_loop += newcomer,
            Persona::FastRefund => self.fraudsters.fast_refund += newcomer,
            _ => {}
        }
        self.bytes += bytes as u64;
        self.first.get_or_insert(event.timestamp);
        self.last = Some(event.timestamp);
    }

    /// Programs that were seen.
    pub fn bots(&self) -> u64 {
        self.bots
    }

    /// Accounts after the shop's money that were seen.
    pub fn fraudsters(&self) -> u64 {
        self.fraudsters.refund_loop + self.fraudsters.fast_refund
    }

    /// Who came, as lines of the final report.
    pub fn visitors_in_words(&self) -> String {
        format!(
            "visitors: {}, of which {} with an account; {} bots with {} events\nfraud:    {} accounts",
            self.visitors,
            self.users,
            self.bots,
            self.bot_events,
            self.fraudsters()
        )
    }

    /// Events of all types.
    pub fn total(&self) -> u64 {
        self.events.values().sum()
    }
}
