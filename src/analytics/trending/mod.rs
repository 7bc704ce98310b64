//! What gets more attention than it usually does: products, and categories; and, scored in the same way, queries.
//!
//! Counted are *session-minutes*: the sessions that did it, once for each minute, so that a thousand views of one
//! visit weigh as one. What bots did is taken off first. [`score`] says what is expected and how far off a count is.

pub mod answer;
pub mod found;
pub mod query;
pub mod score;
pub mod store;

use std::cmp::Reverse;
use std::collections::HashMap;

use poem_openapi::Enum;
use serde::Deserialize;

use crate::analytics::range::Range;
use crate::analytics::trending::score::{SPANS, Usual};
use crate::http::parameter::BadParameter;
use crate::model::category::{CategoryPath, LEVELS_MAX, level};
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::rate::share;
use crate::model::time::Timestamp;

/// What is asked, apart from when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Length of the window, in minutes.
    pub minutes: u32,
    /// Most items of the answer.
    pub size: usize,
    /// What is counted.
    pub by: Measure,
    /// Of what.
    pub among: Among,
}

/// What is counted, and what the list is ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Measure {
    /// Sessions that viewed.
    #[default]
    Views,
    /// Sessions that put into the cart.
    Carts,
    /// Sessions that bought.
    Purchases,
    /// Sessions that bought; what trends is ordered by its revenue instead of its score.
    Revenue,
}

impl Measure {
    /// The field of a pane that counts it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Views => "view.sessions",
            Self::Carts => "add_to_cart.sessions",
            Self::Purchases | Self::Revenue => "purchase.sessions",
        }
    }

    /// What its counts are of, in words.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Views => "view sessions",
            Self::Carts => "cart sessions",
            Self::Purchases | Self::Revenue => "order sessions",
        }
    }
}

/// What may trend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Among {
    /// Products.
    Products {
        /// Only those in this category, on any level.
        category: Option<CategoryPath>,
        /// Only those of this maker.
        brand: Option<String>,
    },
    /// Categories of one level.
    Categories {
        /// Only those below this one.
        below: Option<CategoryPath>,
        /// How deep they lie: 1 for departments.
        level: usize,
    },
}

impl Among {
    /// The categories of a level below one; without a level those right below.
    ///
    /// # Errors
    /// [`BadParameter`] for a level that does not lie below.
    pub fn categories(below: Option<CategoryPath>, wanted: Option<usize>) -> Result<Self, BadParameter> {
        let above = below.as_ref().map_or(0, |path| level(path.as_str()));
        let level = wanted.unwrap_or(above + 1);
        if level <= above || level > LEVELS_MAX {
            let detail = format!(
                "level must be over that of the category, which is {above}, and at most {LEVELS_MAX}"
            );
            return Err(BadParameter { parameter: "level", detail });
        }
        Ok(Self::Categories { below, level })
    }

    /// The category that is asked for, which must be one.
    pub fn category(&self) -> Option<&CategoryPath> {
        match self {
            Self::Products { category, .. } => category.as_ref(),
            Self::Categories { below, .. } => below.as_ref(),
        }
    }
}

/// What was counted in a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// In the whole shop.
    pub whole: u64,
    /// By product, category or query.
    pub by_key: HashMap<String, Counted>,
}

/// What was counted of one product, category or query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Session-minutes; of a query sessions.
    pub sessions: u64,
    /// What was bought cost; 0 where revenue is not asked for.
    pub revenue: Cents,
}

impl Tally {
    fn sessions(&self, key: &str) -> u64 {
        self.by_key.get(key).map_or(0, |counted| counted.sessions)
    }

    /// Takes a part off. Nothing gets less than 0: the two are written apart, and one may be ahead of the other.
    fn take_off(&mut self, part: &Self) {
        self.whole = self.whole.saturating_sub(part.whole);
        for (key, off) in &part.by_key {
            if let Some(counted) = self.by_key.get_mut(key) {
                counted.sessions = counted.sessions.saturating_sub(off.sessions);
                counted.revenue = counted.revenue.less(off.revenue);
            }
        }
    }
}

