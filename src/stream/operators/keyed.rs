//! Values by key that remember which of them have changed.

use std::hash::Hash;

use crate::stream::footprint::{Footprint, hash_table};
use crate::stream::tables::Numbered;

/// Values by key that remember which of them have changed since they were last taken out.
pub struct Keyed<K, V> {
    /// Boxed, for the places of a table are up to half empty.
    values: Numbered<K, Box<V>>,
    changed: Changed,
}

/// Which values have changed.
#[derive(Default)]
struct Changed {
    /// Of each by its place. Not beside the value: there are millions, and it would take eight bytes of each.
    is_changed: Vec<bool>,
    /// The places of those that have.
    places: Vec<usize>,
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self { values: Numbered::default(), changed: Changed::default() }
    }
}

impl Changed {
    /// Has the value of a place handed out the next time, once.
    fn mark(&mut self, place: usize) {
        if self.is_changed.len() <= place {
            self.is_changed.resize(place + 1, false);
        }
        if !std::mem::replace(&mut self.is_changed[place], true) {
            self.places.push(place);
        }
    }
}

impl<K: Clone + Eq + Hash, V: Default> Keyed<K, V> {
    /// The value of a key, to be changed; a new one where there is none.
    pub fn change(&mut self, key: &K) -> &mut V {
        let place = self.place(key);
        self.changed.mark(place);
        &mut self.values[place]
    }

    /// As [`Keyed::change`], for what may turn out to change nothing. Gives whether it did.
    pub fn change_if(&mut self, key: &K, change: impl FnOnce(&mut V) -> bool) -> bool {
        let place = self.place(key);
        let has_changed = change(&mut self.values[place]);
        if has_changed {
            self.changed.mark(place);
        }
        has_changed
    }

    /// Where the value of a key is; a new one where there was none.
    fn place(&mut self, key: &K) -> usize {
        let known = self.values.get_index_of(key);
        known.unwrap_or_else(|| self.values.insert_full(key.clone(), Box::default()).0)
    }

    /// The value of a key, as it is.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(Box::as_ref)
    }

    /// Has every value that is like this handed out again.
    pub fn touch(&mut self, is_meant: impl Fn(&K, &V) -> bool) {
        let Self { values, changed } = self;
        let meant = values.iter().enumerate().filter(|(_, (key, value))| is_meant(key, value));
        meant.for_each(|(place, _)| changed.mark(place));
    }

    /// What they take, with what each key and value takes on the heap besides. Walks over all of them.
    pub fn footprint(&self, besides: impl Fn(&K, &V) -> usize) -> Footprint {
        let besides = self.values.iter().map(|(key, value)| besides(key, value)).sum();
        self.slots() + Footprint { entries: 0, bytes: besides }
    }

    /// What they take without what keys and values have on the heap.
    pub fn slots(&self) -> Footprint {
        // A hash, a key and a pointer each, and a table of their places.
        let slots = self.values.capacity() * size_of::<(u64, K, Box<V>)>();
        let places = hash_table::<usize>(self.values.capacity());
        let values = self.values.len() * size_of::<V>();
        let changed =
            self.changed.is_changed.capacity() + self.changed.places.capacity() * size_of::<usize>();
        Footprint { entries: self.values.len(), bytes: slots + places + values + changed }
    }

    /// Hands out each value that was changed since the last call, once.
    pub fn take_changed(&mut self, mut each: impl FnMut(&K, &mut V)) {
        let Self { values, changed } = self;
        for place in std::mem::take(&mut changed.places) {
            if let Some((key, value)) = values.get_index_mut(place) {
                changed.is_changed[place] = false;
                each(key, value);
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
