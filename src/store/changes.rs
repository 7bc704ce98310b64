//! What was written to indices since it was last read.
//!
//! Elasticsearch numbers the writes to an index of one shard in their order (`_seq_no`). Two that are under way at once
//! may become visible one refresh apart, the later one first: so what was read in the last moments is read again.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use elasticsearch::http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::store::pages::Placed;
use crate::store::{Store, StoreError};

/// Documents of one page.
const PAGE_SIZE: usize = 5_000;
/// After how long every write before one that was seen is visible too: two refreshes and a pause of the cluster.
const SETTLING: Duration = Duration::from_secs(3);
/// More writes to an index than may be numbered, but not visible yet, while a later one is: a write gets its number just
/// before it is carried out, so there are as many as threads that write.
const UNDER_WAY_MAX: i64 = 1_000;

/// A document as it was written last.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Change<S> {
    /// The full name of its index.
    #[serde(rename = "_index")]
    pub index: String,
    /// Its id.
    #[serde(rename = "_id")]
    pub id: String,
    /// What it holds.
    #[serde(rename = "_source")]
    pub source: S,
    #[serde(rename = "_seq_no")]
    number: i64,
    /// Rises when the shard starts anew, which may give numbers out again that were read before.
    #[serde(rename = "_primary_term")]
    term: i64,
    sort: Value,
}

impl<S> Placed for Change<S> {
    fn place(&self) -> &Value {
        &self.sort
    }
}

/// How far the writes to some indices, each of one shard, have been read.
#[derive(Debug, Default)]
pub struct Marks(BTreeMap<String, Mark>);

#[derive(Debug, Default)]
struct Mark {
    /// An index that was removed and made again has another.
    uuid: String,
    /// Whether all that was there once was read.
    is_begun: bool,
    /// The greatest term that was read; 0 before.
    term: i64,
    /// Whether the term has risen since.
    is_broken: bool,
    /// The last write that was read, and before which none is missing any more.
    settled: i64,
    /// Later ones that were read, and when.
    read: VecDeque<(Instant, i64)>,
}

impl Marks {
    /// Takes these indices, by their full names with their ids, for those that are read. Gives the names of those that
    /// must be forgotten: they are there no more, another one bears the name, or their writes are numbered anew.
    pub fn set_indices(&mut self, indices: BTreeMap<String, String>) -> Vec<String> {
        let is_gone =
            |name: &String, mark: &mut Mark| mark.is_broken || indices.get(name) != Some(&mark.uuid);
        let gone: Vec<String> = self.0.extract_if(.., is_gone).map(|(name, _)| name).collect();
        for (name, uuid) in indices {
            let unread = Mark { uuid, settled: -1, ..Mark::default() };
            self.0.entry(name).or_insert(unread);
        }
        gone
    }

