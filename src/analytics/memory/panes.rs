//! Panes in memory, each as its document is now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analytics::memory::shelf::{Half, Part, Shelf};
use crate::model::time::Timestamp;

/// Where a document lies.
#[derive(Debug, Clone, Copy)]
pub struct DocumentAt<'a> {
    /// Where its pane stands.
    pub shelf: Shelf,
    /// The full name of its index.
    pub index: &'a str,
    /// What stands for its id.
    pub fingerprint: u64,
}

/// What is kept of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<W, V> {
    /// Stands for the document's id.
    fingerprint: u64,
    /// The number of what it is about.
    pub subject: u32,
    /// Whose doings it counts: `()` where it counts everybody's.
    pub who: W,
    /// What it counts.
    pub counts: V,
}

impl<W, V> Row<W, V> {
    /// Of this document.
    pub fn of(document: DocumentAt<'_>, subject: u32, who: W, counts: V) -> Self {
        Self { fingerprint: document.fingerprint, subject, who, counts }
    }
}

/// The rows of one pane, in the order of their fingerprints but for those that were put in last: so a document is found
/// again without a table of places, which would take as much memory as the rows.
#[derive(Debug)]
struct Pane<W, V> {
    rows: Vec<Row<W, V>>,
    /// How many of them are in order.
    settled: usize,
}

impl<W, V> Default for Pane<W, V> {
    fn default() -> Self {
        Self { rows: Vec::new(), settled: 0 }
    }
}

impl<W: Copy, V: Copy> Pane<W, V> {
    fn push(&mut self, row: Row<W, V>) {
        if self.rows.len() == self.rows.capacity() {
            // By an eighth: to double it each time would set half of all memory aside for nothing.
            self.rows.reserve_exact(self.rows.len() / 8 + 8);
        }
        self.rows.push(row);
    }

    /// Puts what came last of each document in the place of what it was before.
    fn settle(&mut self) {
        if self.settled == self.rows.len() {
            return;
        }
        // Stable: of the same document the later row stays behind the earlier.
        self.rows.sort_by_key(|row| row.fingerprint);
        self.rows.dedup_by(|later, earlier| {
            let is_same = later.fingerprint == earlier.fingerprint;
            if is_same {
                *earlier = *later;
            }
            is_same
        });
        self.settled = self.rows.len();
    }

    fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row<W, V>>()
    }
}

/// The panes of one index, by their start.
type OfIndex<W, V> = BTreeMap<Timestamp, Pane<W, V>>;

/// The panes of each index, by its full name.
type Indices<W, V> = HashMap<String, OfIndex<W, V>>;

/// The panes of all shelves, told apart by what they count (`K`).
#[derive(Debug)]
pub struct Panes<K, W, V> {
    indices: BTreeMap<(Shelf, K), Indices<W, V>>,
    /// Where something was put in since the last [`settle`](Self::settle).
    unsettled: BTreeSet<(Shelf, K)>,
}

impl<K, W, V> Default for Panes<K, W, V> {
    fn default() -> Self {
        Self { indices: BTreeMap::new(), unsettled: BTreeSet::new() }
    }
}

impl<K: Ord + Copy, W: Copy, V: Copy> Panes<K, W, V> {
    /// Puts a document in, instead of what it was before; it counts once it is [settled](Self::settle).
    pub fn put(&mut self, document: DocumentAt<'_>, start: Timestamp, kind: K, row: Row<W, V>) {
        let DocumentAt { shelf, index, .. } = document;
        self.unsettled.insert((shelf, kind));
        let indices = self.indices.entry((shelf, kind)).or_default();
        if !indices.contains_key(index) {
            indices.insert(index.to_owned(), BTreeMap::new());
        }
        if let Some(panes) = indices.get_mut(index) {
            panes.entry(start).or_default().push(row);
        }
    }

    /// Makes what was put in count.
    pub fn settle(&mut self) {
        for place in std::mem::take(&mut self.unsettled) {
            let indices = self.indices.get_mut(&place).into_iter().flat_map(HashMap::values_mut);
            indices.flat_map(BTreeMap::values_mut).for_each(Pane::settle);
        }
    }

    /// Forgets what one half has of the documents of an index that is gone.
    pub fn forget_index(&mut self, half: Half, index: &str) {
        let of_half = self.indices.iter_mut().filter(|((shelf, _), _)| shelf.half() == half);
        of_half.for_each(|(_, indices)| drop(indices.remove(index)));
    }

    /// Forgets the panes of a shelf that start before an instant.
    pub fn forget_before(&mut self, shelf: Shelf, start: Timestamp) {
        for (_, indices) in self.indices.iter_mut().filter(|((of, _), _)| *of == shelf) {
            indices.values_mut().for_each(|panes| *panes = panes.split_off(&start));
            indices.retain(|_, panes| !panes.is_empty());
        }
    }

