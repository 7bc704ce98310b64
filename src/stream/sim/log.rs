//! Random logs: sessions of a few visitors over minutes or weeks, with duplicates, disorder, late and broken
//! records, and ticks.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::model::category::CategoryPath;
use crate::model::event::door::{Door, partition_of};
use crate::model::event::tests::{self as events, at, event_id};
use crate::model::event::{Action, Attribution, Event, Item, Record, Reject, Search, Stream, tick};
use crate::model::ids::{OrderId, ProductId, QueryId, SessionId, UserId};
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;
use crate::stream::groups::Reader;
use crate::stream::part::{LogRecord, examine};

/// Mean milliseconds between two events: so that windows of a minute, of two hours, of days and of weeks close.
const PACES_MS: [i64; 7] = [3_000, 30_000, 200_000, 400_000, 1_200_000, 7_200_000, 86_400_000];
/// How many partitions a topic has; mostly one, so that its windows have many events.
const PARTITIONS: [i32; 6] = [1, 1, 1, 2, 2, 3];
/// Products, their categories and brands.
const PRODUCTS: [(&str, &str, &str); 4] =
    [("p1", "home.garden", "Ro"), ("p2", "home.kitchen", "Ro"), ("p3", "home", "Su"), ("p4", "toys", "Su")];
/// What is typed, among it one query in three ways, and none that is left when it is normalised.
const QUERIES: [&str; 5] = ["headphones", "red shoes", " Red  SHOES", "\tred shoes", "  "];
/// Filters: categories, one of which is none, and names that are one name, or none.
const FILTERS: [(&str, &str); 7] = [
    ("category", "home"),
    ("category", "home.garden"),
    ("category", "toys"),
    ("category", "Home & Garden"),
    ("brand", "Ro"),
    (" Brand", "Su"),
    ("", "x"),
];
/// What a program does within a minute: enough for every rule on visits, and for the one on orders.
const BOT_EVENTS: i64 = 38;

/// A record in the log, and what the door says about it: decoding is no part of what is simulated here.
pub struct Stored {
    pub appended_at: Timestamp,
    pub key: Vec<u8>,
    pub payload: Vec<u8>,
    pub found: Result<Record, Reject>,
}

impl Stored {
    /// As a consumer hands it over.
    pub fn as_read(&self, offset: i64) -> LogRecord<'_> {
        let Self { appended_at, key, payload, .. } = self;
        LogRecord { offset, appended_at: *appended_at, key, payload }
    }
}

/// The event topics.
pub struct Log {
    pub door: Door,
    records: BTreeMap<(Stream, i32), Vec<Stored>>,
}

