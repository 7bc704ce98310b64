//! A part and its successors, record by record.

use super::*;
use crate::model::event::tests::{at, search, view};
use crate::model::event::tick;
use crate::model::money::Currency;
use crate::store::bulk::Mode;
use crate::stream::documents::Document;
use proptest::prelude::*;

const DOOR: Door = Door { partitions: 1, currency: Currency::EUR };
/// Views and cart additions, by their number in the group.
const PRODUCT: usize = 1;

fn fresh(group: Group) -> Part {
    Part::new(group, 0, DOOR, group.streams().iter().map(|_| TakeOver::Fresh { from: 0 }).collect())
}

fn fold(part: &mut Part, topic: usize, payload: &[u8]) {
    let offset = part.positions()[topic];
    part.fold(topic, LogRecord { offset, appended_at: at(10_000_000), key: b"u1", payload });
}

fn after(flush: Flush) -> Part {
    let resume = |(_, position): (Stream, Position)| TakeOver::Resumed(position);
    Part::new(flush.group, 0, DOOR, flush.positions.into_iter().map(resume).collect())
}

fn view_at(millis: i64) -> Vec<u8> {
    serde_json::to_vec(&view(at(millis))).unwrap()
}

#[test]
fn a_successor_finds_late_what_its_predecessor_would_have_found_late() {
    let mut part = fresh(Group::Trends);
    fold(&mut part, PRODUCT, &view_at(0));
    // Closes the only window, so that nothing is left to reread that would tell the time.
    fold(&mut part, PRODUCT, &tick(at(5_000_000)));
    let mut successor = after(part.flush().unwrap());
    fold(&mut successor, PRODUCT, &view_at(1));
    let late = |one: Document<'_>| one.about.schema.name == "late-events";
    assert!(successor.flush().unwrap().documents.iter().any(late));
}

#[test]
fn a_tick_of_a_clock_that_is_ahead_moves_event_time_to_the_brokers_clock_at_most() {
    let mut part = fresh(Group::Trends);
    fold(&mut part, PRODUCT, &tick(at(900_000_000)));
    assert_eq!(part.frontier().topics[PRODUCT].2, Some(at(10_000_000)));
}

#[test]
fn a_late_event_leaves_live_traffic_live() {
    let mut part = fresh(Group::Trends);
    let mut stored = |happened: i64, stored: i64| {
        let offset = part.positions()[PRODUCT];
        let record = LogRecord { offset, appended_at: at(stored), key: b"u1", payload: &view_at(happened) };
        part.fold(PRODUCT, record);
        crate::stream::quiet::is_live(part.newest())
    };
    assert!(!stored(0, 600_000), "history is filled in");
    assert!(stored(700_000, 701_000));
    assert!(stored(400_000, 702_000), "it comes five minutes late");
    assert!(stored(700_000, 900_000), "it is sent again");
}

#[test]
fn nothing_is_flushed_before_everything_is_read_again() {
    let mut part = fresh(Group::Sessions);
    fold(&mut part, PRODUCT, &view_at(0));
    let mut successor = after(part.flush().unwrap());
    fold(&mut successor, 0, &serde_json::to_vec(&search(at(1))).unwrap());
    assert!(!successor.has_caught_up() && successor.flush().is_none());
    fold(&mut successor, PRODUCT, &view_at(0));
    assert!(successor.flush().is_some());
}

/// What the next flush writes, in an order of its own.
fn written(part: &mut Part) -> Vec<(String, Mode, Vec<u8>)> {
    let documents = part.flush().unwrap().documents;
    let owned = |one: Document<'_>| (one.id.to_owned(), one.about.mode, one.source.to_owned());
    let mut written: Vec<_> = documents.iter().map(owned).collect();
    written.sort_by(|one, other| one.0.cmp(&other.0));
    written
}

fn search_at(millis: i64) -> Vec<u8> {
    serde_json::to_vec(&search(at(millis))).unwrap()
}

#[test]
fn a_successor_writes_only_what_its_predecessor_has_not_written() {
    for group in [Group::Trends, Group::Sessions] {
        let mut part = fresh(group);
        let record = |part: &mut Part, start| {
            fold(part, 0, &search_at(start));
            fold(part, PRODUCT, &view_at(start + 1));
            fold(part, PRODUCT, b"rubbish");
        };
        record(&mut part, 0);
        let mut successor = after(part.flush().unwrap());
        record(&mut successor, 0);
        assert_eq!(written(&mut successor), [], "{group:?}");
        record(&mut part, 500);
        record(&mut successor, 500);
        let more = written(&mut part);
        assert!(!more.is_empty());
        assert_eq!(written(&mut successor), more, "{group:?}");
    }
}

#[test]
fn a_successor_writes_everything_again_that_may_not_be_as_it_would_write_it() {
    let mut part = fresh(Group::Sessions);
    fold(&mut part, PRODUCT, &view_at(0));
    let all = written(&mut part);
    part.flush_again();
    let flush = part.flush().unwrap();
    let with = |change: fn(&mut Position)| {
        let mut positions = flush.positions.clone();
        positions.iter_mut().for_each(|(_, position)| change(position));
        after(Flush { positions, documents: Documents::default(), dead: Vec::new(), ..flush })
    };
    for change in [
        |position: &mut Position| position.facts.rules = Some(7),
        |position: &mut Position| position.facts.ledger.clear(),
    ] {
        let mut successor = with(change);
        fold(&mut successor, PRODUCT, &view_at(0));
        assert_eq!(written(&mut successor), all);
    }
}

#[test]
fn a_successor_that_has_read_on_in_one_topic_writes_everything_again() {
    let mut part = fresh(Group::Sessions);
    fold(&mut part, 0, &search_at(0));
    let mut successor = after(part.flush().unwrap());
    let mut whole = fresh(Group::Sessions);
    for one in [&mut successor, &mut whole] {
        fold(one, PRODUCT, &view_at(5));
        fold(one, 0, &search_at(0));
    }
    assert_eq!(written(&mut successor), written(&mut whole));
}

proptest! {
    #[test]
    fn no_record_makes_a_part_panic_and_each_is_accounted_for(
        records in prop::collection::vec((0usize..3, any::<Vec<u8>>()), 1..20)
    ) {
        let mut part = fresh(Group::Sessions);
        records.iter().for_each(|(topic, payload)| fold(&mut part, *topic, payload));
        prop_assert_eq!(part.flush().unwrap().dead.len(), records.len());
        prop_assert!(part.frontier().ledger.iter().all(|(_, _, counts)| counts.balances()));
    }
}
