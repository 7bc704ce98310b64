//! How far sessions came in each category: the panes of `category-funnels`.

use std::collections::HashMap;

use serde::Deserialize;
use smol_str::SmolStr;

use crate::analytics::funnels::times::{Durations, Times};
use crate::analytics::funnels::{Steps, Sums};
use crate::analytics::memory::names::Names;
use crate::analytics::memory::panes::{DocumentAt, Panes, Row};
use crate::model::money::Cents;
use crate::model::time::Timestamp;

/// A document, as far as it is read. What is 0 is left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Document {
    minute: Timestamp,
    category: SmolStr,
    #[serde(default)]
    entered: u64,
    #[serde(default)]
    viewed: u64,
    #[serde(default)]
    carted: u64,
    #[serde(default)]
    purchased: u64,
    #[serde(default)]
    searched: u64,
    #[serde(default)]
    by_search: Steps,
    #[serde(default)]
    by_browse: Steps,
    #[serde(default)]
    carted_cents: Cents,
    #[serde(default)]
    revenue_cents: Cents,
    #[serde(default)]
    refunded: u64,
    #[serde(default)]
    refunded_cents: Cents,
    #[serde(default)]
    times: StoredTimes,
}

/// By the name of the bucket, such as `b3`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct StoredTimes {
    view: HashMap<SmolStr, u64>,
    cart: HashMap<SmolStr, u64>,
    purchase: HashMap<SmolStr, u64>,
}

/// The panes of all shelves. A row's subject is the number of its category.
pub type Funnels = Panes<(), (), Sums>;

/// Puts a document in, instead of what it was before; it counts once it is [settled](Panes::settle).
pub fn put(
    funnels: &mut Funnels,
    document: DocumentAt<'_>,
    found: &Document,
    categories: &mut Names<SmolStr>,
) {
    let row = Row::of(document, categories.number(&found.category), (), found.into());
    funnels.put(document, found.minute, (), row);
}

impl From<&Document> for Sums {
    fn from(found: &Document) -> Self {
        let Document { entered, viewed, carted, purchased, .. } = *found;
        Self {
            steps: Steps { entered, viewed, carted, purchased },
            searched: found.searched,
            by_search: found.by_search,
            by_browse: found.by_browse,
            carted_value: found.carted_cents,
            revenue: found.revenue_cents,
            refunded: found.refunded,
            refunded_value: found.refunded_cents,
            times: Times {
                view: durations(&found.times.view),
                cart: durations(&found.times.cart),
                purchase: durations(&found.times.purchase),
            },
        }
    }
}

fn durations(stored: &HashMap<SmolStr, u64>) -> Durations {
    let mut durations = Durations::default();
    for (name, count) in stored {
        let bucket = name.strip_prefix('b').and_then(|number| number.parse::<usize>().ok());
        if let Some(place) = bucket.and_then(|bucket| durations.get_mut(bucket)) {
            *place = *count;
        }
    }
    durations
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_read_with_what_it_leaves_out_as_nothing() {
        let document = json!({
            "minute": "2026-11-21T10:00:00Z", "span": "hour", "category": "garden", "level": 1, "support": 7,
            "entered": 4, "viewed": 3, "by_search": { "entered": 2 }, "revenue_cents": 1_999,
            "times": { "view": { "b0": 1, "b13": 2 } },
        });
        let found: Document = serde_json::from_value(document).unwrap();
        let mut view = Durations::default();
        (view[0], view[13]) = (1, 2);
        let expected = Sums {
            steps: Steps { entered: 4, viewed: 3, ..Steps::default() },
            by_search: Steps { entered: 2, ..Steps::default() },
            revenue: Cents(1_999),
            times: Times { view, ..Times::default() },
            ..Sums::default()
        };
        assert_eq!(Sums::from(&found), expected);
    }
}