impl Log {
    /// The records of one partition of a topic.
    pub fn records(&self, stream: Stream, partition: i32) -> &[Stored] {
        self.records.get(&(stream, partition)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The offset after the last record.
    pub fn end(&self, stream: Stream, partition: i32) -> i64 {
        self.records(stream, partition).len() as i64
    }

    /// The events in it, each once in each topic.
    pub fn events(&self) -> Vec<Event> {
        let mut events = BTreeMap::new();
        for ((stream, _), records) in &self.records {
            for record in records {
                if let Ok(Record::Event(event)) = &record.found {
                    events.insert((*stream, event.event_id), (**event).clone());
                }
            }
        }
        events.into_values().collect()
    }

    /// A random log for this reader.
    pub fn random(rng: &mut StdRng, reader: Reader) -> Self {
        let mut shop = Shop::open(rng, reader);
        for number in 0..rng.random_range(20..70) {
            let event = shop.next_event(rng, number);
            shop.store(rng, event);
        }
        if rng.random_ratio(1, 8) {
            shop.let_a_bot_in(rng);
        }
        shop.close()
    }
}

/// A record on its way into the log.
struct Sent {
    appended_at: Timestamp,
    stream: Stream,
    partition: i32,
    key: Vec<u8>,
    payload: Vec<u8>,
}

/// Who does something, in the visit that began when, and when.
#[derive(Clone, Copy)]
struct Moment {
    visitor: usize,
    began: Timestamp,
    now: Timestamp,
}

/// What the visitors have done so far.
struct Shop {
    door: Door,
    pace_ms: i64,
    /// One event in so many is late.
    late_one_in: u32,
    /// After one event in so many some topic is ticked.
    ticks_one_in: u32,
    clock: Timestamp,
    /// By visitor: when the session began.
    sessions: Vec<Timestamp>,
    orders: Vec<(usize, OrderId, Timestamp)>,
    /// Whether a foreign producer gives a search and its click one id, and all visits of a visitor.
    shares_ids: bool,
    last: Option<Event>,
    sent: Vec<Sent>,
}

impl Shop {
    fn open(rng: &mut StdRng, reader: Reader) -> Self {
        let partitions = *PARTITIONS.choose(rng).unwrap();
        Self {
            door: Door { partitions, currency: Currency::EUR },
            late_one_in: rng.random_range(2..20),
            ticks_one_in: rng.random_range(2..16),
            pace_ms: *PACES_MS.choose(rng).unwrap(),
            clock: at(0),
            sessions: vec![at(0); rng.random_range(1..6)],
            orders: Vec::new(),
            // The archive's documents go by the event's id alone.
            shares_ids: reader == Reader::Processor && rng.random_ratio(2, 3),
            last: None,
            sent: Vec::new(),
        }
    }

    fn next_event(&mut self, rng: &mut StdRng, number: u64) -> Event {
        self.clock = self.clock + millis(rng.random_range(0..2 * self.pace_ms));
        let visitor = rng.random_range(0..self.sessions.len());
        let began = self.sessions[visitor];
        if self.clock - began > TimeDelta::hours(2) || rng.random_ratio(1, 15) {
            self.sessions[visitor] = self.clock;
        }
        let action = self.action(rng, number, visitor);
        let event =
            self.event(Moment { visitor, began: self.sessions[visitor], now: self.clock }, number, action);
        let event = match self.last.take().filter(|_| self.shares_ids) {
            Some(last)
                if rng.random_ratio(1, 12) && last.event_type().stream() != event.event_type().stream() =>
            {
                Event { event_id: last.event_id, action: event.action, ..last }
            }
            _ => event,
        };
        self.last = Some(event.clone());
        event
    }

    fn action(&mut self, rng: &mut StdRng, number: u64, visitor: usize) -> Action {
        let now = self.clock;
        let mut action = match rng.random_range(0..10) {
            0 => events::search(now),
            1..=3 => events::view(now),
            4 | 5 => events::add_to_cart(now),
            6 | 7 => events::purchase(now),
            _ => events::refund(now, now - millis(rng.random_range(0..900_000_000))),
        }
        .action;
        match &mut action {
            Action::Search(search) => vary(rng, search),
            Action::View(touch) | Action::AddToCart(touch) => touch.item = item(rng, now),
            Action::Purchase(order) => {
                order.order_id = OrderId::parse(&format!("o{number}")).unwrap();
                order.items = (0..rng.random_range(1..4)).map(|_| item(rng, now)).collect();
                self.orders.push((visitor, order.order_id.clone(), now));
            }
            Action::Refund(refund) => {
                refund.order.items = (0..rng.random_range(1..3)).map(|_| item(rng, now)).collect();
                let own: Vec<_> = self.orders.iter().filter(|(buyer, ..)| *buyer == visitor).collect();
                if let Some((_, order_id, ordered_at)) = own.choose(rng) {
                    refund.order.order_id = order_id.clone();
                    refund.ordered_at = *ordered_at;
                }
            }
        }
        action
    }

    /// Sends an event, perhaps late, twice, broken, to the wrong place, or followed by a tick.
    fn store(&mut self, rng: &mut StdRng, event: Event) {
        let key = event.visitor().as_bytes().to_vec();
        let stream = event.event_type().stream();
        let partition = partition_of(&key, self.door.partitions);
        let payload = serde_json::to_vec(&event).unwrap();
        for _ in 0..if rng.random_ratio(1, 8) { 2 } else { 1 } {
            let appended_at = event.timestamp + millis(self.delay(rng));
            let sent = Sent { appended_at, stream, partition, key: key.clone(), payload: payload.clone() };
            self.sent.push(if rng.random_ratio(1, 15) { self.broken(rng, sent) } else { sent });
        }
        if rng.random_ratio(1, self.ticks_one_in) {
            let stream = *Stream::ALL.choose(rng).unwrap();
            let partition = rng.random_range(0..self.door.partitions);
            let payload = tick(event.timestamp - TimeDelta::minutes(1));
            let appended_at = event.timestamp;
            self.sent.push(Sent { appended_at, stream, partition, key: Vec::new(), payload });
        }
    }

    /// Milliseconds from an event to its storing: mostly little, sometimes negative, sometimes beyond every lateness.
    fn delay(&self, rng: &mut StdRng) -> i64 {
        if rng.random_ratio(1, self.late_one_in) {
            let longest = *[80_000, 1_000_000, 12_000_000, 40 * self.pace_ms].choose(rng).unwrap();
            return rng.random_range(-80_000..longest);
        }
        rng.random_range(0..20_000)
    }

    fn broken(&self, rng: &mut StdRng, sent: Sent) -> Sent {
        match rng.random_range(0..4) {
            0 => Sent { payload: b"{oops".to_vec(), ..sent },
            1 => Sent { key: b"nobody".to_vec(), ..sent },
            2 => Sent { stream: *Stream::ALL.choose(rng).unwrap(), ..sent },
            _ => Sent { partition: rng.random_range(0..self.door.partitions), ..sent },
        }
    }

    fn let_a_bot_in(&mut self, rng: &mut StdRng) {
        let bot = self.sessions.len();
        let does = rng.random_range(0..4);
        let gaps_ms = [1_000..1_001, 200..1_500].choose(rng).unwrap().clone();
        let began = self.clock.floor_to(60_000);
        // Some begin another visit in the middle, by its time.
        let first_half = began - millis(60_000 * rng.random_range(0..2));
        let mut now = began;
        for number in 0..BOT_EVENTS {
            now = now + millis(rng.random_range(gaps_ms.clone()));
            let mut action = match if rng.random_ratio(1, 8) { rng.random_range(0..5) } else { does } {
                0 => events::search(now),
                1 => events::view(now),
                2 => events::add_to_cart(now),
                3 => events::purchase(now),
                _ => events::refund(now, now),
            }
            .action;
            match &mut action {
                Action::Search(search) => vary(rng, search),
                Action::View(touch) | Action::AddToCart(touch) => touch.item = item(rng, now),
                Action::Purchase(order) => order.order_id = OrderId::parse(&format!("b{number}")).unwrap(),
                Action::Refund(refund) => refund.order.items = vec![item(rng, now)],
            }
            let began = if number < BOT_EVENTS / 2 { first_half } else { began };
            let event = self.event(Moment { visitor: bot, began, now }, 1_000 + number as u64, action);
            self.store(rng, event);
        }
    }

    fn event(&self, moment: Moment, number: u64, action: Action) -> Event {
        let Moment { visitor, began, now } = moment;
        let session = if self.shares_ids { 0 } else { began.millis() };
        Event {
            event_id: event_id(now, number),
            user_id: (visitor > 0).then(|| UserId::parse(&format!("u{visitor}")).unwrap()),
            session_id: SessionId::parse(&format!("s{visitor}-{session}")).unwrap(),
            session_started_at: began,
            ..events::event(now, action)
        }
    }

    /// What was stored later lies later in the log.
    fn close(mut self) -> Log {
        self.sent.sort_by_key(|sent| sent.appended_at);
        let mut records: BTreeMap<(Stream, i32), Vec<Stored>> = BTreeMap::new();
        for Sent { appended_at, stream, partition, key, payload } in self.sent {
            let here = records.entry((stream, partition)).or_default();
            let record = LogRecord { offset: 0, appended_at, key: &key, payload: &payload };
            let found = examine(&self.door, stream, partition, &record);
            here.push(Stored { appended_at, key, payload, found });
        }
        Log { door: self.door, records }
    }
}

fn millis(millis: i64) -> TimeDelta {
    TimeDelta::milliseconds(millis)
}

/// One of a few searches, so that many events speak of the same; mostly of one intent, whatever it is.
fn search_ids(rng: &mut StdRng) -> (QueryId, QueryId) {
    let number = rng.random_range(0..5);
    let intent = if rng.random_ratio(1, 10) { rng.random_range(0..5) } else { number / 2 };
    (QueryId::parse(&format!("q{number}")).unwrap(), QueryId::parse(&format!("q{intent}")).unwrap())
}

fn vary(rng: &mut StdRng, search: &mut Search) {
    (search.query_id, search.intent_id) = search_ids(rng);
    search.query = (*QUERIES.choose(rng).unwrap()).into();
    let filters = FILTERS.iter().filter(|_| rng.random_ratio(1, 4));
    search.filters = filters.map(|(name, value)| ((*name).into(), (*value).into())).collect();
    search.result_count = rng.random_range(0..3);
}

fn item(rng: &mut StdRng, now: Timestamp) -> Item {
    let (product, category, brand) = PRODUCTS.choose(rng).unwrap();
    let attribution = rng.random_ratio(1, 2).then(|| {
        let (query_id, intent_id) = search_ids(rng);
        let query = (*QUERIES.choose(rng).unwrap()).into();
        let searched_at = now - millis(rng.random_range(0..120_000));
        Attribution { query_id, intent_id, query, searched_at, position: rng.random_range(1..9) }
    });
    Item {
        product_id: ProductId::parse(product).unwrap(),
        category: CategoryPath::parse(category).unwrap(),
        // What shoppers saw changes with time; the first event of a minute decides.
        brand: if rng.random_ratio(1, 10) { "Ra".into() } else { (*brand).into() },
        unit_price_cents: Cents(rng.random_range(100..9_000)),
        quantity: rng.random_range(1..4),
        attribution,
    }
}
