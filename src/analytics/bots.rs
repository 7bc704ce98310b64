//! Which sessions are bots', so that what they did can be taken off what everybody did.
//!
//! A session is a bot's when a rule on bots holds for it: an active signal names it. What suspect sessions did is kept
//! apart for each (`suspect-products`, `suspect-queries`), so that the difference is the shop's people.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::event::SESSION_MAX;
use crate::model::rules::{Quarry, Rule};
use crate::model::time::Timestamp;
use crate::store::found::{Aggregated, Counted};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Most sessions that are left out, those seen last. The cluster takes 65,536 terms in a list and as many buckets.
const SESSIONS_MAX: usize = 50_000;

/// The sessions of bots in a range of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bots {
    sessions: Vec<String>,
    /// Whether there were more than can be left out.
    pub is_cut: bool,
}

impl Bots {
    /// The sessions that were taken for a bot's and may have an event or their start from `from` to `to`.
    ///
    /// # Errors
    /// As [`Store::search`]; without signals there are no bots.
    pub async fn seen(store: &Store, from: Timestamp, to: Timestamp) -> Result<Self, StoreError> {
        let (what, index) = ("find the sessions of bots", Schema::FRAUD_SIGNALS.name);
        let found: Aggregated<Option<Found>> =
            store.search(what, index, Missing::IsEmpty, &body(from, to)).await?;
        Ok(found.aggregations.map(Self::from).unwrap_or_default())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The filter that only documents of these sessions pass.
    pub fn filter(&self) -> Value {
        json!({ "terms": { "session_id": self.sessions } })
    }
}

/// A signal's first and last event may lie anywhere in its session, so either may be a whole session off the range.
fn body(from: Timestamp, to: Timestamp) -> Value {
    let rules = Rule::ALL.into_iter().filter(|rule| rule.quarry() == Quarry::Bot);
    let reach: TimeDelta = SESSION_MAX;
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": [
            { "terms": { "rule": rules.map(Rule::as_str).collect::<Vec<_>>() } },
            { "term": { "active": true } },
            { "range": { "last_seen": { "gte": from - reach } } },
            { "range": { "first_seen": { "lte": to + reach } } },
        ] } },
        "aggs": { "sessions": {
            "terms": { "field": "session_id", "size": SESSIONS_MAX, "order": { "seen": "desc" } },
            "aggs": { "seen": { "max": { "field": "last_seen" } } },
        } },
    })
}

#[derive(Deserialize)]
struct Found {
    sessions: Sessions,
}

#[derive(Deserialize)]
struct Sessions {
    buckets: Vec<Counted<String>>,
    sum_other_doc_count: u64,
}

impl From<Found> for Bots {
    fn from(Found { sessions }: Found) -> Self {
        let is_cut = sessions.sum_other_doc_count > 0;
        Self { sessions: sessions.buckets.into_iter().map(|bucket| bucket.key).collect(), is_cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_which_a_rule_on_bots_holds_in_reach_of_the_range_are_asked_for() {
        let at = |text| Timestamp::parse(text).unwrap();
        let body = body(at("2026-11-21T10:00:00Z"), at("2026-11-21T11:00:00Z"));
        insta::assert_snapshot!(body["query"]["bool"]["filter"], @r#"[{"terms":{"rule":["bot_velocity","bot_rhythm","catalogue_crawl","search_flood","cart_hoarding"]}},{"term":{"active":true}},{"range":{"last_seen":{"gte":"2026-11-21T08:00:00.000Z"}}},{"range":{"first_seen":{"lte":"2026-11-21T13:00:00.000Z"}}}]"#);
        insta::assert_snapshot!(body["aggs"], @r#"{"sessions":{"aggs":{"seen":{"max":{"field":"last_seen"}}},"terms":{"field":"session_id","order":{"seen":"desc"},"size":50000}}}"#);
    }

    #[test]
    fn more_sessions_than_can_be_left_out_are_told() {
        let answer = |others: u64| {
            json!({ "sessions": {
            "buckets": [{ "key": "s1", "doc_count": 2, "seen": { "value": 1.0 } }],
            "sum_other_doc_count": others,
        } })
        };
        let read = |others| Bots::from(serde_json::from_value::<Found>(answer(others)).unwrap());
        assert_eq!(read(0), Bots { sessions: vec!["s1".to_owned()], is_cut: false });
        assert!(read(1).is_cut);
        assert_eq!(read(0).filter(), json!({ "terms": { "session_id": ["s1"] } }));
    }
}
