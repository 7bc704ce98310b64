//! What the rows in memory count for: products, or the categories of a level.

use std::collections::HashMap;

use crate::analytics::recent::products::{Subject, Subjects};
use crate::analytics::trending::Among;
use crate::model::ids::ProductId;

/// The group of what is not looked at.
const NONE: u32 = u32::MAX;

/// Which key each subject counts for.
pub struct Groups<'a> {
    /// By the number of the subject.
    of_subject: Vec<u32>,
    /// Whether it is among what may be listed, by the number of the subject.
    is_asked_for: Vec<bool>,
    /// By the number of the group.
    keys: Vec<&'a str>,
}

impl<'a> Groups<'a> {
    /// The groups of all subjects: products, or categories of a level.
    pub fn new(subjects: &'a Subjects, among: &Among) -> Self {
        let all = subjects.all.all();
        match among {
            Among::Products { category, brand } => {
                let within = |path: &str| category.as_ref().is_none_or(|above| lies_in(path, above.as_str()));
                let categories = subjects.categories.all().iter().map(|path| within(path.as_str()));
                let categories: Vec<bool> = categories.collect();
                let of_brand = |name: &str| brand.as_ref().is_none_or(|brand| brand == name);
                let brands: Vec<bool> = subjects.brands.all().iter().map(|name| of_brand(name)).collect();
                let is_asked_for = |subject: &Subject| {
                    let of = |table: &[bool], number: u32| table.get(number as usize).is_some_and(|is| *is);
                    of(&categories, subject.category) && of(&brands, subject.brand)
                };
                Self {
                    of_subject: all.iter().map(|subject| subject.product).collect(),
                    is_asked_for: all.iter().map(is_asked_for).collect(),
                    keys: subjects.products.all().iter().map(ProductId::as_str).collect(),
                }
            }
            Among::Categories { below, level } => {
                let mut numbers: HashMap<&str, u32> = HashMap::new();
                let mut keys = Vec::new();
                let categories = subjects.categories.all().iter().map(|path| {
                    let below = below.as_ref().is_none_or(|above| lies_in(path.as_str(), above.as_str()));
                    let Some(key) = path.prefixes().nth(level - 1).filter(|_| below) else { return NONE };
                    *numbers.entry(key).or_insert_with(|| {
                        keys.push(key);
                        (keys.len() - 1) as u32
                    })
                });
                let categories: Vec<u32> = categories.collect();
                let group = |subject: &Subject| categories.get(subject.category as usize).copied();
                let of_subject = all.iter().map(|subject| group(subject).unwrap_or(NONE)).collect();
                Self { of_subject, is_asked_for: vec![true; all.len()], keys }
            }
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

    /// The group that a subject counts for.
    pub fn of(&self, subject: u32) -> Option<usize> {
        self.of_subject.get(subject as usize).filter(|group| **group != NONE).map(|group| *group as usize)
    }

    /// Whether a subject is among what may be listed.
    pub fn is_asked_for(&self, subject: u32) -> bool {
        self.is_asked_for.get(subject as usize).is_some_and(|is| *is)
    }
}

/// Which place of a list each subject counts for.
pub struct Places<'a> {
    groups: &'a Groups<'a>,
    /// By the number of the group.
    of_group: Vec<Option<usize>>,
}

impl Groups<'_> {
    /// The places that these keys have in their list.
    pub fn places(&self, keys: &[&str]) -> Places<'_> {
        let place = |key: &&str| keys.iter().position(|listed| listed == key);
        Places { groups: self, of_group: self.keys.iter().map(place).collect() }
    }
}

impl Places<'_> {
    /// The place that a subject counts for.
    pub fn of(&self, subject: u32) -> Option<usize> {
        self.of_group.get(self.groups.of(subject)?).copied().flatten()
    }
}

/// Whether a category is another or lies below it.
fn lies_in(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
