//! Funnels: how far the sessions that began in a minute came, in all and in every category they touched.
//!
//! A session *entered* when it searched or viewed; it *viewed* when it viewed; it *carted* when it put
//! something into the cart after its first view; it *purchased* when it bought after such a cart
//! addition. After means in order of event time, ties by type, then id. In a category only the steps on
//! its products count, and its search step is a search that led to one of them. A session whose first
//! step is a search counts under `by_search`, else under `by_browse`, so the two add up to the whole.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde::Serialize;
use uuid::Uuid;

use crate::model::category::{CategoryPath, level};
use crate::model::event::{Action, Event, EventType};
use crate::model::ids::SessionId;
use crate::model::money::Cents;
use crate::model::time::{HOUR_MS, MINUTE_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::document::Document;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, hash_table, text};
use crate::stream::operators::keyed::Keyed;

/// The name of the whole shop among the categories.
pub const ROOT: &str = "all";
/// A session lasts two hours at most; ten minutes more for what comes late.
pub const LATENESS: TimeDelta = TimeDelta::milliseconds(2 * HOUR_MS + 10 * MINUTE_MS);

/// The operator. Its window is the minute of the session's start. The support of a category's result is
/// the number of all step events of every session that touches the category: any of them can change it.
pub struct Funnels;

/// The sessions that began in one minute.
#[derive(Default)]
pub struct Cohort {
    sessions: Keyed<SessionId, Session>,
    totals: Keyed<Box<str>, Total>,
}

#[derive(Default)]
struct Session {
    events: u64,
    steps: Vec<Step>,
    /// How it was last counted in each category.
    counted: HashMap<Box<str>, Progress>,
    events_counted: u64,
}

/// One thing done with one category; or, without a category, a search.
struct Step {
    at: (Timestamp, EventType, Uuid),
    category: Option<CategoryPath>,
    /// When the search was that led here.
    searched_at: Option<Timestamp>,
    amount: Cents,
}

/// How far a session came in a category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    searched: bool,
    by_search: bool,
    /// 0 not even entered, 1 entered, 2 viewed, 3 carted, 4 purchased.
    depth: u8,
    revenue: Cents,
}

/// What the sessions of a category add up to. Signed, for a session is taken out and put in again.
#[derive(Default)]
struct Total {
    support: i64,
    searched: i64,
    by_search: [i64; 4],
    by_browse: [i64; 4],
    revenue: i64,
}

#[derive(Serialize)]
struct Body<'a> {
    minute: Timestamp,
    partition: i32,
    category: &'a str,
    level: usize,
    support: i64,
    #[serde(flatten)]
    all: Stages,
    searched: i64,
    by_search: Stages,
    by_browse: Stages,
    revenue_cents: i64,
}

/// Sessions that reached each stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Stages {
    entered: i64,
    viewed: i64,
    carted: i64,
    purchased: i64,
}

impl From<[i64; 4]> for Stages {
    fn from([entered, viewed, carted, purchased]: [i64; 4]) -> Self {
        Self { entered, viewed, carted, purchased }
    }
}

impl Weighed for Cohort {
    fn footprint(&self) -> Footprint {
        let of_step = |step: &Step| step.category.as_ref().map_or(0, |category| text(category.as_str()));
        let sessions = self.sessions.footprint(|id, session| {
            let steps = session.steps.capacity() * size_of::<Step>();
            let counted = hash_table::<(Box<str>, Progress)>(session.counted.capacity());
            let names: usize = session.counted.keys().map(|name| name.len()).sum();
            text(id.as_str()) + steps + session.steps.iter().map(of_step).sum::<usize>() + counted + names
        });
        // Each name is the key and, until it is rendered, among the changed ones.
        let totals = self.totals.footprint(|name, _| 2 * name.len());
        Footprint { entries: sessions.entries, bytes: sessions.bytes + totals.bytes }
    }
}

impl Operator for Funnels {
    type State = Cohort;

