//! What the sessions that began in a minute searched for and what came of it: in all, by category, by query and by
//! filter.
//!
//! Recounted from the definition: which of a session's searches, and of its items that a search led to, concern a
//! subject; then what they add up to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::audit::recount::Expected;
use crate::audit::recount::sessions::sessions;
use crate::audit::recount::windows::Pane;
use crate::model::category::CategoryPath;
use crate::model::event::{Action, Attribution, Event, EventType, Item, Search};
use crate::model::ids::{QueryId, SessionId};
use crate::model::money::Cents;
use crate::model::query::normalised;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;

/// The filter whose value is a category.
const CATEGORY_FILTER: &str = "category";
/// A reciprocal rank of 1.
const MILLION: u64 = 1_000_000;

/// What is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    All,
    Category,
    Query,
    Filter,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Category => "category",
            Self::Query => "query",
            Self::Filter => "filter",
        }
    }
}

/// A scope and what in it.
type Subject = (Scope, String);

/// What of one session concerns one subject.
#[derive(Default)]
struct Concerned<'a> {
    searches: Vec<(&'a Event, &'a Search)>,
    items: Vec<(&'a Event, &'a Item, &'a Attribution)>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Tally {
    sessions: u64,
    searches: u64,
    intents: u64,
    zero_results: u64,
    clicked: u64,
    clicks: u64,
    position_sum: u64,
    reciprocal_rank_millionths: u64,
    carted: u64,
    purchased: u64,
    units: u64,
    revenue_cents: Cents,
    refunded_units: u64,
    refunded_cents: Cents,
}

#[derive(Serialize)]
struct Body<'a> {
    minute: Timestamp,
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a SessionId>,
    scope: Scope,
    key: &'a str,
    support: u64,
    #[serde(flatten)]
    tally: Tally,
}

/// The documents of one minute's sessions.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let mut totals: BTreeMap<Subject, (u64, Tally)> = BTreeMap::new();
    for events in sessions(events).values() {
        for (subject, concerned) in by_subject(events) {
            let tally = concerned.tally(subject.0);
            let (support, total) = totals.entry(subject).or_default();
            *support += concerned.support();
            total.add(&tally);
        }
    }
    let document = |((scope, key), (support, tally)): (&Subject, &(u64, Tally))| {
        let id = format!("queries|{}|{}|{}|{key}", pane.window.millis(), pane.partition, scope.as_str());
        let body = body(pane, None, (*scope, key), *support, *tally);
        Expected::result(&Schema::QUERY_STATS, pane.window, id, *support, &body)
    };
    totals.iter().map(document).collect()
}

/// The same of one session alone.
pub fn of_session(pane: &Pane, session: &SessionId, events: &[&Event]) -> Vec<Expected> {
    let document = |((scope, key), concerned): (&Subject, &Concerned<'_>)| {
        let (window, partition) = (pane.window.millis(), pane.partition);
        let id = format!("suspect-queries|{window}|{partition}|{session}|{}|{key}", scope.as_str());
        let support = concerned.support();
        let body = body(pane, Some(session), (*scope, key), support, concerned.tally(*scope));
        Expected::result(&Schema::SUSPECT_QUERIES, pane.window, id, support, &body)
    };
    by_subject(events).iter().map(document).collect()
}

fn body<'a>(
    pane: &Pane,
    session_id: Option<&'a SessionId>,
    (scope, key): (Scope, &'a str),
    support: u64,
    tally: Tally,
) -> Body<'a> {
    Body { minute: pane.window, partition: pane.partition, session_id, scope, key, support, tally }
}

/// What of a session's events concerns which subject.
fn by_subject<'a>(events: &[&'a Event]) -> BTreeMap<Subject, Concerned<'a>> {
    let mut subjects: BTreeMap<Subject, Concerned<'a>> = BTreeMap::new();
    for event in events {
        if let Action::Search(search) = &event.action {
            for subject in of_search(search) {
                subjects.entry(subject).or_default().searches.push((event, search));
            }
        }
        for item in event.items() {
            let Some(attribution) = &item.attribution else { continue };
            for subject in of_item(item, attribution) {
                subjects.entry(subject).or_default().items.push((event, item, attribution));
            }
        }
    }
    subjects
}

fn of_search(search: &Search) -> BTreeSet<Subject> {
    let category = search.filters.get(CATEGORY_FILTER).and_then(|value| CategoryPath::parse(value).ok());
    let filters =
        search.filters.keys().map(|name| normalised(name).into_owned()).filter(|name| !name.is_empty());
    let filters = filters.map(|name| (Scope::Filter, name));
    subjects(&search.query, category.as_ref()).chain(filters).collect()
}

fn of_item(item: &Item, attribution: &Attribution) -> BTreeSet<Subject> {
    subjects(&attribution.query, Some(&item.category)).collect()
}

fn subjects(query: &str, category: Option<&CategoryPath>) -> impl Iterator<Item = Subject> {
    let query = Some(normalised(query).into_owned()).filter(|query| !query.is_empty());
    let categories = category.into_iter().flat_map(CategoryPath::prefixes);
    let categories = categories.map(|category| (Scope::Category, category.to_owned()));
    let all = [(Scope::All, Scope::All.as_str().to_owned())];
    all.into_iter().chain(query.map(|query| (Scope::Query, query))).chain(categories)
}

impl<'a> Concerned<'a> {
    /// The distinct events; an id counts within its topic.
    fn support(&self) -> u64 {
        let searches = self.searches.iter().map(|(event, _)| event);
        let events = searches.chain(self.items.iter().map(|(event, ..)| event));
        events.map(|event| (event.event_type().stream(), event.event_id)).collect::<BTreeSet<_>>().len()
            as u64
    }

