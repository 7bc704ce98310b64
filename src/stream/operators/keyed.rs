//! Values by key that remember which of them have changed.

use std::hash::Hash;

use crate::stream::footprint::{Footprint, hash_table};
use crate::stream::tables::Numbered;

/// Values by key that remember which of them have changed since they were last taken out.
pub struct Keyed<K, V> {
    /// Boxed, for the places of a table are up to half empty.
    entries: Numbered<K, Box<Entry<V>>>,
    /// The places of those that have changed.
    changed: Vec<u32>,
}

struct Entry<V> {
    changed: bool,
    value: V,
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self { entries: Numbered::default(), changed: Vec::new() }
    }
}

impl<V: Default> Default for Entry<V> {
    fn default() -> Self {
        Self { changed: false, value: V::default() }
    }
}

impl<V> Entry<V> {
    /// Has it handed out the next time, once.
    fn mark(&mut self, place: usize, changed: &mut Vec<u32>) {
        if !std::mem::replace(&mut self.changed, true) {
            // A window of so many keys would take hundreds of gigabytes.
            changed.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
    }
}

impl<K: Clone + Eq + Hash, V: Default> Keyed<K, V> {
    /// The value of a key, to be changed; a new one where there is none.
    pub fn change(&mut self, key: &K) -> &mut V {
        let place = self.place(key);
        let entry = &mut self.entries[place];
        entry.mark(place, &mut self.changed);
        &mut entry.value
    }

    /// As [`Keyed::change`], for what may turn out to change nothing. Gives whether it did.
    pub fn change_if(&mut self, key: &K, change: impl FnOnce(&mut V) -> bool) -> bool {
        let place = self.place(key);
        let entry = &mut self.entries[place];
        let has_changed = change(&mut entry.value);
        if has_changed {
            entry.mark(place, &mut self.changed);
        }
        has_changed
    }

    /// Where the value of a key is; a new one where there was none.
    fn place(&mut self, key: &K) -> usize {
        let known = self.entries.get_index_of(key);
        known.unwrap_or_else(|| self.entries.insert_full(key.clone(), Box::default()).0)
    }

    /// The value of a key, as it is.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Has every value that is like this handed out again.
    pub fn touch(&mut self, is_meant: impl Fn(&K, &V) -> bool) {
        for (place, (key, entry)) in self.entries.iter_mut().enumerate() {
            if !entry.changed && is_meant(key, &entry.value) {
                entry.mark(place, &mut self.changed);
            }
        }
    }

    /// What they take, with what each key and value takes on the heap besides. Walks over all of them.
    pub fn footprint(&self, besides: impl Fn(&K, &V) -> usize) -> Footprint {
        let besides = self.entries.iter().map(|(key, entry)| besides(key, &entry.value)).sum();
        self.slots() + Footprint { entries: 0, bytes: besides }
    }

    /// What they take without what keys and values have on the heap.
    pub fn slots(&self) -> Footprint {
        // A hash, a key and a pointer each, and a table of their places.
        let slots = self.entries.capacity() * size_of::<(u64, K, Box<Entry<V>>)>();
        let places = hash_table::<usize>(self.entries.capacity());
        let values = self.entries.len() * size_of::<Entry<V>>();
        let bytes = slots + places + values + self.changed.capacity() * size_of::<u32>();
        Footprint { entries: self.entries.len(), bytes }
    }

    /// Hands out each value that was changed since the last call, once.
    pub fn take_changed(&mut self, mut each: impl FnMut(&K, &mut V)) {
        for place in self.changed.drain(..) {
            if let Some((key, entry)) = self.entries.get_index_mut(place as usize) {
                entry.changed = false;
                each(key, &mut entry.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(keyed: &mut Keyed<&'static str, u32>) -> Vec<(&'static str, u32)> {
        let mut taken = Vec::new();
        keyed.take_changed(|key, value| taken.push((*key, *value)));
        taken
    }

    #[test]
    fn each_changed_value_is_handed_out_once_and_keeps_what_it_holds() {
        let mut keyed = Keyed::default();
        *keyed.change(&"a") += 1;
        *keyed.change(&"a") += 1;
        *keyed.change(&"b") += 1;
        assert_eq!(taken(&mut keyed), [("a", 2), ("b", 1)]);
        *keyed.change(&"a") += 1;
        assert_eq!(taken(&mut keyed), [("a", 3)]);
        assert_eq!(taken(&mut keyed), []);
    }
}
