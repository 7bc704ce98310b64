//! The generator against a real catalogue and real topics.

use std::collections::BTreeMap;
use std::time::Instant;

use clap::Parser;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use shoplens::catalog::shelf;
use shoplens::generator::{self, GeneratorSettings, Report};
use shoplens::model::event::door::{Door, Place};
use shoplens::model::event::{Event, EventType, Record, Stream, parse};
use shoplens::model::money::Currency;
use shoplens::model::product::Product;
use shoplens::model::time::Timestamp;
use shoplens::store::bulk::{Mode, Operation};
use shoplens::store::schema::Schema;

use crate::live::shop::{PATIENCE, Shop, eventually, with_shop};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    traffic: GeneratorSettings,
}

fn settings(arguments: &[&str]) -> GeneratorSettings {
    Line::parse_from([&["generator"], arguments].concat()).traffic
}

fn product(number: usize) -> Product {
    let (path, label) = [
        ("electronics.audio.headphones", "Headphones"),
        ("electronics.computers.laptops", "Laptops"),
        ("home.kitchen.kettles", "Kettles"),
    ][number % 3];
    let brand = ["Sonora", "Lumo", "Anvil"][number / 3 % 3];
    serde_json::from_value(serde_json::json!({
        "id": format!("p-{number:04}"),
        "name": format!("{brand} {number} {label}"),
        "description": "",
        "category": path,
        "category_label": label,
        "brand": brand,
        "price_cents": 1_000 + 10 * number,
        "currency": "EUR",
        "attributes": {},
        "rating": 4.5,
        "review_count": 3,
        "stock": 10,
        "image": "x.svg",
        "popularity": 1.0 / (1 + number) as f64,
        "created_at": "2026-01-01T00:00:00.000Z",
    }))
    .unwrap()
}

async fn stock_the_shelf(shop: &Shop, count: usize) {
    shop.store.ensure(&Schema::PRODUCTS).await.unwrap();
    let operation = |product: Product| Operation {
        index: shop.store.name("products").into(),
        id: product.id.to_string().into(),
        tag: 0,
        mode: Mode::Replace,
        source: serde_json::to_vec(&product.document()).unwrap().into(),
    };
    let operations = (0..count).map(product).map(operation);
    assert_eq!(shop.store.write_all(operations, 1).await.done, count as u64);
    shop.store.refresh("products").await.unwrap();
}

async fn generate(shop: &Shop, arguments: &[&str], shutdown: impl Future<Output = ()>) -> Report {
    let shelf = shelf::read(&shop.store, Currency::EUR).await.unwrap();
    generator::run(&shop.bus, shelf, Currency::EUR, &settings(arguments), shutdown).await.unwrap()
}

fn consumer(shop: &Shop) -> BaseConsumer {
    let mut config = rdkafka::ClientConfig::new();
    config
        .set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers)
        .set("group.id", format!("{}recount", shop.prefix))
        .set("auto.offset.reset", "earliest");
    config.create().unwrap()
}

/// Records in all event topics; `None` while a topic that was just made has no leader yet.
fn records(shop: &Shop, consumer: &BaseConsumer) -> Option<i64> {
    let partitions = Stream::ALL.iter().flat_map(|stream| (0..12).map(|p| (shop.bus.topic(*stream), p)));
    partitions.map(|(topic, p)| Some(consumer.fetch_watermarks(&topic, p, PATIENCE).ok()?.1)).sum()
}

/// All events of all topics; there is nothing else in them.
fn events(shop: &Shop) -> Vec<Event> {
    verdicts(shop).into_iter().collect::<Result<_, _>>().unwrap()
}

fn read(shop: &Shop, consumer: &BaseConsumer) -> Result<Event, &'static str> {
    let deadline = Instant::now() + PATIENCE;
    // A poll may give nothing before its time is over, as when partitions are assigned.
    let message = loop {
        assert!(Instant::now() < deadline, "no record in {PATIENCE:?}");
        if let Some(message) = consumer.poll(PATIENCE) {
            break message.unwrap();
        }
    };
    let event = match parse(message.payload().unwrap_or_default()) {
        Ok(Record::Event(event)) => event,
        Ok(Record::Tick(_)) => panic!("nobody sends ticks here"),
        Err(reject) => return Err(reject.code()),
    };
    let stream = *Stream::ALL.iter().find(|stream| shop.bus.topic(**stream) == message.topic()).unwrap();
    let place = Place {
        stream,
        partition: message.partition(),
        key: message.key().unwrap(),
        appended_at: Timestamp::from_millis(message.timestamp().to_millis().unwrap()),
    };
    let door = Door { partitions: 12, currency: Currency::EUR };
    door.check(&event, place).map(|()| *event).map_err(|reject| reject.code())
}

