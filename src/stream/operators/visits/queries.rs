//! Searches: how often something was searched for and what came of it, by query, by category, by filter and in all.
//!
//! A visit's events *touch* a query when they are a search for it, or name a product that a search for it led to;
//! a category when they are a search narrowed to it, or name a product in it that a search led to; a filter when they
//! are a search that has it set. Searches are told apart by their query id, so that a search and what it led to
//! belong together. What a visit adds to a query depends on the events alone that touch the query, which are
//! therefore the support.

use serde::Serialize;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::model::event::EventType;
use crate::model::ids::SessionId;
use crate::model::query::normalised;
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents, is_zero};
use crate::stream::fold::Pane;
use crate::stream::footprint::text;
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::visits::categories::{Categories, CategoryNumber};
use crate::stream::operators::visits::funnels::ROOT;
use crate::stream::operators::visits::scopes::Scopes;
use crate::stream::operators::visits::visit::{Sought, Step, Visit};
use crate::stream::tables::Table;

/// Reciprocal ranks are added up in millionths, so that their sum does not depend on the order.
const MILLIONTHS: u32 = 1_000_000;
/// Outcomes that there is room for from one visit to the next: more than nearly all have.
const OUTCOMES_KEPT: usize = 256;

/// What searches are added up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of them.
    All,
    /// Those narrowed to a category, and those that led to a product in it.
    Category(CategoryNumber),
    /// Those for the same, as [`normalised`] writes it.
    Query(SmolStr),
    /// Those that have this filter set.
    Filter(SmolStr),
}

macro_rules! tally {
    ($($(#[$doc:meta])* $figure:ident),* $(,)?) => {
        /// What searches and what came of them add up to. Signed, for a visit is taken out and put in again.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$doc])* pub $figure: i64,)*
        }

        /// A tally and what it is of. Named one by one, for figures that are flattened into it take longer to write.
        #[derive(Serialize)]
        struct Body<'a> {
            minute: &'a str,
            partition: i32,
            #[serde(skip_serializing_if = "Option::is_none")]
            session_id: Option<&'a SessionId>,
            scope: &'a str,
            key: &'a str,
            $(#[serde(skip_serializing_if = "is_zero")] $figure: i64,)*
        }

        impl Tally {
            fn add(&mut self, other: &Self, sign: i64) {
                $(self.$figure = self.$figure.saturating_add(sign * other.$figure);)*
            }

            fn body<'a>(
                &self,
                pane: &'a Pane,
                session_id: Option<&'a SessionId>,
                (scope, key): (&'a str, &'a str),
            ) -> Body<'a> {
                let (minute, partition) = (pane.start_text.as_str(), pane.partition);
                Body { minute, partition, session_id, scope, key, $($figure: self.$figure,)* }
            }
        }
    };
}

tally! {
    /// Events that touch the key.
    support,
    /// Visits with a search.
    sessions,
    /// Distinct searches.
    searches,
    /// Distinct first searches of chains of refinements.
    intents,
    /// Searches that found nothing.
    zero_results,
    /// Searches of which a result was viewed.
    clicked,
    /// Views of results.
    clicks,
    /// Their places among the results.
    position_sum,
    /// One over the best place that was viewed, of each clicked search.
    reciprocal_rank_millionths,
    /// Searches of which a result was put into the cart.
    carted,
    /// Searches of which a result was ordered.
    purchased,
    /// Pieces ordered.
    units,
    /// What they cost.
    revenue_cents,
    /// Pieces given back.
    refunded_units,
    /// What was paid back for them.
    refunded_cents,
}

impl Scope {
    fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Category(_) => "category",
            Self::Query(_) => "query",
            Self::Filter(_) => "filter",
        }
    }

    fn key<'a>(&'a self, categories: &'a Categories) -> &'a str {
        match self {
            Self::All => ROOT,
            Self::Category(number) => categories.name(*number),
            Self::Query(text) | Self::Filter(text) => text,
        }
    }

    /// Bytes that it takes on the heap.
    pub fn bytes(&self) -> usize {
        match self {
            Self::All | Self::Category(_) => 0,
            Self::Query(key) | Self::Filter(key) => text(key),
        }
    }
}

fn support(tally: &Tally) -> u64 {
    u64::try_from(tally.support).unwrap_or_default()
}

/// What a visit searched for and what came of it: as it was counted last, and as it is now. Kept from one visit to the
/// next, to be filled again.
#[derive(Default)]
pub struct Change {
    tallies: Tallies,
    /// By the scope's number; those that are not there were nothing.
    before: Vec<Tally>,
    /// By the scope's number.
    now: Vec<Tally>,
    was_suspect: bool,
}

