//! Every fault is what it is counted as.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::event::door::{Door, Place, partition_of};
use crate::model::event::tests::{at, search};
use crate::model::event::{Reject, parse};
use crate::model::money::Currency;

const PARTITIONS: i32 = 12;

fn record(event: &Event) -> Record {
    Record {
        stream: event.event_type().stream(),
        key: event.visitor().as_bytes().to_vec(),
        payload: serde_json::to_vec(event).unwrap(),
        partition: None,
    }
}

fn spoiler(faults: Faults, seed: u64) -> Spoiler {
    Spoiler::new(faults, Some(PARTITIONS), seed)
}

/// Lets so many searches, 300 ms apart, pass; gives what arrives with its time.
fn spoil(faults: Faults, seed: u64, count: i64) -> (Vec<(Timestamp, Record)>, FaultCounts) {
    let mut spoiler = spoiler(faults, seed);
    let mut arrived = Vec::new();
    for number in 0..count {
        let event = search(at(number * 300));
        arrived.extend(std::iter::from_fn(|| spoiler.release(event.timestamp)));
        spoiler.take(&event, record(&event));
    }
    arrived.extend(std::iter::from_fn(|| spoiler.release(Timestamp::MAX)));
    (arrived, spoiler.counts().clone())
}

/// What the processor would say to a record that is stored when the event happens.
fn verdict(record: &Record, appended_at: Timestamp) -> Result<(), Reject> {
    let crate::model::event::Record::Event(event) = parse(&record.payload)? else { return Ok(()) };
    let partition = record.partition.unwrap_or_else(|| partition_of(&record.key, PARTITIONS));
    let place = Place { stream: record.stream, partition, key: &record.key, appended_at };
    Door { partitions: PARTITIONS, currency: Currency::EUR }.check(&event, place)
}

#[test]
fn every_broken_record_is_refused_for_what_is_wrong_with_it() {
    let event = search(at(0));
    for kind in Broken::ALL {
        for seed in 0..50 {
            let broken = kind.broken(&event, &record(&event), PARTITIONS, &mut Chance::new(seed)).unwrap();
            let code = verdict(&broken, event.timestamp).unwrap_err().code();
            assert_eq!(code, kind.code(), "{kind:?} {}", String::from_utf8_lossy(&broken.payload));
        }
    }
}

#[test]
fn broken_records_come_in_every_kind() {
    let (arrived, counts) = spoil(Faults { corrupt: 0.2, ..Faults::default() }, 1, 1_000);
    let mut refused: BTreeMap<_, u64> = BTreeMap::new();
    for (arrived_at, record) in &arrived {
        if let Err(reject) = verdict(record, *arrived_at) {
            *refused.entry(reject.code()).or_default() += 1;
        }
    }
    assert_eq!(refused, counts.rejects());
    assert_eq!(arrived.len() as u64, 1_000 + counts.corrupt_total());
    assert!(
        (150..250).contains(&counts.corrupt_total()) && counts.corrupt.len() == Broken::ALL.len(),
        "{counts:?}"
    );
}

#[test]
fn a_sink_without_partitions_gets_no_misplaced_record() {
    let mut spoiler = Spoiler::new(Faults { corrupt: 1.0, ..Faults::default() }, None, 1);
    let event = search(at(0));
    (0..100).for_each(|_| spoiler.take(&event, record(&event)));
    assert!(spoiler.counts().corrupt.keys().all(|kind| !kind.needs_partitions()));
}

#[test]
fn late_events_come_a_quarter_of_an_hour_after_the_most_disordered_or_later() {
    let disorder_s = 1_800.0;
    let (arrived, counts) = spoil(Faults { late: 0.05, disorder_s, ..Faults::default() }, 2, 20_000);
    let lateness = arrived.iter().filter_map(|(arrived_at, record)| {
        let crate::model::event::Record::Event(event) = parse(&record.payload).ok()? else { return None };
        Some((*arrived_at - event.timestamp).num_seconds())
    });
    let late = lateness.filter(|seconds| *seconds > disorder_s as i64).collect::<Vec<_>>();
    assert_eq!(late.len() as u64, counts.late);
    let least_s = LATE_MIN_S + disorder_s as i64;
    assert!(late.iter().all(|seconds| (least_s..=LATE_MAX_S).contains(seconds)));
    assert!((800..1_200).contains(&late.len()), "{}", late.len());
}

#[test]
fn the_same_seed_spoils_the_same_way() {
    let faults = Faults { duplicates: 0.1, disorder_s: 5.0, late: 0.01, corrupt: 0.01 };
    assert!(spoil(faults, 7, 2_000) == spoil(faults, 7, 2_000));
    assert!(spoil(faults, 7, 2_000) != spoil(faults, 8, 2_000));
}

proptest! {
    #[test]
    fn nothing_is_lost_and_everything_arrives_in_the_order_of_its_arrival(
        duplicates in 0.0f64..1.0, disorder_s in 0.0f64..100.0, late in 0.0f64..1.0, corrupt in 0.0f64..1.0, seed: u64
    ) {
        let (arrived, counts) = spoil(Faults { duplicates, disorder_s, late, corrupt }, seed, 200);
        prop_assert!(arrived.is_sorted_by_key(|(arrived_at, _)| *arrived_at));
        prop_assert_eq!(arrived.len() as u64, 200 + counts.duplicates + counts.corrupt_total());
        let good = |(arrived_at, record): &&(Timestamp, Record)| verdict(record, *arrived_at).is_ok();
        prop_assert_eq!(arrived.iter().filter(good).count() as u64, 200 + counts.duplicates);
    }
}
