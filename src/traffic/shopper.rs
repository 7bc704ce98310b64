//! A shopper: searches or strolls, looks at products, goes back, refines, fills a cart, sometimes orders,
//! and now and then gives something back days later.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::model::event::{Action, Item, Order};
use crate::model::ids::QueryId;
use crate::model::time::Timestamp;
use crate::traffic::assortment::{Need, Rank};
use crate::traffic::chance::Chance;
use crate::traffic::query;
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Comeback, Moment, Script, Step, Then};

// The chances of each choice. Together they give the rates that `traffic::tests` holds as ranges: about
// four in five sessions view a product, one in six puts something into the cart, one in twelve orders. That
// is more than most shops see, so that a short demonstration has something to show.
const SEARCHES_FIRST: f64 = 0.72;
const TYPES_UNFINDABLE: f64 = 0.03;
const REFINES: f64 = 0.22;
const REWORDS_AFTER_NOTHING: f64 = 0.6;
const CLICKS: f64 = 0.58;
const PUTS_INTO_CART: f64 = 0.08;
const GOES_BACK: f64 = 0.42;
const LOOKS_AT_ALIKE: f64 = 0.12;
const SEARCHES_AGAIN: f64 = 0.08;
const ORDERS: f64 = 0.40;
const SHOPS_ON: f64 = 0.25;
/// Share of shoppers who know what they want: quick, and likelier to buy.
const DECIDED: f64 = 0.12;
const DECIDED_PUTS_INTO_CART: f64 = 0.28;
const DECIDED_ORDERS: f64 = 0.70;
/// Share of guests who log in when a product holds them.
const LOGS_IN: f64 = 0.04;
/// Share of honest orders of which something comes back.
const GIVES_BACK: f64 = 0.04;

// Mean seconds before each step.
const BEFORE_SEARCH_S: f64 = 9.0;
const BEFORE_CLICK_S: f64 = 7.0;
const BEFORE_VIEW_S: f64 = 18.0;
const BEFORE_CART_S: f64 = 16.0;
const BEFORE_ORDER_S: f64 = 35.0;

/// Most events of one session.
const EVENTS_MAX: u32 = 40;
/// Most refinements of one search.
const REFINEMENTS_MAX: u32 = 3;
/// Most products in a cart.
const CART_ITEMS_MAX: usize = 8;
/// Looks at a list of results before it is given up.
const GLANCES: u32 = 3;

/// The reasons of honest shoppers.
const REASONS: [&str; 5] =
    ["did not fit", "changed my mind", "arrived damaged", "not as described", "wrong item"];

/// How plain shoppers behave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Habits {}

