//! What can be derived from an event and is handy to filter and group by in `events-<date>`.
//!
//! A pure function of the event, so that an event read twice is the same document twice.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::event::{Event, Item};
use crate::model::money::Cents;

/// The document of a raw event: the event and its context.
#[derive(Debug, Serialize)]
pub struct Enriched<'a> {
    #[serde(flatten)]
    event: &'a Event,
    visitor: &'a str,
    /// Hour of the day in UTC, 0 to 23.
    hour: u8,
    /// Seconds since the session began.
    session_second: i64,
    /// Every prefix of every category touched.
    categories: BTreeSet<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_band: Option<&'static str>,
    /// The searches that led here.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    attributed_queries: BTreeSet<&'a str>,
}

/// Derives the context of an event.
pub fn enrich(event: &Event) -> Enriched<'_> {
    let items = event.items();
    Enriched {
        event,
        visitor: event.visitor(),
        hour: event.timestamp.hour_of_day(),
        session_second: (event.timestamp - event.session_started_at).num_seconds(),
        categories: items.iter().flat_map(|item| item.category.prefixes()).collect(),
        price_band: items.iter().map(|item| item.unit_price_cents).max().map(price_band),
        attributed_queries: items.iter().filter_map(attributed_query).collect(),
    }
}

fn attributed_query(item: &Item) -> Option<&str> {
    item.attribution.as_ref().map(|attribution| attribution.query_id.as_str())
}

/// A price's band in major units, lower bound included: `0-25`, `25-50`, `50-100`, `100-250`, `250-500`,
/// `500-1000`, `1000-`.
pub fn price_band(price: Cents) -> &'static str {
    match price.0 / 100 {
        ..25 => "0-25",
        25..50 => "25-50",
        50..100 => "50-100",
        100..250 => "100-250",
        250..500 => "250-500",
        500..1000 => "500-1000",
        1000.. => "1000-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, purchase};

    #[test]
    fn the_context_of_a_purchase_is_told() {
        let event = purchase(at(90_000));
        let told = serde_json::to_value(enrich(&event)).unwrap();
        assert_eq!(told["session_second"], 90);
        assert_eq!(told["price_band"], "50-100");
        assert_eq!(told["event_type"], "purchase");
        assert_eq!(
            told["categories"],
            serde_json::json!(["electronics", "electronics.audio", "electronics.audio.headphones"])
        );
    }

    #[test]
    fn bands_include_their_lower_bound() {
        assert_eq!(price_band(Cents(2499)), "0-25");
        assert_eq!(price_band(Cents(2500)), "25-50");
        assert_eq!(price_band(Cents(100_000)), "1000-");
    }
}
