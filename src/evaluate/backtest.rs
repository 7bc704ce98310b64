//! What changed rules would have said of history: replays the event topics through the operators that judge, by the
//! rules in force and by others at once, and compares. Writes nothing, and holds what it compares: the open windows of
//! one partition and all its cases, by both, and a few thousand events that wait for their turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::bus::{Bus, BusError, LogReader, Stretch};
use crate::model::event::door::{Door, Place};
use crate::model::event::{Event, Record, Stream, parse};
use crate::model::money::Currency;
use crate::model::rules::{Rule, Rules};
use crate::model::time::Timestamp;
use crate::stream::trial::{Case, Trial};

/// Cases of each kind of change that are shown; all are counted.
const SHOWN_MAX: usize = 5;
/// Events between two looks at what has changed, which bounds the windows in memory.
const FLUSH_EVERY: u64 = 10_000;
/// Records of a topic that are read at once: those of three topics take some 20 MB.
const READ_AT_ONCE: i64 = 10_000;

/// What to try.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub struct RulesSettings {
    /// Rules in the form of `mappings/fraud-rules.toml`: says which cases history would have had more, less or
    /// otherwise by them. It holds the open windows and the cases of one partition in memory, by both. Without it the
    /// rules in force are printed.
    #[arg(long, value_name = "FILE")]
    pub backtest: Option<PathBuf>,
    /// Print the comparison as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How the cases of two sets of rules differ.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Events that were judged.
    pub events: u64,
    /// By rule.
    pub rules: BTreeMap<Rule, Change>,
    /// Visitors whom any rule flags now, and by the other rules.
    pub visitors: (usize, usize),
    #[serde(skip)]
    flagged: (BTreeSet<String>, BTreeSet<String>),
}

/// What changes of one rule.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Change {
    /// Cases by the rules in force.
    pub now: u64,
    /// Cases that there would be more.
    pub more: u64,
    /// Cases that there would not be.
    pub fewer: u64,
    /// Cases of another severity.
    pub otherwise: u64,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

impl Comparison {
    /// Adds the cases of a partition, by id.
    fn add(&mut self, now: &BTreeMap<String, Case>, then: &BTreeMap<String, Case>) {
        self.flagged.0.extend(now.values().map(|case| case.visitor.clone()));
        self.flagged.1.extend(then.values().map(|case| case.visitor.clone()));
        self.visitors = (self.flagged.0.len(), self.flagged.1.len());
        let ids: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
        for id in ids {
            let (before, after) = (now.get(id), then.get(id));
            let Some(case) = after.or(before) else { continue };
            let change = self.rules.entry(case.rule).or_default();
            change.now += u64::from(before.is_some());
            let (count, sign) = match (before, after) {
                (None, Some(_)) => (&mut change.more, '+'),
                (Some(_), None) => (&mut change.fewer, '-'),
                (Some(before), Some(after)) if before.severity != after.severity => {
                    (&mut change.otherwise, '~')
                }
                _ => continue,
            };
            *count += 1;
            if *count <= SHOWN_MAX as u64 {
                let (severity, summary) = (case.severity.as_str(), &case.summary);
                change.examples.push(format!("{sign} {} ({severity}): {summary}", case.visitor));
            }
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, then) = self.visitors;
        writeln!(f, "{} events; {now} visitors flagged now, {then} by the other rules", self.events)?;
        for (rule, change) in &self.rules {
            let Change { now, more, fewer, otherwise, examples } = change;
            let rule = rule.as_str();
            writeln!(
                f,
                "{rule:24} {now} cases now, {more} more, {fewer} fewer, {otherwise} of another severity"
            )?;
            examples.iter().try_for_each(|example| writeln!(f, "    {example}"))?;
        }
        Ok(())
    }
}

/// Compares the rules in this file with those in force on everything that the event topics still hold.
///
/// # Errors
/// When the file holds no rules, or Kafka does not give the records.
pub async fn backtest(path: PathBuf, bus: &Bus, currency: Currency) -> anyhow::Result<Comparison> {
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let rules = Rules::parse(&text).with_context(|| format!("reading {}", path.display()))?;
    let bus = bus.clone();
    let replayed = tokio::task::spawn_blocking(move || replay(&bus, currency, &Arc::new(rules)));
    replayed.await?.context("replaying the event topics")
}

fn replay(bus: &Bus, currency: Currency, other: &Arc<Rules>) -> Result<Comparison, BusError> {
    let reader = LogReader::new(bus)?;
    let partitions = reader.event_partitions()?;
    let mut comparison = Comparison::default();
    for partition in 0..partitions {
        let mut history = History::measure(&reader, partition, Door { partitions, currency })?;
        let mut trials = [&Rules::in_force(), other].map(Trial::new);
        while let Some((offset, event)) = history.next()? {
            comparison.events += 1;
            for trial in &mut trials {
                trial.take(offset, &event);
                if comparison.events.is_multiple_of(FLUSH_EVERY) {
                    trial.flush();
                }
            }
        }
        let [now, then] = trials.map(Trial::conclude);
        comparison.add(&now, &then);
    }
    Ok(comparison)
}

