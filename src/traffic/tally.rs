//! The counts of a run: what was handed over to Kafka, so that an independent count can be checked
//! against it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

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

    /// Events of all types.
    pub fn total(&self) -> u64 {
        self.events.values().sum()
    }
}

/// The end of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The seed, to run the same again.
    pub seed: u64,
    /// Events handed over.
    pub total: u64,
    /// What they were.
    #[serde(flatten)]
    pub tally: Tally,
    /// Records that Kafka has acknowledged.
    pub acknowledged: u64,
    /// Records that Kafka has refused, or not acknowledged before the end.
    pub failed: u64,
    /// How long the run took, in seconds.
    pub seconds: f64,
    /// Events per second over the whole run.
    pub rate: f64,
}

impl Report {
    /// Sums a run up.
    pub fn new(seed: u64, tally: Tally, acknowledged: u64, took: Duration) -> Self {
        let (total, seconds) = (tally.total(), took.as_secs_f64());
        let rate = if seconds > 0.0 { total as f64 / seconds } else { 0.0 };
        Self { seed, total, tally, acknowledged, failed: total.saturating_sub(acknowledged), seconds, rate }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, total, tally, acknowledged, failed, seconds, rate } = self;
        let Tally { units, fraudsters, .. } = tally;
        writeln!(
            f,
            "{total} events in {seconds:.1} s, {rate:.0} a second, {} bytes (seed {seed})",
            tally.bytes
        )?;
        for (event_type, count) in &tally.events {
            writeln!(f, "  {:<12} {count:>10}", event_type.as_str())?;
        }
        if let (Some(first), Some(last)) = (tally.first, tally.last) {
            writeln!(f, "  from {first} to {last}")?;
        }
        writeln!(f, "Kafka:    {acknowledged} acknowledged, {failed} failed")?;
        writeln!(f, "sessions: {}, of which {} searched or viewed", tally.sessions, tally.entrants)?;
        writeln!(
            f,
            "units:    {} viewed, {} carted, {} purchased, {} refunded",
            units.viewed, units.carted, units.purchased, units.refunded
        )?;
        writeln!(
            f,
            "visitors: {}, of which {} with an account; {} bots with {} events",
            tally.visitors, tally.users, tally.bots, tally.bot_events
        )?;
        write!(
            f,
            "fraud:    {} accounts in refund loops, {} with fast refunds",
            fraudsters.refund_loop, fraudsters.fast_refund
        )
    }
}