    fn name(&self) -> &'static str {
        "funnels"
    }

    fn window_ms(&self) -> i64 {
        MINUTE_MS
    }

    fn lateness(&self) -> TimeDelta {
        LATENESS
    }

    fn time(&self, event: &Event) -> Option<Timestamp> {
        // Giving something back is no step towards buying it.
        (event.event_type() != EventType::Refund).then_some(event.session_started_at)
    }

    fn fold(&self, state: &mut Cohort, event: &Event) {
        let session = state.sessions.change(&event.session_id);
        session.events += 1;
        let at = (event.timestamp, event.event_type(), event.event_id);
        if let Action::Search(_) = event.action {
            session.steps.push(Step { at, category: None, searched_at: None, amount: Cents(0) });
        }
        session.steps.extend(event.items().iter().map(|item| Step {
            at,
            category: Some(item.category.clone()),
            searched_at: item.attribution.as_ref().map(|search| search.searched_at),
            amount: item.amount(),
        }));
    }

    fn render(&self, state: &mut Cohort, pane: &Pane, out: &mut Vec<Document>) {
        let totals = &mut state.totals;
        state.sessions.take_changed(|_, session| session.recount(totals));
        totals.take_changed(|category, total| {
            let body = total.body(pane, category);
            let id = format!("funnels|{}|{}|{category}", pane.start.millis(), pane.partition);
            let support = u64::try_from(total.support).unwrap_or_default();
            out.push(Document::result(&Schema::CATEGORY_FUNNELS, pane.start, id, support, &body));
        });
    }
}

impl Session {
    /// Takes the session out of the totals as it was counted last, and puts it in as it is now.
    fn recount(&mut self, totals: &mut Keyed<Box<str>, Total>) {
        self.steps.sort_unstable_by_key(|step| step.at);
        let now = progress_by_category(&self.steps);
        for (category, progress) in &self.counted {
            totals.change(category).add(progress, self.events_counted, -1);
        }
        for (category, progress) in &now {
            totals.change(category).add(progress, self.events, 1);
        }
        self.counted = now;
        self.events_counted = self.events;
    }
}

/// How far the steps, in order of time, lead in the whole shop and in each category that they touch. One
/// walk for all: a scraper's session has thousands of steps in thousands of categories.
fn progress_by_category(steps: &[Step]) -> HashMap<Box<str>, Progress> {
    let mut walks: HashMap<&str, Walk> = HashMap::from([(ROOT, Walk::default())]);
    for step in steps {
        let (at, kind, _) = step.at;
        // The whole shop has the searches themselves, a category the searches that led to a look at it.
        let searched_at = (kind == EventType::Search).then_some(at);
        walks.entry(ROOT).or_default().take(step, searched_at);
        let searched_at = step.searched_at.filter(|_| kind == EventType::View);
        for category in step.category.iter().flat_map(CategoryPath::prefixes) {
            walks.entry(category).or_default().take(step, searched_at);
        }
    }
    walks.into_iter().map(|(category, walk)| (category.into(), walk.progress())).collect()
}

/// A session's way through one category so far.
#[derive(Default)]
struct Walk {
    first_search: Option<Timestamp>,
    first_view: Option<Timestamp>,
    depth: u8,
    revenue: Cents,
}

impl Walk {
    fn take(&mut self, step: &Step, searched_at: Option<Timestamp>) {
        let (at, kind, _) = step.at;
        self.first_search = [self.first_search, searched_at].into_iter().flatten().min();
        match kind {
            EventType::View => {
                self.first_view = self.first_view.or(Some(at));
                self.depth = self.depth.max(2);
            }
            EventType::AddToCart if self.depth >= 2 => self.depth = self.depth.max(3),
            EventType::Purchase if self.depth >= 3 => self.depth = 4,
            EventType::Search | EventType::AddToCart | EventType::Purchase | EventType::Refund => {}
        }
        if kind == EventType::Purchase {
            self.revenue += step.amount;
        }
    }

    fn progress(&self) -> Progress {
        let searched_first = |search| self.first_view.is_none_or(|view| search <= view);
        Progress {
            searched: self.first_search.is_some(),
            by_search: self.first_search.is_some_and(searched_first),
            depth: self.depth.max(u8::from(self.first_search.is_some())),
            revenue: self.revenue,
        }
    }
}

impl Total {
    fn add(&mut self, progress: &Progress, events: u64, sign: i64) {
        self.support += sign * i64::try_from(events).unwrap_or(i64::MAX);
        self.searched += sign * i64::from(progress.searched);
        self.revenue = self.revenue.saturating_add(sign * progress.revenue.0);
        let stages = if progress.by_search { &mut self.by_search } else { &mut self.by_browse };
        for reached in stages.iter_mut().take(usize::from(progress.depth)) {
            *reached += sign;
        }
    }

    fn body<'a>(&self, pane: &Pane, category: &'a str) -> Body<'a> {
        let mut all = self.by_search;
        all.iter_mut().zip(self.by_browse).for_each(|(sum, browsed)| *sum += browsed);
        Body {
            minute: pane.start,
            partition: pane.partition,
            category,
            level: if category == ROOT { 0 } else { level(category) },
            support: self.support,
            all: all.into(),
            searched: self.searched,
            by_search: self.by_search.into(),
            by_browse: self.by_browse.into(),
            revenue_cents: self.revenue,
        }
    }
}

#[cfg(test)]
mod tests;
