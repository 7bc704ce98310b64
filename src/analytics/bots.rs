//! Which suspect sessions are no bots', so that what bots did can be taken off what everybody did.
//!
//! What suspect sessions did is kept apart for each (`suspect-products`, `suspect-queries`). A suspect session is a
//! bot's while a rule on bots holds for it: an active signal names it that nobody has dismissed. Few are cleared of the
//! suspicion, one in ten by the rules and some by people, so those are looked for, and the documents of all others are the
//! bots'.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::try_join;

use crate::model::event::SESSION_MAX;
use crate::model::rules::{Quarry, Rule};
use crate::model::time::Timestamp;
use crate::review::{self, Status, Told, Verdicts};
use crate::store::found::{Aggregated, Counted, Found, Hit};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Most sessions that are looked at because a rule does not hold, those seen last. The cluster takes 65,536 terms in a
/// list and as many buckets.
const DOUBTED_MAX: usize = 50_000;
/// Most cases that are looked at because somebody dismissed them, or one of the same rule and visitor; those seen last.
const DISMISSED_MAX: usize = 10_000;

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
        let what = "find who was cleared of being a bot";
        let (doubted, dismissed) =
            try_join!(sessions(store, what, doubted(from, to)), Dismissed::seen(store, from, to))?;
        let mut suspects: Vec<&str> = doubted.buckets.iter().map(|bucket| bucket.key.as_str()).collect();
        suspects.extend(dismissed.sessions.iter().map(String::as_str));
        if suspects.is_empty() {
            return Ok(Self::default());
        }
        let named = sessions(store, "find who is a bot", named(&suspects, &dismissed.cases)).await?;
        Ok(Self::without(doubted, dismissed, named))
    }

    fn without(doubted: Sessions, dismissed: Dismissed, named: Sessions) -> Self {
        let is_cut = doubted.sum_other_doc_count > 0 || dismissed.is_cut;
        let bots: HashSet<String> = named.keys().collect();
        let suspects: BTreeSet<String> = doubted.keys().chain(dismissed.sessions).collect();
        Self { cleared: suspects.into_iter().filter(|session| !bots.contains(session)).collect(), is_cut }
    }

    /// The filter that only documents of bots pass, of those that are kept of suspect sessions.
    pub fn filter(&self) -> Value {
        json!({ "bool": { "must_not": { "terms": { "session_id": self.cleared } } } })
    }
}

/// Cases that hold, but stand dismissed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dismissed {
    /// Their ids.
    pub cases: Vec<String>,
    /// Whom they name.
    sessions: Vec<String>,
    /// Whether there were too many to look at.
    pub is_cut: bool,
}

/// What of a case matters here.
#[derive(Deserialize)]
struct Case {
    rule: Rule,
    visitor: String,
    session_id: String,
    first_seen: DateTime<Utc>,
}

impl Dismissed {
    /// Those that may say something of a time from `from` to `to`.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn seen(store: &Store, from: Timestamp, to: Timestamp) -> Result<Self, StoreError> {
        let decisions = review::dismissed_by(store, rules()).await?;
        if decisions.is_empty() {
            return Ok(Self::default());
        }
        let visitors: BTreeSet<&str> = decisions.iter().map(|one| one.visitor.as_str()).collect();
        let verdicts = review::about(store, &visitors).await?;
        let (what, index) = ("find dismissed cases on bots", Schema::FRAUD_SIGNALS.name);
        let body = cases(&visitors, from, to);
        let found: Found<Case> = store.search(what, index, Missing::IsEmpty, &body).await?;
        Ok(Self::among(found.hits.hits, &Verdicts::of(verdicts)))
    }

    fn among(hits: Vec<Hit<Case>>, verdicts: &Verdicts) -> Self {
        let mut dismissed = Self { is_cut: hits.len() >= DISMISSED_MAX, ..Self::default() };
        for Hit { id, source: Case { rule, visitor, session_id, first_seen }, .. } in hits {
            let told = Told { id: &id, rule, visitor: &visitor, first_seen };
            if verdicts.status(told) == Status::Dismissed {
                dismissed.cases.push(id);
                dismissed.sessions.push(session_id);
            }
        }
        dismissed
    }
}

async fn sessions(store: &Store, what: &'static str, body: Value) -> Result<Sessions, StoreError> {
    let index = Schema::FRAUD_SIGNALS.name;
    let found: Aggregated<Option<Named>> = store.search(what, index, Missing::IsEmpty, &body).await?;
    Ok(found.aggregations.map(|found| found.sessions).unwrap_or_default())
}

/// The sessions for which some rule on bots was looked at and does not hold.
fn doubted(from: Timestamp, to: Timestamp) -> Value {
    let terms = json!({ "field": "session_id", "size": DOUBTED_MAX, "order": { "seen": "desc" } });
    let seen = json!({ "max": { "field": "last_seen" } });
    let filter = [&[json!({ "term": { "active": false } })][..], &within(from, to)].concat();
    by_session(&filter, &[], json!({ "terms": terms, "aggs": { "seen": seen } }))
}

/// A signal's first and last event may lie anywhere in its session, so either may be a whole session off the range.
fn within(from: Timestamp, to: Timestamp) -> [Value; 2] {
    let reach: TimeDelta = SESSION_MAX;
    [
        json!({ "range": { "last_seen": { "gte": from - reach } } }),
        json!({ "range": { "first_seen": { "lte": to + reach } } }),
    ]
}

