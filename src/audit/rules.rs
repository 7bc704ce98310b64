//! The rules by which results are made, written down a second time from their description in
//! `ARCHITECTURE.md`: which events concern an operator, in which window, and how late they may come.

use chrono::TimeDelta;

use crate::model::event::{Action, Event, EventType, Stream};
use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

/// How late a session's event may be: two hours of session and ten minutes.
const SESSION_LATENESS: TimeDelta = TimeDelta::milliseconds(2 * HOUR_MS + 10 * MINUTE_MS);
/// A refund is held against the day of its order for three days after that day.
const REFUND_HORIZON: TimeDelta = TimeDelta::days(3);

/// Something that is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// What was done with a product in a minute, each topic apart.
    Trends,
    /// What became of the sessions that began in a minute.
    Visits,
    /// What users order and give back.
    Fraud,
    /// Refunds of orders that were never placed.
    Receipts,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Trends, Self::Visits, Self::Fraud, Self::Receipts];

    /// Its name in ids and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trends => "trends",
            Self::Visits => "visits",
            Self::Fraud => "fraud",
            Self::Receipts => "receipts",
        }
    }

    /// The operator of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }

    /// The group that computes it.
    pub fn group(self) -> &'static str {
        match self {
            Self::Trends => "trends",
            Self::Visits => "sessions",
            Self::Fraud | Self::Receipts => "fraud",
        }
    }

    /// The topics that its group reads.
    pub fn streams(self) -> &'static [Stream] {
        match self {
            Self::Trends | Self::Visits => &Stream::ALL,
            Self::Fraud | Self::Receipts => &[Stream::Order],
        }
    }

    /// Whether a window is made of one topic alone.
    pub fn folds_topics_apart(self) -> bool {
        self == Self::Trends
    }

    /// Length of its windows, in milliseconds.
    pub fn window_ms(self) -> i64 {
        match self {
            Self::Trends | Self::Visits => MINUTE_MS,
            Self::Fraud | Self::Receipts => DAY_MS,
        }
    }

    /// The start of the window that an event belongs to; `None` for an event that does not concern it.
    pub fn window(self, event: &Event) -> Option<Timestamp> {
        let kind = event.event_type();
        let time = match self {
            Self::Trends => (kind != EventType::Search).then_some(event.timestamp),
            Self::Visits => Some(event.session_started_at),
            Self::Receipts => receipt_day(event),
            Self::Fraud => match &event.action {
                Action::Purchase(_) => Some(event.timestamp),
                Action::Refund(refund) if is_old_refund(event, refund.ordered_at) => Some(event.timestamp),
                Action::Refund(refund) => Some(refund.ordered_at),
                Action::Search(_) | Action::View(_) | Action::AddToCart(_) => None,
            },
        };
        time.map(|time| time.floor_to(self.window_ms()))
    }

    /// The event time at which a window takes no more events of a topic that has come so far.
    pub fn closes_at(self, window: Timestamp) -> Timestamp {
        let lateness = match self {
            Self::Trends => TimeDelta::minutes(10),
            Self::Visits => SESSION_LATENESS,
            Self::Fraud => TimeDelta::hours(3 * 24 + 1),
            Self::Receipts => TimeDelta::hours(28 * 24 + 1),
        };
        window + TimeDelta::milliseconds(self.window_ms()) + lateness
    }
}

/// Whether a refund comes too late to be held against the day of its order.
pub fn is_old_refund(event: &Event, ordered_at: Timestamp) -> bool {
    event.timestamp - (ordered_at.floor_to(DAY_MS) + TimeDelta::days(1)) > REFUND_HORIZON
}

/// When an account's order was placed, by itself or, for four weeks after that day, by a refund.
fn receipt_day(event: &Event) -> Option<Timestamp> {
    let at = match &event.action {
        Action::Purchase(_) => event.timestamp,
        Action::Refund(refund) => refund.ordered_at,
        Action::Search(_) | Action::View(_) | Action::AddToCart(_) => return None,
    };
    let since_day = event.timestamp - at.floor_to(DAY_MS);
    (event.user_id.is_some() && since_day <= TimeDelta::days(1 + 28)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, refund, search, view};

    #[test]
    fn an_event_concerns_the_operators_that_have_a_use_for_it() {
        let windows = |event: &Event| Operator::ALL.map(|operator| operator.window(event).is_some());
        assert_eq!(windows(&search(at(1))), [false, true, false, false]);
        assert_eq!(windows(&view(at(1))), [true, true, false, false]);
        assert_eq!(windows(&refund(at(2), at(1))), [true, true, true, true]);
    }

    #[test]
    fn a_refund_belongs_to_the_day_of_its_order_while_that_is_near() {
        let days = |days: i64| at(days * DAY_MS);
        let day = |event: &Event| Operator::Fraud.window(event);
        assert_eq!(day(&refund(days(2), days(0))), Some(days(0).floor_to(DAY_MS)));
        assert_eq!(day(&refund(days(9), days(0))), Some(days(9).floor_to(DAY_MS)));
    }
}