    /// The full names of the indices of which nothing was read yet, or else of the others, with commas between.
    fn indices(&self, is_begun: bool) -> String {
        let indices = self.0.iter().filter(|(_, mark)| mark.is_begun == is_begun);
        indices.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The documents that were written since, of indices that were read before.
    fn since(&self) -> Value {
        let later = |(name, mark): (&String, &Mark)| {
            let later = json!({ "range": { "_seq_no": { "gt": mark.settled } } });
            json!({ "bool": { "filter": [{ "term": { "_index": name } }, later] } })
        };
        let later: Vec<Value> = self.0.iter().filter(|(_, mark)| mark.is_begun).map(later).collect();
        json!({ "bool": { "should": later, "minimum_should_match": 1 } })
    }

    /// All that there was [`since`](Self::since) was read by questions of which the first was asked at this time: what was read
    /// so long before that every write before it was visible by then need not be read again.
    fn settle(&mut self, asked: Instant) {
        for mark in self.0.values_mut() {
            while let Some((read, number)) = mark.read.front().copied()
                && asked.saturating_duration_since(read) >= SETTLING
            {
                (mark.settled, _) = (number, mark.read.pop_front());
            }
        }
    }

    /// All that is in these indices was read, up to these writes.
    fn begin(&mut self, indices: &str, last: &Last, now: Instant) {
        for name in indices.split(',') {
            if let Some(mark) = self.0.get_mut(name) {
                mark.is_begun = true;
                let read = last.0.get(name).map_or(-1, |(number, _)| *number);
                mark.settled = (read - UNDER_WAY_MAX).max(-1);
            }
        }
        self.has_read(last, now);
    }

    /// These writes and those before them were read by now.
    fn has_read(&mut self, last: &Last, now: Instant) {
        for (name, &(number, term)) in &last.0 {
            let Some(mark) = self.0.get_mut(name) else { continue };
            mark.is_broken |= mark.term > 0 && term > mark.term;
            mark.term = term.max(mark.term);
            if mark.read.back().is_none_or(|(_, last)| *last < number) {
                mark.read.push_back((now, number));
            }
        }
    }
}

/// The greatest number and the greatest term of the writes to each index, by its full name.
#[derive(Debug, Default)]
struct Last(BTreeMap<String, (i64, i64)>);

impl Last {
    fn add<S>(&mut self, changes: &[Change<S>]) {
        for Change { index, number, term, .. } in changes {
            let last = self.0.entry(index.clone()).or_insert((*number, *term));
            *last = (last.0.max(*number), last.1.max(*term));
        }
    }
}

#[derive(Deserialize)]
struct Page<S> {
    hits: Hits<S>,
}

#[derive(Deserialize)]
struct Hits<S> {
    hits: Vec<Change<S>>,
}

#[derive(Deserialize)]
struct Settings {
    settings: OfIndex,
}

#[derive(Deserialize)]
struct OfIndex {
    index: Uuid,
}

#[derive(Deserialize)]
struct Uuid {
    uuid: String,
}

impl Store {
    /// Which of these indices, named without the prefix, there are: by their full names with their ids.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn existing(&self, names: &[String]) -> Result<BTreeMap<String, String>, StoreError> {
        let names: Vec<String> = names.iter().map(|name| self.name(name)).collect();
        let leniency = "ignore_unavailable=true&filter_path=*.settings.index.uuid";
        let path = format!("/{}/_settings?{leniency}", names.join(","));
        let found: BTreeMap<String, Settings> =
            self.send("look for indices", Method::Get, &path, None).await?;
        Ok(found.into_iter().map(|(name, found)| (name, found.settings.index.uuid)).collect())
    }

    /// Hands out, page by page, each document of the marked indices that the filter finds and that was written since the
    /// last call; some of the latest again. Ends early when `take` says `false`; an index that was not read to its end yet is
    /// then read from its beginning by the next call.
    ///
    /// # Errors
    /// As [`Store::send`]; what was not handed out will be by the next call.
    pub async fn each_change<S: DeserializeOwned>(
        &self,
        marks: &mut Marks,
        filter: &Value,
        mut take: impl FnMut(Vec<Change<S>>) -> bool,
    ) -> Result<(), StoreError> {
        let (begun, unread) = (marks.indices(true), marks.indices(false));
        if !begun.is_empty() && !self.each_later(&begun, marks, filter, &mut take).await? {
            return Ok(());
        }
        if unread.is_empty() {
            return Ok(());
        }
        // In the order in which they lie: to sort millions by their writes anew for each page would take for ever.
        let (mut last, mut wants_more) = (Last::default(), true);
        let read = self.each_page(&unread, filter, PAGE_SIZE, |changes: Vec<Change<S>>| {
            last.add(&changes);
            wants_more = take(changes);
            wants_more
        });
        read.await?;
        if wants_more {
            marks.begin(&unread, &last, Instant::now());
        }
        Ok(())
    }

