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

#[derive(Debug)]
struct Mark {
    /// An index that was removed and made again has another.
    uuid: String,
    /// Whether all that was there once was read.
    is_begun: bool,
    /// The last write that was read, and before which none is missing any more.
    settled: i64,
    /// Later ones that were read, and when.
    read: VecDeque<(Instant, i64)>,
}

impl Marks {
    /// Takes these indices, by their full names with their ids, for those that are read. Gives the names of those that
    /// were read before and are there no more, be it that another one bears the name.
    pub fn set_indices(&mut self, indices: BTreeMap<String, String>) -> Vec<String> {
        let is_gone = |name: &String, mark: &mut Mark| indices.get(name) != Some(&mark.uuid);
        let gone: Vec<String> = self.0.extract_if(.., is_gone).map(|(name, _)| name).collect();
        for (name, uuid) in indices {
            let unread = Mark { uuid, is_begun: false, settled: -1, read: VecDeque::new() };
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
    fn since(&mut self, now: Instant) -> Value {
        let settled = |(name, mark): (&String, &mut Mark)| {
            while let Some((read, number)) = mark.read.front().copied()
                && now.saturating_duration_since(read) >= SETTLING
            {
                (mark.settled, _) = (number, mark.read.pop_front());
            }
            let later = json!({ "range": { "_seq_no": { "gt": mark.settled } } });
            json!({ "bool": { "filter": [{ "term": { "_index": name } }, later] } })
        };
        let later: Vec<Value> = self.0.iter_mut().filter(|(_, mark)| mark.is_begun).map(settled).collect();
        json!({ "bool": { "should": later, "minimum_should_match": 1 } })
    }

    /// All that is in these indices was read; their last writes then, and when that was.
    fn begin(&mut self, indices: &str, last: &BTreeMap<String, i64>, then: Instant) {
        for name in indices.split(',') {
            if let Some(mark) = self.0.get_mut(name) {
                mark.is_begun = true;
                mark.read.extend(last.get(name).map(|number| (then, *number)));
            }
        }
    }

    fn has_read(&mut self, index: &str, number: i64, now: Instant) {
        let Some(mark) = self.0.get_mut(index) else { return };
        match mark.read.back_mut() {
            Some((_, last)) if *last >= number => {}
            Some((read, last)) if *read == now => *last = number,
            _ => mark.read.push_back((now, number)),
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
    /// last call; some of the latest again. Ends early when `take` says `false`.
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
        let (then, mut last) = (Instant::now(), BTreeMap::new());
        let mut is_enough = false;
        let read = self.each_page(&unread, filter, PAGE_SIZE, |changes: Vec<Change<S>>| {
            for change in &changes {
                let greatest = last.entry(change.index.clone()).or_insert(change.number);
                *greatest = change.number.max(*greatest);
            }
            is_enough = !take(changes);
            !is_enough
        });
        read.await?;
        if !is_enough {
            marks.begin(&unread, &last, then);
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
        let path = format!("/{indices}/_search?allow_partial_search_results=false");
        let mut body = json!({
            "size": PAGE_SIZE,
            "track_total_hits": false,
            "query": { "bool": { "filter": [filter, marks.since(Instant::now())] } },
            "sort": ["_seq_no", "_index"],
            "seq_no_primary_term": true,
        });
        loop {
            let asked = Instant::now();
            let page: Page<S> = self.send("read what has changed", Method::Post, &path, Some(&body)).await?;
            let changes = page.hits.hits;
            let is_last = changes.len() < PAGE_SIZE;
            if let Some(last) = changes.last() {
                body["search_after"] = last.place().clone();
            }
            for change in &changes {
                marks.has_read(&change.index, change.number, asked);
            }
            if !take(changes) {
                return Ok(false);
            }
            if is_last {
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

    fn settled(marks: &mut Marks, now: Instant) -> Vec<Value> {
        let since = marks.since(now);
        let should = since["bool"]["should"].as_array().unwrap();
        should.iter().map(|one| one["bool"]["filter"][1]["range"]["_seq_no"]["gt"].clone()).collect()
    }

    #[test]
    fn what_was_read_in_the_last_moments_is_read_again() {
        let mut reading = Marks::default();
        let start = Instant::now();
        assert!(reading.set_indices(marks(&[("a", "1"), ("b", "2")])).is_empty());
        reading.begin("a,b", &BTreeMap::new(), start);
        reading.has_read("a", 3, start);
        reading.has_read("a", 7, start);
        reading.has_read("b", 5, start + SETTLING / 2);
        // Read again.
        reading.has_read("a", 3, start + SETTLING / 2);
        reading.has_read("a", 7, start + SETTLING / 2);
        assert_eq!(settled(&mut reading, start), [json!(-1), json!(-1)]);
        assert_eq!(settled(&mut reading, start + SETTLING), [json!(7), json!(-1)]);
        assert_eq!(settled(&mut reading, start + SETTLING * 2), [json!(7), json!(5)]);
    }

    #[test]
    fn an_index_that_was_made_anew_is_read_from_its_beginning() {
        let mut reading = Marks::default();
        let start = Instant::now();
        reading.set_indices(marks(&[("a", "1"), ("b", "2"), ("c", "3")]));
        let last = ["a", "b", "c"].map(|index| (index.to_owned(), 7)).into();
        reading.begin("a,b,c", &last, start);
        assert_eq!(reading.set_indices(marks(&[("a", "1"), ("b", "4")])), ["b", "c"]);
        assert_eq!((reading.indices(true).as_str(), reading.indices(false).as_str()), ("a", "b"));
        assert_eq!(settled(&mut reading, start + SETTLING), [json!(7)]);
    }
}
