//! Visits: what each does as a whole. How far it comes, what it searches for and what comes of that, and whether a
//! person makes it at all.
//!
//! Everything that is said of visits is folded together, since it is kept together: the steps of each, once. That
//! is all the memory that the group takes, and tells duplicates too.

mod categories;
mod figures;
pub mod funnels;
mod queries;
mod rules;
mod scopes;
mod suspects;
mod visit;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::model::event::Event;
use crate::model::ids::SessionId;
use crate::model::rules::Rules;
use crate::model::time::{HOUR_MS, MINUTE_MS, Timestamp};
use crate::stream::documents::Documents;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, text};
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::visits::categories::{Categories, CategoryNumber};
use crate::stream::operators::visits::funnels::Walks;
use crate::stream::operators::visits::visit::Visit;

/// A visit lasts two hours at most; ten minutes more for what comes late.
const LATENESS: TimeDelta = TimeDelta::milliseconds(2 * HOUR_MS + 10 * MINUTE_MS);

/// The operator. Its window is the minute of the session's start. `funnels`, `queries`, `rules` and `suspects` say what
/// the support of each kind of result is.
pub struct Visits {
    /// By which visits are judged.
    pub rules: Arc<Rules>,
}

/// The visits that began in one minute.
#[derive(Default)]
pub struct Cohort {
    visits: Keyed<SessionId, Visit>,
    /// On the heap, of all visits and their names: kept up to date, for a walk over a million visits costs more than a
    /// second's events.
    visit_bytes: usize,
    funnels: Keyed<CategoryNumber, funnels::Total>,
    queries: Keyed<queries::Scope, queries::Tally>,
    /// On the heap, of the names of what is searched for.
    query_bytes: usize,
    categories: Categories,
}

impl Weighed for Cohort {
    fn footprint(&self) -> Footprint {
        let visits = self.visits.slots();
        let totals = self.funnels.slots().bytes + self.queries.slots().bytes + self.query_bytes;
        let bytes = visits.bytes + self.visit_bytes + totals + self.categories.bytes();
        Footprint { entries: visits.entries, bytes }
    }
}

impl Operator for Visits {
    type State = Cohort;

    const KEEPS_EVENTS: bool = true;

    fn name(&self) -> &'static str {
        "visits"
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

    fn fold(&self, state: &mut Cohort, event: &Event) -> bool {
        let Cohort { visits, visit_bytes, categories, .. } = state;
        visits.change_if(&event.session_id, |visit| {
            if visit.holds(event) {
                return false;
            }
            if visit.len() == 0 {
                *visit_bytes += text(event.session_id.as_str());
            }
            *visit_bytes += visit.add(event, categories);
            true
        })
    }

    fn render(&self, state: &mut Cohort, pane: &Pane, out: &mut Documents) {
        let Cohort { visits, funnels, queries, query_bytes, categories, .. } = state;
        let (mut walks, mut searches) = (Walks::default(), queries::Change::default());
        visits.take_changed(|session, visit| {
            visit.sort();
            walks.recount(visit, categories, funnels);
            searches.fill(visit, categories);
            *query_bytes += searches.recount(queries);
            let is_suspect = rules::judge(visit, session, pane, &self.rules, out);
            if is_suspect {
                suspects::documents(visit, session, pane, categories, out);
                searches.suspects(session, pane, categories, out);
            }
            visit.count(is_suspect);
        });
        funnels::render(funnels, categories, pane, out);
        queries::render(queries, categories, pane, out);
    }
}

#[cfg(test)]
mod tests;
