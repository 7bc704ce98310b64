//! Visits: what each does as a whole, and the verdicts on those that no person makes.
//!
//! A visit is judged by its rhythm, its breadth and what comes of it, by `rules`.

mod rules;
mod visit;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::model::event::Event;
use crate::model::ids::SessionId;
use crate::model::rules::Rules;
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::stream::document::Document;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, text};
use crate::stream::operators::funnels::LATENESS;
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::velocity::visit::Visit;

/// The operator. Its window is the minute of the session's start, its key the session; the support of every
/// result is the number of the session's events.
pub struct Velocity {
    /// By which it judges.
    pub rules: Arc<Rules>,
}

/// The sessions that began in one minute.
#[derive(Default)]
pub struct Visits(Keyed<SessionId, Visit>);

impl Weighed for Visits {
    fn footprint(&self) -> Footprint {
        self.0.footprint(|session, visit| text(session.as_str()) + visit.bytes())
    }
}

impl Operator for Velocity {
    type State = Visits;

    fn name(&self) -> &'static str {
        "velocity"
    }

    fn window_ms(&self) -> i64 {
        MINUTE_MS
    }

    fn lateness(&self) -> TimeDelta {
        LATENESS
    }

    fn time(&self, event: &Event) -> Option<Timestamp> {
        Some(event.session_started_at)
    }

    fn fold(&self, state: &mut Visits, event: &Event) {
        state.0.change(&event.session_id).add(event);
    }

    fn render(&self, state: &mut Visits, pane: &Pane, out: &mut Vec<Document>) {
        state.0.take_changed(|session, visit| {
            if !rules::is_long_enough(visit, &self.rules) {
                return;
            }
            let evidence = visit.evidence();
            let subject = visit.subject(session);
            let findings = rules::judge(visit, &evidence, &self.rules);
            out.extend(findings.map(|finding| finding.document(&subject, pane, &self.rules)));
        });
    }
}

#[cfg(test)]
mod tests;
