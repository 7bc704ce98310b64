//! The late events, by the window that they came too late for.

use std::collections::BTreeMap;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::frontiers::{Frontier, TopicFrontier};
use crate::audit::recount::windows::Pane;
use crate::audit::repairs::Repairs;
use crate::audit::rules::Operator;
use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// Which late events are meant; all, where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Only those of this operator: trends, visits, fraud or receipts.
    #[arg(long, value_parser = parse_operator)]
    pub operator: Option<Operator>,
    /// Only those of windows that begin at this time or later, RFC 3339.
    #[arg(long, value_parser = parse_time)]
    pub from: Option<Timestamp>,
    /// Only those of windows that begin before this time, RFC 3339.
    #[arg(long, value_parser = parse_time)]
    pub to: Option<Timestamp>,
}

/// A closed window that events came too late for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Whose.
    pub operator: Operator,
    /// Which.
    pub pane: Pane,
}

/// What is known of such a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Events that came too late.
    pub events: u64,
    /// Of these, the ones that are in it because it was repaired.
    pub repaired: u64,
}

#[derive(Deserialize)]
struct LateEvent {
    operator: String,
    window: Timestamp,
    topic: String,
    partition: i32,
    offset: i64,
}

/// Counts the late events by window.
///
/// # Errors
/// [`StoreError`]
pub async fn windows(
    store: &Store,
    filter: &Filter,
    repairs: &Repairs,
) -> Result<BTreeMap<Window, Lateness>, StoreError> {
    store.refresh(Schema::LATE_EVENTS.name).await?;
    let mut windows: BTreeMap<Window, Lateness> = BTreeMap::new();
    let mut unreadable = None;
    let take = |stored: crate::store::Stored| match serde_json::from_value::<LateEvent>(stored.source) {
        Ok(late) => {
            if let Some((window, stream)) = window(&late) {
                let lateness = windows.entry(window).or_default();
                lateness.events += 1;
                let through = repairs.through(window.operator, &window.pane, stream);
                lateness.repaired += u64::from(late.offset < through);
            }
        }
        Err(source) => unreadable = Some(source),
    };
    store.each_document(Schema::LATE_EVENTS.name, &filter.query(), take).await?;
    let what = "tell the late events";
    unreadable.map_or(Ok(windows), |source| Err(StoreError::Unexpected { what, source }))
}

/// The window of a late event and the topic it lies in; `None` for what this build does not compute.
fn window(late: &LateEvent) -> Option<(Window, Stream)> {
    let operator = Operator::named(&late.operator)?;
    let stream = Stream::ALL.into_iter().find(|stream| stream.topic() == late.topic)?;
    let apart = operator.folds_topics_apart().then_some(stream);
    let pane = Pane { window: late.window, partition: late.partition, stream: apart };
    Some((Window { operator, pane }, stream))
}

impl Window {
    /// The topics that it is made of.
    pub fn streams(&self) -> impl Iterator<Item = Stream> {
        let only = self.pane.stream;
        self.operator.streams().iter().copied().filter(move |stream| only.is_none_or(|only| only == *stream))
    }

    /// Whether it is closed in every topic that it is made of, as far as its group has reported. Before
    /// that the processor still writes its documents.
    pub fn is_closed(&self, frontier: &Frontier) -> bool {
        let closes_at = self.operator.closes_at(self.pane.window);
        let topic = |stream: Stream| frontier.topics.iter().find(|topic| topic.topic == stream.topic());
        let has_come = |topic: &TopicFrontier| topic.max_ts.is_some_and(|max_ts| closes_at <= max_ts);
        self.streams().all(|stream| topic(stream).is_some_and(has_come))
    }
}

impl Filter {
    fn query(&self) -> Value {
        let mut window = json!({});
        if let Some(from) = self.from {
            window["gte"] = json!(from);
        }
        if let Some(to) = self.to {
            window["lt"] = json!(to);
        }
        let operator = self.operator.map(|operator| json!({ "term": { "operator": operator.name() } }));
        let filters: Vec<Value> =
            operator.into_iter().chain([json!({ "range": { "window": window } })]).collect();
        json!({ "bool": { "filter": filters } })
    }
}

fn parse_operator(text: &str) -> Result<Operator, String> {
    Operator::named(text).ok_or_else(|| "must be trends, visits, fraud or receipts".to_owned())
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "must be a time such as 2026-11-21T09:30:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use crate::model::time::HOUR_MS;

    fn frontier(max_ts: [i64; 3]) -> Frontier {
        let topics = Stream::ALL.into_iter().zip(max_ts).map(|(stream, hours)| TopicFrontier {
            topic: stream.topic().to_owned(),
            next: 0,
            max_ts: Some(at(hours * HOUR_MS)),
        });
        Frontier { group: "sessions".to_owned(), partition: 0, topics: topics.collect(), ledger: Vec::new() }
    }

    #[test]
    fn a_window_is_only_repaired_when_all_topics_it_is_made_of_have_closed_it() {
        let window = |operator: Operator, stream| Window {
            operator,
            pane: Pane { window: at(0), partition: 0, stream },
        };
        let visits = window(Operator::Visits, None);
        assert!(visits.is_closed(&frontier([3, 3, 3])) && !visits.is_closed(&frontier([3, 3, 2])));
        let trends = window(Operator::Trends, Some(Stream::Product));
        assert!(trends.is_closed(&frontier([0, 1, 0])) && !trends.is_closed(&frontier([1, 0, 1])));
    }

    #[test]
    fn only_what_is_asked_for_is_looked_for() {
        let filter = Filter { operator: Some(Operator::Fraud), from: Some(at(0)), to: None };
        let filters =
            json!([{ "term": { "operator": "fraud" } }, { "range": { "window": { "gte": at(0) } } }]);
        assert_eq!(filter.query(), json!({ "bool": { "filter": filters } }));
        assert_eq!(parse_operator("archive"), Err("must be trends, visits, fraud or receipts".to_owned()));
    }
}
