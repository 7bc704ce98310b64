//! The numbers of what one visit's searches are added up by. A visit's steps name the same search and the same
//! categories again and again, so that these are found by their places, and a text is looked up once for each search.

use smol_str::SmolStr;

use crate::stream::operators::visits::categories::CategoryNumber;
use crate::stream::operators::visits::queries::Scope;
use crate::stream::operators::visits::visit::{Sought, Step};
use crate::stream::tables::Table;

/// Scopes in the order in which they were met. Kept from one visit to the next, to be filled again.
#[derive(Default)]
pub struct Scopes {
    all: Vec<Scope>,
    whole_shop: Option<usize>,
    /// By the category's place.
    categories: Vec<Option<usize>>,
    /// By the search's place in the visit.
    searches: Vec<Option<usize>>,
    texts: Table<Scope, usize>,
}

impl Scopes {
    /// Each scope, by its number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Scope)> {
        self.all.iter().enumerate()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of the whole shop.
    pub fn whole_shop(&mut self) -> usize {
        let Self { all, whole_shop, .. } = self;
        *whole_shop.get_or_insert_with(|| numbered(all, Scope::All))
    }

    /// The number of a category.
    pub fn category(&mut self, category: CategoryNumber) -> usize {
        let Self { all, categories, .. } = self;
        known(categories, category.place(), || numbered(all, Scope::Category(category)))
    }

    /// The number of what was typed for the search that a step is or came from.
    pub fn query(&mut self, step: &Step, search: &Sought) -> usize {
        let Self { all, searches, texts, .. } = self;
        known(searches, step.sought as usize, || of_text(all, texts, Scope::Query(search.query.clone())))
    }

    /// The number of a filter.
    pub fn filter(&mut self, name: SmolStr) -> usize {
        of_text(&mut self.all, &mut self.texts, Scope::Filter(name))
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        for scope in self.all.drain(..) {
            if let Scope::Category(category) = scope
                && let Some(number) = self.categories.get_mut(category.place())
            {
                *number = None;
            }
        }
        self.whole_shop = None;
        self.searches.clear();
        self.texts.clear();
    }
}

/// The number at a place, which is found where there is none yet.
fn known(numbers: &mut Vec<Option<usize>>, place: usize, find: impl FnOnce() -> usize) -> usize {
    if let Some(Some(number)) = numbers.get(place) {
        return *number;
    }
    let number = find();
    if numbers.len() <= place {
        numbers.resize(place + 1, None);
    }
    if let Some(known) = numbers.get_mut(place) {
        *known = Some(number);
    }
    number
}

/// Two searches may be for the same.
fn of_text(all: &mut Vec<Scope>, texts: &mut Table<Scope, usize>, scope: Scope) -> usize {
    *texts.entry(scope).or_insert_with_key(|scope| numbered(all, scope.clone()))
}

fn numbered(all: &mut Vec<Scope>, scope: Scope) -> usize {
    all.push(scope);
    all.len() - 1
}
