//! The processor's own books, held against the recount.

use serde_json::json;

use crate::audit::compare::different;
use crate::audit::frontiers::{Frontier, LedgerLine};
use crate::audit::logs::Logs;
use crate::audit::recount::Expected;
use crate::audit::recount::windows::{Counts, Windows};
use crate::audit::report::{Difference, Problem};
use crate::audit::rules::Operator;
use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;

/// The group that keeps the raw events. It takes every event as often as it comes.
pub const ARCHIVER: &str = "archiver";

/// What must stand in the ledger: by operator and topic.
pub type Lines = Vec<(&'static str, Stream, Counts)>;

/// The lines of a group's operators.
pub fn lines<'a>(sorted: impl IntoIterator<Item = (Operator, &'a Windows<'a>)>) -> Lines {
    let lines = |(operator, windows): (Operator, &'a Windows<'a>)| {
        windows.ledger.iter().map(move |(stream, counts)| (operator.name(), *stream, *counts))
    };
    sorted.into_iter().flat_map(lines).collect()
}

/// The lines of the archiver.
pub fn archive(logs: &Logs, frontier: &Frontier) -> Lines {
    let line = |stream: Stream| {
        let next = frontier.next_in(stream);
        let folded =
            logs.sightings.iter().filter(|one| one.stream == stream && one.offset < next).count() as u64;
        let dead = logs.refused.iter().filter(|one| one.stream == stream && one.offset < next).count() as u64;
        let ticks = logs.of(stream).map_or(0, |log| log.ticks_before(next));
        let read = folded + dead + ticks;
        ("archive", stream, Counts { read, folded, dead, ticks, ..Counts::default() })
    };
    Stream::ALL.map(line).to_vec()
}

/// What is different in a group's books. Of a topic whose beginning was deleted only whether they balance
/// can be told.
pub fn compare(frontier: &Frontier, logs: &Logs, lines: &Lines) -> Vec<Difference> {
    let place = |what: &str, topic: &str| format!("{}|{}|{what}|{topic}", frontier.group, frontier.partition);
    let mut differences: Vec<Difference> = Vec::new();
    let mut check = |id: String, right: serde_json::Value, found: serde_json::Value| {
        let index = Schema::PROCESSOR_FRONTIERS.name;
        let schema = &Schema::PROCESSOR_FRONTIERS;
        let expected = Expected { schema, index: index.to_owned(), id, version: None, body: right };
        let problem = different(&expected, 0, &found);
        differences.extend(problem.map(|problem| difference(expected.id, problem)));
    };
    for (operator, stream, right) in lines {
        let is_it = |line: &&LedgerLine| line.operator == *operator && line.topic == stream.topic();
        let found = frontier.ledger.iter().find(is_it).map(|line| line.counts).unwrap_or_default();
        let id = place(operator, stream.topic());
        if logs.of(*stream).is_some_and(|log| log.is_truncated()) {
            check(id, json!({ "balances": true }), json!({ "balances": found.balances() }));
        } else {
            check(id, json!(right), json!(found));
        }
    }
    for topic in &frontier.topics {
        let log = logs.topics.iter().find(|log| log.stream.topic() == topic.topic);
        if let Some(log) = log.filter(|log| !log.is_truncated()) {
            let right = Some(log.max_ts_at(topic.next)).filter(|at| *at != Timestamp::MIN);
            let id = place("event time", &topic.topic);
            check(id, json!({ "max_ts": right }), json!({ "max_ts": topic.max_ts }));
        }
    }
    differences
}

fn difference(id: String, problem: Problem) -> Difference {
    Difference { index: Schema::PROCESSOR_FRONTIERS.name.to_owned(), id, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::early::ClosedEarly;
    use crate::audit::frontiers::TopicFrontier;
    use crate::audit::logs::tests::{Place, logs};
    use crate::audit::recount::windows::{Scope, Word};
    use crate::audit::repairs::Repairs;
    use crate::model::event::tests::{at, purchase};

    fn frontier(read: u64, max_ts: Timestamp) -> Frontier {
        let counts = Counts { read, folded: read, ..Counts::default() };
        let (operator, topic) = ("fraud".to_owned(), Stream::Order.topic().to_owned());
        Frontier {
            group: "fraud".to_owned(),
            partition: 0,
            topics: vec![TopicFrontier { topic: topic.clone(), next: 1, max_ts: Some(max_ts) }],
            ledger: vec![LedgerLine { operator, topic, counts }],
        }
    }

    #[test]
    fn books_that_differ_from_the_recount_are_told_by_group_partition_operator_and_topic() {
        let logs = logs(&[Place::event(purchase(at(7)))]);
        let scope = Scope { next: [0, 0, 1], drained: true };
        let word = Word { repairs: &Repairs::default(), early: &ClosedEarly::default() };
        let sorted = Windows::sort(Operator::Fraud, &logs, &scope, &word);
        let lines = lines([(Operator::Fraud, &sorted)]);
        assert_eq!(compare(&frontier(1, at(7)), &logs, &lines), []);
        let told = compare(&frontier(2, at(8)), &logs, &lines);
        let ids: Vec<&str> = told.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["fraud|0|fraud|order-events", "fraud|0|event time|order-events"]);
    }
}
