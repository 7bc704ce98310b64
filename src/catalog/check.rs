//! Whether a version of the catalogue that was filled may be served: it holds what was written, finds it, and
//! has the mapping of this build.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalog::fields;
use crate::catalog::load::LoadError;
use crate::catalog::source::Sample;
use crate::store::found::{Aggregated, Buckets, Found, Metric, Passed};
use crate::store::schema::Schema;
use crate::store::{Method, Store, StoreError};

/// What an index holds that passed.
pub struct Checked {
    /// Products.
    pub products: u64,
    /// Leaf categories that they lie in.
    pub categories: u64,
}

/// Makes everything that was written visible, and looks whether it is all there.
///
/// # Errors
/// [`LoadError::Unsound`] with the first thing that is wrong, [`LoadError::Store`].
pub async fn check(
    store: &Store,
    index: &str,
    expected: RangeInclusive<u64>,
    samples: &[Sample],
) -> Result<Checked, LoadError> {
    let unsound = |what: String| LoadError::Unsound { index: index.to_owned(), what };
    let checked = contents(store, index).await?;
    if !expected.contains(&checked.products) {
        return Err(unsound(format!("it holds {} products instead of {}", checked.products, expected.end())));
    }
    let wanted = &Schema::PRODUCTS.body()["mappings"];
    if let Some(difference) = fields::difference(wanted, &mapping(store, index).await?) {
        return Err(unsound(format!(
            "its mapping is not the one of this build: {difference} (GET /_index_template lists whose template may have \
             changed it)"
        )));
    }
    match unfound(store, index, samples).await? {
        Some(id) => Err(unsound(format!("the product {id} is not found by its name"))),
        None => Ok(checked),
    }
}

async fn contents(store: &Store, index: &str) -> Result<Checked, StoreError> {
    #[derive(Deserialize)]
    struct Categories {
        categories: Metric<u64>,
    }
    let path = format!("/{index}/_refresh");
    store.send::<Value>("refresh the new catalogue", Method::Post, &path, None).await?;
    let body = json!({
        "size": 0,
        "track_total_hits": true,
        "aggs": { "categories": { "cardinality": { "field": "category" } } },
    });
    let path = format!("/{index}/_search");
    let found: Aggregated<Categories> =
        store.send("count the new catalogue", Method::Post, &path, Some(&body)).await?;
    Ok(Checked { products: found.total(), categories: found.aggregations.categories.value })
}

async fn mapping(store: &Store, index: &str) -> Result<Value, StoreError> {
    let path = format!("/{index}/_mapping");
    let mut answer: Map<String, Value> =
        store.send("read the new catalogue's mapping", Method::Get, &path, None).await?;
    Ok(answer.values_mut().next().map(|index| index["mappings"].take()).unwrap_or_default())
}

/// The first of some products that is missing, or that its own name does not find.
async fn unfound(store: &Store, index: &str, samples: &[Sample]) -> Result<Option<String>, StoreError> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
        name: String,
    }
    #[derive(Deserialize)]
    struct Counts {
        names: Buckets<Passed>,
    }
    if samples.is_empty() {
        return Ok(None);
    }
    let ids: Vec<&str> = samples.iter().map(|sample| sample.id.as_str()).collect();
    let body = json!({ "size": ids.len(), "query": { "terms": { "id": ids } }, "_source": ["id", "name"] });
    let path = format!("/{index}/_search");
    let found: Found<Named> =
        store.send("look products of the new catalogue up", Method::Post, &path, Some(&body)).await?;
    let found: Vec<Named> = found.hits.sources().collect();
    if let Some(missing) = ids.iter().find(|id| found.iter().all(|one| one.id != **id)) {
        return Ok(Some((*missing).to_owned()));
    }
    // By the name that it has now: a later line of an own catalogue may have changed it.
    let by_name = |one: &Named| {
        let name = json!({ "query": one.name, "operator": "and", "zero_terms_query": "all" });
        json!({ "bool": { "filter": [{ "term": { "id": one.id } }, { "match": { "name": name } }] } })
    };
    let filters: Vec<Value> = found.iter().map(by_name).collect();
    let body = json!({ "size": 0, "aggs": { "names": { "filters": { "filters": filters } } } });
    let counts: Aggregated<Counts> =
        store.send("search the new catalogue", Method::Post, &path, Some(&body)).await?;
    let mut counts = found.into_iter().zip(counts.aggregations.names.buckets);
    Ok(counts.find(|(_, passed)| passed.doc_count == 0).map(|(one, _)| one.id))
}
