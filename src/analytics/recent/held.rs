//! What is held in memory of the last hours' results, as of the last round of reading.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use foldhash::quality::RandomState;
use smol_str::SmolStr;

use crate::analytics::bots::Dismissed;
use crate::analytics::progress::{Frontier, Progress};
use crate::analytics::range::Range;
use crate::analytics::recent::names::Names;
use crate::analytics::recent::panes::DocumentAt;
use crate::analytics::recent::products::{self, Products, Subjects};
use crate::analytics::recent::searches::{self, Searches};
use crate::analytics::recent::suspects::{Signal, Verdicts};
use crate::model::event::SESSION_MAX;
use crate::model::time::Timestamp;
use crate::rollup::cover::Piece;
use crate::rollup::state::State;
use crate::rollup::{Level, Rolled};
use crate::store::Store;
use crate::store::changes::Change;
use crate::store::schema::Schema;

/// How far back results are held: an hour, the hour before, the four hours before that, and what begins them.
pub const REACH: TimeDelta = TimeDelta::hours(8);
/// How far back everybody's minutes of products are held where quarters of an hour are there: an hour, the hour before, and
/// the quarter in which that begins. They are the most by far.
const MINUTES_REACH: TimeDelta = TimeDelta::minutes(140);
/// How old what was read last may be and still answer.
const AGE_MAX: Duration = Duration::from_secs(5);

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

/// What is held.
#[derive(Default)]
pub struct Held {
    /// Whose results these are; `None` before the first round ended.
    results: Option<Store>,
    /// When the last round that ended had begun.
    read: Option<Instant>,
    /// Since when results are held.
    from: Timestamp,
    /// Since when everybody's minutes of products are.
    minutes_from: Timestamp,
    state: State,
    frontiers: Vec<Frontier>,
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
    verdicts: Verdicts,
    /// Fingerprints of the suspect sessions that are no bots'.
    cleared: HashSet<u64>,
    /// Whether every suspect session could be told from bots'.
    pub bots_told_apart: bool,
    fingerprints: RandomState,
}

impl Held {
    fn place<'a, S>(&self, level: Option<Level>, change: &'a Change<S>) -> DocumentAt<'a> {
        DocumentAt { level, index: &change.index, fingerprint: self.fingerprints.hash_one(&change.id) }
    }

    /// Puts in what was done with a product, of a level (`None` for minutes).
    pub fn put_product(&mut self, level: Option<Level>, change: &Change<products::Document>) {
        let document = self.place(level, change);
        self.products.put(document, (), &change.source, &mut self.subjects);
    }

    /// Puts in what a suspect session did with one.
    pub fn put_suspect_product(&mut self, level: Option<Level>, change: &Change<products::Document>) {
        let document = self.place(level, change);
        let session = self.fingerprints.hash_one(&change.source.session_id);
        self.suspect_products.put(document, session, &change.source, &mut self.subjects);
    }

    /// Puts in what was searched.
    pub fn put_search(&mut self, level: Option<Level>, change: &Change<searches::Document>) {
        let document = self.place(level, change);
        searches::put(&mut self.searches, document, (), &change.source, &mut self.keys);
    }

    /// Puts in what a suspect session searched.
    pub fn put_suspect_search(&mut self, level: Option<Level>, change: &Change<searches::Document>) {
        let document = self.place(level, change);
        let session = self.fingerprints.hash_one(&change.source.session_id);
        searches::put(&mut self.suspect_searches, document, session, &change.source, &mut self.keys);
    }

    /// Puts in what a rule on bots says of a session.
    pub fn put_signal(&mut self, change: &Change<Signal>) {
        let document = self.fingerprints.hash_one(&change.id);
        let session = self.fingerprints.hash_one(&change.source.session_id);
        self.verdicts.put(&change.index, document, session, &change.source);
    }

    /// Forgets the documents of an index that is gone.
    pub fn forget_index(&mut self, index: &str) {
        self.products.forget_index(index);
        self.suspect_products.forget_index(index);
        self.searches.forget_index(index);
        self.suspect_searches.forget_index(index);
        self.verdicts.forget_index(index);
    }

    /// Ends a round of reading the results of this store that began at `now`, with what was stated then.
    pub fn end_round(&mut self, now: Timestamp, results: &Store, stated: Stated) {
        let Stated { asked, state, frontiers, dismissed } = stated;
        // What was forgotten does not come back when the clock or the roll-up goes back.
        self.from = self.from.max(now - REACH);
        self.minutes_from = self.minutes_from.max(minutes_from(now, &state));
        self.products.forget_before(None, self.minutes_from);
        for level in [None, Some(Level::Quarter), Some(Level::Hour)] {
            self.products.forget_before(level, self.from);
            self.suspect_products.forget_before(level, self.from);
            self.searches.forget_before(level, self.from);
            self.suspect_searches.forget_before(level, self.from);
        }
        self.verdicts.forget_before(self.from - SESSION_MAX);
        let Dismissed { cases, is_cut, .. } = dismissed;
        let dismissed = cases.iter().map(|case| self.fingerprints.hash_one(case)).collect();
        self.cleared = self.verdicts.cleared(&dismissed);
        self.bots_told_apart = !is_cut;
        self.results = Some(results.clone());
        (self.state, self.frontiers) = (state, frontiers);
        self.read = Some(asked);
    }

    /// Whose results these are; `None` before the first round ended.
    pub fn results(&self) -> Option<&Store> {
        self.results.as_ref()
    }

    /// Whether it is as new as an answer must be.
    pub fn is_fresh(&self) -> bool {
        self.read.is_some_and(|asked| asked.elapsed() <= AGE_MAX)
    }

    /// Whether a suspect session is a bot's, by its fingerprint.
    pub fn is_bot(&self) -> impl Fn(u64) -> bool + Copy {
        |session| !self.cleared.contains(&session)
    }

    /// How far a group is.
    pub fn progress(&self, group: &'static str) -> Progress {
        Progress::of(group, &self.frontiers)
    }

    /// What longer panes there are of the results whose minutes are these.
    pub fn rolled(&self, minutes: &Schema) -> Rolled {
        self.state.rolled(minutes)
    }

    /// The panes of a stretch of time; `None` where they are not all held.
    pub fn pieces(&self, range: Range, stretch: (Timestamp, Timestamp)) -> Option<Vec<Piece>> {
        self.pieces_since(self.from, range, stretch)
    }

    /// The same of what everybody did with products.
    pub fn product_pieces(&self, range: Range, stretch: (Timestamp, Timestamp)) -> Option<Vec<Piece>> {
        self.pieces_since(self.minutes_from, range, stretch)
    }

    fn pieces_since(
        &self,
        minutes_from: Timestamp,
        Range { rolled, .. }: Range,
        (from, until): (Timestamp, Timestamp),
    ) -> Option<Vec<Piece>> {
        let pieces = rolled.cover(rolled.align(from), rolled.align(until));
        let is_held = |piece: &Piece| match piece.level {
            None => piece.from >= minutes_from,
            Some(Level::Quarter | Level::Hour) => piece.from >= self.from,
            Some(Level::Day) => false,
        };
        pieces.iter().all(is_held).then_some(pieces)
    }

    /// The memory that rows and names take, in bytes.
    pub fn bytes(&self) -> usize {
        let products = self.products.bytes() + self.suspect_products.bytes();
        let searches = self.searches.bytes() + self.suspect_searches.bytes();
        products + searches + self.subjects.bytes() + self.keys.bytes() + self.verdicts.bytes()
    }
}