    /// The rows of these parts that count this, pane by pane.
    pub fn of<'a>(
        &'a self,
        kind: K,
        parts: &'a [Part],
    ) -> impl Iterator<Item = (Timestamp, &'a [Row<W, V>])> {
        parts.iter().flat_map(move |part| {
            let indices = self.indices.get(&(part.shelf, kind)).into_iter().flat_map(HashMap::values);
            let panes = indices.flat_map(|panes| panes.range(part.from..part.until.max(part.from)));
            panes.map(|(start, pane)| (*start, pane.rows.get(..pane.settled).unwrap_or_default()))
        })
    }

    /// The start of the first pane of a shelf.
    pub fn first(&self, shelf: Shelf) -> Option<Timestamp> {
        let of_shelf = self.indices.iter().filter(|((of, _), _)| *of == shelf);
        let indices = of_shelf.flat_map(|(_, indices)| indices.values());
        indices.filter_map(|panes| panes.keys().next().copied()).min()
    }

    /// The memory that is set aside for the rows of one half, in bytes.
    pub fn bytes(&self, half: Half) -> usize {
        let of_half = self.indices.iter().filter(|((shelf, _), _)| shelf.half() == half);
        let panes = of_half.flat_map(|(_, indices)| indices.values()).flat_map(BTreeMap::values);
        panes.map(Pane::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000)
    }

    fn put(panes: &mut Panes<u8, (), u32>, index: &str, minute: i64, fingerprint: u64, counts: u32) {
        let document = DocumentAt { shelf: Shelf::Minutes, index, fingerprint };
        panes.put(document, at(minute), 0, Row::of(document, 1, (), counts));
    }

    fn sum(panes: &Panes<u8, (), u32>, from: i64, until: i64) -> u32 {
        let parts = [Part { shelf: Shelf::Minutes, from: at(from), until: at(until) }];
        let rows: Vec<_> = panes.of(0, &parts).flat_map(|(_, rows)| rows).collect();
        rows.into_iter().map(|row| row.counts).sum()
    }

    #[test]
    fn a_document_that_is_written_again_counts_once_and_as_it_is_now() {
        let mut panes = Panes::default();
        for (document, count) in [(7, 1), (8, 10), (7, 3)] {
            put(&mut panes, "a", 5, document, count);
        }
        put(&mut panes, "a", 6, 7, 100);
        assert_eq!(sum(&panes, 5, 7), 0, "it is not settled");
        panes.settle();
        assert_eq!(sum(&panes, 5, 6), 13);
        assert_eq!((sum(&panes, 5, 7), sum(&panes, 6, 7), sum(&panes, 6, 6)), (113, 100, 0));
        put(&mut panes, "a", 5, 8, 20);
        put(&mut panes, "a", 5, 6, 1_000);
        panes.settle();
        assert_eq!(sum(&panes, 5, 6), 1_023);
    }

    #[test]
    fn what_is_old_or_whose_index_is_gone_is_forgotten() {
        let mut panes = Panes::default();
        put(&mut panes, "a", 5, 1, 1);
        put(&mut panes, "a", 6, 2, 10);
        put(&mut panes, "b", 6, 3, 100);
        panes.settle();
        panes.forget_before(Shelf::Hours, at(7));
        assert_eq!(sum(&panes, 0, 9), 111, "those are longer panes");
        panes.forget_before(Shelf::Minutes, at(6));
        assert_eq!(sum(&panes, 0, 9), 110);
        panes.forget_index(Half::Past, "b");
        assert_eq!(sum(&panes, 0, 9), 110, "those are the other half's");
        panes.forget_index(Half::Recent, "b");
        assert_eq!(sum(&panes, 0, 9), 10);
        panes.forget_before(Shelf::Minutes, at(7));
        assert_eq!(panes.bytes(Half::Recent), 0);
    }

    #[test]
    fn panes_of_other_lengths_and_kinds_are_other_panes() {
        let mut panes = Panes::default();
        put(&mut panes, "a", 0, 1, 1);
        let document = DocumentAt { shelf: Shelf::Hours, index: "hours", fingerprint: 1 };
        let row = Row::of(document, 1, (), 10);
        panes.put(document, at(0), 0, row);
        panes.put(DocumentAt { shelf: Shelf::Minutes, index: "a", ..document }, at(0), 1, row);
        panes.settle();
        assert_eq!(sum(&panes, 0, 1), 1);
        assert_eq!([Shelf::Minutes, Shelf::Days].map(|shelf| panes.first(shelf)), [Some(at(0)), None]);
        assert!(panes.bytes(Half::Past) > 0 && panes.bytes(Half::Past) < panes.bytes(Half::Recent));
    }
}
