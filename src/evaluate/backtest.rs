//! What changed rules would have said of history: replays the event topics through the operators that judge, by the
//! rules of this build and by others, and compares. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::stream::trial::{Case, Trial};

/// Cases of each kind of change that are shown; all are counted.
const SHOWN_MAX: usize = 5;
/// Events between two looks at what has changed, which bounds the windows in memory.
const FLUSH_EVERY: usize = 10_000;

/// What to try.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub struct RulesSettings {
    /// Rules in the form of `mappings/fraud-rules.toml`: says which cases history would have had more, less or
    /// otherwise by them. Without it the rules of this build are printed.
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
    /// Cases by the rules of this build.
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

/// Compares the rules in this file with those of this build on everything that the event topics still hold.
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
        let events = read(&reader, partition, Door { partitions, currency })?;
        comparison.events += events.len() as u64;
        let [now, then] = [&Rules::in_force(), other].map(|rules| judge(&events, rules));
        comparison.add(&now, &then);
    }
    Ok(comparison)
}

/// The events of a partition's topics, the oldest first, each topic in the order of its log.
fn read(reader: &LogReader, partition: i32, door: Door) -> Result<Vec<(i64, Event)>, BusError> {
    let mut events = Vec::new();
    for stream in Stream::ALL {
        let topic = stream.topic();
        let (from, to) = reader.bounds(topic, partition)?;
        reader.read(Stretch { topic, partition, from, to }, |entry| {
            let place = Place { stream, partition, key: entry.key, appended_at: entry.appended_at };
            if let Ok(Record::Event(event)) = parse(entry.payload)
                && door.check(&event, place).is_ok()
            {
                events.push((entry.appended_at, entry.offset, *event));
            }
        })?;
    }
    // Stable, and a log's times of storing do not go back.
    events.sort_by_key(|(appended_at, ..)| *appended_at);
    Ok(events.into_iter().map(|(_, offset, event)| (offset, event)).collect())
}

fn judge(events: &[(i64, Event)], rules: &Arc<Rules>) -> BTreeMap<String, Case> {
    let mut trial = Trial::new(rules);
    for chunk in events.chunks(FLUSH_EVERY) {
        chunk.iter().for_each(|(offset, event)| trial.take(*offset, event));
        trial.flush();
    }
    trial.conclude()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, event_id, view};
    use crate::model::severity::Severity;

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
