//! What a visit did, kept as small as can be: there are a million at once.

use std::borrow::Cow;

use smol_str::SmolStr;
use uuid::Uuid;

use crate::model::category::CategoryPath;
use crate::model::event::{Action, Attribution, Event, EventType, Item, Search, time_of};
use crate::model::ids::{ClientId, ProductId, QueryId, UserId};
use crate::model::money::Cents;
use crate::model::query::normalised;
use crate::model::time::Timestamp;
use crate::stream::footprint::text;
use crate::stream::operators::visits::categories::{Categories, CategoryNumber};
use crate::stream::tables::fingerprint;

/// Steps that may wait to be put in order: so many are looked through one by one.
const UNSORTED_MAX: usize = 64;
/// The filter that names a category.
const CATEGORY_FILTER: &str = "category";

/// One visit. Every figure is a function of the set of its events.
#[derive(Default)]
pub struct Visit {
    /// Those before `sorted` in order of time, ties by type, then id; an event's steps as the event names them.
    steps: Vec<Step>,
    sorted: u32,
    events: u32,
    /// The time of its last event.
    latest: Timestamp,
    /// What was known of it when it was counted last.
    counted: Counted,
    /// The searches that it made or came from.
    sought: Vec<Sought>,
    /// Apart, for most visits set none.
    filters: Option<Box<Filters>>,
    /// Who, as the event with the least id says.
    who: Option<(Uuid, Visitor)>,
}

/// What was known of a visit when it was counted last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Its events.
    pub events: u32,
    /// Whether a rule on bots spoke of it.
    pub suspect: bool,
}

/// One thing done with one product, or a search.
pub struct Step {
    /// The event's id, which tells its time.
    pub id: Uuid,
    /// Which product; `None` for a search.
    pub product: Option<ProductId>,
    /// What its pieces cost.
    pub amount: Cents,
    /// Its category; the whole shop for a search.
    pub category: CategoryNumber,
    /// The place of the search that it is or came from among the visit's.
    pub sought: u32,
    /// Place among the results of the search that led there; of a search the place of its first filter.
    pub position: u32,
    /// Pieces, at most [`crate::model::event::QUANTITY_MAX`]; of a search the products found, at most 65,535.
    pub quantity: u16,
    /// What was done.
    pub kind: EventType,
    /// Whether it was there when the visit was counted last.
    pub counted: bool,
}

/// A search, as it was made or as what it led to names it.
struct Asked<'a> {
    query_id: &'a QueryId,
    intent_id: &'a QueryId,
    query: &'a SmolStr,
    searched_at: Timestamp,
}

/// The same as it is kept. Hashes of 64 bits: two of a visit's few never share one.
pub struct Sought {
    /// Hash of the query's id.
    pub query_id: u64,
    /// Hash of the id of the first search of its chain of refinements.
    pub intent_id: u64,
    /// What was typed, as [`normalised`] writes it.
    pub query: SmolStr,
    /// When.
    pub searched_at: Timestamp,
}

/// A filter that was set for a search.
pub struct Filtered {
    /// The search's event.
    pub id: Uuid,
    /// The filter's name.
    pub name: SmolStr,
    /// The category that it narrows to, if it is that filter.
    pub category: Option<CategoryNumber>,
}

/// The filters of a visit's searches, in the order in which these were read.
#[derive(Default)]
struct Filters(Vec<Filtered>);

/// Whose record it was.
pub enum Visitor {
    /// Somebody known.
    LoggedIn(UserId),
    /// A browser.
    Anonymous(ClientId),
}

/// Stands for no search.
const NOT_SOUGHT: u32 = u32::MAX;

impl Visit {
    /// Adds an event that it does not hold, and says how many bytes of the heap that takes.
    pub fn add(&mut self, event: &Event, categories: &mut Categories) -> usize {
        let (room, sought, filters) = (self.room(), self.sought.len(), self.filters().len());
        let who = if self.who.is_none() { text(event.visitor()) } else { 0 };
        self.keep(event, categories);
        let products = event.items().iter().map(|item| text(item.product_id.as_str()));
        let queries = self.sought.iter().skip(sought).map(|sought| text(&sought.query));
        let filters = self.filters().iter().skip(filters).map(|filter| text(&filter.name));
        self.room() - room + who + products.chain(queries).chain(filters).sum::<usize>()
    }

