//! What the rows in memory count for: products, or the categories of a level.

use std::collections::HashMap;

use smol_str::SmolStr;

use crate::analytics::memory::names::{Names, Places};
use crate::analytics::memory::products::{Subject, Subjects};
use crate::analytics::trending::Among;
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;

/// Which key each subject counts for.
pub struct Groups<'a> {
    /// By the number of the subject; `None` for what is not looked at.
    of_subject: Vec<Option<u32>>,
    /// Whether it is among what may be listed, by the number of the subject.
    is_asked_for: Vec<bool>,
    /// By the number of the group.
    keys: Vec<&'a str>,
}

impl<'a> Groups<'a> {
    /// The groups of all subjects: products, or categories of a level.
    pub fn new(subjects: &'a Subjects, among: &Among) -> Self {
        match among {
            Among::Products { category, brand } => {
                Self::products(subjects, category.as_ref(), brand.as_deref())
            }
            Among::Categories { below, level } => Self::categories(subjects, below.as_ref(), *level),
        }
    }

    fn products(subjects: &'a Subjects, category: Option<&CategoryPath>, brand: Option<&str>) -> Self {
        let within = |path: &CategoryPath| category.is_none_or(|above| lies_in(path, above));
        let categories: Vec<bool> = subjects.categories.all().iter().map(within).collect();
        let of_brand = |name: &SmolStr| brand.is_none_or(|brand| brand == name);
        let brands: Vec<bool> = subjects.brands.all().iter().map(of_brand).collect();
        let holds = |table: &[bool], number: u32| table.get(number as usize).is_some_and(|holds| *holds);
        let is_asked_for =
            |subject: &Subject| holds(&categories, subject.category) && holds(&brands, subject.brand);
        let all = subjects.all.all();
        Self {
            of_subject: all.iter().map(|subject| Some(subject.product)).collect(),
            is_asked_for: all.iter().map(is_asked_for).collect(),
            keys: subjects.products.all().iter().map(ProductId::as_str).collect(),
        }
    }

    fn categories(subjects: &'a Subjects, below: Option<&CategoryPath>, level: usize) -> Self {
        let mut keys: Names<&str> = Names::default();
        let mut group = |path: &'a CategoryPath| {
            let lies_below = below.is_none_or(|above| lies_in(path, above));
            let key = path.prefixes().nth(level.checked_sub(1)?).filter(|_| lies_below)?;
            Some(keys.number(&key))
        };
        let groups: Vec<Option<u32>> = subjects.categories.all().iter().map(&mut group).collect();
        let of = |subject: &Subject| groups.get(subject.category as usize).copied().flatten();
        let all = subjects.all.all();
        Self {
            of_subject: all.iter().map(of).collect(),
            is_asked_for: vec![true; all.len()],
            keys: keys.all().to_vec(),
        }
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of a group.
    pub fn key(&self, group: usize) -> Option<&str> {
        self.keys.get(group).copied()
    }

    fn number(&self, subject: u32) -> Option<u32> {
        self.of_subject.get(subject as usize).copied().flatten()
    }

    /// The group that a subject counts for.
    pub fn of(&self, subject: u32) -> Option<usize> {
        self.number(subject).map(|group| group as usize)
    }

    /// The places that the groups with these keys have in their list.
    pub fn places(&self, keys: &[&str]) -> Places {
        let numbers: HashMap<&str, u32> = self.keys.iter().copied().zip(0..).collect();
        // What is no group's key has its place too, which no subject counts for.
        let number = |key: &&str| numbers.get(key).copied().unwrap_or(u32::MAX);
        Places::new(self.keys.len(), &keys.iter().map(number).collect::<Vec<_>>())
    }

    /// The place that a subject counts for.
    pub fn place(&self, subject: u32, places: &Places) -> Option<usize> {
        places.of(self.number(subject)?)
    }

    /// Whether a subject is among what may be listed.
    pub fn is_asked_for(&self, subject: u32) -> bool {
        self.is_asked_for.get(subject as usize).is_some_and(|is| *is)
    }
}

/// Whether a category is another or lies below it.
fn lies_in(path: &CategoryPath, above: &CategoryPath) -> bool {
    path.as_str().strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A product that was moved to another category, and one of another maker.
    fn subjects() -> Subjects {
        let mut subjects = Subjects::default();
        for (id, category, brand) in [
            ("p1", "electronics.audio", "Sonora"),
            ("p1", "electronics.video.tv", "Sonora"),
            ("p2", "garden.tools", "Other"),
            ("p3", "electronics", "Other"),
        ] {
            let category = CategoryPath::parse(category).unwrap();
            subjects.number(&ProductId::parse(id).unwrap(), &category, &brand.into());
        }
        subjects
    }

    fn keys(groups: &Groups<'_>) -> Vec<Option<String>> {
        (0..5).map(|subject| Some(groups.key(groups.of(subject)?)?.to_owned())).collect()
    }

    fn path(text: &str) -> Option<CategoryPath> {
        CategoryPath::parse(text).ok()
    }

    #[test]
    fn a_product_counts_for_itself_whatever_its_category_was() {
        let subjects = subjects();
        let among = Among::Products { category: path("electronics.audio"), brand: Some("Sonora".to_owned()) };
        let groups = Groups::new(&subjects, &among);
        let expected = [Some("p1"), Some("p1"), Some("p2"), Some("p3"), None];
        assert_eq!(keys(&groups), expected.map(|key| key.map(str::to_owned)));
        let asked_for: Vec<bool> = (0..5).map(|subject| groups.is_asked_for(subject)).collect();
        assert_eq!(asked_for, [true, false, false, false, false]);
        assert_eq!(groups.place(1, &groups.places(&["p3", "p1"])), Some(1));
        assert_eq!(groups.place(2, &groups.places(&["p3", "p1"])), None);
    }

    #[test]
    fn a_category_counts_for_the_one_above_it_on_the_level_asked_for() {
        let subjects = subjects();
        let among = |below: Option<&str>, level| Among::Categories { below: below.and_then(path), level };
        let expect = |among: Among, expected: [Option<&str>; 5]| {
            let groups = Groups::new(&subjects, &among);
            assert_eq!(keys(&groups), expected.map(|key| key.map(str::to_owned)), "{among:?}");
        };
        let electronics = Some("electronics");
        expect(among(None, 1), [electronics, electronics, Some("garden"), electronics, None]);
        let below = [Some("electronics.audio"), Some("electronics.video"), None, None, None];
        expect(among(Some("electronics"), 2), below);
        expect(among(Some("electro"), 2), [None; 5]);
    }
}
