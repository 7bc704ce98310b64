//! Fraud: what each user ordered and gave back, by day of the order, and the verdicts on it.
//!
//! The facts of a user's day are written whole to `fraud-facts`; each rule of `rules` is a pure
//! function of them. A refund that comes more than three days after its order's day would need a state
//! that is kept as long; it is counted in the day of the refund instead, as an old refund.

mod facts;
mod rules;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::model::event::{Action, Event};
use crate::model::rules::Rules;
use crate::model::time::{DAY_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents};
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed};
use crate::stream::operators::fraud::facts::UserDay;
use crate::stream::operators::fraud::rules::Shown;
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::signal::Subject;

/// How much later than the order's day a refund may come and still be held against it.
const HORIZON: TimeDelta = TimeDelta::days(3);
/// The horizon and an hour for what comes late.
const LATENESS: TimeDelta = TimeDelta::hours(3 * 24 + 1);

/// The operator. Its window is the day of the order, its key the user (the record key where nobody is
/// logged in). The support of every result is the number of the user's events in the window.
pub struct Fraud {
    /// By which it judges.
    pub rules: Arc<Rules>,
}

/// The users' days.
#[derive(Default)]
pub struct Day(Keyed<Box<str>, UserDay>);

impl Weighed for Day {
    fn footprint(&self) -> Footprint {
        // Each visitor is the key and, until it is rendered, among the changed ones.
        self.0.footprint(|visitor, day| 2 * visitor.len() + day.bytes())
    }
}

impl Operator for Fraud {
    type State = Day;

    fn name(&self) -> &'static str {
        "fraud"
    }

    fn window_ms(&self) -> i64 {
        DAY_MS
    }

    fn lateness(&self) -> TimeDelta {
        LATENESS
    }

    fn time(&self, event: &Event) -> Option<Timestamp> {
        match &event.action {
            Action::Purchase(_) => Some(event.timestamp),
            Action::Refund(refund) if is_old(event, refund.ordered_at) => Some(event.timestamp),
            Action::Refund(refund) => Some(refund.ordered_at),
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => None,
        }
    }

    fn fold(&self, state: &mut Day, event: &Event) -> bool {
        let day = state.0.change(&event.visitor().into());
        match &event.action {
            Action::Purchase(order) => day.ordered(event, order),
            Action::Refund(refund) if is_old(event, refund.ordered_at) => day.refunded_old(event, refund),
            Action::Refund(refund) => day.refunded(event, refund),
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
        true
    }

    fn render(&self, state: &mut Day, pane: &Pane, out: &mut Documents) {
        state.0.take_changed(|visitor, day| {
            let at = format!("{}|{}|{visitor}", pane.start.millis(), pane.partition);
            let body = day.body(pane, visitor, &self.rules);
            let facts = format!("fraud|{at}");
            out.push(About::result(&Schema::FRAUD_FACTS, pane.start, day.support()), &[&facts], &body);
            let (user_id, support) = (day.user_id(), day.support());
            let subject = Subject { visitor, user_id, session_id: None, support };
            let shown = Shown::of(day, &self.rules);
            let findings = rules::judge(day, &shown, &self.rules);
            findings.for_each(|finding| finding.write(&subject, pane, &self.rules, out));
        });
    }
}

/// Decided by the event's own fields, never by what is closed, so that every reader decides the same.
fn is_old(refund: &Event, ordered_at: Timestamp) -> bool {
    let day_end = ordered_at.floor_to(DAY_MS) + TimeDelta::days(1);
    refund.timestamp - day_end > HORIZON
}

#[cfg(test)]
mod tests;
