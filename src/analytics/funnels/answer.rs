//! What the endpoint about funnels answers. Money becomes decimals here and nowhere before.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::analytics::funnels::compare::{Change, Changes};
use crate::analytics::funnels::times::{Times, median_seconds};
use crate::analytics::funnels::{self, Funnel, Source, Steps, Sums};
use crate::analytics::progress::Progress;
use crate::analytics::range::Range;
use crate::http::EXAMPLE_NOW;
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;

/// How far sessions came.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Funnels {
    /// Length of the range, in minutes.
    pub minutes: u32,
    /// Start of the first minute whose sessions are counted.
    pub from: DateTime<Utc>,
    /// The time of asking, or the end that was asked for; sessions that began before it are counted.
    pub to: DateTime<Utc>,
    /// Only sessions that came this way are counted; null for all.
    pub source: Option<Source>,
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Sessions that began before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Whether that holds for the whole range. While it does not, its sessions may go on, and its rates may yet rise over
    /// those of the range before.
    pub complete: bool,
    /// How many rates are compared with the range before in this answer. A change is significant when its p-value times
    /// this number is less than 0.05.
    pub rates_compared: usize,
    /// Currency of all amounts.
    pub currency: String,
    /// The whole shop (`all`) or the category asked for, then those right below it by sessions that entered.
    pub categories: Vec<CategoryFunnel>,
}

/// The sessions of one category. Sums over categories count a session in each that it visited.
#[derive(Debug, Clone, Object)]
pub struct CategoryFunnel {
    /// Its path, or `all`.
    pub category: String,
    /// Its name.
    pub label: String,
    /// Depth: 0 for `all`, 1 for a department.
    pub level: usize,
    /// Sessions that searched or viewed; within a category: that viewed in it.
    pub entered: u64,
    /// Sessions that viewed a product.
    pub viewed: u64,
    /// Sessions that then put one into the cart.
    pub carted: u64,
    /// Sessions that then bought.
    pub purchased: u64,
    /// viewed / entered; null when nobody entered.
    pub view_rate: Option<f64>,
    /// carted / viewed; null when nobody viewed.
    pub cart_rate: Option<f64>,
    /// purchased / carted; null when nobody put anything into the cart.
    pub purchase_rate: Option<f64>,
    /// purchased / entered; null when nobody entered.
    pub conversion: Option<f64>,
    /// The same sessions in the range before, which is as long and ends where this one begins, and how the rates have changed.
    pub before: FunnelBefore,
    /// Sessions that searched; within a category: whose search led to a view in it. Null with `source`, as all that follows.
    pub searched: Option<u64>,
    /// What was put into carts, in major units.
    pub carted_value: Option<f64>,
    /// What their orders cost, in major units.
    pub revenue: Option<f64>,
    /// Sessions that gave something back, whenever it was bought.
    pub refunded: Option<u64>,
    /// What they got back, in major units.
    pub refunded_value: Option<f64>,
    /// refunded / purchased: over 1 when more sessions gave back than bought; null when nobody bought.
    pub refund_rate: Option<f64>,
    /// How long each step took.
    pub median_seconds: Option<StepTimes>,
    /// The sessions that came by a search.
    pub by_search: FunnelSteps,
    /// The sessions that came by browsing.
    pub by_browse: FunnelSteps,
}

/// Sessions that reached each step.
#[derive(Debug, Clone, Object)]
pub struct FunnelSteps {
    /// Entered.
    pub entered: u64,
    /// Viewed a product.
    pub viewed: u64,
    /// Then put one into the cart.
    pub carted: u64,
    /// Then bought.
    pub purchased: u64,
}

/// How long each step took half of the sessions at most, in seconds. Durations are counted in buckets that double, so
/// these are off by less than a factor of 2, usually by less than a fifth.
#[derive(Debug, Clone, Object)]
pub struct StepTimes {
    /// From the first search to the first view; null when no session that began with a search viewed.
    pub view: Option<f64>,
    /// From the first view to the first addition to the cart after it; null when there was none.
    pub cart: Option<f64>,
    /// From there to the first purchase after it; null when there was none.
    pub purchase: Option<f64>,
}

/// The range before.
#[derive(Debug, Clone, Object)]
pub struct FunnelBefore {
    /// Entered.
    pub entered: u64,
    /// Viewed a product.
    pub viewed: u64,
    /// Then put one into the cart.
    pub carted: u64,
    /// Then bought.
    pub purchased: u64,
    /// What their orders cost, in major units; null with `source`.
    pub revenue: Option<f64>,
    /// Of viewed / entered.
    pub view_rate: RateChange,
    /// Of carted / viewed.
    pub cart_rate: RateChange,
    /// Of purchased / carted.
    pub purchase_rate: RateChange,
    /// Of purchased / entered.
    pub conversion: RateChange,
}

/// How a rate has changed since the range before.
#[derive(Debug, Clone, Object)]
pub struct RateChange {
    /// The rate before; null where there was nothing to divide by.
    pub before: Option<f64>,
    /// The rate now less the rate before; null where one of them is.
    pub difference: Option<f64>,
    /// How often chance alone would make them differ so much: two-proportion z-test, two-sided. Null where one of the rates is.
    pub p_value: Option<f64>,
    /// Whether it is more than chance, with the number of rates compared taken into account (Bonferroni, 0.05).
    pub significant: bool,
}

