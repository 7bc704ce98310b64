//! Events to test with, here and in the slices, and what parsing promises.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A fixed day plus so many milliseconds.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

/// A UUIDv7 of that time; `salt` tells events of the same time apart.
pub fn event_id(at: Timestamp, salt: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(
        at.millis() as u64,
        &(u128::from(salt) << 16).to_be_bytes()[6..].try_into().unwrap(),
    )
    .into_uuid()
}

/// An event of the session that began at `at(0)`.
pub fn event(timestamp: Timestamp, action: Action) -> Event {
    let kind = match action {
        Action::Search(_) => 0,
        Action::View(_) => 1,
        Action::AddToCart(_) => 2,
        Action::Purchase(_) => 3,
        Action::Refund(_) => 4,
    };
    Event {
        event_id: event_id(timestamp, kind),
        timestamp,
        user_id: Some(UserId::parse("u1").unwrap()),
        client_id: ClientId::parse("c1").unwrap(),
        session_id: SessionId::parse("s1").unwrap(),
        session_started_at: at(0),
        action,
    }
}

/// Two pairs of headphones at 59.99.
pub fn item() -> Item {
    Item {
        product_id: ProductId::parse("p1").unwrap(),
        category: CategoryPath::parse("electronics.audio.headphones").unwrap(),
        brand: "Sonora".into(),
        unit_price_cents: Cents(5999),
        quantity: 2,
        attribution: None,
    }
}

/// A search for headphones.
pub fn search(timestamp: Timestamp) -> Event {
    let query_id = QueryId::parse("q1").unwrap();
    event(
        timestamp,
        Action::Search(Search {
            intent_id: query_id.clone(),
            query_id,
            query: "headphones".into(),
            filters: BTreeMap::new(),
            result_count: 1,
            result_ids: [item().product_id].into(),
        }),
    )
}

/// A look at the headphones.
pub fn view(timestamp: Timestamp) -> Event {
    event(timestamp, Action::View(Touch { item: item(), currency: Currency::EUR }))
}

/// The headphones put into the cart.
pub fn add_to_cart(timestamp: Timestamp) -> Event {
    event(timestamp, Action::AddToCart(Touch { item: item(), currency: Currency::EUR }))
}

fn order() -> Order {
    let order_id = OrderId::parse("o1").unwrap();
    Order { order_id, currency: Currency::EUR, total: Cents(11_998), items: vec![item()] }
}

/// The headphones bought.
pub fn purchase(timestamp: Timestamp) -> Event {
    event(timestamp, Action::Purchase(order()))
}

/// The headphones given back.
pub fn refund(timestamp: Timestamp, ordered_at: Timestamp) -> Event {
    let reason = "too loud".into();
    event(
        timestamp,
        Action::Refund(Refund { order: order(), ordered_at, order_total: Cents(11_998), reason }),
    )
}

fn all_types() -> [Event; 5] {
    [search(at(1)), view(at(2)), add_to_cart(at(3)), purchase(at(4)), refund(at(5), at(4))]
}

fn parse_value(value: &Value) -> Result<Record, Reject> {
    parse(value.to_string().as_bytes())
}

#[test]
fn every_type_of_event_survives_its_json() {
    for event in all_types() {
        let bytes = serde_json::to_vec(&event).unwrap();
        assert_eq!(parse(&bytes), Ok(Record::Event(Box::new(event))));
    }
}

#[test]
fn a_tick_is_only_a_time() {
    assert_eq!(parse(&tick(at(7))), Ok(Record::Tick(at(7))));
}