    /// What [`Visit::add`] said in all, found by walking over it.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let products = self.steps.iter().filter_map(|step| step.product.as_ref()).map(|id| text(id.as_str()));
        let queries = self.sought.iter().map(|sought| text(&sought.query));
        let filters = self.filters().iter().map(|filter| text(&filter.name));
        let who = self.visitor().map_or(0, |visitor| text(visitor.key()));
        self.room() + who + products.chain(queries).chain(filters).sum::<usize>()
    }

    /// Bytes that it has room for.
    fn room(&self) -> usize {
        let filters = self.filters.as_ref();
        self.steps.capacity() * size_of::<Step>()
            + self.sought.capacity() * size_of::<Sought>()
            + filters.map_or(0, |all| size_of::<Filters>() + all.0.capacity() * size_of::<Filtered>())
    }

    fn filters(&self) -> &[Filtered] {
        self.filters.as_ref().map_or(&[], |filters| &filters.0)
    }

    fn keep(&mut self, event: &Event, categories: &mut Categories) {
        self.events += 1;
        self.latest = self.latest.max(event.timestamp);
        if self.who.as_ref().is_none_or(|(first, _)| event.event_id < *first) {
            self.who = Some((event.event_id, Visitor::of(event)));
        }
        if let Action::Search(search) = &event.action {
            self.search(event, search, categories);
        }
        for item in event.items() {
            let step = self.step(event, item, categories);
            self.steps.push(step);
        }
        if self.steps.len() - self.sorted as usize > UNSORTED_MAX {
            self.sort();
        }
    }

    /// Whether it holds an event. An id counts within its topic.
    pub fn holds(&self, event: &Event) -> bool {
        // Most come in order; an id tells the time.
        if event.timestamp > self.latest {
            return false;
        }
        let (id, stream) = (event.event_id, event.event_type().stream());
        let (sorted, unsorted) = self.steps.split_at_checked(self.sorted as usize).unwrap_or_default();
        let is_there =
            |kind: EventType| sorted.binary_search_by_key(&(time_of(id), kind, id), Step::order).is_ok();
        unsorted.iter().any(|step| step.id == id && step.kind.stream() == stream)
            || EventType::ALL.into_iter().any(|kind| kind.stream() == stream && is_there(kind))
    }

    fn search(&mut self, event: &Event, search: &Search, categories: &mut Categories) {
        let sought = Asked {
            query_id: &search.query_id,
            intent_id: &search.intent_id,
            query: &search.query,
            searched_at: event.timestamp,
        };
        let step = Step {
            id: event.event_id,
            product: None,
            amount: Cents(0),
            category: CategoryNumber::ROOT,
            sought: self.number(sought),
            position: u32::try_from(self.filters().len()).unwrap_or(u32::MAX),
            quantity: u16::try_from(search.result_count).unwrap_or(u16::MAX),
            kind: EventType::Search,
            counted: false,
        };
        self.steps.push(step);
        let filters = search.filters.iter().map(|(name, value)| Filtered {
            id: event.event_id,
            name: name.clone(),
            category: category_of(name, value).map(|path| categories.number(&path)),
        });
        if !search.filters.is_empty() {
            self.filters.get_or_insert_default().0.extend(filters);
        }
    }

    fn step(&mut self, event: &Event, item: &Item, categories: &mut Categories) -> Step {
        let attribution = item.attribution.as_ref();
        Step {
            id: event.event_id,
            product: Some(item.product_id.clone()),
            amount: item.amount(),
            category: categories.number(&item.category),
            sought: attribution.map_or(NOT_SOUGHT, |search| self.number(search.into())),
            position: attribution.map_or(0, |search| search.position),
            // No event has more than 10,000.
            quantity: u16::try_from(item.quantity).unwrap_or(u16::MAX),
            kind: event.event_type(),
            counted: false,
        }
    }

    /// The number of a search among those of the visit. What it led to comes soon after it.
    fn number(&mut self, asked: Asked<'_>) -> u32 {
        let (query_id, intent_id) = (fingerprint(asked.query_id), fingerprint(asked.intent_id));
        let is_it = |known: &Sought| {
            let is_same = (known.query_id, known.intent_id, known.searched_at)
                == (query_id, intent_id, asked.searched_at);
            // What is normal already stays as it is.
            is_same && (known.query == *asked.query || known.query == normal(asked.query))
        };
        let place = self.sought.iter().rposition(is_it).unwrap_or_else(|| {
            let (query, searched_at) = (normal(asked.query), asked.searched_at);
            let sought = Sought { query_id, intent_id, query, searched_at };
            // Most visits search once: a vector would make room for four.
            if self.sought.is_empty() {
                self.sought.reserve_exact(1);
            }
            self.sought.push(sought);
            self.sought.len() - 1
        });
        u32::try_from(place).unwrap_or(NOT_SOUGHT)
    }

    /// Puts the steps in order.
    pub fn sort(&mut self) {
        let from = (self.sorted as usize).saturating_sub(1);
        let is_in_order = self.steps.get(from..).is_some_and(|since| since.is_sorted_by_key(Step::order));
        if !is_in_order {
            // Stable, for it is quick where most are in order, and an event's steps stay as it names them.
            self.steps.sort_by_key(Step::order);
        }
        self.sorted = u32::try_from(self.steps.len()).unwrap_or_default();
    }

    /// States that everything that there is now is counted.
    pub fn count(&mut self, suspect: bool) {
        self.steps.iter_mut().for_each(|step| step.counted = true);
        self.counted = Counted { events: self.events, suspect };
    }

    /// What was known of it when it was counted last.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// The steps that were there then, in order once they are sorted.
    pub fn steps_before(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.counted)
    }

    /// The steps since then, where all of them come after those; `None` where one comes earlier. As above.
    pub fn steps_since(&self) -> Option<&[Step]> {
        let before = self.steps.iter().take_while(|step| step.counted).count();
        let since = self.steps.get(before..)?;
        since.iter().all(|step| !step.counted).then_some(since)
    }

    /// How many events there are.
    pub fn len(&self) -> u32 {
        self.events
    }

    /// The steps, in order once they are sorted.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Each event once, when they are sorted: its id and type.
    pub fn events(&self) -> impl Iterator<Item = (Uuid, EventType)> {
        let mut last = None;
        let events = self.steps.iter().map(|step| (step.id, step.kind));
        events.filter(move |event| last.replace(*event) != Some(*event))
    }

    /// The search that a step is or came from.
    pub fn search_of(&self, step: &Step) -> Option<&Sought> {
        self.sought.get(step.sought as usize)
    }

    /// The filters of a search, which lie side by side.
    pub fn filters_of(&self, step: &Step) -> impl Iterator<Item = &Filtered> {
        let from = self.filters().iter().skip(step.position as usize);
        from.take_while(|filter| filter.id == step.id)
    }

    /// Whose it is.
    pub fn visitor(&self) -> Option<&Visitor> {
        self.who.as_ref().map(|(_, visitor)| visitor)
    }
}