impl Funnels {
    /// Puts the answer together.
    pub fn new(
        range: Range,
        currency: Currency,
        source: Option<Source>,
        found: funnels::store::Funnels,
    ) -> Self {
        let pair = |now: Funnel| {
            let before = found.before.get(&now.category).copied().unwrap_or_default();
            let changes = Changes::new(before.steps_of(source), now.sums.steps_of(source));
            (now, before, changes)
        };
        let pairs: Vec<(Funnel, Sums, Changes)> = found.now.into_iter().map(pair).collect();
        let compared = pairs.iter().map(|(.., changes)| changes.compared()).sum();
        let categories = pairs.into_iter().map(|(now, before, changes)| {
            let before = FunnelBefore::new(&before, source, &changes, compared);
            CategoryFunnel::new(now, source, before)
        });
        Self {
            minutes: range.minutes,
            from: range.from.to_chrono(),
            to: range.to.to_chrono(),
            source,
            watermark: found.progress.watermark.map(Timestamp::to_chrono),
            complete_until: found.progress.complete_until.map(Timestamp::to_chrono),
            complete: found.progress.complete_until.is_some_and(|until| range.to < until),
            rates_compared: compared,
            currency: currency.into(),
            categories: categories.collect(),
        }
    }
}

impl CategoryFunnel {
    fn new(funnel: Funnel, source: Option<Source>, before: FunnelBefore) -> Self {
        let sums = &funnel.sums;
        let steps = sums.steps_of(source);
        let rates = steps.rates();
        // Kept of all sessions together only.
        let is_of_all = source.is_none();
        let major = |cents: Cents| is_of_all.then(|| cents.to_major());
        Self {
            label: funnel.label(),
            level: funnel.level(),
            entered: steps.entered,
            viewed: steps.viewed,
            carted: steps.carted,
            purchased: steps.purchased,
            view_rate: rates.view,
            cart_rate: rates.cart,
            purchase_rate: rates.purchase,
            conversion: rates.conversion,
            before,
            searched: is_of_all.then_some(sums.searched),
            carted_value: major(sums.carted_value),
            revenue: major(sums.revenue),
            refunded: is_of_all.then_some(sums.refunded),
            refunded_value: major(sums.refunded_value),
            refund_rate: sums.refund_rate().filter(|_| is_of_all),
            median_seconds: is_of_all.then(|| StepTimes::of(&sums.times)),
            by_search: sums.by_search.into(),
            by_browse: sums.by_browse.into(),
            category: funnel.category,
        }
    }
}

impl StepTimes {
    fn of(times: &Times) -> Self {
        Self {
            view: median_seconds(&times.view),
            cart: median_seconds(&times.cart),
            purchase: median_seconds(&times.purchase),
        }
    }
}

impl FunnelBefore {
    fn new(sums: &Sums, source: Option<Source>, changes: &Changes, compared: usize) -> Self {
        let Steps { entered, viewed, carted, purchased } = sums.steps_of(source);
        Self {
            entered,
            viewed,
            carted,
            purchased,
            revenue: source.is_none().then(|| sums.revenue.to_major()),
            view_rate: RateChange::new(changes.view, compared),
            cart_rate: RateChange::new(changes.cart, compared),
            purchase_rate: RateChange::new(changes.purchase, compared),
            conversion: RateChange::new(changes.conversion, compared),
        }
    }
}

impl RateChange {
    fn new(change: Change, compared: usize) -> Self {
        let Change { before, difference, p_value } = change;
        Self { before, difference, p_value, significant: change.is_significant(compared) }
    }
}

impl From<Steps> for FunnelSteps {
    fn from(steps: Steps) -> Self {
        let Steps { entered, viewed, carted, purchased } = steps;
        Self { entered, viewed, carted, purchased }
    }
}

impl Example for Funnels {
    fn example() -> Self {
        let steps = |entered| Steps {
            entered,
            viewed: entered * 3 / 4,
            carted: entered / 5,
            purchased: entered / 10,
        };
        let of_the_shop = |entered: u64| Sums {
            steps: steps(entered),
            searched: entered * 3 / 5,
            by_search: steps(entered * 3 / 5),
            by_browse: steps(entered * 2 / 5),
            carted_value: Cents(4_183_000),
            revenue: Cents(1_749_900),
            refunded: 4,
            refunded_value: Cents(31_990),
            ..Sums::default()
        };
        let found = funnels::store::Funnels {
            progress: Progress::example(),
            now: vec![Funnel { category: funnels::ROOT.to_owned(), sums: of_the_shop(2_000) }],
            before: [(funnels::ROOT.to_owned(), of_the_shop(1_800))].into(),
        };
        let mut example = Self::new(Range::last(60, EXAMPLE_NOW), Currency::EUR, None, found);
        let times = StepTimes { view: Some(9.0), cart: Some(48.0), purchase: Some(131.0) };
        example.categories.iter_mut().for_each(|one| one.median_seconds = Some(times.clone()));
        example
    }
}
