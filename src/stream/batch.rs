//! The documents of some flushes, as they are written together. Pure.

use std::collections::BTreeMap;

use crate::model::time::{DAY_MS, Timestamp};
use crate::store::bulk::Operation;
use crate::stream::documents::{About, Document, Documents};
use crate::stream::origin::DeadLetter;
use crate::stream::part::Flush;

/// What shares an index. No kind has one for less than a day.
type KindAndDay = (&'static str, Timestamp);

/// The documents of some flushes, numbered through.
pub struct Batch {
    /// By partition.
    documents: Vec<(i32, Documents)>,
    /// The full name of each index. Written out once: there are a few, and hundreds of thousands of documents.
    indices: BTreeMap<KindAndDay, String>,
}

impl Batch {
    /// Takes the documents and the dead letters out of flushes. `full_name` gives the name that an index has in
    /// Elasticsearch.
    pub fn of(flushes: Vec<Flush>, full_name: impl Fn(&str) -> String) -> (Self, Vec<DeadLetter>) {
        let mut dead = Vec::new();
        let documents = flushes.into_iter().map(|flush| {
            dead.extend(flush.dead);
            (flush.partition, flush.documents)
        });
        let mut batch = Self { documents: documents.collect(), indices: BTreeMap::new() };
        let all = batch.iter().map(|(_, document)| document.about);
        batch.indices = indices_of(all, full_name);
        (batch, dead)
    }

    /// Each with its partition.
    pub fn iter<'a>(&'a self) -> impl Iterator<Item = (i32, Document<'a>)> {
        let each =
            |(partition, documents): &'a (i32, Documents)| documents.iter().map(move |one| (*partition, one));
        self.documents.iter().flat_map(each)
    }

    /// The document of a number and its partition.
    pub fn get(&self, number: usize) -> Option<(i32, Document<'_>)> {
        let mut left = number;
        for (partition, documents) in &self.documents {
            if let Some(document) = documents.get(left) {
                return Some((*partition, document));
            }
            left -= documents.len();
        }
        None
    }

    /// The writing of the documents that are meant, each with its number as tag.
    pub fn operations(&self, is_meant: fn(&Document<'_>) -> bool) -> impl Iterator<Item = Operation<'_>> {
        let documents = self.iter().map(|(_, document)| document).enumerate();
        let mut last: Option<(KindAndDay, &str)> = None;
        documents.filter(move |(_, document)| is_meant(document)).map(move |(tag, document)| {
            let Document { about, id, source, .. } = document;
            // Most lie where the one before lies.
            let day = kind_and_day_of(&about);
            let known = last.filter(|(before, _)| *before == day);
            let (_, index) =
                known.unwrap_or_else(|| (day, self.indices.get(&day).map_or("", String::as_str)));
            debug_assert!(!index.is_empty(), "the names are those of the indices of these very documents");
            last = Some((day, index));
            Operation { index: index.into(), id: id.into(), mode: about.mode, source: source.into(), tag }
        })
    }
}

fn kind_and_day_of(about: &About) -> KindAndDay {
    (about.schema.name, about.at.floor_to(DAY_MS))
}

fn indices_of(
    all: impl Iterator<Item = About>,
    full_name: impl Fn(&str) -> String,
) -> BTreeMap<KindAndDay, String> {
    let (mut indices, mut last) = (BTreeMap::new(), None);
    for about in all {
        let day = kind_and_day_of(&about);
        if last.replace(day) != Some(day) {
            indices.entry(day).or_insert_with(|| full_name(&about.index()));
        }
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::Schema;
    use crate::stream::groups::Group;
    use chrono::TimeDelta;

    /// Late in the evening, and two hours later.
    fn evening_and_night() -> (Timestamp, Timestamp) {
        let evening = Timestamp::parse("2026-11-21T23:00:00Z").unwrap();
        (evening, evening + TimeDelta::hours(2))
    }

    fn flush(partition: i32, results: &[(&'static Schema, Timestamp, &str)]) -> Flush {
        let mut documents = Documents::default();
        for (schema, at, id) in results {
            documents.push(About::result(schema, *at, 1), &[id], &());
        }
        let (dead, positions, stored_from) = (Vec::new(), Vec::new(), None);
        Flush { group: Group::Sessions, partition, documents, dead, positions, stored_from, closed_early: 0 }
    }

    fn batch() -> Batch {
        let (stats, signals) = (&Schema::QUERY_STATS, &Schema::FRAUD_SIGNALS);
        let (evening, night) = evening_and_night();
        let flushes = vec![
            flush(4, &[]),
            flush(
                5,
                &[(stats, evening, "a"), (signals, evening, "b"), (stats, night, "c"), (stats, evening, "d")],
            ),
            flush(6, &[(signals, night, "e"), (stats, night, "f")]),
        ];
        Batch::of(flushes, |index| format!("shop-{index}")).0
    }

    #[test]
    fn the_documents_of_all_flushes_are_numbered_through() {
        let batch = batch();
        let numbered: Vec<_> = (0..7).map_while(|number| batch.get(number)).collect();
        let numbered: Vec<_> = numbered.iter().map(|(partition, one)| (*partition, one.id)).collect();
        assert_eq!(numbered, [(5, "a"), (5, "b"), (5, "c"), (5, "d"), (6, "e"), (6, "f")]);
        assert!(batch.iter().map(|(partition, one)| (partition, one.id)).eq(numbered));
        assert!(batch.get(6).is_none());
    }

    #[test]
    fn each_document_is_written_once_with_its_number_into_the_index_of_its_kind_and_day() {
        let batch = batch();
        let written = |is_meant: fn(&Document<'_>) -> bool| {
            let written = |one: Operation<'_>| (one.tag, one.id.into_owned(), one.index.into_owned());
            batch.operations(is_meant).map(written).collect::<Vec<_>>()
        };
        let expected = |number: usize, id: &str, schema: &Schema, at: Timestamp| {
            (number, id.to_owned(), format!("shop-{}", schema.index_at(at)))
        };
        let (stats, signals) = (&Schema::QUERY_STATS, &Schema::FRAUD_SIGNALS);
        let (evening, night) = evening_and_night();
        let results = [
            expected(0, "a", stats, evening),
            expected(2, "c", stats, night),
            expected(3, "d", stats, evening),
            expected(5, "f", stats, night),
        ];
        assert_eq!(written(|one| !one.is_signal()), results);
        let told = [expected(1, "b", signals, evening), expected(4, "e", signals, night)];
        assert_eq!(written(|one| one.is_signal()), told);
    }
}
