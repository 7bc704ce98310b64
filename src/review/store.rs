//! The index `fraud-decisions`, which is written here alone, and the cases that decisions are about.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::model::rules::Rule;
use crate::review::decision::{Case, Change, Decision, Impossible, Status, decide};
use crate::store::found::{Found, Hit};
use crate::store::schema::Schema;
use crate::store::{Method, Missing, Store, StoreError};

/// Most decisions by which lists and counts leave cases out, the latest ones. Each costs some 100 bytes for a moment.
const DECISIONS_MAX: usize = 50_000;
/// Decisions of one answer.
const PAGE_SIZE: usize = 5_000;
/// Most decisions of one answer: Elasticsearch gives no more at once.
const ANSWER_MAX: usize = 10_000;
/// Attempts to change a decision that others change meanwhile.
const ATTEMPTS_MAX: u32 = 5;

/// Why a case was not changed.
#[derive(Debug, Error)]
pub enum ReviewError {
    /// There is no such case.
    #[error("there is no case {0}; GET /fraud lists the cases")]
    NoCase(String),
    /// It cannot be changed like that.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A decision, and what a change of it must say to be the next after this state.
#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "_source")]
    decision: Decision,
    #[serde(rename = "_seq_no")]
    number: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
}

#[derive(Deserialize)]
struct KeptOnes {
    hits: KeptHits,
}

#[derive(Deserialize)]
struct KeptHits {
    hits: Vec<Kept>,
}

/// Every decision that stands, the latest first, at most 50,000, without their trails.
///
/// # Errors
/// As [`Store::search`].
pub async fn standing(store: &Store) -> Result<Vec<Decision>, StoreError> {
    let mut decisions = Vec::new();
    let mut after: Option<Value> = None;
    while decisions.len() < DECISIONS_MAX {
        let found = find(store, &latest(after.as_ref())).await?;
        let is_full = found.hits.hits.len() == PAGE_SIZE;
        after = found.hits.hits.last().filter(|_| is_full).map(|hit| hit.sort.clone().into());
        decisions.extend(found.hits.sources());
        if after.is_none() {
            break;
        }
    }
    Ok(decisions)
}

/// The latest dismissals by these rules, at most 10,000, without their trails.
///
/// # Errors
/// As [`Store::search`].
pub async fn dismissed_by(
    store: &Store,
    rules: impl Iterator<Item = Rule>,
) -> Result<Vec<Decision>, StoreError> {
    Ok(find(store, &dismissals(rules)).await?.hits.sources().collect())
}

/// The decisions that stand on cases of these visitors, with their trails.
///
/// # Errors
/// As [`Store::search`].
pub async fn about(store: &Store, visitors: &BTreeSet<&str>) -> Result<Vec<Decision>, StoreError> {
    if visitors.is_empty() {
        return Ok(Vec::new());
    }
    Ok(find(store, &of_visitors(visitors)).await?.hits.sources().collect())
}

async fn find(store: &Store, body: &Value) -> Result<Found<Decision>, StoreError> {
    let (what, index) = ("read what was decided of cases", Schema::FRAUD_DECISIONS.name);
    store.of_shop().search(what, index, Missing::IsEmpty, body).await
}

fn latest(after: Option<&Value>) -> Value {
    let mut body = body(PAGE_SIZE, &[]);
    body["_source"] = json!({ "excludes": ["history"] });
    if let Some(after) = after {
        body["search_after"] = after.clone();
    }
    body
}

fn dismissals(rules: impl Iterator<Item = Rule>) -> Value {
    let rules: Vec<&str> = rules.map(Rule::as_str).collect();
    let dismissed = json!({ "term": { "status": Status::Dismissed.as_str() } });
    let mut body = body(ANSWER_MAX, &[json!({ "terms": { "rule": rules } }), dismissed]);
    body["_source"] = json!({ "excludes": ["history"] });
    body
}

/// A decision has the visitor of its case, so these are all that say something of a visitor's cases.
fn of_visitors(visitors: &BTreeSet<&str>) -> Value {
    body(ANSWER_MAX, &[json!({ "terms": { "visitor": visitors } })])
}