impl Change {
    /// Takes in a visit whose steps are in order, in place of the one before.
    pub fn fill(&mut self, visit: &Visit, categories: &Categories) {
        let Self { tallies, before, now, was_suspect } = self;
        *was_suspect = visit.counted().suspect;
        // What it was counted as last is not kept but found again, on the way to what it is now.
        tallies.clear();
        tallies.take_all(visit, visit.steps_before(), categories);
        tallies.add_up(before);
        let steps = visit.steps_since().unwrap_or_else(|| {
            tallies.clear_counts();
            visit.steps()
        });
        tallies.take_all(visit, steps.iter(), categories);
        tallies.add_up(now);
    }

    /// Each scope with what it was and what it is.
    fn iter(&self) -> impl Iterator<Item = (&Scope, Option<&Tally>, &Tally)> {
        let scopes = self.tallies.scopes.iter();
        scopes.filter_map(|(number, scope)| Some((scope, self.before.get(number), self.now.get(number)?)))
    }

    /// Takes the visit out of the totals as it was, and puts it in as it is. Gives how many bytes new names of scopes take
    /// on the heap.
    pub fn recount(&self, totals: &mut Keyed<Scope, Tally>) -> usize {
        let mut bytes = 0;
        for (scope, before, now) in self.iter().filter(|(_, before, now)| *before != Some(*now)) {
            let total = totals.change(scope);
            // A new one: whatever touches a scope supports it.
            if total.support == 0 {
                bytes += scope.bytes();
            }
            if let Some(before) = before {
                total.add(before, -1);
            }
            total.add(now, 1);
        }
        bytes
    }

    /// Writes what has changed of a suspect visit, or all when it was not suspect before.
    pub fn suspects(&self, session: &SessionId, pane: &Pane, categories: &Categories, out: &mut Documents) {
        let begin = pane.ids_begin("suspect-queries");
        for (scope, _, now) in
            self.iter().filter(|(_, before, now)| !self.was_suspect || *before != Some(*now))
        {
            let (scope, key) = (scope.name(), scope.key(categories));
            let about = About::result(&Schema::SUSPECT_QUERIES, pane.start, support(now));
            let id = [begin.as_str(), session.as_str(), "|", scope, "|", key];
            out.push(about, &id, &now.body(pane, Some(session), (scope, key)));
        }
    }
}

/// The results that have changed.
pub fn render(totals: &mut Keyed<Scope, Tally>, categories: &Categories, pane: &Pane, out: &mut Documents) {
    let begin = pane.ids_begin("queries");
    totals.take_changed(|scope, tally| {
        let (scope, key) = (scope.name(), scope.key(categories));
        let about = About::result(&Schema::QUERY_STATS, pane.start, support(tally));
        out.push(about, &[&begin, scope, "|", key], &tally.body(pane, None, (scope, key)));
    });
}

/// What a visit searched for and what came of it, by scope. In a few tables for all scopes: a visit has a dozen, and
/// each that has changed is counted anew with each flush.
#[derive(Default)]
struct Tallies {
    scopes: Scopes,
    /// By the scope's number.
    counts: Vec<Count>,
    /// By the scope's number and the query id: a flood's visit has thousands.
    outcomes: Table<(usize, u64), Outcome>,
    /// The scope's number and the hash of the intent's id, of each search.
    intents: Vec<(usize, u64)>,
}

/// What the steps of one scope add up to.
#[derive(Default)]
struct Count {
    tally: Tally,
    /// The event that was taken in last.
    last: Option<(Uuid, EventType)>,
}

/// What came of a search.
#[derive(Default)]
struct Outcome {
    /// Whether it is a search of this key.
    searched: bool,
    /// The event with the least id that states it, and whether nothing was found.
    stated: Option<(Uuid, bool)>,
    best_position: Option<u32>,
    carted: bool,
    purchased: bool,
}