#[test]
fn the_json_of_a_view_is_flat() {
    insta::assert_json_snapshot!(view(at(2)), @r#"
    {
      "event_type": "view",
      "timestamp": "2026-09-21T14:13:20.002Z",
      "event_id": "01a0c450-6c02-7000-8000-000000010000",
      "schema_version": 1,
      "user_id": "u1",
      "client_id": "c1",
      "session_id": "s1",
      "session_started_at": "2026-09-21T14:13:20.000Z",
      "product_id": "p1",
      "category": "electronics.audio.headphones",
      "brand": "Sonora",
      "unit_price_cents": 5999,
      "quantity": 2,
      "currency": "EUR"
    }
    "#);
}

/// Sets one field of one event to each of several values, and expects the code.
fn expect_reject(event: &Event, field: &str, values: &[Value], code: &str) {
    for value in values {
        let mut wire = serde_json::to_value(event).unwrap();
        wire[field] = value.clone();
        let reject = parse_value(&wire).expect_err(&format!("{field} = {value}"));
        assert_eq!(reject.code(), code, "{field} = {value}: {reject}");
    }
}

#[test]
fn a_field_that_makes_no_sense_is_refused() {
    let session = [json!(at(60_000)), json!(at(-8_000_000))];
    expect_reject(&view(at(2)), "session_started_at", &session, "implausible");
    expect_reject(&view(at(2)), "timestamp", &[json!(at(3))], "implausible");
    expect_reject(&view(at(2)), "event_id", &[json!("4f4a0dd5-0a52-4c3f-8d7c-0f6d4b6f0a11")], "implausible");
    expect_reject(&view(at(2)), "quantity", &[json!(0), json!(10_001)], "implausible");
    expect_reject(&view(at(2)), "unit_price_cents", &[json!(-1)], "implausible");
    expect_reject(&search(at(2)), "query", &[json!("x".repeat(201))], "implausible");
    let nameless = [json!({ "": "Sonora" }), json!({ "brand": "Sonora", " ": "x" })];
    expect_reject(&search(at(2)), "filters", &nameless, "implausible");
    expect_reject(&purchase(at(2)), "items", &[json!([])], "implausible");
    expect_reject(&refund(at(5), at(4)), "ordered_at", &[json!(at(6))], "implausible");
}

#[test]
fn a_search_can_have_found_as_much_as_every_store_holds_and_no_more() {
    let mut most = serde_json::to_value(search(at(2))).unwrap();
    most["result_count"] = json!(1_000_000_000_000_u64);
    assert!(parse_value(&most).is_ok());
    let beyond = [json!(1_000_000_000_001_u64), json!(u64::MAX)];
    expect_reject(&search(at(2)), "result_count", &beyond, "implausible");
    let no_count = [json!(-1), json!(1.5), json!("7")];
    expect_reject(&search(at(2)), "result_count", &no_count, "unreadable");
}

#[test]
fn a_list_is_no_event_whatever_it_holds() {
    for list in [&b"[]"[..], br#" ["tick", "2026-09-21T14:13:20.000Z"]"#, b"7", b""] {
        let reject = parse(list).unwrap_err();
        assert!(reject.code() == "unreadable" && reject.to_string().contains("one event"), "{reject}");
    }
}

#[test]
fn a_field_of_another_kind_is_unreadable() {
    expect_reject(&view(at(2)), "category", &[json!("Not A Path"), json!(7)], "unreadable");
    expect_reject(&view(at(2)), "timestamp", &[json!("yesterday"), json!(5)], "unreadable");
    expect_reject(&view(at(2)), "event_type", &[json!("glance"), json!(null)], "unreadable");
    expect_reject(&view(at(2)), "currency", &[json!("euro")], "unreadable");
    expect_reject(&view(at(2)), "schema_version", &[json!(2)], "unknown_version");
}

#[test]
fn a_missing_field_is_named() {
    for event in all_types() {
        let whole = serde_json::to_value(&event).unwrap();
        let optional = ["user_id", "filters", "result_ids", "quantity", "attribution", "reason"];
        for field in whole.as_object().unwrap().keys().filter(|field| !optional.contains(&field.as_str())) {
            let mut wire = whole.clone();
            wire.as_object_mut().unwrap().remove(field);
            let reject = parse_value(&wire).expect_err(field);
            assert!(reject.to_string().contains(field.as_str()), "{field}: {reject}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_damage_to_an_event_makes_parsing_panic(which in 0usize..5, cut in 0usize..500, byte: u8) {
        let mut bytes = serde_json::to_vec(&all_types()[which]).unwrap();
        let cut = cut % bytes.len();
        bytes[cut] = byte;
        let _ = parse(&bytes);
        bytes.truncate(cut);
        prop_assert!(parse(&bytes).is_err());
    }
}