fn body(size: usize, filter: &[Value]) -> Value {
    let open = json!({ "term": { "status": Status::Open.as_str() } });
    json!({
        "size": size,
        "track_total_hits": false,
        "query": { "bool": { "filter": filter, "must_not": [open] } },
        "sort": [{ "decided_at": "desc" }, { "case_id": "asc" }],
    })
}

/// Changes a case of these results, and keeps the change.
///
/// # Errors
/// [`ReviewError`].
pub async fn change(
    results: &Store,
    case_id: &str,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<Decision, ReviewError> {
    let case = case(results, case_id).await?;
    let store = results.of_shop();
    store.ensure(&Schema::FRAUD_DECISIONS).await?;
    let mut attempt = 1;
    loop {
        let kept = kept(&store, case_id).await?;
        let revision = kept.as_ref().map(|kept| (kept.number, kept.term));
        let before = kept.map(|kept| kept.decision);
        let decision = decide(case.clone(), before, change.clone(), now)?;
        match keep(&store, &decision, revision).await {
            Err(StoreError::Refused { status: 409, .. }) if attempt < ATTEMPTS_MAX => attempt += 1,
            kept => return kept.map(|()| decision).map_err(ReviewError::from),
        }
    }
}

async fn case(results: &Store, id: &str) -> Result<Case, ReviewError> {
    let body = json!({ "size": 1, "query": { "ids": { "values": [id] } }, "_source": ["rule", "visitor"] });
    let (what, index) = ("find a case", Schema::FRAUD_SIGNALS.name);
    let found: Found<Case> = results.search(what, index, Missing::IsEmpty, &body).await?;
    let hit = found.hits.hits.into_iter().next();
    hit.map(|Hit { id, source, .. }| Case { id, ..source }).ok_or_else(|| ReviewError::NoCase(id.to_owned()))
}

async fn kept(store: &Store, case_id: &str) -> Result<Option<Kept>, StoreError> {
    let query = json!({ "term": { "case_id": case_id } });
    let body = json!({ "size": 1, "seq_no_primary_term": true, "query": query });
    let (what, index) = ("read what was decided of a case", Schema::FRAUD_DECISIONS.name);
    let found: KeptOnes = store.search(what, index, Missing::IsEmpty, &body).await?;
    Ok(found.hits.hits.into_iter().next())
}

/// Keeps a decision if nobody has changed it since `revision`, and makes it visible at once.
async fn keep(store: &Store, decision: &Decision, revision: Option<(u64, u64)>) -> Result<(), StoreError> {
    let condition = match revision {
        Some((number, term)) => format!("if_seq_no={number}&if_primary_term={term}"),
        None => "op_type=create".to_owned(),
    };
    let index = store.name(Schema::FRAUD_DECISIONS.name);
    // An id's characters, and the bars between its parts.
    let id = decision.case_id.replace('|', "%7C");
    let path = format!("/{index}/_doc/{id}?refresh=true&{condition}");
    let body = json!(decision);
    store.send::<Value>("keep what was decided of a case", Method::Put, &path, Some(&body)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_that_were_taken_back_say_nothing_of_a_case() {
        insta::assert_snapshot!(of_visitors(&BTreeSet::from(["u1"])), @r#"{"query":{"bool":{"filter":[{"terms":{"visitor":["u1"]}}],"must_not":[{"term":{"status":"open"}}]}},"size":10000,"sort":[{"decided_at":"desc"},{"case_id":"asc"}],"track_total_hits":false}"#);
        let next = latest(Some(&json!([1, "a"])));
        insta::assert_snapshot!(next, @r#"{"_source":{"excludes":["history"]},"query":{"bool":{"filter":[],"must_not":[{"term":{"status":"open"}}]}},"search_after":[1,"a"],"size":5000,"sort":[{"decided_at":"desc"},{"case_id":"asc"}],"track_total_hits":false}"#);
    }
}
