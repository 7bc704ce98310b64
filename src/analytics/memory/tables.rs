//! What is held in memory of the results, as of the last rounds of reading.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use foldhash::quality::RandomState;
use smol_str::SmolStr;

use crate::analytics::bots::Dismissed;
use crate::analytics::memory::funnels::{self, Funnels};
use crate::analytics::memory::names::Names;
use crate::analytics::memory::panes::DocumentAt;
use crate::analytics::memory::products::{self, Products, Subjects};
use crate::analytics::memory::searches::{self, Searches};
use crate::analytics::memory::shelf::{Half, Part, Shelf};
use crate::analytics::memory::suspects::{Signal, Verdicts, cleared};
use crate::analytics::progress::{Frontier, Progress};
use crate::analytics::range::{MINUTES_MAX, Range};
use crate::model::event::SESSION_MAX;
use crate::model::time::Timestamp;
use crate::rollup::cover::Held;
use crate::rollup::state::State;
use crate::rollup::{Level, Rolled};
use crate::store::Store;
use crate::store::changes::Change;
use crate::store::schema::Schema;

/// How far back minutes and quarters are held: an hour, the hour before, the four hours before that, and what begins them.
pub const REACH: TimeDelta = TimeDelta::hours(8);
/// How far back hours and days are held: the longest window, the one before, its past of four half-lives, and a day
/// that any of these begins with.
pub const PAST_REACH: TimeDelta = TimeDelta::minutes(6 * MINUTES_MAX as i64 + 24 * 60);
/// How far back everybody's minutes of products are held where quarters of an hour are there: an hour, the hour before, and
/// the quarter in which that begins. They are the most by far.
const MINUTES_REACH: TimeDelta = TimeDelta::minutes(140);
/// How far back weeks of minutes are held: what they are kept by default, and a few days.
pub const OLD_MINUTES_REACH: TimeDelta = TimeDelta::days(35);
/// How old what was read last of the last hours may be and still answer.
const AGE_MAX: Duration = Duration::from_secs(5);
/// The same of what was before, which changes when something is rolled up or repaired.
const PAST_AGE_MAX: Duration = Duration::from_secs(60);

/// What is stated and decided of results.
pub struct Stated {
    /// When it was asked for.
    pub asked: Instant,
    /// How far they are rolled up.
    pub state: State,
    /// How far they reach.
    pub frontiers: Vec<Frontier>,
    /// Which signals of rules on bots people dismissed.
    pub dismissed: Dismissed,
}

/// What the last round of the last hours ended with.
struct Recent {
    /// Whose results these are.
    results: Store,
    /// When the round began; `None` once an index was forgotten since.
    read: Option<Instant>,
    /// Since when minutes and quarters are held.
    from: Timestamp,
    /// Since when everybody's minutes of products are.
    minutes_from: Timestamp,
    state: State,
    frontiers: Vec<Frontier>,
    bots_told_apart: bool,
}

/// What the last round of what was before ended with.
struct Past {
    /// When the round began.
    read: Instant,
    /// Since when its shelves are held, but for minutes.
    from: Timestamp,
    /// Since when minutes are.
    minutes_from: Timestamp,
    /// What is held.
    shelves: Vec<Shelf>,
    /// All that is rolled up by it is held.
    state: State,
}

/// What is held.
#[derive(Default)]
pub struct Tables {
    /// Rises whenever all is forgotten.
    epoch: u64,
    /// `None` before the first round ended.
    recent: Option<Recent>,
    /// `None` before the first round ended.
    past: Option<Past>,
    /// Products that rows are about.
    pub subjects: Subjects,
    /// What everybody did with products.
    pub products: Products<()>,
    /// What each suspect session did with them, by its fingerprint.
    pub suspect_products: Products<u64>,
    /// Queries, categories and filters that rows are about.
    pub keys: Names<SmolStr>,
    /// What everybody searched.
    pub searches: Searches<()>,
    /// What each suspect session searched, by its fingerprint.
    pub suspect_searches: Searches<u64>,
    /// Categories that rows are about.
    pub categories: Names<SmolStr>,
    /// How far sessions came in each.
    pub funnels: Funnels,
    /// Of signals that were seen lately.
    recent_verdicts: Verdicts,
    /// Of all.
    past_verdicts: Verdicts,
    /// Fingerprints of the suspect sessions that are no bots'.
    cleared: HashSet<u64>,
    fingerprints: RandomState,
}

impl Tables {
    /// Empty ones, after those are forgotten.
    pub fn after(before: &Self) -> Self {
        Self { epoch: before.epoch + 1, ..Self::default() }
    }

