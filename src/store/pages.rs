//! Every document of an index, page by page, as they were at one moment.

use elasticsearch::http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::store::{Store, StoreError};

/// Documents of one page.
const PAGE_SIZE: usize = 1_000;
/// How long Elasticsearch keeps the moment between two pages.
const KEEP_ALIVE: &str = "2m";

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Stored {
    /// The full name of its index.
    #[serde(rename = "_index")]
    pub index: String,
    /// Its id.
    #[serde(rename = "_id")]
    pub id: String,
    /// Its version.
    #[serde(rename = "_version")]
    pub version: u64,
    /// What it holds.
    #[serde(rename = "_source")]
    pub source: Value,
    #[serde(default)]
    sort: Value,
}

impl Stored {
    /// A document as it would be stored.
    pub fn of(index: &str, id: String, version: u64, source: Value) -> Self {
        Self { index: index.to_owned(), id, version, source, sort: Value::Null }
    }
}

/// A document that knows where in the order of the pages it lies.
pub trait Placed {
    /// The values that it was sorted by.
    fn place(&self) -> &Value;
}

impl Placed for Stored {
    fn place(&self) -> &Value {
        &self.sort
    }
}

#[derive(Deserialize)]
struct Moment {
    id: String,
}

#[derive(Deserialize)]
struct Page<T> {
    pit_id: String,
    hits: Hits<T>,
}

#[derive(Deserialize)]
struct Hits<T> {
    hits: Vec<T>,
}

impl Store {
    /// Hands out every document of an index or alias (named without the prefix) that the query finds, in no
    /// order; none where the index does not exist. What is written meanwhile is not seen.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn each_document(
        &self,
        index: &str,
        query: &Value,
        mut take: impl FnMut(Stored),
    ) -> Result<(), StoreError> {
        let take = |page: Vec<Stored>| {
            page.into_iter().for_each(&mut take);
            true
        };
        self.each_page(&self.name(index), query, PAGE_SIZE, take).await
    }

    /// The same page by page, of indices by their full names with commas between. Ends early when `take` says `false`.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub(super) async fn each_page<T: Placed + DeserializeOwned>(
        &self,
        indices: &str,
        query: &Value,
        page_size: usize,
        take: impl FnMut(Vec<T>) -> bool,
    ) -> Result<(), StoreError> {
        let path = format!("/{indices}/_pit?keep_alive={KEEP_ALIVE}&ignore_unavailable=true");
        let mut moment = match self.send::<Moment>("hold an index still", Method::Post, &path, None).await {
            Err(StoreError::MissingIndex { .. }) => return Ok(()),
            answer => answer?,
        };
        let read = self.pages_of(&mut moment, query, page_size, take).await;
        let close = json!({ "id": moment.id });
        // It ends by itself; what was read counts.
        if let Err(error) =
            self.send::<Value>("let go of an index", Method::Delete, "/_pit", Some(&close)).await
        {
            tracing::debug!(%error, indices, "the moment of an index is left to end by itself");
        }
        read
    }

    async fn pages_of<T: Placed + DeserializeOwned>(
        &self,
        moment: &mut Moment,
        query: &Value,
        page_size: usize,
        mut take: impl FnMut(Vec<T>) -> bool,
    ) -> Result<(), StoreError> {
        let mut after = Value::Null;
        loop {
            let mut body = json!({
                "size": page_size,
                "query": query,
                "pit": { "id": moment.id, "keep_alive": KEEP_ALIVE },
                "sort": [{ "_shard_doc": "asc" }],
                "track_total_hits": false,
                "version": true,
                "seq_no_primary_term": true,
            });
            if !after.is_null() {
                body["search_after"] = after;
            }
            let path = "/_search?allow_partial_search_results=false";
            let page: Page<T> = self.send("read an index", Method::Post, path, Some(&body)).await?;
            moment.id = page.pit_id;
            let Some(last) = page.hits.hits.last() else { return Ok(()) };
            after = last.place().clone();
            if !take(page.hits.hits) {
                return Ok(());
            }
        }
    }
}
