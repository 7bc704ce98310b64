//! Funnels: how far the sessions that began in a minute came, in all and in every category they touched.
//!
//! A session *entered* when it searched or viewed; it *viewed* when it viewed; it *carted* when it put
//! something into the cart after its first view; it *purchased* when it bought after such a cart
//! addition. After means in order of event time, ties by type, then id. In a category only the steps on
//! its products count, and its search step is a search that led to one of them. A session whose first
//! step is a search counts under `by_search`, else under `by_browse`, so the two add up to the whole.
//!
//! Beside the stages stand the sessions that gave something back, what was put into carts, bought and given back, and
//! how long sessions took from one stage to the next.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::model::category::level;
use crate::model::event::EventType;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents, is_zero};
use crate::stream::fold::Pane;
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::visits::categories::{Categories, CategoryNumber};
use crate::stream::operators::visits::visit::{Step, Visit};

/// The name of the whole shop among the categories.
pub const ROOT: &str = "all";
/// Names of the buckets that times between stages are counted in: bucket k holds 2^k - 1 to 2^(k+1) - 2 seconds, the
/// last whatever is longer.
const BUCKETS: [&str; 14] =
    ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11", "b12", "b13"];

/// What the sessions of a category add up to. Signed, for a session is taken out and put in again. The support is
/// the number of all events of every session that touches the category: any of them can change it.
#[derive(Default)]
pub struct Total {
    support: i64,
    searched: i64,
    by_search: [i64; 4],
    by_browse: [i64; 4],
    refunded: i64,
    values: Values,
    times: Times,
}

/// What was put into carts, bought and given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Values {
    carted_cents: i64,
    revenue_cents: i64,
    refunded_cents: i64,
}

/// Sessions by the time from one stage to the next.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Times {
    /// From the search to the first view.
    #[serde(skip_serializing_if = "Buckets::is_empty")]
    view: Buckets,
    /// From there to the cart addition.
    #[serde(skip_serializing_if = "Buckets::is_empty")]
    cart: Buckets,
    /// From there to the order.
    #[serde(skip_serializing_if = "Buckets::is_empty")]
    purchase: Buckets,
}

/// Sessions by time.
#[derive(Debug, Clone, Copy, Default)]
struct Buckets([i32; BUCKETS.len()]);

/// Named one by one, for figures that are flattened into it take longer to write.
#[derive(Serialize)]
struct Body<'a> {
    minute: &'a str,
    partition: i32,
    category: &'a str,
    level: usize,
    support: i64,
    #[serde(skip_serializing_if = "is_zero")]
    entered: i64,
    #[serde(skip_serializing_if = "is_zero")]
    viewed: i64,
    #[serde(skip_serializing_if = "is_zero")]
    carted: i64,
    #[serde(skip_serializing_if = "is_zero")]
    purchased: i64,
    #[serde(skip_serializing_if = "is_zero")]
    searched: i64,
    #[serde(skip_serializing_if = "Stages::is_empty")]
    by_search: Stages,
    #[serde(skip_serializing_if = "Stages::is_empty")]
    by_browse: Stages,
    #[serde(skip_serializing_if = "is_zero")]
    refunded: i64,
    #[serde(skip_serializing_if = "is_zero")]
    carted_cents: i64,
    #[serde(skip_serializing_if = "is_zero")]
    revenue_cents: i64,
    #[serde(skip_serializing_if = "is_zero")]
    refunded_cents: i64,
    #[serde(skip_serializing_if = "Times::is_empty")]
    times: &'a Times,
}

/// Sessions that reached each stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Stages {
    #[serde(skip_serializing_if = "is_zero")]
    entered: i64,
    #[serde(skip_serializing_if = "is_zero")]
    viewed: i64,
    #[serde(skip_serializing_if = "is_zero")]
    carted: i64,
    #[serde(skip_serializing_if = "is_zero")]
    purchased: i64,
}

impl Stages {
    /// Who reached any stage entered.
    fn is_empty(&self) -> bool {
        self.entered == 0
    }
}

