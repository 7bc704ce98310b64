//! The built-in search: what the shop finds for a typed text, without asking a server.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rand::RngExt;
use smol_str::{SmolStr, ToSmolStr};

use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::traffic::assortment::lexicon::{Lexicon, Meaning, Phrase, Term};
use crate::traffic::assortment::posting::{Bits, Posting};
use crate::traffic::assortment::shelf::Shelf;
use crate::traffic::assortment::words::words;
use crate::traffic::assortment::{PAGE_RESULTS, RESULTS_KEPT, Rank};
use crate::traffic::chance::Chance;

/// The filter for products of one brand.
pub const FILTER_BRAND: &str = "brand";
/// The filter for products that cost at most so much, in whole major units.
pub const FILTER_PRICE_MAX: &str = "max_price";
/// Answers of one generation that are remembered: most searches are asked again and again. A few hundred
/// bytes each.
const ANSWERS_MAX: usize = 20_000;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// All products that fit.
    pub count: u64,
    /// The first [`RESULTS_KEPT`] of them, best first.
    pub ranks: Vec<Rank>,
    /// The first page of them.
    pub ids: Arc<[ProductId]>,
}

/// The index of the shelf.
pub struct Matcher {
    lexicon: Lexicon,
    /// The products of each term, by its number.
    postings: Vec<Posting>,
    products: usize,
    /// Answers by their questions. They change what an answer costs, never what it is.
    answers: RefCell<Answers>,
}

/// What is asked for lately, in two generations: what is not asked for while one fills up is forgotten.
#[derive(Default)]
struct Answers {
    known: HashMap<String, Arc<Answer>, RandomState>,
    older: HashMap<String, Arc<Answer>, RandomState>,
    /// The question that is being asked, kept for its memory.
    question: String,
}

impl Matcher {
    /// Indexes names, brands and categories.
    pub fn new(shelf: &Shelf) -> Self {
        let mut lexicon = Lexicon::default();
        let mut ranks_by_word: Vec<Vec<Rank>> = Vec::new();
        for (rank, product) in shelf.products.iter().enumerate() {
            let rank = rank as Rank;
            let texts =
                [product.name.as_str(), &product.brand, &product.category_label, product.category.as_str()];
            for word in texts.into_iter().flat_map(words) {
                let number = lexicon.number(word) as usize;
                ranks_by_word.resize(ranks_by_word.len().max(number + 1), Vec::new());
                if let Some(ranks) = ranks_by_word.get_mut(number)
                    && ranks.last() != Some(&rank)
                {
                    ranks.push(rank);
                }
            }
        }
        let terms = lexicon.arrange();
        let products = shelf.products.len();
        let postings = ranks_by_word.into_iter().map(|ranks| Posting::new(ranks, products)).collect();
        let mut matcher = Self { lexicon, postings, products, answers: RefCell::default() };
        for phrases in terms {
            let posting = Posting::new(matcher.with_any(&phrases).ranks().collect(), products);
            matcher.postings.push(posting);
        }
        matcher
    }

    /// What the shop answers.
    pub fn find(&self, text: &str, filters: &BTreeMap<SmolStr, SmolStr>, shelf: &Shelf) -> Arc<Answer> {
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
        let remembered = answers.older.remove(&answers.question);
        let answer = remembered.unwrap_or_else(|| Arc::new(self.search(text, filters, shelf)));
        if answers.known.len() >= ANSWERS_MAX {
            answers.older = std::mem::take(&mut answers.known);
        }
        answers.known.insert(answers.question.clone(), answer.clone());
        answer
    }

    fn search(&self, text: &str, filters: &BTreeMap<SmolStr, SmolStr>, shelf: &Shelf) -> Answer {
        let Some(meanings) = self.lexicon.read(text, |term| self.posting(term).ranks.len()) else {
            return Answer::default();
        };
        let mut sets: Vec<Set<'_>> = meanings.iter().map(|meaning| self.set_of(meaning)).collect();
        sets.sort_by_key(Set::len);
        let filters = Filters::new(filters, shelf);
        let mut answer = Answer::default();
        common(&sets, |rank| {
            if filters.pass(rank, shelf) {
                answer.count += 1;
                if answer.ranks.len() < RESULTS_KEPT {
                    answer.ranks.push(rank);
                }
            }
        });
        let first_page = answer.ranks.iter().take(PAGE_RESULTS);
        let product = |rank: &Rank| shelf.products.get(*rank as usize);
        answer.ids = first_page.filter_map(product).map(|product| product.id.clone()).collect();
        answer
    }

    fn posting(&self, term: Term) -> &Posting {
        const NONE: &Posting = &Posting { ranks: Vec::new(), bits: None };
        self.postings.get(term as usize).unwrap_or(NONE)
    }

