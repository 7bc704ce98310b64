//! The categories that the sessions of a minute touch, by number: a session's steps name one a dozen times.

use smol_str::SmolStr;

use crate::model::category::CategoryPath;
use crate::stream::footprint::{hash_table, text};
use crate::stream::operators::visits::funnels::ROOT;
use crate::stream::tables::Table;

/// A category, or the whole shop, within one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CategoryNumber(u32);

impl CategoryNumber {
    /// The whole shop.
    pub const ROOT: Self = Self(0);

    /// Its place among the numbers of the window, from 0 without a gap.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// Categories in the order in which they were met, after the whole shop; each after the one above it.
pub struct Categories {
    known: Vec<Category>,
    numbers: Table<SmolStr, CategoryNumber>,
}

struct Category {
    name: SmolStr,
    /// The one above it; the whole shop for a department, and for itself.
    above: CategoryNumber,
}

impl Default for Categories {
    fn default() -> Self {
        let whole_shop = Category { name: SmolStr::new_static(ROOT), above: CategoryNumber::ROOT };
        let numbers = Table::from_iter([(whole_shop.name.clone(), CategoryNumber::ROOT)]);
        Self { known: vec![whole_shop], numbers }
    }
}

impl Categories {
    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let names: usize = self.known.iter().map(|category| text(&category.name)).sum();
        let slots = hash_table::<(SmolStr, CategoryNumber)>(self.numbers.capacity());
        slots + self.known.capacity() * size_of::<Category>() + names
    }

    /// The number of a category.
    pub fn number(&mut self, path: &CategoryPath) -> CategoryNumber {
        match self.numbers.get(path.as_str()) {
            Some(number) => *number,
            None => path.prefixes().fold(CategoryNumber::ROOT, |above, name| self.below(above, name)),
        }
    }

    fn below(&mut self, above: CategoryNumber, name: &str) -> CategoryNumber {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // A shop has some thousand categories.
        let number = CategoryNumber(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        let name = SmolStr::new(name);
        self.known.push(Category { name: name.clone(), above });
        self.numbers.insert(name, number);
        number
    }

    /// A category's path, or the name of the whole shop.
    pub fn name(&self, number: CategoryNumber) -> &str {
        self.get(number).map_or(ROOT, |category| &category.name)
    }

    /// A category and those above it, without the whole shop.
    pub fn upwards(&self, from: CategoryNumber) -> impl Iterator<Item = CategoryNumber> {
        let below_root = |number: CategoryNumber| (number != CategoryNumber::ROOT).then_some(number);
        let above = move |number: &CategoryNumber| below_root(self.get(*number)?.above);
        std::iter::successors(below_root(from), above)
    }

    fn get(&self, number: CategoryNumber) -> Option<&Category> {
        self.known.get(number.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_leads_up_to_its_department_by_the_same_numbers_each_time() {
        let mut categories = Categories::default();
        let path = |text| CategoryPath::parse(text).unwrap();
        let (garden, home) = (categories.number(&path("home.garden")), categories.number(&path("home")));
        assert_eq!(categories.number(&path("home.garden")), garden);
        assert_eq!(categories.upwards(garden).collect::<Vec<_>>(), [garden, home]);
        assert_eq!([home, CategoryNumber::ROOT].map(|number| categories.name(number)), ["home", "all"]);
        assert_eq!(categories.upwards(CategoryNumber::ROOT).count(), 0);
    }
}