impl From<[i64; 4]> for Stages {
    fn from([entered, viewed, carted, purchased]: [i64; 4]) -> Self {
        Self { entered, viewed, carted, purchased }
    }
}

/// The results that have changed.
pub fn render(
    totals: &mut Keyed<CategoryNumber, Total>,
    categories: &Categories,
    pane: &Pane,
    out: &mut Documents,
) {
    let begin = pane.ids_begin("funnels");
    totals.take_changed(|category, total| {
        let category = categories.name(*category);
        let body = total.body(pane, category);
        let support = u64::try_from(total.support).unwrap_or_default();
        let about = About::result(&Schema::CATEGORY_FUNNELS, pane.start, support);
        out.push(about, &[&begin, category], &body);
    });
}

/// A session's ways through the whole shop and through each category that it touches. One walk for all: a scraper's
/// session has thousands of steps in thousands of categories. Kept from one session to the next, to be filled again.
#[derive(Default)]
pub struct Walks {
    by_category: Vec<Option<Walk>>,
    touched: Vec<CategoryNumber>,
}

impl Walks {
    /// Takes a visit whose steps are in order out of the totals as it was counted last, and puts it in as it is now.
    pub fn recount(
        &mut self,
        visit: &Visit,
        categories: &Categories,
        totals: &mut Keyed<CategoryNumber, Total>,
    ) {
        // How it was counted last is not kept but found again, on the way to how it is now.
        let events_before = visit.counted().events;
        self.walk(visit, visit.steps_before(), categories);
        self.each(|category, walk| totals.change(&category).add(walk, events_before, -1));
        let steps = visit.steps_since().unwrap_or_else(|| {
            self.clear();
            visit.steps()
        });
        self.walk(visit, steps.iter(), categories);
        self.each(|category, walk| totals.change(&category).add(walk, visit.len(), 1));
        self.clear();
    }

    fn walk<'a>(&mut self, visit: &Visit, steps: impl Iterator<Item = &'a Step>, categories: &Categories) {
        for step in steps {
            // The whole shop has the searches themselves, a category the searches that led to a look at it.
            let searched_at = (step.kind == EventType::Search).then(|| step.at());
            self.take(CategoryNumber::ROOT, step, searched_at);
            let led_here = || visit.search_of(step).map(|search| search.searched_at);
            let searched_at = if step.kind == EventType::View { led_here() } else { None };
            for category in categories.upwards(step.category) {
                self.take(category, step, searched_at);
            }
        }
    }

    fn take(&mut self, category: CategoryNumber, step: &Step, searched_at: Option<Timestamp>) {
        let Self { by_category, touched } = self;
        let place = category.place();
        if by_category.len() <= place {
            by_category.resize(place + 1, None);
        }
        if let Some(walk) = by_category.get_mut(place) {
            let begin = || {
                touched.push(category);
                Walk::default()
            };
            walk.get_or_insert_with(begin).take(step, searched_at);
        }
    }

    fn each(&self, mut each: impl FnMut(CategoryNumber, &Walk)) {
        for category in &self.touched {
            if let Some(Some(walk)) = self.by_category.get(category.place()) {
                each(*category, walk);
            }
        }
    }

    fn clear(&mut self) {
        for category in self.touched.drain(..) {
            self.by_category.get_mut(category.place()).and_then(Option::take);
        }
    }
}

/// A session's way through one category so far.
#[derive(Clone, Default)]
struct Walk {
    searched_at: Option<Timestamp>,
    viewed_at: Option<Timestamp>,
    /// The first cart addition after that.
    carted_at: Option<Timestamp>,
    /// The first order after that.
    purchased_at: Option<Timestamp>,
    refunded: bool,
    values: Values,
}

