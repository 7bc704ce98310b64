//! What visits that a rule on bots speaks of did with each product in a minute, so that readers can take it out of
//! the trends: the verdict itself may yet change and is joined at read time.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::model::event::{EventType, Stream};
use crate::model::ids::{ProductId, SessionId};
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents};
use crate::stream::fold::Pane;
use crate::stream::operators::visits::categories::{Categories, CategoryNumber};
use crate::stream::operators::visits::visit::{Step, Visit};

/// A product in a minute of the event and a topic, as trends are kept.
type Key<'a> = (Timestamp, &'a ProductId, Stream);

/// What the visit did with it.
#[derive(Default)]
struct Touched {
    support: u64,
    last: Option<(Uuid, EventType)>,
    /// Time, id and category of the first event.
    first: Option<((Timestamp, Uuid), CategoryNumber)>,
    /// Pieces and what they cost, by type of event.
    tallies: [Option<Tally>; EventType::ALL.len()],
    /// Whether a step is among them that was not counted before.
    is_new: bool,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Tally {
    sessions: u8,
    quantity: u64,
    revenue_cents: i64,
}

#[derive(Serialize)]
struct Body<'a> {
    minute: Timestamp,
    session_minute: &'a str,
    partition: i32,
    session_id: &'a SessionId,
    stream: &'a str,
    product_id: &'a ProductId,
    category: &'a str,
    categories: Vec<&'a str>,
    support: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<Tally>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_to_cart: Option<Tally>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase: Option<Tally>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<Tally>,
}

/// Writes what has changed of a suspect visit, or all when it was not suspect before. Its steps are in order.
pub fn documents(
    visit: &Visit,
    session: &SessionId,
    pane: &Pane,
    categories: &Categories,
    out: &mut Documents,
) {
    let mut touched: BTreeMap<Key<'_>, Touched> = BTreeMap::new();
    for step in visit.steps() {
        let Some(product_id) = &step.product else { continue };
        let key = (step.at().floor_to(MINUTE_MS), product_id, step.kind.stream());
        touched.entry(key).or_default().take(step);
    }
    let all = !visit.counted().suspect;
    for (key, touched) in touched.iter().filter(|(_, touched)| all || touched.is_new) {
        let (minute, product_id, stream) = key;
        // Begins with the window: a session of a foreign producer may lie in two, and each writes its own.
        let (window, partition, stream) = (pane.start.millis(), pane.partition, stream.topic());
        let id = format!("suspect|{window}|{partition}|{session}|{}|{product_id}|{stream}", minute.millis());
        let about = About::result(&Schema::SUSPECT_PRODUCTS, *minute, touched.support);
        out.push(about, &[&id], &touched.body(key, session, pane, categories));
    }
}

impl Touched {
    fn take(&mut self, step: &Step) {
        // An event's steps follow each other.
        if self.last.replace((step.id, step.kind)) != Some((step.id, step.kind)) {
            self.support += 1;
        }
        let order = (step.at(), step.id);
        if self.first.is_none_or(|(first, _)| order < first) {
            self.first = Some((order, step.category));
        }
        if let Some(tally) = self.tallies.get_mut(step.kind as usize) {
            let tally = tally.get_or_insert_with(|| Tally { sessions: 1, ..Tally::default() });
            tally.quantity += u64::from(step.quantity);
            tally.revenue_cents += step.amount.0;
        }
        self.is_new |= !step.counted;
    }

    fn body<'a>(
        &self,
        (minute, product_id, stream): &Key<'a>,
        session: &'a SessionId,
        pane: &'a Pane,
        categories: &'a Categories,
    ) -> Body<'a> {
        let category = self.first.map_or(CategoryNumber::ROOT, |(_, category)| category);
        let mut upwards: Vec<&str> =
            categories.upwards(category).map(|number| categories.name(number)).collect();
        upwards.reverse();
        let tally = |kind: EventType| self.tallies.get(kind as usize).copied().flatten();
        Body {
            minute: *minute,
            session_minute: &pane.start_text,
            partition: pane.partition,
            session_id: session,
            stream: stream.topic(),
            product_id,
            category: categories.name(category),
            categories: upwards,
            support: self.support,
            view: tally(EventType::View),
            add_to_cart: tally(EventType::AddToCart),
            purchase: tally(EventType::Purchase),
            refund: tally(EventType::Refund),
        }
    }
}