    /// Which tables these are.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    fn place<'a, S>(&self, shelf: Shelf, change: &'a Change<S>) -> DocumentAt<'a> {
        DocumentAt { shelf, index: &change.index, fingerprint: self.fingerprints.hash_one(&change.id) }
    }

    /// Puts in what was done with a product. This and the like count once they are [settled](Self::settle).
    pub fn put_product(&mut self, shelf: Shelf, change: &Change<products::Document>) {
        let document = self.place(shelf, change);
        self.products.put(document, (), &change.source, &mut self.subjects);
    }

    /// Puts in what a suspect session did with one.
    pub fn put_suspect_product(&mut self, shelf: Shelf, change: &Change<products::Document>) {
        let document = self.place(shelf, change);
        let session = self.fingerprints.hash_one(&change.source.session_id);
        self.suspect_products.put(document, session, &change.source, &mut self.subjects);
    }

    /// Puts in what was searched.
    pub fn put_search(&mut self, shelf: Shelf, change: &Change<searches::Document>) {
        let document = self.place(shelf, change);
        searches::put(&mut self.searches, document, (), &change.source, &mut self.keys);
    }

    /// Puts in what a suspect session searched.
    pub fn put_suspect_search(&mut self, shelf: Shelf, change: &Change<searches::Document>) {
        let document = self.place(shelf, change);
        let session = self.fingerprints.hash_one(&change.source.session_id);
        searches::put(&mut self.suspect_searches, document, session, &change.source, &mut self.keys);
    }

    /// Puts in how far sessions came in a category.
    pub fn put_funnel(&mut self, shelf: Shelf, change: &Change<funnels::Document>) {
        let document = self.place(shelf, change);
        funnels::put(&mut self.funnels, document, &change.source, &mut self.categories);
    }

    /// Puts in what a rule on bots says of a session.
    pub fn put_signal(&mut self, half: Half, change: &Change<Signal>) {
        let document = self.fingerprints.hash_one(&change.id);
        let session = self.fingerprints.hash_one(&change.source.session_id);
        self.verdicts(half).put(&change.index, document, session, &change.source);
    }

    fn verdicts(&mut self, half: Half) -> &mut Verdicts {
        match half {
            Half::Recent => &mut self.recent_verdicts,
            Half::Past => &mut self.past_verdicts,
        }
    }

    /// Makes what was put in count.
    pub fn settle(&mut self) {
        self.products.settle();
        self.suspect_products.settle();
        self.searches.settle();
        self.suspect_searches.settle();
        self.funnels.settle();
    }

    /// Forgets the documents of an index that is gone. Nothing of this half is told before its round has ended.
    pub fn forget_index(&mut self, half: Half, index: &str) {
        match half {
            Half::Recent => self.recent.iter_mut().for_each(|recent| recent.read = None),
            Half::Past => self.past = None,
        }
        self.products.forget_index(half, index);
        self.suspect_products.forget_index(half, index);
        self.searches.forget_index(half, index);
        self.suspect_searches.forget_index(half, index);
        self.funnels.forget_index(half, index);
        self.verdicts(half).forget_index(index);
    }

    /// Forgets the panes of a shelf that start before an instant.
    fn forget_before(&mut self, shelf: Shelf, start: Timestamp) {
        self.products.forget_before(shelf, start);
        self.suspect_products.forget_before(shelf, start);
        self.searches.forget_before(shelf, start);
        self.suspect_searches.forget_before(shelf, start);
        self.funnels.forget_before(shelf, start);
    }

    /// Forgets all of a shelf of the past.
    pub fn forget_shelf(&mut self, shelf: Shelf) {
        self.past.iter_mut().for_each(|past| past.shelves.retain(|held| *held != shelf));
        self.forget_before(shelf, Timestamp::MAX);
    }

    /// Ends a round of reading the last hours of the results in this store that began at `now`, with what was stated then.
    pub fn end_recent(&mut self, now: Timestamp, results: &Store, stated: Stated) {
        let Stated { asked, state, frontiers, dismissed } = stated;
        // What was forgotten does not come back when the clock or the roll-up goes back.
        let before = self.recent.take();
        let not_before =
            |at: Timestamp, before: Option<Timestamp>| before.map_or(at, |before| before.max(at));
        let from = not_before(now - REACH, before.as_ref().map(|before| before.from));
        let minutes_from =
            not_before(minutes_from(now, &state), before.as_ref().map(|before| before.minutes_from));
        self.products.forget_before(Shelf::Minutes, minutes_from);
        self.forget_before(Shelf::Minutes, from);
        self.forget_before(Shelf::Quarters, from);
        self.recent_verdicts.forget_before(from - SESSION_MAX);
        let bots_told_apart = !dismissed.is_cut;
        let dismissed = dismissed.cases.iter().map(|case| self.fingerprints.hash_one(case)).collect();
        self.cleared = cleared(&self.recent_verdicts, &self.past_verdicts, &dismissed);
        let (results, read) = (results.clone(), Some(asked));
        self.recent = Some(Recent { results, read, from, minutes_from, state, frontiers, bots_told_apart });
    }

    /// Ends a round of reading these shelves of what was before that began at `now`, with what was stated then.
    pub fn end_past(&mut self, now: Timestamp, stated: Stated, shelves: Vec<Shelf>) {
        let Stated { asked: read, state, .. } = stated;
        let before = self.past.take();
        let not_before =
            |at: Timestamp, before: Option<Timestamp>| before.map_or(at, |before| before.max(at));
        let from = not_before(now - PAST_REACH, before.as_ref().map(|before| before.from));
        let minutes_from =
            not_before(now - OLD_MINUTES_REACH, before.as_ref().map(|before| before.minutes_from));
        self.forget_before(Shelf::Hours, from);
        self.forget_before(Shelf::Days, from);
        self.forget_before(Shelf::OldMinutes, minutes_from);
        self.past_verdicts.forget_before(from - SESSION_MAX);
        self.past = Some(Past { read, from, minutes_from, shelves, state });
    }

    /// Whose results these are; `None` before the first round ended.
    pub fn results(&self) -> Option<&Store> {
        self.recent.as_ref().map(|recent| &recent.results)
    }

    /// Whether these are the results of this store.
    pub fn are_of(&self, results: &Store) -> bool {
        self.results().is_some_and(|held| held.name("") == results.name(""))
    }

    /// Whether they are as new as an answer must be.
    pub fn are_fresh(&self) -> bool {
        let read = self.recent.as_ref().and_then(|recent| recent.read);
        read.is_some_and(|read| read.elapsed() <= AGE_MAX)
    }

    /// Since when anything is held at `now`.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        self.past.as_ref().map_or(now - REACH, |past| past.from)
    }

    /// Whether every suspect session could be told from bots'.
    pub fn bots_told_apart(&self) -> bool {
        self.recent.as_ref().is_some_and(|recent| recent.bots_told_apart)
    }

    /// Whether a suspect session is a bot's, by its fingerprint.
    pub fn is_bot(&self) -> impl Fn(u64) -> bool + Copy {
        |session| !self.cleared.contains(&session)
    }

    /// How far a group is.
    pub fn progress(&self, group: &str) -> Progress {
        self.recent.as_ref().map_or_else(Progress::default, |recent| Progress::of(group, &recent.frontiers))
    }

    fn past(&self) -> Option<&Past> {
        self.past.as_ref().filter(|past| past.read.elapsed() <= PAST_AGE_MAX)
    }

    /// What longer panes there are of the results whose minutes are these. Of hours and days, which are read more seldom than
    /// it is stated how many there are, those that are held where any is.
    pub fn rolled(&self, minutes: &Schema) -> Rolled {
        let Some(recent) = &self.recent else { return Rolled::default() };
        let mut rolled = recent.state.rolled(minutes);
        if let Some(past) = self.past() {
            let read = past.state.rolled(minutes);
            for level in [Level::Hour, Level::Day] {
                let held = rolled.held_mut(level);
                held.until = held.until.min(read.held(level).until);
            }
        }
        rolled
    }

    /// The longer panes that are held.
    fn longer(&self) -> Rolled {
        let since = |from| Held { from, until: Timestamp::MAX };
        let mut longer = Rolled::default();
        if let Some(recent) = &self.recent {
            longer.quarters = since(recent.from);
        }
        for (past, shelf) in
            self.past().into_iter().flat_map(|past| past.shelves.iter().map(move |shelf| (past, shelf)))
        {
            if let Some(level) = shelf.level() {
                *longer.held_mut(level) = since(past.from);
            }
        }
        longer
    }

    /// Where the panes of a stretch of time stand, of the results whose minutes are these; `None` where not all of them are
    /// held.
    pub fn parts(
        &self,
        minutes: &Schema,
        Range { rolled, .. }: Range,
        (from, until): (Timestamp, Timestamp),
    ) -> Option<Vec<Part>> {
        let recent = self.recent.as_ref()?;
        let is_of_products = minutes.name == Schema::PRODUCT_TRENDS.name;
        let minutes_from = if is_of_products { recent.minutes_from } else { recent.from };
        let has_old_minutes =
            |past: &&Past| past.shelves.contains(&Shelf::OldMinutes) && Shelf::OldMinutes.has(minutes);
        let old_minutes_from = self.past().filter(has_old_minutes).map(|past| past.minutes_from);
        let mut parts = Vec::new();
        for piece in rolled.and(self.longer()).cover(rolled.align(from), rolled.align(until)) {
            let part = |shelf| Part { shelf, from: piece.from, until: piece.until };
            match piece.level {
                Some(Level::Quarter) => parts.push(part(Shelf::Quarters)),
                Some(Level::Hour) => parts.push(part(Shelf::Hours)),
                Some(Level::Day) => parts.push(part(Shelf::Days)),
                None if piece.from >= minutes_from => parts.push(part(Shelf::Minutes)),
                None if old_minutes_from.is_some_and(|old| piece.from >= old) => {
                    parts.push(Part { until: piece.until.min(minutes_from), ..part(Shelf::OldMinutes) });
                    if minutes_from < piece.until {
                        parts.push(Part { from: minutes_from, ..part(Shelf::Minutes) });
                    }
                }
                None => return None,
            }
        }
        Some(parts)
    }

    /// The memory that one half takes, in bytes: its rows, and those of the last hours with all names.
    pub fn bytes(&self, half: Half) -> usize {
        let products = self.products.bytes(half) + self.suspect_products.bytes(half);
        let searches = self.searches.bytes(half) + self.suspect_searches.bytes(half);
        let rows = products + searches + self.funnels.bytes(half);
        match half {
            Half::Recent => {
                let names = self.subjects.bytes() + self.keys.bytes() + self.categories.bytes();
                rows + names + self.recent_verdicts.bytes()
            }
            Half::Past => rows + self.past_verdicts.bytes(),
        }
    }
}