    fn of_kind(&self, kind: EventType) -> impl Iterator<Item = (&'a Item, &'a Attribution)> {
        let of_kind = self.items.iter().filter(move |(event, ..)| event.event_type() == kind);
        of_kind.map(|(_, item, attribution)| (*item, *attribution))
    }

    fn tally(&self, scope: Scope) -> Tally {
        // In a category a search is also one that led to a look at something there.
        let led_here = || self.of_kind(EventType::View).filter(|_| scope == Scope::Category);
        let asked = self.searches.iter().map(|(_, search)| (&search.query_id, &search.intent_id));
        let (searches, intents): (BTreeSet<&QueryId>, BTreeSet<&QueryId>) =
            asked.chain(led_here().map(|(_, led)| (&led.query_id, &led.intent_id))).unzip();
        let with = |kind| {
            let ids: BTreeSet<&QueryId> = self.of_kind(kind).map(|(_, led)| &led.query_id).collect();
            searches.intersection(&ids).count() as u64
        };
        let best = self.best_positions();
        let ranks = searches.iter().filter_map(|id| best.get(id)).map(|best| MILLION / best.max(&1));
        let positions = || self.of_kind(EventType::View).map(|(_, led)| u64::from(led.position));
        let (units, revenue_cents) = self.sum(EventType::Purchase);
        let (refunded_units, refunded_cents) = self.sum(EventType::Refund);
        Tally {
            sessions: u64::from(!searches.is_empty()),
            searches: searches.len() as u64,
            intents: intents.len() as u64,
            zero_results: self.zero_results(),
            clicked: with(EventType::View),
            clicks: positions().count() as u64,
            position_sum: positions().sum(),
            reciprocal_rank_millionths: ranks.sum(),
            carted: with(EventType::AddToCart),
            purchased: with(EventType::Purchase),
            units,
            revenue_cents,
            refunded_units,
            refunded_cents,
        }
    }

    /// The searches without a result. Of two events of one search that with the least id counts.
    fn zero_results(&self) -> u64 {
        let mut first: BTreeMap<&QueryId, (&Event, &Search)> = BTreeMap::new();
        for (event, search) in &self.searches {
            let first = first.entry(&search.query_id).or_insert((event, search));
            if event.event_id < first.0.event_id {
                *first = (event, search);
            }
        }
        first.values().filter(|(_, search)| search.result_count == 0).count() as u64
    }

    /// The best position that was clicked, by search.
    fn best_positions(&self) -> BTreeMap<&'a QueryId, u64> {
        let mut best: BTreeMap<&QueryId, u64> = BTreeMap::new();
        for (_, led) in self.of_kind(EventType::View) {
            let position = u64::from(led.position);
            let least = best.entry(&led.query_id).or_insert(position);
            *least = position.min(*least);
        }
        best
    }

    /// Pieces and money.
    fn sum(&self, kind: EventType) -> (u64, Cents) {
        let units = self.of_kind(kind).map(|(item, _)| u64::from(item.quantity)).sum();
        (units, self.of_kind(kind).map(|(item, _)| item.amount()).sum())
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.searches += other.searches;
        self.intents += other.intents;
        self.zero_results += other.zero_results;
        self.clicked += other.clicked;
        self.clicks += other.clicks;
        self.position_sum += other.position_sum;
        self.reciprocal_rank_millionths += other.reciprocal_rank_millionths;
        self.carted += other.carted;
        self.purchased += other.purchased;
        self.units += other.units;
        self.revenue_cents += other.revenue_cents;
        self.refunded_units += other.refunded_units;
        self.refunded_cents += other.refunded_cents;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, search, view};
    use crate::model::event::{Touch, tests::item};
    use crate::model::money::Currency;
    use serde_json::{Value, json};

    fn id(text: &str) -> QueryId {
        QueryId::parse(text).unwrap()
    }

    /// A search of the intent `q1`.
    fn searched(millis: i64, query_id: &str, query: &str, result_count: u64) -> Event {
        let mut event = search(at(millis));
        if let Action::Search(search) = &mut event.action {
            (search.query_id, search.query, search.result_count) = (id(query_id), query.into(), result_count);
        }
        event
    }

    #[test]
    fn a_refined_search_is_one_intent_and_its_click_counts_for_what_was_typed() {
        let (query_id, intent_id, searched_at) = (id("q2"), id("q1"), at(2));
        let led = Attribution { query_id, intent_id, query: " Head phones".into(), searched_at, position: 3 };
        let item = Item { attribution: Some(led), ..item() };
        let click = Action::View(Touch { item, currency: Currency::EUR });
        let events = [
            searched(1, "q1", "hedphones", 0),
            searched(2, "q2", "head phones", 7),
            Event { action: click, ..view(at(3)) },
        ];
        let pane = Pane { window: at(0).floor_to(60_000), partition: 0, stream: None };
        let documents = documents(&pane, &events.iter().collect::<Vec<_>>());
        let of = |scope: &str, key: &str| -> [Value; 6] {
            let is_it = |one: &&Expected| one.body["scope"] == scope && one.body["key"] == key;
            let body = &documents.iter().find(is_it).unwrap().body;
            ["support", "searches", "intents", "zero_results", "clicked", "reciprocal_rank_millionths"]
                .map(|field| body[field].clone())
        };
        assert_eq!(of("all", "all"), [3, 2, 1, 1, 1, 333_333].map(|count| json!(count)));
        assert_eq!(of("query", "hedphones"), [1, 1, 1, 1, 0, 0].map(|count| json!(count)));
        assert_eq!(of("query", "head phones"), [2, 1, 1, 0, 1, 333_333].map(|count| json!(count)));
        assert_eq!(of("category", "electronics"), [1, 1, 1, 0, 1, 333_333].map(|count| json!(count)));
    }
}