/// Since when everybody's minutes of products are held, given what is rolled up.
pub fn minutes_from(now: Timestamp, state: &State) -> Timestamp {
    let quarters = state.rolled(&Schema::PRODUCT_TRENDS).quarters.until;
    quarters.clamp(now - REACH, now - MINUTES_REACH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::cover::Held as Longer;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn held() -> Held {
        Held { from: at("2026-11-21T04:00:00Z"), minutes_from: at("2026-11-21T09:40:00Z"), ..Held::default() }
    }

    fn range(quarters_until: &str) -> Range {
        let quarters = Longer { from: Timestamp::MIN, until: at(quarters_until) };
        let rolled = Rolled { quarters, ..Rolled::default() };
        Range::last(30, at("2026-11-21T12:00:00Z")).read_from(rolled)
    }

    #[test]
    fn a_stretch_is_told_where_its_minutes_and_its_longer_panes_are_all_held() {
        let held = held();
        let rolled = range("2026-11-21T11:30:00Z");
        let stretch = |from: &str| (at(from), at("2026-11-21T12:00:00Z"));
        let pieces = held.product_pieces(rolled, stretch("2026-11-21T08:15:00Z")).unwrap();
        assert_eq!(pieces.iter().map(|piece| piece.level).collect::<Vec<_>>(), [Some(Level::Quarter), None]);
        assert_eq!(held.product_pieces(rolled, stretch("2026-11-21T08:14:00Z")), None, "a minute is gone");
        assert_eq!(held.product_pieces(rolled, stretch("2026-11-21T03:45:00Z")), None, "a quarter is gone");
        assert!(
            held.pieces(rolled, stretch("2026-11-21T08:14:00Z")).is_some(),
            "other minutes are held longer"
        );
    }

    #[test]
    fn minutes_are_held_until_quarters_take_their_place() {
        let now = at("2026-11-21T12:00:00Z");
        assert_eq!(minutes_from(now, &State::default()), now - REACH, "nothing is rolled up yet");
        let until =
            |text: &str| minutes_from(now, &State::rolled_up(&Schema::PRODUCT_TRENDS_QUARTERS, at(text)));
        assert_eq!(until("2026-11-21T11:30:00Z"), now - MINUTES_REACH);
        assert_eq!(until("2026-11-21T08:30:00Z"), at("2026-11-21T08:30:00Z"));
        assert_eq!(until("2026-11-21T02:00:00Z"), now - REACH);
    }

    #[test]
    fn what_was_not_read_lately_does_not_answer() {
        assert!(!held().is_fresh());
        assert!(Held { read: Some(Instant::now()), ..held() }.is_fresh());
        let long_ago = Instant::now().checked_sub(AGE_MAX * 2);
        assert!(!Held { read: long_ago, ..held() }.is_fresh());
    }
}
