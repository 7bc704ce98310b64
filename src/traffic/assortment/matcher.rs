//! The built-in search: what the shop finds for a typed text, without asking a server.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use rand::RngExt;

use crate::catalog::shelf::ShelfProduct;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::traffic::assortment::lexicon::{Lexicon, Meaning, Phrase, Word};
use crate::traffic::assortment::shelf::Shelf;
use crate::traffic::assortment::words::words;
use crate::traffic::assortment::{PAGE_RESULTS, RESULTS_KEPT, Rank};
use crate::traffic::chance::Chance;

/// The filter for products of one brand.
pub const FILTER_BRAND: &str = "brand";
/// The filter for products that cost at most so much, in whole major units.
pub const FILTER_PRICE_MAX: &str = "max_price";
/// Answers that are remembered: most searches are asked again and again. A few hundred bytes each.
const ANSWERS_MAX: usize = 20_000;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// All products that fit.
    pub count: u64,
    /// The first [`RESULTS_KEPT`] of them, best first.
    pub ranks: Vec<Rank>,
    /// The first page of them.
    pub ids: Vec<ProductId>,
}

/// The index of the shelf.
pub struct Matcher {
    lexicon: Lexicon,
    /// The products that have a word, the best seller first, by the word's number.
    postings: Vec<Vec<Rank>>,
    /// Answers by their questions. They change what an answer costs, never what it is.
    answers: RefCell<Answers>,
}

#[derive(Default)]
struct Answers {
    known: HashMap<String, Arc<Answer>>,
    /// The question that is being asked, kept for its memory.
    question: String,
}

impl Matcher {
    /// Indexes names, brands and categories.
    pub fn new(shelf: &Shelf) -> Self {
        let mut lexicon = Lexicon::default();
        let mut postings: Vec<Vec<Rank>> = Vec::new();
        for (rank, product) in shelf.products.iter().enumerate() {
            let rank = rank as Rank;
            let texts = [product.name.as_str(), &product.brand, &product.category_label, product.category.as_str()];
            for word in texts.into_iter().flat_map(words) {
                let number = lexicon.number(word) as usize;
                postings.resize(postings.len().max(number + 1), Vec::new());
                if let Some(ranks) = postings.get_mut(number)
                    && ranks.last() != Some(&rank)
                {
                    ranks.push(rank);
                }
            }
        }
        lexicon.arrange();
        Self { lexicon, postings, answers: RefCell::default() }
    }

    /// What the shop answers.
    pub fn find(&self, text: &str, filters: &BTreeMap<String, String>, shelf: &Shelf) -> Arc<Answer> {
        let answers = &mut *self.answers.borrow_mut();
        answers.question.clear();
        answers.question.push_str(text);
        for (name, value) in filters {
            // Writing to a text cannot fail; no typed text holds this separator.
            let _ = write!(answers.question, "\u{1f}{name}={value}");
        }
        if let Some(answer) = answers.known.get(&answers.question) {
            return answer.clone();
        }
        let answer = Arc::new(self.search(text, filters, shelf));
        if answers.known.len() >= ANSWERS_MAX {
            answers.known.clear();
        }
        answers.known.insert(answers.question.clone(), answer.clone());
        answer
    }

    fn search(&self, text: &str, filters: &BTreeMap<String, String>, shelf: &Shelf) -> Answer {
        let weight = |word: Word| self.with_word(word).len();
        let Some(meanings) = self.lexicon.read(text, weight) else { return Answer::default() };
        let found = narrowest_first(meanings.iter().map(|meaning| self.with_any(meaning)).collect());
        let product = |rank: &Rank| shelf.products.get(*rank as usize);
        let fits = |rank: &Rank| product(rank).is_some_and(|product| passes(product, filters));
        let mut answer = Answer::default();
        for rank in found.iter().filter(|rank| fits(rank)) {
            answer.count += 1;
            if answer.ranks.len() < RESULTS_KEPT {
                answer.ranks.push(*rank);
            }
        }
        let first_page = answer.ranks.iter().take(PAGE_RESULTS);
        answer.ids = first_page.filter_map(product).map(|product| product.id.clone()).collect();
        answer
    }

    fn with_word(&self, word: Word) -> &[Rank] {
        self.postings.get(word as usize).map(Vec::as_slice).unwrap_or_default()
    }

    fn with_any(&self, meaning: &Meaning) -> Vec<Rank> {
        let mut ranks: Vec<Rank> = meaning.iter().flat_map(|phrase| self.with_all(phrase)).collect();
        if meaning.len() > 1 {
            ranks.sort_unstable();
            ranks.dedup();
        }
        ranks
    }

    fn with_all(&self, phrase: &Phrase) -> Vec<Rank> {
        narrowest_first(phrase.iter().map(|word| self.with_word(*word).to_vec()).collect())
    }
}

/// What all lists have in common; each is sorted.
fn narrowest_first(mut lists: Vec<Vec<Rank>>) -> Vec<Rank> {
    lists.sort_by_key(Vec::len);
    let mut lists = lists.into_iter();
    let mut common = lists.next().unwrap_or_default();
    for list in lists {
        let mut rest = list.as_slice();
        common.retain(|rank| {
            rest = rest.get(rest.partition_point(|other| other < rank)..).unwrap_or_default();
            rest.first() == Some(rank)
        });
    }
    common
}

fn passes(product: &ShelfProduct, filters: &BTreeMap<String, String>) -> bool {
    filters.iter().all(|(name, value)| match name.as_str() {
        FILTER_BRAND => product.brand == *value,
        FILTER_PRICE_MAX => value.parse().is_ok_and(|major: i64| product.price_cents <= Cents(major.saturating_mul(100))),
        _ => false,
    })
}

/// A filter that a product passes: its brand, or the next round price above its own.
pub fn filter(product: &ShelfProduct, chance: &mut Chance) -> Option<(String, String)> {
    if chance.random_bool(0.5) {
        return Some((FILTER_BRAND.to_owned(), product.brand.clone()));
    }
    let step = if product.price_cents < Cents(10_000) { 1_000 } else { 10_000 };
    let price_max = (product.price_cents.0 / step).saturating_add(1).saturating_mul(step);
    Some((FILTER_PRICE_MAX.to_owned(), (price_max / 100).to_string()))
}
