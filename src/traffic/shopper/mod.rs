//! A shopper: searches or strolls, looks at products, goes back, refines, fills a cart, sometimes orders,
//! and now and then gives something back days later.
//!
//! It is a Markov chain: what comes next is drawn by [`Habits`] from what was just done.

mod habits;
mod refund;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use rand::RngExt;
use smol_str::{SmolStr, format_smolstr};

use crate::model::event::{Action, Item};
use crate::model::ids::QueryId;
use crate::model::time::Timestamp;
use crate::traffic::assortment::Rank;
use crate::traffic::query;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Moment, Step, Then};

pub use crate::traffic::shopper::habits::Habits;
pub use crate::traffic::shopper::refund::reason;

// Mean seconds before each step.
const BEFORE_SEARCH_S: f64 = 9.0;
const BEFORE_NEXT_LETTERS_S: f64 = 0.8;
const BEFORE_CLICK_S: f64 = 7.0;
const BEFORE_VIEW_S: f64 = 18.0;
const BEFORE_CART_S: f64 = 16.0;
const BEFORE_ORDER_S: f64 = 35.0;

/// Share of refinements that set a filter, and do not type another word.
const FILTERS: f64 = 0.4;
/// Share of shoppers who hear of a viral product by a link to it; the others search for it.
const FOLLOWS_THE_TALK: f64 = 0.7;
/// The hurry of those who know what they want, as a factor of every dwell.
const DECIDED_PACE: f64 = 0.35;
/// Most events of one session.
const EVENTS_MAX: u32 = 40;
/// Most refinements of one search.
const REFINEMENTS_MAX: u32 = 3;
/// Most products in a cart.
const CART_ITEMS_MAX: usize = 8;
/// Looks at a list of results before it is given up.
const GLANCES: u32 = 3;

/// What a shopper remembers during a session.
pub struct Shopper {
    habits: Arc<Habits>,
    /// What the search is for.
    wanted: Rank,
    /// The product whose page is open.
    looking_at: Rank,
    results: Option<Results>,
    filters: BTreeMap<SmolStr, SmolStr>,
    /// What is still being typed.
    unfinished: Option<SmolStr>,
    searched_at: Timestamp,
    refinements: u32,
    cart: Vec<Item>,
    events: u32,
    decided: bool,
    /// Factor of every dwell.
    pace: f64,
}

impl Shopper {
    /// Comes in; gives the first step.
    pub fn arrive(habits: &Arc<Habits>, moment: &mut Moment<'_>) -> (Step, Self) {
        let wanted = moment.assortment.wanted(moment.taste, moment.chance);
        let decided = moment.chance.random_bool(habits.decided);
        let pace =
            habits.leisure * moment.chance.random_range(0.6..1.4) * if decided { DECIDED_PACE } else { 1.0 };
        let mut shopper = Self {
            habits: habits.clone(),
            wanted,
            looking_at: wanted,
            results: None,
            filters: BTreeMap::new(),
            unfinished: None,
            searched_at: moment.now,
            refinements: 0,
            cart: Vec::new(),
            events: 0,
            decided,
            pace,
        };
        let searches = match moment.assortment.is_viral(wanted) {
            true => 1.0 - FOLLOWS_THE_TALK,
            false => habits.searches_first,
        };
        let strolls = !moment.chance.random_bool(searches);
        let view = moment.assortment.item(wanted, None).filter(|_| strolls).map(Step::View);
        let step = view.unwrap_or_else(|| shopper.search_anew(moment));
        (step, shopper)
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        self.events += 1;
        if let Action::Search(_) = done {
            self.searched_at = moment.now;
        }
        if self.events >= EVENTS_MAX {
            return Then::Leave(None);
        }
        match done {
            Action::Search(_) => self.after_search(moment),
            Action::View(touch) => self.after_view(&touch.item, moment),
            Action::AddToCart(touch) => self.after_cart(&touch.item, moment),
            Action::Purchase(order) => Then::Leave(refund::comeback(order, self.habits.gives_back, moment)),
            Action::Refund(_) => Then::Leave(None),
        }
    }

    fn after_search(&mut self, moment: &mut Moment<'_>) -> Then {
        if let Some(text) = self.unfinished.take() {
            let step = self.search(text, self.intent(), moment);
            return self.after(BEFORE_NEXT_LETTERS_S, step, moment);
        }
        let Habits { clicks, refines, rewords, .. } = *self.habits;
        if self.results.as_ref().is_none_or(Results::is_empty) {
            return if moment.chance.random_bool(rewords) { self.reword(moment) } else { Then::Leave(None) };
        }
        match moment.chance.random::<f64>() {
            draw if draw < clicks => self.click(moment),
            draw if draw < clicks + refines => self.refine(moment),
            _ => Then::Leave(None),
        }
    }

    fn after_view(&mut self, item: &Item, moment: &mut Moment<'_>) -> Then {
        let Habits { goes_back, looks_at_alike, searches_again, logs_in, .. } = *self.habits;
        let puts = if self.decided { self.habits.decided_puts_into_cart } else { self.habits.puts_into_cart };
        let draw: f64 = moment.chance.random();
        if draw < puts {
            return self.put_into_cart(item, moment);
        }
        let next = match draw - puts {
            draw if draw < goes_back => self.click(moment),
            draw if draw < goes_back + looks_at_alike => self.look_at_alike(moment),
            draw if draw < goes_back + looks_at_alike + searches_again => {
                self.wanted = moment.assortment.wanted(moment.taste, moment.chance);
                let step = self.search_anew(moment);
                self.after(BEFORE_SEARCH_S, step, moment)
            }
            _ => Then::Leave(None),
        };
        match next {
            // Whoever looks on may log in first: the view then is the new session's first event.
            Then::Do(wait, Step::View(item)) if moment.chance.random_bool(logs_in) => {
                Then::LogIn(wait, Step::View(item))
            }
            next => next,
        }
    }

