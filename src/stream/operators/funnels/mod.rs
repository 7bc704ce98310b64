//! Funnels: how far the sessions that began in a minute came, in all and in every category they touched.
//!
//! A session *entered* when it searched or viewed; it *viewed* when it viewed; it *carted* when it put
//! something into the cart after its first view; it *purchased* when it bought after such a cart
//! addition. After means in order of event time, ties by type, then id. In a category only the steps on
//! its products count, and its search step is a search that led to one of them. A session whose first
//! step is a search counts under `by_search`, else under `by_browse`, so the two add up to the whole.

mod categories;

use std::collections::HashMap;

use chrono::TimeDelta;
use serde::Serialize;
use uuid::Uuid;

use crate::model::category::level;
use crate::model::event::{Action, Event, EventType, Item, time_of};
use crate::model::ids::SessionId;
use crate::model::money::Cents;
use crate::model::time::{HOUR_MS, MINUTE_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::document::Document;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, text};
use crate::stream::operators::funnels::categories::{Categories, CategoryNumber};
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
    totals: Keyed<CategoryNumber, Total>,
    categories: Categories,
}

/// A session's way, kept as small as can be: there are a million at once.
#[derive(Default)]
struct Session {
    events: u32,
    /// So many of them were there when the session was counted last.
    events_counted: u32,
    steps: Vec<Step>,
}

/// One thing done with one category; a search concerns the whole shop. In order of time, ties by type, then id.
struct Step {
    /// The event's id, which tells its time.
    id: Uuid,
    deed: Deed,
    category: CategoryNumber,
    /// Whether it was there when the session was counted last.
    counted: bool,
}

/// What was done, with what matters of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Search,
    View,
    /// With the time of the search that led there.
    FoundView(Timestamp),
    AddToCart,
    Purchase(Cents),
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
        let of_session = |id: &SessionId, session: &Session| {
            text(id.as_str()) + session.steps.capacity() * size_of::<Step>()
        };
        let sessions = self.sessions.footprint(of_session);
        let totals = self.totals.footprint(|_, _| 0);
        Footprint {
            entries: sessions.entries,
            bytes: sessions.bytes + totals.bytes + self.categories.bytes(),
        }
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
        let Cohort { sessions, categories, .. } = state;
        let session = sessions.change(&event.session_id);
        session.events += 1;
        let step = |deed, category| Step { id: event.event_id, deed, category, counted: false };
        if let Action::Search(_) = event.action {
            session.steps.push(step(Deed::Search, CategoryNumber::ROOT));
        }
        session.steps.extend(event.items().iter().filter_map(|item| {
            let deed = Deed::of(event.event_type(), item)?;
            Some(step(deed, categories.number(&item.category)))
        }));
    }

    fn render(&self, state: &mut Cohort, pane: &Pane, out: &mut Vec<Document>) {
        let Cohort { sessions, totals, categories } = state;
        sessions.take_changed(|_, session| session.recount(categories, totals));
        totals.take_changed(|category, total| {
            let category = categories.name(*category);
            let body = total.body(pane, category);
            let id = format!("funnels|{}|{}|{category}", pane.start.millis(), pane.partition);
            let support = u64::try_from(total.support).unwrap_or_default();
            out.push(Document::result(&Schema::CATEGORY_FUNNELS, pane.start, id, support, &body));
        });
    }
}

impl Deed {
    /// `None` for a refund, which is no step.
    fn of(kind: EventType, item: &Item) -> Option<Self> {
        match kind {
            EventType::Search => Some(Self::Search),
            EventType::View => Some(match &item.attribution {
                Some(search) => Self::FoundView(search.searched_at),
                None => Self::View,
            }),
            EventType::AddToCart => Some(Self::AddToCart),
            EventType::Purchase => Some(Self::Purchase(item.amount())),
            EventType::Refund => None,
        }
    }

    fn kind(self) -> EventType {
        match self {
            Self::Search => EventType::Search,
            Self::View | Self::FoundView(_) => EventType::View,
            Self::AddToCart => EventType::AddToCart,
            Self::Purchase(_) => EventType::Purchase,
        }
    }
}

impl Session {
    /// Takes the session out of the totals as it was counted last, and puts it in as it is now.
    fn recount(&mut self, categories: &Categories, totals: &mut Keyed<CategoryNumber, Total>) {
        self.steps.sort_unstable_by_key(|step| (time_of(step.id), step.deed.kind(), step.id));
        // How it was counted last is not kept but found again.
        if self.events_counted > 0 {
            let counted = self.steps.iter().filter(|step| step.counted);
            for (category, walk) in walks(counted, categories) {
                totals.change(&category).add(&walk.progress(), self.events_counted, -1);
            }
        }
        for (category, walk) in walks(self.steps.iter(), categories) {
            totals.change(&category).add(&walk.progress(), self.events, 1);
        }
        self.steps.iter_mut().for_each(|step| step.counted = true);
        self.events_counted = self.events;
    }
}

/// Where the steps, in order of time, lead in the whole shop and in each category that they touch. One walk
/// for all: a scraper's session has thousands of steps in thousands of categories.
fn walks<'a>(
    steps: impl Iterator<Item = &'a Step>,
    categories: &Categories,
) -> HashMap<CategoryNumber, Walk> {
    let mut walks = HashMap::from([(CategoryNumber::ROOT, Walk::default())]);
    for step in steps {
        // The whole shop has the searches themselves, a category the searches that led to a look at it.
        let searched_at = (step.deed == Deed::Search).then(|| time_of(step.id));
        walks.entry(CategoryNumber::ROOT).or_default().take(step, searched_at);
        let searched_at = if let Deed::FoundView(searched_at) = step.deed { Some(searched_at) } else { None };
        for category in categories.upwards(step.category) {
            walks.entry(category).or_default().take(step, searched_at);
        }
    }
    walks
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
        self.first_search = [self.first_search, searched_at].into_iter().flatten().min();
        match step.deed {
            Deed::View | Deed::FoundView(_) => {
                self.first_view = self.first_view.or(Some(time_of(step.id)));
                self.depth = self.depth.max(2);
            }
            Deed::AddToCart if self.depth >= 2 => self.depth = self.depth.max(3),
            Deed::Purchase(_) if self.depth >= 3 => self.depth = 4,
            Deed::Search | Deed::AddToCart | Deed::Purchase(_) => {}
        }
        if let Deed::Purchase(amount) = step.deed {
            self.revenue += amount;
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
    fn add(&mut self, progress: &Progress, events: u32, sign: i64) {
        self.support += sign * i64::from(events);
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
