//! How far sessions came, by category: entered → viewed → put into the cart → purchased.
//!
//! The sessions are those that *began* in the minutes asked for; what they did later counts too. Counts
//! add up over minutes and partitions. They do not add up over categories: a session may visit two.

pub mod answer;
pub mod compare;
pub mod query;
pub mod store;
pub mod times;

mod found;

use poem_openapi::Enum;
use serde::Deserialize;

use crate::analytics::funnels::times::Times;
use crate::analytics::range::Asked;
use crate::model::category::{self, CategoryPath};
use crate::model::money::Cents;
use crate::model::rate::share;

/// The category that stands for the whole shop.
pub const ROOT: &str = "all";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Which sessions: those that began then.
    pub asked: Asked,
    /// This category and those right below it; the whole shop and its departments without it.
    pub category: Option<CategoryPath>,
    /// Only sessions that came this way.
    pub source: Option<Source>,
}

/// How a session came to what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Source {
    /// Its first step was a search.
    Search,
    /// Its first step was a view that no search of its own came before.
    Browse,
}

/// Sessions that reached each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Steps {
    /// Searched or viewed; within a category: viewed in it.
    pub entered: u64,
    /// Viewed a product.
    pub viewed: u64,
    /// Then put one into the cart.
    pub carted: u64,
    /// Then bought.
    pub purchased: u64,
}

/// The sessions of one category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Funnel {
    /// The category's path, or [`ROOT`].
    pub category: String,
    /// How far they came.
    pub sums: Sums,
}

/// How far sessions came, and what that was worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// All sessions.
    pub steps: Steps,
    /// Those that searched.
    pub searched: u64,
    /// Those that came by a search.
    pub by_search: Steps,
    /// Those that came by browsing.
    pub by_browse: Steps,
    /// What was put into carts in the category.
    pub carted_value: Cents,
    /// What their orders in the category cost.
    pub revenue: Cents,
    /// Sessions that gave something of the category back, whenever it was bought.
    pub refunded: u64,
    /// What they got back.
    pub refunded_value: Cents,
    /// How long each step took.
    pub times: Times,
}

/// Shares of sessions, 0.0 to 1.0; `None` where there is nothing to divide by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// viewed / entered
    pub view: Option<f64>,
    /// carted / viewed
    pub cart: Option<f64>,
    /// purchased / carted
    pub purchase: Option<f64>,
    /// purchased / entered
    pub conversion: Option<f64>,
}

impl Steps {
    fn add(&mut self, other: Self) {
        self.entered += other.entered;
        self.viewed += other.viewed;
        self.carted += other.carted;
        self.purchased += other.purchased;
    }

    /// From each step to the next, and over all.
    pub fn rates(&self) -> Rates {
        Rates {
            view: share(self.viewed, self.entered),
            cart: share(self.carted, self.viewed),
            purchase: share(self.purchased, self.carted),
            conversion: share(self.purchased, self.entered),
        }
    }
}

impl Sums {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.steps.add(other.steps);
        self.searched += other.searched;
        self.by_search.add(other.by_search);
        self.by_browse.add(other.by_browse);
        self.carted_value += other.carted_value;
        self.revenue += other.revenue;
        self.refunded += other.refunded;
        self.refunded_value += other.refunded_value;
        self.times.add(&other.times);
    }

    /// The steps of all sessions, or of those that came one way.
    pub fn steps_of(&self, source: Option<Source>) -> Steps {
        match source {
            None => self.steps,
            Some(Source::Search) => self.by_search,
            Some(Source::Browse) => self.by_browse,
        }
    }

    /// refunded / purchased; more than 1 where more sessions gave back than bought, `None` where nobody bought.
    pub fn refund_rate(&self) -> Option<f64> {
        share(self.refunded, self.steps.purchased)
    }
}

impl Funnel {
    /// Depth: 0 for the root, 1 for a department.
    pub fn level(&self) -> usize {
        level(&self.category)
    }

    /// The category in words.
    pub fn label(&self) -> String {
        if self.category == ROOT { "All categories".to_owned() } else { category::label(&self.category) }
    }
}

/// Depth of a category's path: 0 for [`ROOT`], 1 for a department.
pub fn level(category: &str) -> usize {
    if category == ROOT { 0 } else { category::level(category) }
}

/// Whether a category is shown where another, or [`ROOT`], is asked for: it, and those right below it.
pub fn is_shown(category: &str, asked: &str) -> bool {
    let lies_below = asked == ROOT || category.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'));
    category == asked || lies_below && level(category) == level(asked) + 1
}