/// The events of a partition's topics, read piece by piece: the oldest first, each topic in the order of its log.
struct History<'a> {
    reader: &'a LogReader,
    partition: i32,
    door: Door,
    /// In the order of [`Stream::ALL`].
    topics: Vec<Topic>,
}

/// What of a topic is read, and what is not yet.
struct Topic {
    stream: Stream,
    next: i64,
    end: i64,
    waiting: VecDeque<Waiting>,
}

/// An event that was read, and waits for older ones of other topics.
struct Waiting {
    appended_at: Timestamp,
    offset: i64,
    event: Event,
}

impl<'a> History<'a> {
    fn measure(reader: &'a LogReader, partition: i32, door: Door) -> Result<Self, BusError> {
        let topic = |stream: Stream| {
            let (next, end) = reader.bounds(stream.topic(), partition)?;
            Ok(Topic { stream, next, end, waiting: VecDeque::new() })
        };
        let topics = Stream::ALL.into_iter().map(topic).collect::<Result<_, BusError>>()?;
        Ok(Self { reader, partition, door, topics })
    }

    /// The next event and its offset; `None` at the end.
    fn next(&mut self) -> Result<Option<(i64, Event)>, BusError> {
        for topic in &mut self.topics {
            while topic.waiting.is_empty() && topic.next < topic.end {
                topic.read_on(self.reader, self.partition, self.door)?;
            }
        }
        let next = oldest(&mut self.topics).and_then(VecDeque::pop_front);
        Ok(next.map(|Waiting { offset, event, .. }| (offset, event)))
    }
}

impl Topic {
    fn read_on(&mut self, reader: &LogReader, partition: i32, door: Door) -> Result<(), BusError> {
        let (stream, topic) = (self.stream, self.stream.topic());
        let stretch =
            Stretch { topic, partition, from: self.next, to: self.end.min(self.next + READ_AT_ONCE) };
        self.next = stretch.to;
        reader.read(stretch, |entry| {
            let place = Place { stream, partition, key: entry.key, appended_at: entry.appended_at };
            if let Ok(Record::Event(event)) = parse(entry.payload)
                && door.check(&event, place).is_ok()
            {
                let (appended_at, offset) = (entry.appended_at, entry.offset);
                self.waiting.push_back(Waiting { appended_at, offset, event: *event });
            }
        })
    }
}

/// The topic whose next event was stored first, the first topic among equals: a log's times of storing do not go back.
fn oldest(topics: &mut [Topic]) -> Option<&mut VecDeque<Waiting>> {
    let waiting = topics.iter_mut().map(|topic| &mut topic.waiting).filter(|waiting| !waiting.is_empty());
    waiting.min_by_key(|waiting| waiting.front().map(|first| first.appended_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, event_id, view};
    use crate::model::severity::Severity;

    fn judge(events: &[(i64, Event)], rules: &Arc<Rules>) -> BTreeMap<String, Case> {
        let mut trial = Trial::new(rules);
        events.iter().for_each(|(offset, event)| trial.take(*offset, event));
        trial.conclude()
    }

    #[test]
    fn the_event_that_was_stored_first_comes_first_and_each_topic_stays_in_its_order() {
        let topic = |stream, stored: &[i64]| Topic {
            stream,
            next: 0,
            end: 0,
            waiting: (0..)
                .zip(stored)
                .map(|(offset, ms)| Waiting { appended_at: at(*ms), offset, event: view(at(0)) })
                .collect(),
        };
        let [search, product, order] = Stream::ALL;
        let mut topics = [topic(search, &[5, 5, 9]), topic(product, &[]), topic(order, &[1, 5, 7])];
        let next =
            || oldest(&mut topics)?.pop_front().map(|one| (one.appended_at - at(0)).num_milliseconds());
        assert_eq!(std::iter::from_fn(next).collect::<Vec<_>>(), [1, 5, 5, 5, 7, 9]);
    }

    #[test]
    fn a_stricter_rule_finds_more_and_a_laxer_one_fewer() {
        let events: Vec<(i64, Event)> = (0..32)
            .map(|number| {
                let at = at(number * 1_000);
                (number, Event { event_id: event_id(at, number as u64), ..view(at) })
            })
            .collect();
        let with = |per_minute| {
            let mut rules = (*Rules::embedded()).clone();
            rules.bot_velocity.per_minute = per_minute;
            judge(&events, &Arc::new(rules))
        };
        let compare = |now, then| {
            let mut comparison = Comparison::default();
            comparison.add(&with(now), &with(then));
            let change = comparison.rules.remove(&Rule::BotVelocity).unwrap_or_default();
            (change.now, change.more, change.fewer, change.otherwise)
        };
        assert_eq!(compare(30, 40), (1, 0, 1, 0));
        assert_eq!(compare(40, 30), (0, 1, 0, 0));
        assert_eq!(compare(30, 10), (1, 0, 0, 1));
        assert!(with(30).values().any(|case| case.severity == Severity::Low));
    }
}
