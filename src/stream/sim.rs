//! Simulation: random logs, crashes at every step of a flush, zombies whose writes come late. Whatever
//! happens, the documents end as those of a run that nothing disturbed.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::model::event::door::Door;
use crate::model::event::tests::{add_to_cart, at, event_id, purchase, refund, search, view};
use crate::model::event::{Event, Stream, tick};
use crate::model::ids::{SessionId, UserId};
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::store::bulk::Mode;
use crate::stream::document::Document;
use crate::stream::groups::Group;
use crate::stream::part::{Flush, LogRecord, Part, TakeOver};
use crate::stream::position::{self, Position, Positions};

const DOOR: Door = Door { partitions: 1, currency: Currency::EUR };

struct Stored {
    appended_at: Timestamp,
    key: Vec<u8>,
    payload: Vec<u8>,
}

type Log = BTreeMap<Stream, Vec<Stored>>;
/// Documents by index and id, with their versions.
type Index = BTreeMap<(String, String), (u64, String)>;
type Commits = BTreeMap<Stream, (i64, String)>;

/// A log of a few sessions over some hours, with duplicates, disorder, late and broken records, and ticks.
fn random_log(rng: &mut StdRng) -> Log {
    let mut log: Log = Stream::ALL.into_iter().map(|stream| (stream, Vec::new())).collect();
    let mut clock = 0;
    for number in 0..rng.random_range(20..120u64) {
        clock += rng.random_range(0..400_000i64);
        let mut event = random_event(rng, number, clock);
        let late = if rng.random_ratio(1, 12) {
            rng.random_range(0..20_000_000)
        } else {
            rng.random_range(0..30_000)
        };
        let appended_at = event.timestamp + TimeDelta::milliseconds(late);
        let visitor = UserId::parse(&format!("u{}", number % 3)).unwrap();
        event.user_id = Some(visitor);
        let records = log.get_mut(&event.event_type().stream()).unwrap();
        let payload =
            if rng.random_ratio(1, 20) { b"{oops".to_vec() } else { serde_json::to_vec(&event).unwrap() };
        for _ in 0..if rng.random_ratio(1, 8) { 2 } else { 1 } {
            records.push(Stored {
                appended_at,
                key: event.visitor().as_bytes().to_vec(),
                payload: payload.clone(),
            });
        }
        if rng.random_ratio(1, 15) {
            let payload = tick(event.timestamp - TimeDelta::minutes(1));
            let stream = Stream::ALL[rng.random_range(0..3)];
            log.get_mut(&stream).unwrap().push(Stored { appended_at, key: Vec::new(), payload });
        }
    }
    // What was stored later lies later in the log.
    log.values_mut().for_each(|records| records.sort_by_key(|record| record.appended_at));
    log
}

fn random_event(rng: &mut StdRng, number: u64, clock: i64) -> Event {
    let time = at(clock);
    let event = match rng.random_range(0..6) {
        0 => search(time),
        1 | 2 => view(time),
        3 => add_to_cart(time),
        4 => purchase(time),
        _ => refund(time, time - TimeDelta::minutes(rng.random_range(0..9_000))),
    };
    // Sessions begin every half hour, so an event lies within the two hours of its own.
    let started = time.floor_to(1_800_000) - TimeDelta::minutes(30 * rng.random_range(0..3));
    Event {
        event_id: event_id(time, number),
        session_started_at: started,
        session_id: SessionId::parse(&format!("s{}", started.millis())).unwrap(),
        ..event
    }
}

fn committed(group: Group, metadata: &str) -> Position {
    position::decode(metadata).unwrap().remove(&group).unwrap()
}

fn start(group: Group, commits: &Commits) -> Part {
    let take_over = |stream: &Stream| match commits.get(stream) {
        None => TakeOver::Fresh { from: 0 },
        Some((_, metadata)) => TakeOver::Resumed(committed(group, metadata)),
    };
    Part::new(group, 0, DOOR, group.streams().iter().map(take_over).collect())
}

/// Reads up to `count` records of one topic.
fn read(part: &mut Part, group: Group, log: &Log, topic: usize, count: usize) {
    for _ in 0..count {
        let offset = part.positions()[topic];
        let Some(record) = log[&group.streams()[topic]].get(offset as usize) else { return };
        let Stored { appended_at, key, payload } = record;
        part.fold(topic, LogRecord { offset, appended_at: *appended_at, key, payload });
    }
}

