//! Panes in memory, each as its document is now.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::model::time::Timestamp;
use crate::rollup::Level;
use crate::rollup::cover::Piece;

/// Where a document lies.
#[derive(Debug, Clone, Copy)]
pub struct DocumentAt<'a> {
    /// How long its pane is; `None` for minutes.
    pub level: Option<Level>,
    /// The full name of its index.
    pub index: &'a str,
    /// What stands for its id.
    pub fingerprint: u64,
}

/// What is kept of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<W, V> {
    /// The number of what it is about.
    pub subject: u32,
    /// Whose doings it counts: `()` where it counts everybody's.
    pub who: W,
    /// What it counts.
    pub counts: V,
}

/// The rows of one pane.
#[derive(Debug)]
struct Pane<W, V> {
    rows: Vec<Row<W, V>>,
    /// Where the row of each document stands, by the fingerprint of its id.
    places: HashMap<u64, u32, RandomState>,
}

impl<W, V> Default for Pane<W, V> {
    fn default() -> Self {
        Self { rows: Vec::new(), places: HashMap::default() }
    }
}

impl<W, V> Pane<W, V> {
    fn put(&mut self, document: u64, row: Row<W, V>) {
        // A row takes more than a byte, so memory ends before the places do.
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(document).or_insert(next);
        match self.rows.get_mut(place as usize) {
            Some(found) => *found = row,
            None => self.rows.push(row),
        }
    }

    fn bytes(&self) -> usize {
        // A table fills at most seven eighths of its places, each of which has a byte of its own besides.
        let places = self.places.capacity() * 8 / 7 * (size_of::<(u64, u32)>() + 1);
        places + self.rows.capacity() * size_of::<Row<W, V>>()
    }
}

/// The panes of one index, by their start.
type OfIndex<W, V> = BTreeMap<Timestamp, Pane<W, V>>;

/// The panes of each index, by its full name.
type Indices<W, V> = HashMap<String, OfIndex<W, V>>;

/// Panes of minutes (`None`) and longer ones, told apart by what they count (`K`).
#[derive(Debug)]
pub struct Panes<K, W, V>(BTreeMap<(Option<Level>, K), Indices<W, V>>);

impl<K, W, V> Default for Panes<K, W, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy, W, V> Panes<K, W, V> {
    /// Puts a document in, instead of what it was before.
    pub fn put(&mut self, document: DocumentAt<'_>, start: Timestamp, kind: K, row: Row<W, V>) {
        let DocumentAt { level, index, fingerprint } = document;
        let indices = self.0.entry((level, kind)).or_default();
        if !indices.contains_key(index) {
            indices.insert(index.to_owned(), BTreeMap::new());
        }
        if let Some(panes) = indices.get_mut(index) {
            panes.entry(start).or_default().put(fingerprint, row);
        }
    }

    /// Forgets the documents of an index that is gone.
    pub fn forget_index(&mut self, index: &str) {
        self.0.values_mut().for_each(|indices| drop(indices.remove(index)));
    }

    /// Forgets the panes of a level that start before an instant.
    pub fn forget_before(&mut self, level: Option<Level>, start: Timestamp) {
        for (_, indices) in self.0.iter_mut().filter(|((of, _), _)| *of == level) {
            indices.values_mut().for_each(|panes| *panes = panes.split_off(&start));
            indices.retain(|_, panes| !panes.is_empty());
        }
    }

    /// The rows of these pieces that count this, pane by pane.
    pub fn of<'a>(
        &'a self,
        kind: K,
        pieces: &'a [Piece],
    ) -> impl Iterator<Item = (Timestamp, &'a [Row<W, V>])> {
        pieces.iter().flat_map(move |piece| {
            let indices = self.0.get(&(piece.level, kind)).into_iter().flat_map(HashMap::values);
            let panes = indices.flat_map(|panes| panes.range(piece.from..piece.until.max(piece.from)));
            panes.map(|(start, pane)| (*start, pane.rows.as_slice()))
        })
    }

    /// The memory that is set aside for the rows, in bytes.
    pub fn bytes(&self) -> usize {
        let panes = self.0.values().flat_map(HashMap::values).flat_map(BTreeMap::values);
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
        let row = Row { subject: 1, who: (), counts };
        panes.put(DocumentAt { level: None, index, fingerprint }, at(minute), 0, row);
    }

    fn sum(panes: &Panes<u8, (), u32>, from: i64, until: i64) -> u32 {
        let pieces = [Piece { level: None, from: at(from), until: at(until) }];
        let rows: Vec<_> = panes.of(0, &pieces).flat_map(|(_, rows)| rows).collect();
        rows.into_iter().map(|row| row.counts).sum()
    }

    #[test]
    fn a_document_that_is_written_again_counts_once_and_as_it_is_now() {
        let mut panes = Panes::default();
        for (document, count) in [(7, 1), (8, 10), (7, 3)] {
            put(&mut panes, "a", 5, document, count);
        }
        put(&mut panes, "a", 6, 7, 100);
        assert_eq!(sum(&panes, 5, 6), 13);
        assert_eq!((sum(&panes, 5, 7), sum(&panes, 6, 7), sum(&panes, 6, 6)), (113, 100, 0));
    }

    #[test]
    fn what_is_old_or_whose_index_is_gone_is_forgotten() {
        let mut panes = Panes::default();
        put(&mut panes, "a", 5, 1, 1);
        put(&mut panes, "a", 6, 2, 10);
        put(&mut panes, "b", 6, 3, 100);
        panes.forget_before(Some(Level::Hour), at(7));
        assert_eq!(sum(&panes, 0, 9), 111, "those are longer panes");
        panes.forget_before(None, at(6));
        assert_eq!(sum(&panes, 0, 9), 110);
        panes.forget_index("b");
        assert_eq!(sum(&panes, 0, 9), 10);
        panes.forget_before(None, at(7));
        assert_eq!(panes.bytes(), 0);
    }

    #[test]
    fn panes_of_other_lengths_and_kinds_are_other_panes() {
        let mut panes = Panes::default();
        put(&mut panes, "a", 0, 1, 1);
        let row = Row { subject: 1, who: (), counts: 10 };
        let document = DocumentAt { level: Some(Level::Hour), index: "hours", fingerprint: 1 };
        panes.put(document, at(0), 0, row);
        panes.put(DocumentAt { level: None, index: "a", ..document }, at(0), 1, row);
        assert_eq!(sum(&panes, 0, 1), 1);
    }
}
