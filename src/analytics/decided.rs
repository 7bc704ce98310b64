//! Which active cases somebody decided on, or are quiet because the same was dismissed of their visitor: so that
//! lists and counts leave them out by their ids. Kept for a moment, as all who page through cases ask for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::analytics::AnalyticsError;
use crate::analytics::store::ask;
use crate::http::fresh::Fresh;
use crate::model::generation::Generation;
use crate::model::rules::Rule;
use crate::review::{self, Changes, Decision, Status, Told, Verdicts};
use crate::store::Store;
use crate::store::found::{Found, Hit};
use crate::store::schema::Schema;

/// How soon a decision that another service has taken shows in lists and counts.
const MAX_AGE: Duration = Duration::from_secs(5);
/// Visitors whose cases are asked for at once.
const VISITORS_MAX: usize = 1_000;
/// Cases of one answer; there are as many answers as it takes.
const PAGE_SIZE: usize = 5_000;

/// The ids of cases that do not stand open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// Confirmed ones.
    pub confirmed: Vec<String>,
    /// Active ones that are dismissed, themselves or with others of the same rule and visitor.
    pub dismissed: Vec<String>,
}

/// What was decided, as it was known a moment ago; what this service itself has changed is known at once.
pub struct Known {
    changes: Changes,
    last: Fresh<(Question, Arc<Decided>)>,
}

/// Of which results, after how many changes.
type Question = (Generation, u64);

impl Known {
    /// Nothing is known yet; these are the changes of this service.
    pub fn new(changes: Changes) -> Self {
        Self { changes, last: Fresh::new(MAX_AGE) }
    }

    /// The cases of these results that do not stand open.
    ///
    /// # Errors
    /// As [`decided`].
    pub async fn of(&self, results: &Store) -> Result<Arc<Decided>, AnalyticsError> {
        // Before the question: what changes meanwhile is asked for by the next.
        let question = (results.generation().clone(), self.changes.count());
        let ask = async { Ok::<_, AnalyticsError>((question.clone(), Arc::new(decided(results).await?))) };
        let (_, decided) = self.last.get_if(|(known, _)| *known == question, ask).await?;
        Ok(decided)
    }
}

/// What of a case matters here.
#[derive(Deserialize)]
struct Case {
    rule: Rule,
    visitor: String,
    first_seen: DateTime<Utc>,
}

/// The cases of these results that do not stand open.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn decided(results: &Store) -> Result<Decided, AnalyticsError> {
    let decisions = review::standing(results).await?;
    let with = |status: Status| decisions.iter().filter(move |one| one.status == status);
    let confirmed = with(Status::Confirmed).map(|one: &Decision| one.case_id.clone()).collect();
    let visitors: BTreeSet<String> = with(Status::Dismissed).map(|one| one.visitor.clone()).collect();
    let (visitors, verdicts) = (Vec::from_iter(visitors), Verdicts::of(decisions));
    let mut dismissed = Vec::new();
    for visitors in visitors.chunks(VISITORS_MAX) {
        let mut after = None;
        loop {
            let body = cases(visitors, after.as_ref());
            let found: Found<Case> =
                ask(results, "find dismissed cases", &Schema::FRAUD_SIGNALS, &body).await?;
            let is_full = found.hits.hits.len() == PAGE_SIZE;
            after = found.hits.hits.last().filter(|_| is_full).map(|hit| hit.sort.clone().into());
            dismissed.extend(found.hits.hits.into_iter().filter_map(|hit| dismissed_id(hit, &verdicts)));
            if after.is_none() {
                break;
            }
        }
    }
    Ok(Decided { confirmed, dismissed })
}

fn dismissed_id(Hit { id, source, .. }: Hit<Case>, verdicts: &Verdicts) -> Option<String> {
    let Case { rule, visitor, first_seen } = source;
    let told = Told { id: &id, rule, visitor: &visitor, first_seen };
    (verdicts.status(told) == Status::Dismissed).then_some(id)
}

/// The active cases of these visitors behind the one that was sorted by these values. Ties are broken by what the
/// document's id is made of.
fn cases(visitors: &[String], after: Option<&Value>) -> Value {
    let filter = [json!({ "term": { "active": true } }), json!({ "terms": { "visitor": visitors } })];
    let mut body = json!({
        "size": PAGE_SIZE,
        "track_total_hits": false,
        "_source": ["rule", "visitor", "first_seen"],
        "query": { "bool": { "filter": filter } },
        "sort": [{ "visitor": "asc" }, { "rule": "asc" }, { "day": "asc" }, { "session_id": "asc" }],
    });
    if let Some(after) = after {
        body["search_after"] = after.clone();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_cases_of_the_visitors_are_asked_for_page_by_page() {
        let visitors = ["u1", "u2"].map(str::to_owned);
        let (first, next) = (cases(&visitors, None), cases(&visitors, Some(&json!(["u1", "r", 0, null]))));
        insta::assert_snapshot!(first["query"], @r#"{"bool":{"filter":[{"term":{"active":true}},{"terms":{"visitor":["u1","u2"]}}]}}"#);
        assert_eq!((first.get("search_after"), &next["search_after"][0]), (None, &json!("u1")));
    }
}