fn write(index: &mut Index, document: &Document) {
    let key = (document.schema.index_at(document.at), document.id.clone());
    let source = String::from_utf8(document.source.clone()).unwrap();
    let version = match document.mode {
        Mode::IfNewer(version) => version,
        Mode::Create | Mode::Replace | Mode::IfNotOlder(_) => 0,
    };
    // As `version_type=external`: an equal version is refused too. It may hold another part of the support,
    // read in another order of the topics; the complete support is greater than either.
    if index.get(&key).is_none_or(|(stored, _)| *stored < version) {
        index.insert(key, (version, source));
    }
}

fn commit(commits: &mut Commits, flush: &Flush) {
    for (stream, position) in &flush.positions {
        let positions = Positions::from([(flush.group, position.clone())]);
        commits.insert(*stream, (position.replay_from, position::encode(&positions)));
    }
}

/// Reads everything without any trouble, and flushes at the end.
fn undisturbed(group: Group, log: &Log) -> (Index, Flush) {
    let (mut index, mut part) = (Index::new(), start(group, &Commits::new()));
    (0..group.streams().len()).for_each(|topic| read(&mut part, group, log, topic, usize::MAX));
    let flush = part.flush().unwrap();
    flush.documents.iter().for_each(|document| write(&mut index, document));
    (index, flush)
}

/// Reads with random crashes and zombies until everything is read and committed.
fn disturbed(group: Group, log: &Log, rng: &mut StdRng) -> (Index, Commits) {
    let (mut index, mut commits) = (Index::new(), Commits::new());
    let mut part = start(group, &commits);
    let mut delayed: Vec<Document> = Vec::new();
    for _ in 0..60 {
        for _ in 0..rng.random_range(0..4) {
            let topic = rng.random_range(0..group.streams().len());
            read(&mut part, group, log, topic, rng.random_range(0..12));
        }
        if rng.random_ratio(1, 6) {
            part = start(group, &commits);
        }
        let Some(flush) = part.flush() else { continue };
        // A crash after some of the writes; some of those arrive only much later.
        let written =
            if rng.random_ratio(1, 4) { rng.random_range(0..=flush.documents.len()) } else { usize::MAX };
        for document in flush.documents.iter().take(written) {
            if rng.random_ratio(1, 10) { delayed.push(document.clone()) } else { write(&mut index, document) }
        }
        if written != usize::MAX {
            part = start(group, &commits);
            continue;
        }
        // Acknowledged after all: only then is it committed.
        delayed.drain(..).for_each(|document| write(&mut index, &document));
        delayed.extend(flush.documents.iter().filter(|_| rng.random_ratio(1, 10)).cloned());
        if rng.random_ratio(1, 5) {
            part = start(group, &commits);
        } else {
            commit(&mut commits, &flush);
        }
    }
    (0..group.streams().len()).for_each(|topic| read(&mut part, group, log, topic, usize::MAX));
    if let Some(flush) = part.flush() {
        flush.documents.iter().for_each(|document| write(&mut index, document));
        commit(&mut commits, &flush);
    }
    delayed.iter().for_each(|document| write(&mut index, document));
    (index, commits)
}

#[test]
fn crashes_and_zombies_change_nothing() {
    for seed in 0..150 {
        let mut rng = StdRng::seed_from_u64(seed);
        let log = random_log(&mut rng);
        for group in Group::ALL {
            let (expected, last) = undisturbed(group, &log);
            let (index, commits) = disturbed(group, &log, &mut rng);
            assert_eq!(index, expected, "seed {seed}, group {}", group.name());
            for (stream, position) in &last.positions {
                let facts = committed(group, &commits[stream].1).facts;
                assert_eq!(facts.ledger, position.facts.ledger, "seed {seed}, group {}", group.name());
                assert!(facts.ledger.values().all(|counts| counts.balances()), "seed {seed}");
            }
        }
    }
}

#[test]
fn the_simulated_logs_hold_every_kind_of_trouble() {
    let mut fates = [0; 5];
    for seed in 0..40 {
        let log = random_log(&mut StdRng::seed_from_u64(seed));
        let (_, flush) = undisturbed(Group::Sessions, &log);
        for (_, position) in &flush.positions {
            for counts in position.facts.ledger.values() {
                let seen = [counts.folded, counts.duplicate, counts.late, counts.dead, counts.ticks];
                fates.iter_mut().zip(seen).for_each(|(sum, count)| *sum += count);
            }
        }
    }
    assert!(fates.iter().all(|count| *count > 10), "folded, duplicate, late, dead, ticks: {fates:?}");
}
