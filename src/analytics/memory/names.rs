//! Numbers for names, so that rows are short and sums are tables.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Names by number, in the order in which they came.
#[derive(Debug)]
pub struct Names<T> {
    numbers: HashMap<T, u32>,
    all: Vec<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), all: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    /// The number of a name, which is the next one where the name is new.
    pub fn number(&mut self, name: &T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // A name takes more than one byte, so memory ends before the numbers do.
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }

    /// Every name; the first has number 0.
    pub fn all(&self) -> &[T] {
        &self.all
    }

    /// The number of a name, where it has one.
    pub fn find<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        self.numbers.get(name).copied()
    }

    /// The memory that the names take, in bytes, if a long one has some forty.
    pub fn bytes(&self) -> usize {
        const LONG: usize = 40;
        let table = self.numbers.capacity() * 8 / 7 * (size_of::<(T, u32)>() + 1);
        self.all.capacity() * size_of::<T>() + table + self.all.len() * LONG
    }
}

/// The place that each number has in a list.
#[derive(Debug)]
pub struct Places(Vec<Option<u32>>);

impl Places {
    /// In a list of numbers that are less than `count`.
    pub fn new(count: usize, list: &[u32]) -> Self {
        let mut places = vec![None; count];
        for (number, place) in list.iter().zip(0_u32..) {
            if let Some(of_number) = places.get_mut(*number as usize) {
                *of_number = Some(place);
            }
        }
        Self(places)
    }

    /// The place of a number; `None` where it is not in the list.
    pub fn of(&self, number: u32) -> Option<usize> {
        self.0.get(number as usize).copied().flatten().map(|place| place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_a_number_has_its_place_in_a_list() {
        let mut names: Names<String> = Names::default();
        let numbers = ["red", "blue", "red", "green"].map(|name| names.number(&name.to_owned()));
        assert_eq!(numbers, [0, 1, 0, 2]);
        assert_eq!((names.find("blue"), names.find("white")), (Some(1), None));
        let places = Places::new(names.all().len(), &[2, 0, 9]);
        assert_eq!([0, 1, 2, 9].map(|number| places.of(number)), [Some(1), None, Some(0), None]);
    }
}