/// Puts the category asked for first, with zeros where nobody was in it, then the others by sessions that
/// entered, equal ones by path.
pub fn arrange(asked: &str, mut funnels: Vec<Funnel>) -> Vec<Funnel> {
    if funnels.iter().all(|funnel| funnel.category != asked) {
        funnels.push(Funnel { category: asked.to_owned(), ..Funnel::default() });
    }
    funnels.sort_by(|a, b| {
        let asked_first = (b.category == asked).cmp(&(a.category == asked));
        let by_entered = b.sums.steps.entered.cmp(&a.sums.steps.entered);
        asked_first.then(by_entered).then_with(|| a.category.cmp(&b.category))
    });
    funnels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn funnel(category: &str, entered: u64) -> Funnel {
        let steps = Steps { entered, ..Steps::default() };
        Funnel { category: category.to_owned(), sums: Sums { steps, ..Sums::default() } }
    }

    fn categories(funnels: &[Funnel]) -> Vec<&str> {
        funnels.iter().map(|funnel| funnel.category.as_str()).collect()
    }

    #[test]
    fn the_whole_shop_comes_first_then_its_departments_by_sessions() {
        let funnels = vec![funnel("garden", 3), funnel("beauty", 3), funnel(ROOT, 7), funnel("toys", 9)];
        assert_eq!(categories(&arrange(ROOT, funnels)), ["all", "toys", "beauty", "garden"]);
    }

    #[test]
    fn a_category_without_sessions_is_answered_with_zeros_and_no_rates() {
        let funnels = arrange("toys.puzzles", Vec::new());
        assert_eq!(funnels, [funnel("toys.puzzles", 0)]);
        let nothing = Rates { view: None, cart: None, purchase: None, conversion: None };
        assert_eq!(funnels[0].sums.steps.rates(), nothing);
    }

    #[test]
    fn a_category_is_shown_with_those_right_below_it() {
        let all = ["all", "toys", "toys.puzzles", "toys.puzzles.wood", "toyshop.puzzles"];
        let shown = |asked| all.into_iter().filter(|category| is_shown(category, asked)).collect::<Vec<_>>();
        assert_eq!(shown(ROOT), ["all", "toys"]);
        assert_eq!(shown("toys"), ["toys", "toys.puzzles"]);
        assert_eq!(shown("toys.puzzles"), ["toys.puzzles", "toys.puzzles.wood"]);
    }

    #[test]
    fn rates_lead_from_step_to_step() {
        let rates = Steps { entered: 100, viewed: 80, carted: 20, purchased: 5 }.rates();
        let expected =
            Rates { view: Some(0.8), cart: Some(0.25), purchase: Some(0.25), conversion: Some(0.05) };
        assert_eq!(rates, expected);
    }

    #[test]
    fn categories_have_a_level_and_a_name() {
        let named = |category| (funnel(category, 0).level(), funnel(category, 0).label());
        assert_eq!(named(ROOT), (0, "All categories".to_owned()));
        assert_eq!(named("electronics.in-ear-headphones"), (2, "In ear headphones".to_owned()));
    }

    proptest! {
        #[test]
        fn the_order_of_parts_does_not_matter(
            entered in proptest::collection::vec(0u64..4, 0..12),
            asked in 0usize..14,
        ) {
            let numbered = entered.iter().enumerate();
            let funnels: Vec<_> = numbered.map(|(n, entered)| funnel(&format!("c{n}"), *entered)).collect();
            let turned = funnels.iter().rev().cloned().collect();
            let asked = format!("c{asked}");
            let arranged = arrange(&asked, funnels.clone());
            prop_assert_eq!(&arranged[0].category, &asked);
            prop_assert!(funnels.iter().all(|funnel| arranged.contains(funnel)));
            prop_assert_eq!(arranged, arrange(&asked, turned));
        }

        #[test]
        fn no_rate_is_over_one_where_no_step_exceeds_the_one_before(
            mut counts in proptest::array::uniform4(0u64..1_000_000),
        ) {
            counts.sort_by(|a, b| b.cmp(a));
            let [entered, viewed, carted, purchased] = counts;
            let rates = Steps { entered, viewed, carted, purchased }.rates();
            for rate in [rates.view, rates.cart, rates.purchase, rates.conversion] {
                prop_assert!(rate.is_none_or(|rate| (0.0..=1.0).contains(&rate)));
            }
        }
    }
}
