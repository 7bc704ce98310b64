//! How far the sessions that began in a minute came, in all and in every category that they touched.
//!
//! Recounted from the definition, one session and one category at a time: which of its steps there were,
//! and whether each came after the one before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::recount::Expected;
use crate::audit::recount::sessions::sessions;
use crate::audit::recount::windows::Pane;
use crate::model::category::level;
use crate::model::event::{Event, EventType, Item};
use crate::model::money::Cents;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;

/// The whole shop among the categories.
const ALL: &str = "all";
/// The stages, first to last.
const STAGES: [&str; 4] = ["entered", "viewed", "carted", "purchased"];
/// The steps from one stage to the next.
const STEPS: [&str; 3] = ["view", "cart", "purchase"];
/// The bucket of the longest times.
const BUCKET_MAX: u32 = 13;

/// The sessions of one category.
#[derive(Default)]
struct Total {
    support: u64,
    searched: u64,
    by_search: [u64; 4],
    by_browse: [u64; 4],
    refunded: u64,
    carted_cents: Cents,
    revenue: Cents,
    refunded_cents: Cents,
    /// By step: how many sessions took so long for it, by the number of its bucket.
    times: [BTreeMap<u32, u64>; 3],
}

/// When a step was taken: in order of time, ties by type, then id.
type When = (Timestamp, EventType, Uuid);

/// The documents of one minute's sessions.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
    for session in sessions(events).values() {
        for category in categories(session) {
            totals.entry(category).or_default().add(session, category);
        }
    }
    totals.iter().map(|(category, total)| total.document(pane, category)).collect()
}

fn categories<'a>(session: &[&'a Event]) -> BTreeSet<&'a str> {
    let touched = session.iter().flat_map(|event| event.items()).flat_map(|item| item.category.prefixes());
    touched.chain([ALL]).collect()
}

fn is_in(item: &Item, category: &str) -> bool {
    category == ALL || item.category.prefixes().any(|prefix| prefix == category)
}

impl Total {
    fn add(&mut self, session: &[&Event], category: &str) {
        let items = |kind: EventType| {
            let events = session.iter().filter(move |event| event.event_type() == kind);
            let items = events.flat_map(|event| event.items().iter().map(move |item| (event, item)));
            items.filter(|(_, item)| is_in(item, category))
        };
        let times = |kind: EventType| items(kind).map(|(event, _)| when(event));
        let searched_at = if category == ALL {
            let searches = session.iter().filter(|event| event.event_type() == EventType::Search);
            searches.map(|event| event.timestamp).min()
        } else {
            let led_here = items(EventType::View).filter_map(|(_, item)| item.attribution.as_ref());
            led_here.map(|search| search.searched_at).min()
        };
        let viewed = times(EventType::View).min();
        let carted = viewed.and_then(|viewed| times(EventType::AddToCart).filter(|at| *at > viewed).min());
        let purchased = carted.and_then(|carted| times(EventType::Purchase).filter(|at| *at > carted).min());
        let reached = [
            searched_at.is_some() || viewed.is_some(),
            viewed.is_some(),
            carted.is_some(),
            purchased.is_some(),
        ];
        let by_search =
            searched_at.is_some_and(|searched| viewed.is_none_or(|(viewed, ..)| searched <= viewed));
        let stages = if by_search { &mut self.by_search } else { &mut self.by_browse };
        stages.iter_mut().zip(reached).for_each(|(count, reached)| *count += u64::from(reached));
        let at = |when: Option<When>| when.map(|(at, ..)| at);
        let began = searched_at.filter(|_| by_search);
        let steps = [(began, at(viewed)), (at(viewed), at(carted)), (at(carted), at(purchased))];
        for (times, (from, to)) in self.times.iter_mut().zip(steps) {
            if let Some((from, to)) = from.zip(to) {
                *times.entry(bucket(from, to)).or_default() += 1;
            }
        }
        let cents = |kind: EventType| items(kind).map(|(_, item)| item.amount()).sum::<Cents>();
        self.support += session.len() as u64;
        self.searched += u64::from(searched_at.is_some());
        self.refunded += u64::from(items(EventType::Refund).next().is_some());
        self.carted_cents += cents(EventType::AddToCart);
        self.revenue += cents(EventType::Purchase);
        self.refunded_cents += cents(EventType::Refund);
    }

    fn document(&self, pane: &Pane, category: &str) -> Expected {
        let mut body = json!({
            "minute": pane.window,
            "partition": pane.partition,
            "category": category,
            "level": if category == ALL { 0 } else { level(category) },
            "support": self.support,
            "searched": self.searched,
            "by_search": stages(self.by_search),
            "by_browse": stages(self.by_browse),
            "refunded": self.refunded,
            "carted_cents": self.carted_cents,
            "revenue_cents": self.revenue,
            "refunded_cents": self.refunded_cents,
            "times": self.times(),
        });
        for (number, stage) in STAGES.into_iter().enumerate() {
            let count = |counts: &[u64; 4]| counts.get(number).copied().unwrap_or_default();
            body[stage] = json!(count(&self.by_search) + count(&self.by_browse));
        }
        let id = format!("funnels|{}|{}|{category}", pane.window.millis(), pane.partition);
        Expected::result(&Schema::CATEGORY_FUNNELS, pane.window, id, self.support, &body)
    }

    /// The buckets that hold something, of the steps that were taken.
    fn times(&self) -> Value {
        let buckets = |times: &BTreeMap<u32, u64>| {
            times.iter().map(|(bucket, count)| (format!("b{bucket}"), json!(count))).collect::<Value>()
        };
        let taken = STEPS.into_iter().zip(&self.times).filter(|(_, times)| !times.is_empty());
        taken.map(|(step, times)| (step.to_owned(), buckets(times))).collect()
    }
}

/// The bucket of a time: 0 for less than a second, 1 from one second, and each twice as long as the one before.
fn bucket(from: Timestamp, to: Timestamp) -> u32 {
    let seconds = (to - from).num_seconds().max(0);
    (seconds + 1).ilog2().min(BUCKET_MAX)
}

fn when(event: &Event) -> When {
    (event.timestamp, event.event_type(), event.event_id)
}

fn stages(counts: [u64; 4]) -> Value {
    STAGES.into_iter().zip(counts).map(|(stage, count)| (stage.to_owned(), json!(count))).collect()
}