/// Since when everybody's minutes of products are held, given what is rolled up.
pub fn minutes_from(now: Timestamp, state: &State) -> Timestamp {
    let quarters = state.rolled(&Schema::PRODUCT_TRENDS).held(Level::Quarter).until;
    quarters.clamp(now - REACH, now - MINUTES_REACH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ElasticsearchSettings;
    use clap::Parser;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-21T12:00:00Z")
    }

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
    }

    fn stated(state: State) -> Stated {
        let (frontiers, dismissed) = (Vec::new(), Dismissed::default());
        Stated { asked: Instant::now(), state, frontiers, dismissed }
    }

    /// After a round of the last hours.
    fn tables(state: State) -> Tables {
        let mut tables = Tables::default();
        let store = Store::new(&Flags::parse_from(["t"]).elasticsearch, "t-").unwrap();
        tables.end_recent(now(), &store, stated(state));
        tables
    }

    fn rolled_up(levels: &[(&Schema, &str)]) -> State {
        levels.iter().fold(State::default(), |state, (schema, until)| state.and_rolled_up(schema, at(until)))
    }

    const QUARTERS: (&Schema, &str) = (&Schema::PRODUCT_TRENDS_QUARTERS, "2026-11-21T11:30:00Z");
    const HOURS: (&Schema, &str) = (&Schema::PRODUCT_TRENDS_HOURS, "2026-11-21T11:00:00Z");
    const DAYS: (&Schema, &str) = (&Schema::PRODUCT_TRENDS_DAYS, "2026-11-21T00:00:00Z");

    /// Where the panes since an instant stand.
    fn shelves(tables: &Tables, from: &str) -> Option<Vec<Shelf>> {
        let range = Range::last(30, now()).read_from(tables.rolled(&Schema::PRODUCT_TRENDS));
        let parts = tables.parts(&Schema::PRODUCT_TRENDS, range, (at(from), now()))?;
        Some(parts.iter().map(|part| part.shelf).collect())
    }

    #[test]
    fn a_stretch_is_told_where_its_minutes_and_its_quarters_are_all_held() {
        let tables = tables(rolled_up(&[QUARTERS]));
        let quarters_and_minutes = Some(vec![Shelf::Quarters, Shelf::Minutes]);
        assert_eq!(shelves(&tables, "2026-11-21T08:15:00Z"), quarters_and_minutes);
        assert_eq!(shelves(&tables, "2026-11-21T08:14:00Z"), None, "a minute is gone");
        assert_eq!(shelves(&tables, "2026-11-21T03:45:00Z"), None, "a quarter is gone");
        let range = Range::last(30, now()).read_from(tables.rolled(&Schema::PRODUCT_TRENDS));
        let others = tables.parts(&Schema::SUSPECT_PRODUCTS, range, (at("2026-11-21T08:14:00Z"), now()));
        assert!(others.is_some(), "other minutes are held longer");
    }

    #[test]
    fn hours_and_days_are_told_once_they_were_read_and_the_last_hours_without_them_before() {
        let (minutes, quarter, hour, day) = (Shelf::Minutes, Shelf::Quarters, Shelf::Hours, Shelf::Days);
        let both = || vec![Shelf::Days, Shelf::Hours];
        let state = || rolled_up(&[QUARTERS, HOURS, DAYS]);
        let mut tables = tables(state());
        let (yesterday, this_morning) = ("2026-11-20T00:00:00Z", "2026-11-21T06:00:00Z");
        assert_eq!(shelves(&tables, this_morning), Some(vec![quarter, minutes]));
        assert_eq!(shelves(&tables, yesterday), None);

        tables.end_past(now(), stated(rolled_up(&[QUARTERS, DAYS])), both());
        let only_days = shelves(&tables, this_morning);
        assert_eq!(only_days, Some(vec![quarter, minutes]), "hours were stated after the last round");
        tables.end_past(now(), stated(state()), both());
        assert_eq!(shelves(&tables, this_morning), Some(vec![hour, quarter, minutes]));
        assert_eq!(shelves(&tables, yesterday), Some(vec![day, hour, quarter, minutes]));
        let long_ago = (now() - PAST_REACH - TimeDelta::hours(1)).to_string();
        assert_eq!(shelves(&tables, &long_ago), None, "so far back nothing is held");

        tables.forget_index(Half::Past, "t-product-trends-days-2026");
        assert_eq!(shelves(&tables, yesterday), None);
        assert_eq!(shelves(&tables, this_morning), Some(vec![quarter, minutes]));
    }

    #[test]
    fn without_hours_what_is_cut_at_full_days_is_told() {
        let mut tables = tables(rolled_up(&[QUARTERS, HOURS, DAYS]));
        tables.end_past(now(), stated(rolled_up(&[QUARTERS, HOURS, DAYS])), vec![Shelf::Days]);
        let range = Range::last(30, now()).read_from(tables.rolled(&Schema::PRODUCT_TRENDS));
        let midnight = at("2026-11-21T00:00:00Z");
        let parts = |from| tables.parts(&Schema::PRODUCT_TRENDS, range, (at(from), midnight));
        let days = parts("2026-11-01T00:00:00Z").unwrap();
        assert_eq!(days.iter().map(|part| part.shelf).collect::<Vec<_>>(), [Shelf::Days]);
        assert_eq!(parts("2026-11-01T01:00:00Z"), None);
    }

    #[test]
    fn what_begins_within_an_hour_of_last_week_is_told_from_the_minutes_of_weeks() {
        let mut tables = tables(rolled_up(&[QUARTERS, HOURS, DAYS]));
        let state = rolled_up(&[QUARTERS, HOURS, DAYS]);
        tables.end_past(now(), stated(state), Shelf::of(Half::Past).to_vec());
        let last_week = "2026-11-14T23:30:00Z";
        let expected = [Shelf::OldMinutes, Shelf::Days, Shelf::Hours, Shelf::Quarters, Shelf::Minutes];
        assert_eq!(shelves(&tables, last_week), Some(expected.to_vec()));
        tables.forget_shelf(Shelf::OldMinutes);
        assert_eq!(shelves(&tables, last_week), None);
    }

    #[test]
    fn minutes_are_held_until_quarters_take_their_place() {
        assert_eq!(minutes_from(now(), &State::default()), now() - REACH, "nothing is rolled up yet");
        let until = |text: &str| minutes_from(now(), &rolled_up(&[(&Schema::PRODUCT_TRENDS_QUARTERS, text)]));
        assert_eq!(until("2026-11-21T11:30:00Z"), now() - MINUTES_REACH);
        assert_eq!(until("2026-11-21T08:30:00Z"), at("2026-11-21T08:30:00Z"));
        assert_eq!(until("2026-11-21T02:00:00Z"), now() - REACH);
    }

    #[test]
    fn what_was_not_read_lately_or_lost_an_index_does_not_answer() {
        assert!(!Tables::default().are_fresh());
        let mut held = tables(State::default());
        assert!(held.are_fresh());
        held.forget_index(Half::Recent, "t-product-trends-2026-11-21");
        assert!(!held.are_fresh(), "before a round has read what there is instead");
        let mut held = tables(State::default());
        let long_ago = Instant::now().checked_sub(AGE_MAX * 2);
        held.recent.iter_mut().for_each(|recent| recent.read = long_ago);
        assert!(!held.are_fresh());
    }
}