    /// Hands out what was written since to indices that were read before. Gives whether `take` wants more.
    async fn each_later<S: DeserializeOwned>(
        &self,
        indices: &str,
        marks: &mut Marks,
        filter: &Value,
        take: &mut impl FnMut(Vec<Change<S>>) -> bool,
    ) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let path = format!("/{indices}/_search?allow_partial_search_results=false");
        let mut body = json!({
            "size": PAGE_SIZE,
            "track_total_hits": false,
            "query": { "bool": { "filter": [filter, marks.since()] } },
            "sort": ["_seq_no", "_index"],
            "seq_no_primary_term": true,
        });
        loop {
            let page: Page<S> = self.send("read what has changed", Method::Post, &path, Some(&body)).await?;
            let changes = page.hits.hits;
            let is_last = changes.len() < PAGE_SIZE;
            if let Some(last) = changes.last() {
                body["search_after"] = last.place().clone();
            }
            let mut read = Last::default();
            read.add(&changes);
            let wants_more = take(changes);
            marks.has_read(&read, Instant::now());
            if !wants_more {
                return Ok(false);
            }
            if is_last {
                marks.settle(asked);
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(indices: &[(&str, &str)]) -> BTreeMap<String, String> {
        indices.iter().map(|(name, uuid)| ((*name).to_owned(), (*uuid).to_owned())).collect()
    }

    fn settled(marks: &mut Marks, asked: Instant) -> Vec<Value> {
        marks.settle(asked);
        let since = marks.since();
        let should = since["bool"]["should"].as_array().unwrap();
        should.iter().map(|one| one["bool"]["filter"][1]["range"]["_seq_no"]["gt"].clone()).collect()
    }

    fn last(writes: &[(&str, i64, i64)]) -> Last {
        Last(writes.iter().map(|(name, number, term)| ((*name).to_owned(), (*number, *term))).collect())
    }

    #[test]
    fn what_was_read_in_the_last_moments_is_read_again() {
        let mut reading = Marks::default();
        let start = Instant::now();
        assert!(reading.set_indices(marks(&[("a", "1"), ("b", "2")])).is_empty());
        reading.begin("a,b", &last(&[("a", 7, 1)]), start);
        reading.has_read(&last(&[("b", 5, 1)]), start + SETTLING / 2);
        // Read again.
        reading.has_read(&last(&[("a", 7, 1)]), start + SETTLING / 2);
        assert_eq!(settled(&mut reading, start), [json!(-1), json!(-1)]);
        assert_eq!(settled(&mut reading, start + SETTLING), [json!(7), json!(-1)]);
        assert_eq!(settled(&mut reading, start + SETTLING * 2), [json!(7), json!(5)]);
    }

    #[test]
    fn what_was_read_last_is_read_once_more_however_long_ago_that_was() {
        let mut reading = Marks::default();
        let start = Instant::now();
        reading.set_indices(marks(&[("a", "1")]));
        reading.begin("a", &last(&[("a", UNDER_WAY_MAX + 7, 1)]), start);
        let asked_for = |reading: &Marks| reading.since()["bool"]["should"][0]["bool"]["filter"][1].clone();
        let later_than = |number: i64| json!({ "range": { "_seq_no": { "gt": number } } });
        assert_eq!(asked_for(&reading), later_than(7), "what was under way then is not left out");
        // A minute later that was asked for; now nothing before it can be missing.
        reading.settle(start + SETTLING * 20);
        assert_eq!(asked_for(&reading), later_than(UNDER_WAY_MAX + 7));
        reading.has_read(&last(&[("a", UNDER_WAY_MAX + 9, 1)]), start + SETTLING * 20);
        reading.settle(start + SETTLING * 20);
        assert_eq!(asked_for(&reading), later_than(UNDER_WAY_MAX + 7));
    }

    #[test]
    fn an_index_that_was_made_anew_or_numbers_its_writes_anew_is_read_from_its_beginning() {
        let mut reading = Marks::default();
        let start = Instant::now();
        reading.set_indices(marks(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "5")]));
        reading.begin("a,b,c,d", &last(&[("a", 7, 1), ("b", 7, 1), ("c", 7, 1), ("d", 7, 1)]), start);
        reading.has_read(&last(&[("d", 4, 2)]), start);
        let gone = reading.set_indices(marks(&[("a", "1"), ("b", "4"), ("d", "5")]));
        assert_eq!(gone, ["b", "c", "d"]);
        assert_eq!((reading.indices(true).as_str(), reading.indices(false).as_str()), ("a", "b,d"));
        assert_eq!(settled(&mut reading, start + SETTLING), [json!(7)]);
    }
}