impl Step {
    /// In which order steps are taken.
    fn order(&self) -> (Timestamp, EventType, Uuid) {
        (self.at(), self.kind, self.id)
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        time_of(self.id)
    }

    /// Whether a search led there.
    pub fn was_found(&self) -> bool {
        self.sought != NOT_SOUGHT
    }
}

impl<'a> From<&'a Attribution> for Asked<'a> {
    fn from(search: &'a Attribution) -> Self {
        let Attribution { query_id, intent_id, query, searched_at, .. } = search;
        Self { query_id, intent_id, query, searched_at: *searched_at }
    }
}

/// A query as it is counted; most are typed so already.
fn normal(query: &SmolStr) -> SmolStr {
    match normalised(query) {
        Cow::Borrowed(_) => query.clone(),
        Cow::Owned(normal) => normal.into(),
    }
}

impl Visitor {
    fn of(event: &Event) -> Self {
        let anonymous = || Self::Anonymous(event.client_id.clone());
        event.user_id.clone().map_or_else(anonymous, Self::LoggedIn)
    }

    /// The record key.
    pub fn key(&self) -> &str {
        match self {
            Self::LoggedIn(user_id) => user_id.as_str(),
            Self::Anonymous(client_id) => client_id.as_str(),
        }
    }

    /// The user, when logged in.
    pub fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::LoggedIn(user_id) => Some(user_id),
            Self::Anonymous(_) => None,
        }
    }
}

fn category_of(filter: &str, value: &str) -> Option<CategoryPath> {
    if filter == CATEGORY_FILTER { CategoryPath::parse(value).ok() } else { None }
}