#[tokio::test]
async fn the_topics_hold_what_the_report_says() {
    with_shop(async |shop| {
        stock_the_shelf(shop, 300).await;
        let arguments = ["--events-per-second=1000", "--events=2000", "--seed=7"];
        let report = generate(shop, &arguments, std::future::pending()).await;
        let found = events(shop);
        let mut by_type: BTreeMap<EventType, u64> = BTreeMap::new();
        found.iter().for_each(|event| *by_type.entry(event.event_type()).or_default() += 1);
        assert_eq!((report.total, report.acknowledged, report.failed), (2_000, 2_000, 0));
        assert_eq!(report.tally.events, by_type);
        let last = found.iter().map(|event| event.timestamp).max();
        assert_eq!(report.tally.last, last);
        // By the clock: not ahead of it, which the door has checked, and no faster than asked for.
        assert!(report.seconds >= 1.9, "{}", report.seconds);
    })
    .await;
}

/// Every record of all event topics as the processor would judge it: the event, or the code of its refusal.
fn verdicts(shop: &Shop) -> Vec<Result<Event, &'static str>> {
    let consumer = consumer(shop);
    let topics = Stream::ALL.map(|stream| shop.bus.topic(stream));
    consumer.subscribe(&topics.each_ref().map(String::as_str)).unwrap();
    (0..records(shop, &consumer).unwrap()).map(|_| read(shop, &consumer)).collect()
}

#[tokio::test]
async fn every_fault_in_the_topics_is_counted_in_the_report() {
    with_shop(async |shop| {
        stock_the_shelf(shop, 300).await;
        let faults = ["--duplicates=0.05", "--disorder=3s", "--late=0.01", "--corrupt=0.02", "--seed=7"];
        let backfill = ["--start=1d ago", "--duration=12h", "--speed=0", "--events-per-second=1"];
        let report = generate(shop, &[&backfill[..], &faults].concat(), std::future::pending()).await;
        let found = verdicts(shop);
        assert_eq!((found.len() as u64, report.failed), (report.records, 0));
        let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
        found
            .iter()
            .filter_map(|one| one.as_ref().err())
            .for_each(|code| *refused.entry(code).or_default() += 1);
        assert_eq!(refused, report.faults.rejects());
        let events: Vec<&Event> = found.iter().filter_map(|one| one.as_ref().ok()).collect();
        let distinct: BTreeMap<_, _> =
            events.iter().map(|event| (event.event_id, event.event_type())).collect();
        assert_eq!((events.len() - distinct.len()) as u64, report.faults.duplicates);
        let mut by_type: BTreeMap<EventType, u64> = BTreeMap::new();
        distinct.values().for_each(|kind| *by_type.entry(*kind).or_default() += 1);
        assert_eq!(by_type, report.tally.events);
    })
    .await;
}

#[tokio::test]
async fn a_stopped_run_flushes_and_reports_what_it_sent() {
    with_shop(async |shop| {
        stock_the_shelf(shop, 30).await;
        let shutdown = async {
            let consumer = consumer(shop);
            eventually("events arrive", async || records(shop, &consumer).filter(|count| *count > 0)).await;
        };
        let report = generate(shop, &["--events-per-second=500"], shutdown).await;
        let found = events(shop);
        assert!(report.total > 0);
        assert_eq!((report.acknowledged, report.failed), (report.total, 0));
        assert_eq!(found.len() as u64, report.total);
    })
    .await;
}

#[tokio::test]
async fn the_shelf_is_read_over_several_pages_in_the_order_of_the_ids() {
    with_shop(async |shop| {
        stock_the_shelf(shop, 5_001).await;
        let shelf = shelf::read(&shop.store, Currency::EUR).await.unwrap();
        assert_eq!(shelf.len(), 5_001);
        assert!(shelf.is_sorted_by(|a, b| a.id < b.id));
    })
    .await;
}

#[tokio::test]
async fn a_shelf_that_cannot_be_sold_from_is_told_with_what_to_do() {
    with_shop(async |shop| {
        let index = shop.store.name("products");
        let message = async |currency| shelf::read(&shop.store, currency).await.unwrap_err().to_string();
        let missing = format!("cannot read the catalogue: the index {index} does not exist; run the seeder");
        assert_eq!(message(Currency::EUR).await, missing);
        shop.store.ensure(&Schema::PRODUCTS).await.unwrap();
        let empty = format!(
            "the index {index} holds no product with a price; run the seeder on a catalogue that has prices"
        );
        assert_eq!(message(Currency::EUR).await, empty);
        stock_the_shelf(shop, 1).await;
        let other = "product p-0000 is priced in EUR, but SHOP_CURRENCY is CHF";
        assert_eq!(message("CHF".parse().unwrap()).await, other);
    })
    .await;
}