    /// With something in the cart: to the checkout, where some change their minds, or on.
    fn after_cart(&mut self, item: &Item, moment: &mut Moment<'_>) -> Then {
        self.cart.push(item.clone());
        let Habits { shops_on, orders, .. } = *self.habits;
        let checks_out = if self.decided { self.habits.decided_checks_out } else { self.habits.checks_out };
        match moment.chance.random::<f64>() {
            draw if draw < checks_out => {
                if !moment.chance.random_bool(orders) {
                    return Then::Leave(None);
                }
                let cart = std::mem::take(&mut self.cart);
                self.after(BEFORE_ORDER_S, Step::Purchase(cart), moment)
            }
            draw if draw < checks_out + shops_on => self.look_at_alike(moment),
            _ => Then::Leave(None),
        }
    }

    /// Puts the viewed product into the cart, unless it is there, sold out, or the cart is full.
    fn put_into_cart(&mut self, item: &Item, moment: &mut Moment<'_>) -> Then {
        let is_there = self.cart.iter().any(|other| other.product_id == item.product_id);
        if is_there || self.cart.len() >= CART_ITEMS_MAX || !moment.assortment.is_sold(self.looking_at) {
            return self.look_at_alike(moment);
        }
        let quantity = match moment.chance.random::<f64>() {
            ..0.85 => 1,
            ..0.96 => 2,
            _ => moment.chance.random_range(3..=5),
        };
        self.after(BEFORE_CART_S, Step::AddToCart(Item { quantity, ..item.clone() }), moment)
    }

    /// Clicks on a result that has not been clicked yet.
    fn click(&mut self, moment: &mut Moment<'_>) -> Then {
        let Some(results) = &mut self.results else { return self.look_at_alike(moment) };
        let recognises = moment.chance.random_bool(self.habits.recognises);
        let known = recognises.then(|| results.recognised(self.wanted)).flatten();
        let position = known.or_else(|| (0..GLANCES).find_map(|_| results.eye_catcher(moment)));
        let Some((rank, item)) = position.and_then(|at| results.at(at, self.searched_at, moment)) else {
            return Then::Leave(None);
        };
        self.looking_at = rank;
        self.after(BEFORE_CLICK_S, Step::View(item), moment)
    }

    /// Follows the shop's links to a similar product.
    fn look_at_alike(&mut self, moment: &mut Moment<'_>) -> Then {
        self.looking_at = moment.assortment.alike(self.looking_at, moment.chance);
        match moment.assortment.item(self.looking_at, None) {
            Some(item) => self.after(BEFORE_VIEW_S, Step::View(item), moment),
            None => Then::Leave(None),
        }
    }

    /// Searches for something else than before.
    fn search_anew(&mut self, moment: &mut Moment<'_>) -> Step {
        self.refinements = 0;
        self.filters.clear();
        let text = if moment.chance.random_bool(self.habits.asks_unfindable) {
            query::unfindable(moment.chance).into()
        } else {
            self.wording(moment)
        };
        if moment.chance.random_bool(self.habits.types_ahead)
            && let Some(beginning) = query::beginning(&text, moment.chance)
        {
            self.unfinished = Some(text);
            return self.search(beginning, None, moment);
        }
        self.search(text, None, moment)
    }

    /// Makes the search narrower, by a filter or by another word.
    fn refine(&mut self, moment: &mut Moment<'_>) -> Then {
        let Some(text) = self.results.as_ref().map(|results| results.query.clone()) else {
            return Then::Leave(None);
        };
        if moment.chance.random_bool(FILTERS) {
            self.filters.extend(moment.assortment.filter(self.wanted, moment.chance));
            return self.search_on(text, moment);
        }
        let word = moment.assortment.narrowing_word(self.wanted, moment.chance);
        let narrower = if text.contains(word) { text } else { format_smolstr!("{word} {text}") };
        self.search_on(query::typed(narrower, self.habits.slips, moment.chance), moment)
    }

    /// Asks for the same thing in other words.
    fn reword(&mut self, moment: &mut Moment<'_>) -> Then {
        self.filters.clear();
        let text = self.wording(moment);
        self.search_on(text, moment)
    }

    fn wording(&self, moment: &mut Moment<'_>) -> SmolStr {
        let text = moment.assortment.wording(self.wanted, moment.taste, moment.chance);
        query::typed(text, self.habits.slips, moment.chance)
    }

    /// Searches again in the same chain, if that is not too often already.
    fn search_on(&mut self, text: SmolStr, moment: &mut Moment<'_>) -> Then {
        if self.refinements >= REFINEMENTS_MAX {
            return Then::Leave(None);
        }
        self.refinements += 1;
        let step = self.search(text, self.intent(), moment);
        self.after(BEFORE_SEARCH_S, step, moment)
    }

    /// The first search of the chain.
    fn intent(&self) -> Option<QueryId> {
        self.results.as_ref().map(|results| results.intent_id.clone())
    }

    fn search(&mut self, text: SmolStr, intent_id: Option<QueryId>, moment: &mut Moment<'_>) -> Step {
        let question = Question { text, filters: self.filters.clone(), intent_id };
        let (step, results) = Results::of(question, moment);
        self.results = Some(results);
        step
    }

    fn after(&self, mean_s: f64, step: Step, moment: &mut Moment<'_>) -> Then {
        Then::Do(moment.chance.dwell(mean_s * self.pace).max(TimeDelta::milliseconds(1)), step)
    }
}
