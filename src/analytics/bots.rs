//! Which suspect sessions are no bots', so that what bots did can be taken off what everybody did.
//!
//! What suspect sessions did is kept apart for each (`suspect-products`, `suspect-queries`). A suspect session is a
//! bot's while a rule on bots holds for it: an active signal names it. Few are cleared of the suspicion, one in ten, so
//! those are looked for, and the documents of all others are the bots'.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::event::SESSION_MAX;
use crate::model::rules::{Quarry, Rule};
use crate::model::time::Timestamp;
use crate::store::found::{Aggregated, Counted};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Most sessions that are looked at, those seen last. The cluster takes 65,536 terms in a list and as many buckets.
const DOUBTED_MAX: usize = 50_000;

/// The bots in a range of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bots {
    /// The suspect sessions that are no bots'.
    cleared: Vec<String>,
    /// Whether there were too many to look at, of which the rest counts as bots' then.
    pub is_cut: bool,
}

impl Bots {
    /// Those who may have an event or the start of a session from `from` to `to`.
    ///
    /// # Errors
    /// As [`Store::search`]; without signals nobody was cleared.
    pub async fn seen(store: &Store, from: Timestamp, to: Timestamp) -> Result<Self, StoreError> {
        let doubted = sessions(store, &doubted(from, to)).await?;
        if doubted.buckets.is_empty() {
            return Ok(Self::default());
        }
        let keys: Vec<&str> = doubted.buckets.iter().map(|bucket| bucket.key.as_str()).collect();
        let named = sessions(store, &named(&keys)).await?;
        Ok(Self::without(doubted, named))
    }

    fn without(doubted: Sessions, named: Sessions) -> Self {
        let is_cut = doubted.sum_other_doc_count > 0;
        let bots: HashSet<String> = named.keys().collect();
        Self { cleared: doubted.keys().filter(|session| !bots.contains(session)).collect(), is_cut }
    }

    /// The filter that only documents of bots pass, of those that are kept of suspect sessions.
    pub fn filter(&self) -> Value {
        json!({ "bool": { "must_not": { "terms": { "session_id": self.cleared } } } })
    }
}

async fn sessions(store: &Store, body: &Value) -> Result<Sessions, StoreError> {
    let (what, index) = ("find who was cleared of being a bot", Schema::FRAUD_SIGNALS.name);
    let found: Aggregated<Option<Found>> = store.search(what, index, Missing::IsEmpty, body).await?;
    Ok(found.aggregations.map(|found| found.sessions).unwrap_or_default())
}

/// The sessions for which some rule on bots was looked at and does not hold. A signal's first and last event may lie
/// anywhere in its session, so either may be a whole session off the range.
fn doubted(from: Timestamp, to: Timestamp) -> Value {
    let reach: TimeDelta = SESSION_MAX;
    let filter = [
        json!({ "term": { "active": false } }),
        json!({ "range": { "last_seen": { "gte": from - reach } } }),
        json!({ "range": { "first_seen": { "lte": to + reach } } }),
    ];
    let terms = json!({ "field": "session_id", "size": DOUBTED_MAX, "order": { "seen": "desc" } });
    body(filter.to_vec(), json!({ "terms": terms, "aggs": { "seen": { "max": { "field": "last_seen" } } } }))
}

/// Those of these sessions for which another rule holds.
fn named(sessions: &[&str]) -> Value {
    let filter =
        [json!({ "term": { "active": true } }), json!({ "terms": { "session_id": sessions } })].to_vec();
    body(filter, json!({ "terms": { "field": "session_id", "size": sessions.len() } }))
}

/// The filter that only signals of rules on bots pass.
pub fn rules() -> Value {
    let rules = Rule::ALL.into_iter().filter(|rule| rule.quarry() == Quarry::Bot);
    json!({ "terms": { "rule": rules.map(Rule::as_str).collect::<Vec<_>>() } })
}

fn body(mut filter: Vec<Value>, sessions: Value) -> Value {
    filter.insert(0, rules());
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": filter } },
        "aggs": { "sessions": sessions },
    })
}

#[derive(Deserialize)]
struct Found {
    sessions: Sessions,
}

#[derive(Default, Deserialize)]
struct Sessions {
    buckets: Vec<Counted<String>>,
    sum_other_doc_count: u64,
}

impl Sessions {
    fn keys(self) -> impl Iterator<Item = String> {
        self.buckets.into_iter().map(|bucket| bucket.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_for_which_a_rule_does_not_hold_in_reach_of_the_range_are_asked_for() {
        let at = |text| Timestamp::parse(text).unwrap();
        let body = doubted(at("2026-11-21T10:00:00Z"), at("2026-11-21T11:00:00Z"));
        insta::assert_snapshot!(body["query"]["bool"]["filter"], @r#"[{"terms":{"rule":["bot_velocity","bot_rhythm","catalogue_crawl","search_flood","cart_hoarding"]}},{"term":{"active":false}},{"range":{"last_seen":{"gte":"2026-11-21T08:00:00.000Z"}}},{"range":{"first_seen":{"lte":"2026-11-21T13:00:00.000Z"}}}]"#);
        insta::assert_snapshot!(body["aggs"], @r#"{"sessions":{"aggs":{"seen":{"max":{"field":"last_seen"}}},"terms":{"field":"session_id","order":{"seen":"desc"},"size":50000}}}"#);
        let body = named(&["s1", "s2"]);
        insta::assert_snapshot!(body["query"]["bool"]["filter"], @r#"[{"terms":{"rule":["bot_velocity","bot_rhythm","catalogue_crawl","search_flood","cart_hoarding"]}},{"term":{"active":true}},{"terms":{"session_id":["s1","s2"]}}]"#);
        insta::assert_snapshot!(body["aggs"], @r#"{"sessions":{"terms":{"field":"session_id","size":2}}}"#);
    }

    fn found(sessions: &[&str], others: u64) -> Sessions {
        let bucket = |session: &&str| json!({ "key": session, "doc_count": 2 });
        let buckets: Vec<Value> = sessions.iter().map(bucket).collect();
        serde_json::from_value(json!({ "buckets": buckets, "sum_other_doc_count": others })).unwrap()
    }

    #[test]
    fn who_is_cleared_by_one_rule_and_named_by_another_is_a_bot() {
        let bots = Bots::without(found(&["s1", "s2"], 0), found(&["s2"], 0));
        assert_eq!(bots, Bots { cleared: vec!["s1".to_owned()], is_cut: false });
        assert_eq!(bots.filter(), json!({ "bool": { "must_not": { "terms": { "session_id": ["s1"] } } } }));
    }

    #[test]
    fn more_cleared_sessions_than_can_be_told_apart_are_told() {
        assert!(Bots::without(found(&["s1"], 1), found(&[], 0)).is_cut);
    }
}
