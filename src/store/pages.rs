//! Every document of an index, page by page, as they were at one moment.

use elasticsearch::http::Method;
use serde::Deserialize;
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

#[derive(Deserialize)]
struct Moment {
    id: String,
}

#[derive(Deserialize)]
struct Page {
    pit_id: String,
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Stored>,
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
        let path = format!("/{}/_pit?keep_alive={KEEP_ALIVE}&ignore_unavailable=true", self.name(index));
        let mut moment = match self.send::<Moment>("hold an index still", Method::Post, &path, None).await {
            Err(StoreError::MissingIndex { .. }) => return Ok(()),
            answer => answer?,
        };
        let read = self.each_page(&mut moment, query, &mut take).await;
        let close = json!({ "id": moment.id });
        // It ends by itself; what was read counts.
        if let Err(error) =
            self.send::<Value>("let go of an index", Method::Delete, "/_pit", Some(&close)).await
        {
            tracing::debug!(%error, index, "the moment of an index is left to end by itself");
        }
        read
    }

    async fn each_page(
        &self,
        moment: &mut Moment,
        query: &Value,
        take: &mut impl FnMut(Stored),
    ) -> Result<(), StoreError> {
        let mut after = Value::Null;
        loop {
            let mut body = json!({
                "size": PAGE_SIZE,
                "query": query,
                "pit": { "id": moment.id, "keep_alive": KEEP_ALIVE },
                "sort": [{ "_shard_doc": "asc" }],
                "track_total_hits": false,
                "version": true,
            });
            if !after.is_null() {
                body["search_after"] = after;
            }
            let path = "/_search?allow_partial_search_results=false";
            let page: Page = self.send("read an index", Method::Post, path, Some(&body)).await?;
            moment.id = page.pit_id;
            let Some(last) = page.hits.hits.last() else { return Ok(()) };
            after = last.sort.clone();
            page.hits.hits.into_iter().for_each(&mut *take);
        }
    }
}
