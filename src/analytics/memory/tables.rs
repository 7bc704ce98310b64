//! What is held in memory of the results, as of the last rounds of reading.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast;
use foldhash::quality::RandomState;
use smol_str::SmolStr;

use crate::analytics::memory::funnels::{self, Funnels};
use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::names::Names;
use crate::analytics::memory::panes::DocumentAt;
use crate::analytics::memory::products::{self, Products, Subjects};
use crate::analytics::memory::rounds::{Rounds, Stated};
use crate::analytics::memory::searches::{self, Searches};
use crate::analytics::memory::shelf::{Half, Part, Shelf};
use crate::analytics::memory::suspects::{Signal, Verdicts, cleared};
use crate::analytics::range::Range;
use crate::model::event::SESSION_MAX;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::changes::Change;

/// What is held.
#[derive(Default)]
pub struct Tables {
    /// Rises whenever all is forgotten.
    epoch: u64,
    /// How far all this reaches.
    pub rounds: Rounds,
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
    cleared: HashSet<u64, fast::RandomState>,
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
        self.rounds.begin_anew(half);
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
        self.rounds.leave_out(shelf);
        self.forget_before(shelf, Timestamp::MAX);
    }

    /// Ends a round of reading the last hours of the results in this store that began at `now`, with what was stated then.
    pub fn end_recent(&mut self, now: Timestamp, results: &Store, stated: Stated) {
        self.recent_verdicts.set_dismissed(self.fingerprints_of(&stated.dismissed.cases));
        let since = self.rounds.end_recent(now, results, stated);
        self.products.forget_before(Shelf::Minutes, since.minutes);
        self.forget_before(Shelf::Minutes, since.all);
        self.forget_before(Shelf::Quarters, since.all);
        self.recent_verdicts.forget_before(since.all - SESSION_MAX);
        self.cleared = cleared(&self.recent_verdicts, &self.past_verdicts);
    }

    /// Ends a round of reading these shelves of what was before that began at `now`, with what was stated then.
    pub fn end_past(&mut self, now: Timestamp, stated: Stated, shelves: Vec<Shelf>) {
        self.past_verdicts.set_dismissed(self.fingerprints_of(&stated.dismissed.cases));
        let since = self.rounds.end_past(now, stated, shelves);
        self.forget_before(Shelf::Hours, since.all);
        self.forget_before(Shelf::Days, since.all);
        self.forget_before(Shelf::OldMinutes, since.minutes);
        self.past_verdicts.forget_before(since.all - SESSION_MAX);
        self.cleared = cleared(&self.recent_verdicts, &self.past_verdicts);
    }

    fn fingerprints_of(&self, ids: &[String]) -> HashSet<u64, fast::RandomState> {
        ids.iter().map(|id| self.fingerprints.hash_one(id)).collect()
    }

    /// Where the panes of a stretch of time stand; `None` where not all of them are held.
    pub fn parts(&self, kind: Kind, range: Range, stretch: (Timestamp, Timestamp)) -> Option<Vec<Part>> {
        let hours = Shelf::Hours;
        let first_hour = match kind {
            Kind::Products => self.products.first(hours),
            Kind::SuspectProducts => self.suspect_products.first(hours),
            Kind::Searches => self.searches.first(hours),
            Kind::SuspectSearches => self.suspect_searches.first(hours),
            Kind::Funnels => self.funnels.first(hours),
        };
        self.rounds.parts(kind, first_hour, range, stretch)
    }

    /// Whether a suspect session is a bot's, by its fingerprint.
    pub fn is_bot(&self) -> impl Fn(u64) -> bool + Copy {
        |session| !self.cleared.contains(&session)
    }

    /// The memory that all takes, in bytes.
    pub fn bytes(&self) -> usize {
        let names = self.subjects.bytes() + self.keys.bytes() + self.categories.bytes();
        names + self.rows(Half::Recent) + self.rows(Half::Past)
    }

    /// The memory that the rows of one half take, in bytes.
    pub fn rows(&self, half: Half) -> usize {
        let products = self.products.bytes(half) + self.suspect_products.bytes(half);
        let searches = self.searches.bytes(half) + self.suspect_searches.bytes(half);
        let verdicts = match half {
            Half::Recent => self.recent_verdicts.bytes(),
            Half::Past => self.past_verdicts.bytes(),
        };
        products + searches + self.funnels.bytes(half) + verdicts
    }

    /// What the rows of the past may take, those too that are held already, where all may take so many bytes.
    pub fn room_for_past(&self, limit: usize) -> usize {
        let beside = self.bytes().saturating_sub(self.rows(Half::Past));
        limit.saturating_sub(beside)
    }

    /// Whether more is held than so many bytes, so that of this half something must go: of the past where it is too much
    /// in all; of the last hours where their rows take more than half, or where nothing of the past is left to go.
    pub fn are_too_much(&self, half: Half, limit: usize) -> bool {
        let are_all_too_much = self.bytes() > limit;
        match half {
            Half::Past => are_all_too_much,
            Half::Recent => {
                self.rows(half) > limit / 2 || are_all_too_much && !self.rounds.have_shelves_of_the_past()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_held_of_the_past_takes_no_room_from_what_of_it_is_read_again() {
        let put = |tables: &mut Tables, shelf, ids: std::ops::Range<u32>| {
            for id in ids {
                let change = json!({
                    "_index": "a", "_id": id.to_string(), "_seq_no": 1, "_primary_term": 1, "sort": [1],
                    "_source": {
                        "minute": "2026-11-21T10:00:00Z", "product_id": "p1", "category": "garden.tools",
                        "view": { "sessions": 1, "quantity": 1 },
                    },
                });
                let change: Change<products::Document> = serde_json::from_value(change).unwrap();
                tables.put_product(shelf, &change);
            }
            tables.settle();
        };
        let (mut tables, limit) = (Tables::default(), 1 << 20);
        put(&mut tables, Shelf::Minutes, 0..100);
        let room = tables.room_for_past(limit);
        assert_eq!(limit - room, tables.bytes());
        put(&mut tables, Shelf::Days, 0..100);
        assert_eq!(tables.room_for_past(limit), room);
        assert!(limit - room < tables.bytes());
    }
}