/// What was counted in a window and in the [`score::spans`] before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// In the window.
    pub now: Tally,
    /// Before it, the latest first.
    pub before: [Tally; SPANS],
    /// The shop's first pane in the spans.
    pub first_pane: Option<Timestamp>,
}

/// Something that trends.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The product's id, the category's path or the query.
    pub key: String,
    /// Session-minutes in the window; of a query sessions.
    pub sessions: u64,
    /// What was bought in the window cost; 0 where revenue is not asked for.
    pub revenue: Cents,
    /// Sessions of the same kind that its own past lets one expect in such a window.
    pub expected: f64,
    /// z.
    pub score: f64,
}

impl Seen {
    /// What is left when a part of it is taken off, such as the bots'.
    pub fn without(mut self, part: &Self) -> Self {
        self.now.take_off(&part.now);
        self.before.iter_mut().zip(&part.before).for_each(|(whole, part)| whole.take_off(part));
        self
    }

    /// What trends, first that with the greatest score. Equals go by sessions, then by key, so that the same numbers
    /// always give the same order.
    pub fn rank(&self, window: Range) -> Vec<Trend> {
        let totals = self.before.each_ref().map(|tally| tally.whole);
        let usual = Usual::new(window, self.first_pane, &totals, self.now.whole);
        let trend = |(key, counted): (&String, &Counted)| {
            let expected = usual.expected(&self.before.each_ref().map(|tally| tally.sessions(key)));
            let score = score::score(counted.sessions, expected);
            let Counted { sessions, revenue } = *counted;
            score::is_trend(sessions, score).then(|| Trend {
                key: key.clone(),
                sessions,
                revenue,
                expected,
                score,
            })
        };
        let mut trends: Vec<Trend> = self.now.by_key.iter().filter_map(trend).collect();
        trends.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            by_score.then(b.sessions.cmp(&a.sessions)).then_with(|| a.key.cmp(&b.key))
        });
        trends
    }
}

/// Puts what brought most in first; equals stay in their order.
pub fn greatest_revenue_first(trends: &mut [Trend]) {
    trends.sort_by_key(|trend| Reverse(trend.revenue));
}

/// The share of all session-minutes in the window that bots caused, 0.0 to 1.0; `None` where nobody did anything.
pub fn share_of_bots(all: &Seen, bots: &Seen) -> Option<f64> {
    let (all, bots) = (all.now.whole, bots.now.whole);
    share(bots.min(all), all)
}

/// What was done with a product, or with those of a category, in the window, people's share of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Session-minutes with a view.
    pub view_sessions: u64,
    /// Views.
    pub views: u64,
    /// Units put into a cart.
    pub carts: u64,
    /// Units bought.
    pub purchases: u64,
    /// Units given back.
    pub refunds: u64,
    /// What the units bought cost.
    pub revenue: Cents,
}

impl Figures {
    /// What is left when a part is taken off; nothing gets less than 0.
    pub fn without(self, part: Self) -> Self {
        Self {
            view_sessions: self.view_sessions.saturating_sub(part.view_sessions),
            views: self.views.saturating_sub(part.views),
            carts: self.carts.saturating_sub(part.carts),
            purchases: self.purchases.saturating_sub(part.purchases),
            refunds: self.refunds.saturating_sub(part.refunds),
            revenue: self.revenue.less(part.revenue),
        }
    }
}

/// A place in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What trends.
    pub trend: Trend,
    /// Its place in the list of the window before, from 1; `None` when it was not listed.
    pub rank_before: Option<usize>,
    /// What was done with it.
    pub figures: Figures,
}

/// What the catalogue knows of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shown {
    /// Its id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// Its leaf category; empty where the catalogue names none.
    #[serde(default)]
    pub category: String,
    /// Its maker; empty where the catalogue names none.
    #[serde(default)]
    pub brand: String,
    /// Its picture's file name; empty where there is none.
    #[serde(default)]
    pub image: String,
}

#[cfg(test)]
mod tests;