impl Tallies {
    fn take_all<'a>(
        &mut self,
        visit: &'a Visit,
        steps: impl Iterator<Item = &'a Step>,
        categories: &Categories,
    ) {
        for step in steps {
            let Some(search) = visit.search_of(step) else { continue };
            let whole_shop = self.scopes.whole_shop();
            self.take(whole_shop, step, search);
            if !search.query.is_empty() {
                let query = self.scopes.query(step, search);
                self.take(query, step, search);
            }
            for category in categories.upwards(step.category) {
                let number = self.scopes.category(category);
                self.take(number, step, search);
                // What it led to tells of the search, which need not be narrowed to the category.
                if step.kind == EventType::View {
                    self.searched(number, search);
                }
            }
            if step.kind == EventType::Search {
                self.take_filters(visit, step, search, categories);
            }
        }
    }

    /// Forgets a visit, and the room that one with thousands of searches took: emptying it would cost each after it.
    fn clear(&mut self) {
        if self.outcomes.capacity() > OUTCOMES_KEPT {
            *self = Self::default();
        }
        self.scopes.clear();
        self.counts.clear();
        self.outcomes.clear();
        self.intents.clear();
    }

    /// Forgets what was counted, and keeps the scopes' numbers.
    fn clear_counts(&mut self) {
        self.counts.fill_with(Count::default);
        self.outcomes.clear();
        self.intents.clear();
    }

    fn take_filters(&mut self, visit: &Visit, step: &Step, search: &Sought, categories: &Categories) {
        for filter in visit.filters_of(step) {
            let name = normalised(&filter.name);
            if !name.is_empty() {
                let filter = self.scopes.filter(name.into());
                self.take(filter, step, search);
            }
            for category in filter.category.into_iter().flat_map(|narrowed| categories.upwards(narrowed)) {
                let number = self.scopes.category(category);
                self.take(number, step, search);
            }
        }
    }

    /// Takes a step into the scope of this number.
    fn take(&mut self, number: usize, step: &Step, search: &Sought) {
        if self.counts.len() < self.scopes.len() {
            self.counts.resize_with(self.scopes.len(), Count::default);
        }
        if let Some(count) = self.counts.get_mut(number) {
            count.take(step);
        }
        self.outcomes.entry((number, search.query_id)).or_default().take(step);
        if step.kind == EventType::Search {
            self.intents.push((number, search.intent_id));
        }
    }

    fn searched(&mut self, number: usize, search: &Sought) {
        self.outcomes.entry((number, search.query_id)).or_default().searched = true;
        self.intents.push((number, search.intent_id));
    }

    /// What each scope adds up to so far, with what came of its searches; more steps may be taken after.
    fn add_up(&mut self, sums: &mut Vec<Tally>) {
        sums.clear();
        sums.extend(self.counts.iter().map(|count| count.tally));
        for ((number, _), outcome) in self.outcomes.iter().filter(|(_, outcome)| outcome.searched) {
            if let Some(sum) = sums.get_mut(*number) {
                outcome.add_to(sum);
            }
        }
        self.intents.sort_unstable();
        self.intents.dedup();
        for (number, _) in &self.intents {
            if let Some(sum) = sums.get_mut(*number) {
                sum.intents += 1;
            }
        }
    }
}

impl Count {
    fn take(&mut self, step: &Step) {
        // An event's steps follow each other.
        if self.last.replace((step.id, step.kind)) != Some((step.id, step.kind)) {
            self.tally.support += 1;
        }
        let (quantity, amount) = (i64::from(step.quantity), step.amount.0);
        match step.kind {
            EventType::View => {
                self.tally.clicks += 1;
                self.tally.position_sum += i64::from(step.position);
            }
            EventType::Purchase => {
                self.tally.units += quantity;
                self.tally.revenue_cents += amount;
            }
            EventType::Refund => {
                self.tally.refunded_units += quantity;
                self.tally.refunded_cents += amount;
            }
            EventType::Search | EventType::AddToCart => {}
        }
    }
}

impl Outcome {
    fn take(&mut self, step: &Step) {
        match step.kind {
            EventType::Search => {
                self.searched = true;
                let statement = (step.id, step.quantity == 0);
                self.stated = Some(self.stated.map_or(statement, |first| first.min(statement)));
            }
            EventType::View => {
                let best = self.best_position.map_or(step.position, |best| best.min(step.position));
                self.best_position = Some(best);
            }
            EventType::AddToCart => self.carted = true,
            EventType::Purchase => self.purchased = true,
            EventType::Refund => {}
        }
    }

    /// Adds one search to what searches add up to.
    fn add_to(&self, tally: &mut Tally) {
        tally.sessions = 1;
        tally.searches += 1;
        tally.zero_results += i64::from(self.stated.is_some_and(|(_, is_empty)| is_empty));
        tally.carted += i64::from(self.carted);
        tally.purchased += i64::from(self.purchased);
        if let Some(position) = self.best_position {
            tally.clicked += 1;
            tally.reciprocal_rank_millionths += i64::from(MILLIONTHS / position.max(1));
        }
    }
}
