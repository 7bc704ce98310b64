//! Whether the rules find whom they are after and nobody else: the simulator drives the operators in memory, on
//! seeds and settings of every kind that nobody tuned on.

#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shoplens::catalog::shelf;
use shoplens::evaluate::{Evaluation, Flag, judge};
use shoplens::model::event::Event;
use shoplens::model::money::Currency;
use shoplens::model::rules::Rule;
use shoplens::model::time::Timestamp;
use shoplens::store::bulk::Mode;
use shoplens::stream::document::Document;
use shoplens::stream::fold::{Arrival, Clock, Folding};
use shoplens::stream::groups::Group;
use shoplens::traffic::{Assortment, Rhythm, Schedule, Simulator, World};

const PRODUCTS: u64 = 2_000;
/// Events between two flushes: what is decided is told no later than that.
const FLUSH_EVERY: u64 = 500;

/// The operators that judge, of one partition.
struct Judges {
    folds: Vec<(Group, Box<dyn Folding>)>,
    clocks: Vec<Clock>,
    signals: BTreeMap<String, (u64, Value)>,
    decided: BTreeMap<String, Timestamp>,
}

impl Judges {
    fn new() -> Self {
        let of = |group: Group| group.folds(0).into_iter().map(move |fold| (group, fold));
        let folds = of(Group::Sessions).chain(of(Group::Fraud)).filter(|(_, fold)| fold.name() != "funnels");
        let clock = Clock { max_ts: Timestamp::MIN, committed_max_ts: Timestamp::MIN, floor: None };
        let (signals, decided) = (BTreeMap::new(), BTreeMap::new());
        Self { folds: folds.collect(), clocks: vec![clock; 3], signals, decided }
    }

    fn take(&mut self, number: u64, event: &Event) {
        for (group, fold) in &mut self.folds {
            let stream = event.event_type().stream();
            if let Some(topic) = group.streams().iter().position(|one| *one == stream) {
                fold.offer(&Arrival { topic, offset: number as i64, event }, &self.clocks);
            }
        }
        if number.is_multiple_of(FLUSH_EVERY) {
            self.flush(event.timestamp);
        }
    }

    fn flush(&mut self, now: Timestamp) {
        let mut documents = Vec::new();
        for (_, fold) in &mut self.folds {
            fold.render(&mut documents);
        }
        for clock in &mut self.clocks {
            clock.max_ts = clock.max_ts.max(now);
        }
        for (_, fold) in &mut self.folds {
            fold.forget(&self.clocks);
        }
        documents.into_iter().filter(|one| one.schema.name == "fraud-signals").for_each(|one| self.keep(one));
    }

    fn keep(&mut self, document: Document) {
        let Mode::IfNewer(version) = document.mode else { panic!("a signal is versioned") };
        let body: Value = serde_json::from_slice(&document.source).unwrap();
        if body["active"] == true {
            let decided_at = Timestamp::parse(body["last_seen"].as_str().unwrap()).unwrap();
            self.decided.entry(document.id.clone()).or_insert(decided_at);
        }
        let kept = self.signals.entry(document.id).or_insert_with(|| (version, body.clone()));
        if kept.0 < version {
            *kept = (version, body);
        }
    }

    fn flags(self) -> Vec<Flag> {
        let active = self.signals.iter().filter(|(_, (_, body))| body["active"] == true);
        let flag = |(id, (_, body)): (&String, &(u64, Value))| Flag {
            visitor: body["visitor"].as_str().unwrap().to_owned(),
            rule: serde_json::from_value::<Rule>(body["rule"].clone()).unwrap(),
            decided_at: self.decided.get(id).copied(),
        };
        active.map(flag).collect()
    }
}

/// Runs a shop for so many hours.
fn evaluate(seed: u64, per_second: u32, hours: i64, world: Value) -> Evaluation {
    let world: World = serde_json::from_value(world).unwrap();
    world.check().unwrap();
    let start = Timestamp::parse("2026-11-02T06:00:00.000Z").unwrap();
    let end = start + chrono::TimeDelta::hours(hours);
    let assortment = Assortment::new(shelf::built_in(PRODUCTS, Currency::EUR).unwrap()).unwrap();
    let mut simulator = Simulator::new(assortment, Currency::EUR, world, seed, start);
    let mut schedule = Schedule::new(start, per_second, Rhythm::default());
    let (mut judges, mut labels) = (Judges::new(), Vec::new());
    for number in 1.. {
        let at = schedule.next_time();
        if at >= end {
            break;
        }
        let simulated = simulator.act(at);
        labels.extend(simulated.label.map(|label| *label));
        judges.take(number, &simulated.event);
    }
    judges.flush(end);
    let evaluation = judge(labels, &judges.flags());
    println!("seed {seed}, {per_second} events a second, {hours} h: {}", serde_json::to_string_pretty(&json!({"fraud":evaluation.fraud, "bots": evaluation.bots, "look": evaluation.look_alikes, "honest": evaluation.honest, "kinds": evaluation.kinds.iter().map(|(kind, one)| (format!("{kind:?}"), json!([one.all, one.recall.to_string(), one.delay, one.by_rule]))).collect::<BTreeMap<_,_>>()})).unwrap());
    evaluation
}

#[test]
fn tune() {
    let arg = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let world = serde_json::from_str(&arg("WORLD", "{}")).unwrap();
    evaluate(
        arg("SEED", "1").parse().unwrap(),
        arg("RATE", "10").parse().unwrap(),
        arg("HOURS", "4").parse().unwrap(),
        world,
    );
}