impl Walk {
    fn take(&mut self, step: &Step, searched_at: Option<Timestamp>) {
        if let Some(at) = searched_at {
            self.searched_at = Some(self.searched_at.map_or(at, |first| first.min(at)));
        }
        let amount = step.amount.0;
        // Amounts are bounded where events are read, so that millions of them do not overflow.
        match step.kind {
            EventType::Search => {}
            EventType::View => self.viewed_at = self.viewed_at.or(Some(step.at())),
            EventType::AddToCart => {
                self.values.carted_cents += amount;
                self.carted_at = self.carted_at.or(self.viewed_at.and(Some(step.at())));
            }
            EventType::Purchase => {
                self.values.revenue_cents += amount;
                self.purchased_at = self.purchased_at.or(self.carted_at.and(Some(step.at())));
            }
            EventType::Refund => {
                self.values.refunded_cents += amount;
                self.refunded = true;
            }
        }
    }

    fn came_by_search(&self) -> bool {
        self.searched_at.is_some_and(|search| self.viewed_at.is_none_or(|view| search <= view))
    }

    fn reached(&self) -> [bool; 4] {
        let viewed = self.viewed_at.is_some();
        [viewed || self.searched_at.is_some(), viewed, self.carted_at.is_some(), self.purchased_at.is_some()]
    }
}

impl Total {
    fn add(&mut self, walk: &Walk, events: u32, sign: i64) {
        self.support += sign * i64::from(events);
        self.searched += sign * i64::from(walk.searched_at.is_some());
        self.refunded += sign * i64::from(walk.refunded);
        self.values.add(&walk.values, sign);
        self.times.add(walk, sign);
        let stages = if walk.came_by_search() { &mut self.by_search } else { &mut self.by_browse };
        stages
            .iter_mut()
            .zip(walk.reached())
            .for_each(|(count, reached)| *count += sign * i64::from(reached));
    }

    fn body<'a>(&'a self, pane: &'a Pane, category: &'a str) -> Body<'a> {
        let mut all = self.by_search;
        all.iter_mut().zip(self.by_browse).for_each(|(sum, browsed)| *sum += browsed);
        let [entered, viewed, carted, purchased] = all;
        let Values { carted_cents, revenue_cents, refunded_cents } = self.values;
        Body {
            minute: &pane.start_text,
            partition: pane.partition,
            category,
            level: if category == ROOT { 0 } else { level(category) },
            support: self.support,
            entered,
            viewed,
            carted,
            purchased,
            searched: self.searched,
            by_search: self.by_search.into(),
            by_browse: self.by_browse.into(),
            refunded: self.refunded,
            carted_cents,
            revenue_cents,
            refunded_cents,
            times: &self.times,
        }
    }
}

impl Values {
    fn add(&mut self, other: &Self, sign: i64) {
        self.carted_cents = self.carted_cents.saturating_add(sign * other.carted_cents);
        self.revenue_cents = self.revenue_cents.saturating_add(sign * other.revenue_cents);
        self.refunded_cents = self.refunded_cents.saturating_add(sign * other.refunded_cents);
    }
}

impl Times {
    fn is_empty(&self) -> bool {
        [&self.view, &self.cart, &self.purchase].into_iter().all(Buckets::is_empty)
    }

    fn add(&mut self, walk: &Walk, sign: i64) {
        let searched_at = walk.searched_at.filter(|_| walk.came_by_search());
        self.view.add(searched_at, walk.viewed_at, sign);
        self.cart.add(walk.viewed_at, walk.carted_at, sign);
        self.purchase.add(walk.carted_at, walk.purchased_at, sign);
    }
}

impl Buckets {
    fn add(&mut self, from: Option<Timestamp>, to: Option<Timestamp>, sign: i64) {
        let (Some(from), Some(to)) = (from, to) else { return };
        let seconds = (to - from).num_seconds().unsigned_abs();
        let bucket = (seconds + 1).ilog2() as usize;
        if let Some(count) = self.0.get_mut(bucket.min(BUCKETS.len() - 1)) {
            *count += if sign < 0 { -1 } else { 1 };
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }
}

impl Serialize for Buckets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, count) in BUCKETS.iter().zip(self.0).filter(|(_, count)| *count != 0) {
            map.serialize_entry(name, &count)?;
        }
        map.end()
    }
}
