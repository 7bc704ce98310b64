//! What is due when: many entries, each with its time, of which the earliest is asked for again and again.
//!
//! The entries stay where they are; only their small keys are kept in order. Those far ahead (a refund in
//! three days) lie apart, so that they do not make the others slower.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::TimeDelta;

use crate::model::time::Timestamp;

/// Ahead of the latest entry that was due, what is later than this lies apart.
const FAR: TimeDelta = TimeDelta::minutes(10);

/// Entries by their times; of several at one time the one that was put in first is first.
pub struct Agenda<T> {
    near: BinaryHeap<Reverse<Key>>,
    far: BinaryHeap<Reverse<Key>>,
    entries: Vec<Option<T>>,
    free: Vec<u32>,
    added: u32,
    latest: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: Timestamp,
    /// Counts up; that it begins again after four thousand million entries makes two at one time swap.
    number: u32,
    place: u32,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self {
            near: BinaryHeap::new(),
            far: BinaryHeap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            added: 0,
            latest: Timestamp::MIN,
        }
    }
}

impl<T> Agenda<T> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// Adds an entry.
    pub fn add(&mut self, at: Timestamp, entry: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() as u32 - 1
        });
        if let Some(free) = self.entries.get_mut(place as usize) {
            *free = Some(entry);
        }
        self.added = self.added.wrapping_add(1);
        let key = Reverse(Key { at, number: self.added, place });
        if at > self.latest + FAR { self.far.push(key) } else { self.near.push(key) }
    }

    /// Takes out the earliest entry, if it is due by then.
    pub fn take_due(&mut self, until: Timestamp) -> Option<T> {
        let heap = match (self.near.peek(), self.far.peek()) {
            (Some(near), Some(far)) if far > near => &mut self.far,
            (Some(_), _) => &mut self.near,
            (None, _) => &mut self.far,
        };
        let Reverse(Key { at, .. }) = *heap.peek()?;
        if at > until {
            return None;
        }
        let Reverse(Key { place, .. }) = heap.pop()?;
        self.latest = self.latest.max(at);
        self.free.push(place);
        self.entries.get_mut(place as usize)?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use crate::model::time::HOUR_MS;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_due_stays() {
        let mut agenda = Agenda::default();
        agenda.add(at(HOUR_MS), 'b');
        agenda.add(at(5), 'a');
        assert_eq!(agenda.take_due(at(4)), None);
        assert_eq!(agenda.take_due(at(5)), Some('a'));
        assert_eq!(agenda.take_due(at(HOUR_MS - 1)), None);
        assert_eq!((agenda.take_due(at(HOUR_MS)), agenda.len()), (Some('b'), 0));
    }

    proptest! {
        #[test]
        fn entries_come_out_as_a_sorted_list_would_give_them(
            steps in proptest::collection::vec((0i64..3 * HOUR_MS, 0usize..4), 1..200)
        ) {
            let (mut agenda, mut sorted) = (Agenda::default(), Vec::new());
            let mut now = 0;
            for (number, (ahead, taken)) in steps.into_iter().enumerate() {
                agenda.add(at(now + ahead), number);
                sorted.push((now + ahead, number));
                sorted.sort_unstable();
                now += ahead / 8;
                for _ in 0..taken {
                    let due = sorted.first().filter(|(time, _)| *time <= now).map(|(_, number)| *number);
                    prop_assert_eq!(agenda.take_due(at(now)), due);
                    sorted.drain(..usize::from(due.is_some()));
                }
                prop_assert_eq!(agenda.len(), sorted.len());
            }
        }
    }
}
