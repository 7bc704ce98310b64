//! How much memory open windows take: an estimate from the sizes and capacities of what they hold.

use std::iter::Sum;
use std::ops::Add;

use smallvec::{Array, SmallVec};

/// What something takes in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Sessions, products or users that are kept.
    pub entries: usize,
    /// Bytes on the heap.
    pub bytes: usize,
}

/// What knows how much memory it takes.
pub trait Weighed {
    /// How much it takes now. It may walk over everything, so it is asked for only after a change.
    fn footprint(&self) -> Footprint;
}

impl Add for Footprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { entries: self.entries + other.entries, bytes: self.bytes + other.bytes }
    }
}

impl Sum for Footprint {
    fn sum<I: Iterator<Item = Self>>(footprints: I) -> Self {
        footprints.fold(Self::default(), Add::add)
    }
}

/// Bytes of a hash table's slots: a power of two of them, of which seven in eight may be taken, and a byte
/// of control each.
pub fn hash_table<T>(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two() * (size_of::<T>() + 1) }
}

/// Bytes of a tree's nodes, which are between half full and full.
pub fn tree<T>(len: usize) -> usize {
    len * size_of::<T>() * 4 / 3
}

/// Bytes on the heap of an id or a path: none for a short one, which lies in the value itself.
pub fn text(text: &str) -> usize {
    const IN_PLACE: usize = 23;
    const COUNTERS: usize = 16;
    if text.len() <= IN_PLACE { 0 } else { text.len() + COUNTERS }
}

/// Bytes on the heap of a small vector: none while its values lie within it.
pub fn spilled<A: Array>(values: &SmallVec<A>) -> usize {
    if values.spilled() { values.capacity() * size_of::<A::Item>() } else { 0 }
}

/// The most that each may keep, so that all together keep at most `bytes_max`: the largest are cut down to
/// this size, the smaller ones are left as they are. `None` when nothing need be cut.
pub fn cut_to(mut bytes: Vec<usize>, bytes_max: usize) -> Option<usize> {
    bytes.sort_unstable();
    let mut left = bytes_max;
    for (smaller, size) in bytes.iter().enumerate() {
        let share = left / (bytes.len() - smaller);
        if *size > share {
            return Some(share);
        }
        left -= size;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use crate::model::event::door::Door;
    use crate::model::event::tests::{at, event_id, view};
    use crate::model::money::Currency;
    use crate::store::bulk::Mode;
    use crate::stream::groups::Group;
    use crate::stream::part::{Flush, LogRecord, Part, TakeOver};
    use proptest::prelude::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[test]
    fn the_largest_are_cut_down_and_the_small_ones_left_alone() {
        assert_eq!(cut_to(vec![10, 500, 300], 410), Some(200));
        assert_eq!(cut_to(vec![10, 500, 300], 810), None);
        assert_eq!(cut_to(Vec::new(), 0), None);
    }

    proptest! {
        #[test]
        fn all_together_keep_to_the_limit_and_use_it(
            bytes in prop::collection::vec(0usize..1_000, 1..20), most in 0usize..10_000
        ) {
            let share = cut_to(bytes.clone(), most).unwrap_or(usize::MAX);
            let sum: usize = bytes.iter().map(|has| *has.min(&share)).sum();
            let all: usize = bytes.iter().sum();
            prop_assert!(sum <= most);
            // What cannot be shared out evenly is less than one byte for each.
            prop_assert!(sum + bytes.len() > all.min(most));
        }
    }

    const DOOR: Door = Door { partitions: 1, currency: Currency::EUR };
    const VIEWS: usize = 1;

    /// The trends of partition 0 as they are begun, or taken over from what was committed.
    fn part(committed: Option<&Flush>) -> Part {
        let fresh = || TakeOver::Fresh { from: 0 };
        let starts = match committed {
            None => vec![fresh(), fresh(), fresh()],
            Some(flush) => flush.positions.iter().map(|(_, at)| TakeOver::Resumed(at.clone())).collect(),
        };
        Part::new(Group::Trends, 0, DOOR, starts)
    }

    /// Folds a view in this minute, whose number is also its offset.
    fn see(part: &mut Part, number: usize, minute: i64) {
        let time = at(minute * 60_000);
        let event = Event { event_id: event_id(time, number as u64), ..view(time) };
        let payload = serde_json::to_vec(&event).unwrap();
        let (offset, key) = (number as i64, event.visitor().as_bytes());
        part.fold(VIEWS, LogRecord { offset, appended_at: time, key, payload: &payload });
    }

    /// The support of each result.
    fn results(flush: &Flush) -> impl Iterator<Item = (String, u64)> {
        flush.documents.iter().filter_map(|document| match document.about.mode {
            Mode::IfNewer(support) => Some((document.id.to_owned(), support)),
            Mode::Create | Mode::Replace | Mode::IfNotOlder(_) => None,
        })
    }

    fn late_for(flush: &Flush) -> Vec<String> {
        let late = flush.documents.iter().filter(|document| document.about.mode == Mode::Replace);
        let reason = |source: &[u8]| serde_json::from_slice::<Value>(source).unwrap()["reason"].clone();
        late.map(|document| reason(document.source).as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_part_at_its_limit_writes_and_closes_its_oldest_windows_and_no_successor_opens_them_again() {
        let mut owner = part(None);
        (0..5).for_each(|number| see(&mut owner, number, number as i64));
        let bytes = owner.bytes();
        owner.keep_within(bytes / 2);
        let flush = owner.flush().unwrap();
        assert_eq!(results(&flush).count(), 5, "every window is written before it is closed");
        assert!(flush.closed_early >= 2 && owner.bytes() <= bytes / 2, "{}", flush.closed_early);
        let mut successor = part(Some(&flush));
        let replay_from = successor.positions()[VIEWS] as usize;
        (replay_from..5).for_each(|number| see(&mut successor, number, number as i64));
        for owner in [&mut owner, &mut successor] {
            see(owner, 5, 0);
            see(owner, 6, 4);
            let flush = owner.flush().unwrap();
            assert_eq!(late_for(&flush), ["cap"]);
            assert_eq!(results(&flush).last().unwrap().1, 2, "the newest window is open");
        }
    }

    proptest! {
        #[test]
        fn every_event_is_in_a_result_or_late_whatever_is_closed_early_and_however_often_it_is_taken_over(
            minutes in prop::collection::vec(0i64..8, 1..40),
            steps in prop::collection::vec((1usize..8, 0usize..60_000, any::<bool>()), 1..20),
        ) {
            let (mut owner, mut stored, mut committed) = (part(None), BTreeMap::new(), None);
            let mut to = 0;
            let all = [steps, vec![(minutes.len(), usize::MAX, false)]].concat();
            for (records, limit, crashes) in all {
                to = (to + records).min(minutes.len());
                for (number, minute) in minutes.iter().enumerate().take(to) {
                    see(&mut owner, number, *minute);
                }
                owner.keep_within(limit);
                let Some(flush) = owner.flush() else { continue };
                for (id, support) in results(&flush) {
                    let kept = stored.entry(id).or_insert(support);
                    *kept = support.max(*kept);
                }
                committed = Some(flush);
                if crashes {
                    owner = part(committed.as_ref());
                }
            }
            let facts = &committed.unwrap().positions[VIEWS].1.facts;
            let counts = facts.ledger["trends"];
            prop_assert!(counts.balances());
            prop_assert_eq!(counts.read, minutes.len() as u64);
            prop_assert_eq!(counts.folded, stored.values().sum::<u64>());
        }
    }
}