/// Those of these sessions for which a rule holds by a case that is none of these.
fn named(sessions: &[&str], dismissed: &[String]) -> Value {
    let filter = [json!({ "term": { "active": true } }), json!({ "terms": { "session_id": sessions } })];
    let others = [json!({ "ids": { "values": dismissed } })];
    by_session(&filter, &others, json!({ "terms": { "field": "session_id", "size": sessions.len() } }))
}

/// The cases that hold for these visitors, those seen last first.
fn cases(visitors: &BTreeSet<&str>, from: Timestamp, to: Timestamp) -> Value {
    let of_visitors = [json!({ "term": { "active": true } }), json!({ "terms": { "visitor": visitors } })];
    let filter = [&of_visitors[..], &within(from, to)].concat();
    json!({
        "size": DISMISSED_MAX,
        "track_total_hits": false,
        "_source": ["rule", "visitor", "session_id", "first_seen"],
        "query": on_bots(&filter, &[]),
        "sort": [{ "last_seen": "desc" }],
    })
}

fn by_session(filter: &[Value], must_not: &[Value], sessions: Value) -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": on_bots(filter, must_not),
        "aggs": { "sessions": sessions },
    })
}

fn on_bots(filter: &[Value], must_not: &[Value]) -> Value {
    let filter = [&[of_rules()][..], filter].concat();
    json!({ "bool": { "filter": filter, "must_not": must_not } })
}

/// The filter that only signals of rules on bots pass.
pub fn of_rules() -> Value {
    json!({ "terms": { "rule": rules().map(Rule::as_str).collect::<Vec<_>>() } })
}

/// The rules on bots.
fn rules() -> impl Iterator<Item = Rule> {
    Rule::ALL.into_iter().filter(|rule| rule.quarry() == Quarry::Bot)
}

#[derive(Deserialize)]
struct Named {
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
        let body = named(&["s1", "s2"], &["case".to_owned()]);
        insta::assert_snapshot!(body["query"]["bool"]["filter"], @r#"[{"terms":{"rule":["bot_velocity","bot_rhythm","catalogue_crawl","search_flood","cart_hoarding"]}},{"term":{"active":true}},{"terms":{"session_id":["s1","s2"]}}]"#);
        insta::assert_snapshot!(body["query"]["bool"]["must_not"], @r#"[{"ids":{"values":["case"]}}]"#);
        insta::assert_snapshot!(body["aggs"], @r#"{"sessions":{"terms":{"field":"session_id","size":2}}}"#);
    }

    fn found(sessions: &[&str], others: u64) -> Sessions {
        let bucket = |session: &&str| json!({ "key": session, "doc_count": 2 });
        let buckets: Vec<Value> = sessions.iter().map(bucket).collect();
        serde_json::from_value(json!({ "buckets": buckets, "sum_other_doc_count": others })).unwrap()
    }

    #[test]
    fn who_is_cleared_by_one_rule_and_named_by_another_is_a_bot() {
        let bots = Bots::without(found(&["s1", "s2"], 0), Dismissed::default(), found(&["s2"], 0));
        assert_eq!(bots, Bots { cleared: vec!["s1".to_owned()], is_cut: false });
        assert_eq!(bots.filter(), json!({ "bool": { "must_not": { "terms": { "session_id": ["s1"] } } } }));
    }

    #[test]
    fn more_cleared_sessions_than_can_be_told_apart_are_told() {
        assert!(Bots::without(found(&["s1"], 1), Dismissed::default(), found(&[], 0)).is_cut);
        let dismissed = Dismissed { is_cut: true, ..Dismissed::default() };
        assert!(Bots::without(found(&["s1"], 0), dismissed, found(&[], 0)).is_cut);
    }

    #[test]
    fn who_is_named_by_dismissed_cases_alone_is_a_person() {
        let dismissed = Dismissed {
            cases: vec!["c2".to_owned(), "c3".to_owned()],
            sessions: vec!["s2".to_owned(), "s3".to_owned()],
            is_cut: false,
        };
        // Another rule holds for s3, and nobody dismissed that.
        let bots = Bots::without(found(&["s1"], 0), dismissed, found(&["s3"], 0));
        assert_eq!(bots.cleared, ["s1", "s2"]);
    }

    #[test]
    fn a_dismissal_clears_the_visitors_other_sessions_of_the_same_rule_for_as_long_as_it_is_quiet() {
        let at = |days: i64| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        let decision = serde_json::from_value(json!({
            "case_id": "a", "rule": "bot_velocity", "visitor": "v", "status": "dismissed",
            "decided_at": at(1), "quiet_until": at(31), "history": [],
        }));
        let hit = |(id, rule, days): (&str, &str, i64)| {
            let source = json!({ "rule": rule, "visitor": "v", "session_id": format!("of {id}"), "first_seen": at(days) });
            serde_json::from_value(json!({ "_id": id, "_score": null, "_source": source })).unwrap()
        };
        let cases = [
            ("a", "bot_velocity", 40),
            ("b", "bot_velocity", 30),
            ("c", "bot_velocity", 31),
            ("d", "bot_rhythm", 30),
        ];
        let dismissed =
            Dismissed::among(cases.into_iter().map(hit).collect(), &Verdicts::of([decision.unwrap()]));
        assert_eq!(
            (dismissed.cases, dismissed.sessions),
            (["a", "b"].map(str::to_owned).into(), ["of a", "of b"].map(str::to_owned).into())
        );
    }
}