    fn set_of(&self, meaning: &Meaning) -> Set<'_> {
        match meaning {
            Meaning::Term(term) => Set::Term(self.posting(*term)),
            Meaning::Beginning(words) => {
                let mut bits = Bits::new(self.products);
                words.iter().for_each(|word| bits.add(self.posting(*word)));
                Set::Beginning(bits)
            }
        }
    }

    /// The products with one of these phrases.
    fn with_any(&self, phrases: &[Phrase]) -> Bits {
        let mut bits = Bits::new(self.products);
        for phrase in phrases {
            let mut postings: Vec<&Posting> = phrase.iter().map(|word| self.posting(*word)).collect();
            postings.sort_by_key(|posting| posting.ranks.len());
            if let Some((rarest, others)) = postings.split_first() {
                let with_all =
                    rarest.ranks.iter().filter(|rank| others.iter().all(|other| other.has(**rank)));
                with_all.for_each(|rank| bits.set(*rank));
            }
        }
        bits
    }
}

/// Walks along the products that are in all of the sets, of which the narrowest is the first; the best
/// seller first.
fn common(sets: &[Set<'_>], keep: impl FnMut(Rank)) {
    let Some((narrowest, others)) = sets.split_first() else { return };
    let in_all = |rank: &Rank| others.iter().all(|set| set.has(*rank));
    match (narrowest, sets.iter().map(Set::bits).collect::<Option<Vec<&Bits>>>().as_deref()) {
        // 64 products at once.
        (_, Some([first, second, others @ ..])) => {
            let mut bits = Bits::clone(first);
            bits.keep(second);
            others.iter().for_each(|other| bits.keep(other));
            bits.ranks().for_each(keep);
        }
        (Set::Term(posting), _) => posting.ranks.iter().copied().filter(in_all).for_each(keep),
        (Set::Beginning(bits), _) => bits.ranks().filter(in_all).for_each(keep),
    }
}

/// The products with one meaning.
enum Set<'a> {
    Term(&'a Posting),
    Beginning(Bits),
}

impl Set<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Term(posting) => posting.ranks.len(),
            Self::Beginning(bits) => bits.len(),
        }
    }

    fn has(&self, rank: Rank) -> bool {
        match self {
            Self::Term(posting) => posting.has(rank),
            Self::Beginning(bits) => bits.has(rank),
        }
    }

    /// As bits, where they are kept.
    fn bits(&self) -> Option<&Bits> {
        match self {
            Self::Term(posting) => posting.bits.as_ref(),
            Self::Beginning(bits) => Some(bits),
        }
    }
}

/// The filters of a search, read once.
struct Filters {
    /// Only of this brand, by its number.
    brand: Option<u32>,
    price_max: Option<Cents>,
    /// A filter that nothing passes: unknown, or of an unknown value.
    nothing: bool,
}

impl Filters {
    fn new(named: &BTreeMap<SmolStr, SmolStr>, shelf: &Shelf) -> Self {
        let mut filters = Self { brand: None, price_max: None, nothing: false };
        for (name, value) in named {
            let is_known = match name.as_str() {
                FILTER_BRAND => {
                    let number = shelf.brands.iter().position(|brand| brand == value);
                    filters.brand = number.map(|number| number as u32);
                    number.is_some()
                }
                FILTER_PRICE_MAX => {
                    let major = value.parse().ok();
                    filters.price_max = major.map(|major: i64| Cents(major.saturating_mul(100)));
                    major.is_some()
                }
                _ => false,
            };
            filters.nothing |= !is_known;
        }
        filters
    }

    fn pass(&self, rank: Rank, shelf: &Shelf) -> bool {
        let rank = rank as usize;
        let brand_fits = |brand| shelf.traits.get(rank).is_some_and(|traits| traits.brand == brand);
        let price_fits = |most| shelf.prices.get(rank).is_some_and(|price| *price <= most);
        !self.nothing && self.brand.is_none_or(brand_fits) && self.price_max.is_none_or(price_fits)
    }
}

/// A filter that a product passes: its brand, or the next round price above its own.
pub fn filter(rank: Rank, shelf: &Shelf, chance: &mut Chance) -> Option<(SmolStr, SmolStr)> {
    if chance.random_bool(0.5) {
        return Some((FILTER_BRAND.into(), shelf.brand(rank)));
    }
    let price = shelf.prices.get(rank as usize)?.0;
    let step = if price < 10_000 { 1_000 } else { 10_000 };
    let price_max = (price / step).saturating_add(1).saturating_mul(step);
    Some((FILTER_PRICE_MAX.into(), (price_max / 100).to_smolstr()))
}
