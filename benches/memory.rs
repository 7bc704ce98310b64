//! `cargo bench --bench memory`: resident memory of the `sessions` group's state with a million open sessions
//! of eight events each (goal: 1 GB at most).
//!
//! Sessions begin evenly over two hours and last seven minutes, in twelve partitions; each searches, looks at
//! four products of the built-in catalogue, puts two into the cart and buys one. Flushed as in live traffic.

#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::sync::Arc;

use chrono::TimeDelta;
use clap::Parser;
use shoplens::catalog::shelf::ShelfProduct;
use shoplens::catalog::synthesis::Catalogue;
use shoplens::catalog::taxonomy::Taxonomy;
use shoplens::model::category::CategoryPath;
use shoplens::model::event::door::Door;
use shoplens::model::event::{Action, Attribution, Event, Item, Order, Record, Search, Touch};
use shoplens::model::ids::{ClientId, OrderId, ProductId, QueryId, SessionId, UserId};
use shoplens::model::money::{Cents, Currency};
use shoplens::model::time::{HOUR_MS, MINUTE_MS, Timestamp};
use shoplens::stream::groups::Group;
use shoplens::stream::part::{LogRecord, Part, TakeOver};
use uuid::Builder;

const PARTITIONS: i32 = 12;
/// Products that sessions look at.
const PRODUCTS: u64 = 5_000;
/// Time over which the sessions begin: all of them are open at its end.
const BEGINNINGS_MS: i64 = 2 * HOUR_MS;
/// Events of one session, a minute apart.
const STEPS: i64 = 8;
/// Events between two flushes: those of a second at a thousand per second.
const FLUSH_EVERY: u64 = 1_000;

/// As the processor has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Resident memory of the `sessions` group's state.
#[derive(Parser)]
struct Settings {
    /// Open sessions.
    #[arg(long, default_value_t = 1_000_000)]
    sessions: i64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let Settings { sessions, .. } = Settings::parse();
    let shop = Shop { categories: categories(), every_ms: BEGINNINGS_MS as f64 / sessions as f64 };
    let mut parts: Vec<Part> = (0..PARTITIONS).map(part).collect();
    let before = resident_bytes();
    let mut events: u64 = 0;
    let apart = (MINUTE_MS as f64 / shop.every_ms) as i64;
    for at in 0..sessions + STEPS * apart {
        for (session, step) in (0..STEPS).map(|step| (at - step * apart, step)) {
            if (0..sessions).contains(&session) {
                let part = &mut parts[(session % i64::from(PARTITIONS)) as usize];
                take(part, shop.event(session, step));
                events += 1;
                if events.is_multiple_of(FLUSH_EVERY) {
                    parts.iter_mut().for_each(|part| drop(part.flush()));
                }
            }
        }
    }
    parts.iter_mut().for_each(|part| drop(part.flush()));
    let bytes = resident_bytes() - before;
    let windows: usize = parts.iter().map(|part| part.frontier().open_windows).sum();
    println!(
        "{sessions} sessions, {events} events, {windows} windows: {} MB resident, {} bytes per session",
        bytes / 1_000_000,
        bytes / sessions
    );
}

fn part(number: i32) -> Part {
    let door = Door { partitions: PARTITIONS, currency: Currency::EUR };
    let group = Group::Sessions;
    Part::new(group, number, door, group.streams().iter().map(|_| TakeOver::Fresh { from: 0 }).collect())
}

fn take(part: &mut Part, event: Event) {
    let stream = event.event_type().stream();
    let topic = part.group().streams().iter().position(|one| *one == stream).unwrap();
    let offset = part.positions()[topic];
    let record = LogRecord { offset, appended_at: event.timestamp, key: b"", payload: b"" };
    part.take(topic, &record, &Ok(Record::Event(Box::new(event))));
}

fn categories() -> Vec<CategoryPath> {
    let taxonomy = Arc::new(Taxonomy::built_in().unwrap());
    let catalogue = Catalogue { taxonomy, seed: 1, currency: Currency::EUR };
    catalogue.products(1..=PRODUCTS).filter_map(ShelfProduct::of).map(|product| product.category).collect()
}

/// What the made-up sessions have in common.
struct Shop {
    categories: Vec<CategoryPath>,
    /// Milliseconds between the beginnings of two sessions.
    every_ms: f64,
}

impl Shop {
    /// A step of a session. Every text is one of its own, as when it was read from a record.
    fn event(&self, session: i64, step: i64) -> Event {
        let started = Timestamp::from_millis(1_790_000_000_000 + (session as f64 * self.every_ms) as i64);
        let timestamp = started + TimeDelta::milliseconds(step * MINUTE_MS);
        let number = session as u64;
        let action = match step {
            0 => Action::Search(search(number)),
            1..=4 => Action::View(self.touch(session, step, started)),
            5 | 6 => Action::AddToCart(self.touch(session, step - 4, started)),
            _ => Action::Purchase(self.order(session, started)),
        };
        let random = (u128::from(number) << 8 | step as u128).to_be_bytes();
        let id =
            Builder::from_unix_timestamp_millis(timestamp.millis() as u64, &random[6..].try_into().unwrap());
        Event {
            event_id: id.into_uuid(),
            timestamp,
            user_id: (session % 2 == 0).then(|| UserId::numbered(1, number)),
            client_id: ClientId::numbered(1, number),
            session_id: SessionId::numbered(1, number),
            session_started_at: started,
            action,
        }
    }

    fn touch(&self, session: i64, step: i64, searched_at: Timestamp) -> Touch {
        Touch { item: self.item(session, step, searched_at), currency: Currency::EUR }
    }

    fn order(&self, session: i64, searched_at: Timestamp) -> Order {
        let item = self.item(session, 1, searched_at);
        let order_id = OrderId::numbered(1, session as u64);
        Order { order_id, currency: Currency::EUR, total: item.amount(), items: vec![item] }
    }

    /// A session's products are those of two neighbouring places of the catalogue and of two far ones.
    fn item(&self, session: i64, step: i64, searched_at: Timestamp) -> Item {
        let place = (session * 7_919 + step * 1_237) as usize % self.categories.len();
        let query_id = QueryId::numbered(1, session as u64);
        Item {
            product_id: ProductId::numbered(1, place as u64),
            category: CategoryPath::parse(self.categories[place].as_str()).unwrap(),
            brand: "Sonora".into(),
            unit_price_cents: Cents(1_999),
            quantity: 1,
            attribution: Some(Attribution {
                intent_id: query_id.clone(),
                query_id,
                query: "headphones".into(),
                searched_at,
                position: 1,
            }),
        }
    }
}

fn search(number: u64) -> Search {
    let query_id = QueryId::numbered(1, number);
    Search {
        intent_id: query_id.clone(),
        query_id,
        query: "headphones".into(),
        filters: Default::default(),
        result_count: 0,
        result_ids: Default::default(),
    }
}

/// What this process holds in memory now, as Linux counts it.
fn resident_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1_024
}