/// What a shopper remembers during a session.
pub struct Shopper {
    /// What the search is for.
    wanted: Rank,
    /// The product whose page is open.
    looking_at: Rank,
    need: Need,
    results: Option<Results>,
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
    pub fn arrive(moment: &mut Moment<'_>) -> (Step, Self) {
        let wanted = moment.assortment.wanted(moment.chance);
        let decided = moment.chance.random_bool(DECIDED);
        let pace = moment.chance.random_range(0.6..1.4) * if decided { 0.35 } else { 1.0 };
        let mut shopper = Self {
            wanted,
            looking_at: wanted,
            need: moment.assortment.need(wanted, moment.chance),
            results: None,
            searched_at: moment.now,
            refinements: 0,
            cart: Vec::new(),
            events: 0,
            decided,
            pace,
        };
        let stroll = !moment.chance.random_bool(SEARCHES_FIRST);
        let view = moment.assortment.item(wanted, None).filter(|_| stroll).map(Step::View);
        let step = view.unwrap_or_else(|| shopper.search(None, moment));
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
            Action::Purchase(order) => Then::Leave(comeback(order, moment)),
            Action::Refund(_) => Then::Leave(None),
        }
    }

    fn after_search(&mut self, moment: &mut Moment<'_>) -> Then {
        if self.results.as_ref().is_none_or(Results::is_empty) {
            return if moment.chance.random_bool(REWORDS_AFTER_NOTHING) {
                self.refine(moment)
            } else {
                Then::Leave(None)
            };
        }
        match moment.chance.random::<f64>() {
            ..CLICKS => self.click(moment),
            draw if draw < CLICKS + REFINES => self.refine(moment),
            _ => Then::Leave(None),
        }
    }

    fn after_view(&mut self, item: &Item, moment: &mut Moment<'_>) -> Then {
        let puts = if self.decided { DECIDED_PUTS_INTO_CART } else { PUTS_INTO_CART };
        let draw: f64 = moment.chance.random();
        if draw < puts {
            return self.put_into_cart(item, moment);
        }
        let next = match draw - puts {
            ..GOES_BACK => self.click(moment),
            draw if draw < GOES_BACK + LOOKS_AT_ALIKE => self.look_at_alike(moment),
            draw if draw < GOES_BACK + LOOKS_AT_ALIKE + SEARCHES_AGAIN => {
                self.wanted = moment.assortment.wanted(moment.chance);
                self.need = moment.assortment.need(self.wanted, moment.chance);
                self.refinements = 0;
                let step = self.search(None, moment);
                self.after(BEFORE_SEARCH_S, step, moment)
            }
            _ => Then::Leave(None),
        };
        match next {
            // Whoever looks on may log in first: the view then is the new session's first event.
            Then::Do(wait, Step::View(item)) if moment.chance.random_bool(LOGS_IN) => {
                Then::LogIn(wait, Step::View(item))
            }
            next => next,
        }
    }

    fn after_cart(&mut self, item: &Item, moment: &mut Moment<'_>) -> Then {
        self.cart.push(item.clone());
        let orders = if self.decided { DECIDED_ORDERS } else { ORDERS };
        match moment.chance.random::<f64>() {
            draw if draw < orders => self.after(BEFORE_ORDER_S, Step::Purchase(self.cart.clone()), moment),
            draw if draw < orders + SHOPS_ON => self.look_at_alike(moment),
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
        let position = (0..GLANCES).find_map(|_| results.eye_catcher(moment));
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

    fn refine(&mut self, moment: &mut Moment<'_>) -> Then {
        if self.refinements >= REFINEMENTS_MAX {
            return Then::Leave(None);
        }
        self.refinements += 1;
        let intent_id = self.results.as_ref().map(|results| results.intent_id.clone());
        let step = self.search(intent_id, moment);
        self.after(BEFORE_SEARCH_S, step, moment)
    }

    /// Searches for the need; a refinement (which has an intent already) narrows it first.
    fn search(&mut self, intent_id: Option<QueryId>, moment: &mut Moment<'_>) -> Step {
        let mut filters = BTreeMap::new();
        if intent_id.is_some() {
            let (need, filter) = moment.assortment.narrower(&self.need, self.wanted, moment.chance);
            self.need = need;
            filters.extend(filter);
        }
        let question = if moment.chance.random_bool(TYPES_UNFINDABLE) {
            Question {
                text: query::unfindable(moment.chance),
                need: None,
                filters: BTreeMap::new(),
                intent_id,
            }
        } else {
            let text = query::typed(&moment.assortment.words(&self.need), moment.chance);
            Question { text, need: Some(self.need.clone()), filters, intent_id }
        };
        let (step, results) = Results::of(question, moment);
        self.results = Some(results);
        step
    }

    fn after(&self, mean_s: f64, step: Step, moment: &mut Moment<'_>) -> Then {
        Then::Do(moment.chance.dwell(mean_s * self.pace), step)
    }
}

/// Whether something of an order comes back, and when.
fn comeback(order: &Order, moment: &mut Moment<'_>) -> Option<Comeback> {
    if !moment.chance.random_bool(GIVES_BACK) {
        return None;
    }
    let reason = moment.chance.one_of(&REASONS).copied().unwrap_or_default();
    let mut step = Step::give_back(order, moment.now, reason);
    if let Step::Refund(back) = &mut step
        && moment.chance.random_bool(0.5)
    {
        back.items.truncate(1);
    }
    Some(Comeback { after: days_later(moment.chance), step, script: Script::Errand })
}

/// Two hours to three weeks, most within days: nothing arrives, is unpacked and sent back in minutes.
fn days_later(chance: &mut Chance) -> TimeDelta {
    (TimeDelta::hours(2) + chance.dwell(3.0 * 86_400.0)).min(TimeDelta::days(21))
}
