//! A small catalogue made by hand, and the service in front of it.

use std::collections::BTreeMap;

use clap::Parser;
use poem::http::Method;
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use shoplens::app::{self, Edges};
use shoplens::config::{AdminSettings, HttpSettings, ShopSettings};
use shoplens::http::limit::RateLimit;
use shoplens::model::category::{self, CategoryPath};
use shoplens::model::ids::ProductId;
use shoplens::model::money::{Cents, Currency};
use shoplens::model::product::{AttributeValue, Product};
use shoplens::model::time::Timestamp;
use shoplens::store::bulk::{Mode, Operation};
use shoplens::store::schema::Schema;

use crate::live::shop::Shop;

/// Rules that the tests rest on; the shop's own file is the seeder's.
const SYNONYMS: [&str; 4] = [
    "tv, telly, television",
    "earbuds, in ear headphones",
    "cell phone, mobile phone, smartphone",
    "notebook computer, laptop",
];

/// Category, brand, name, description, price in cents, popularity.
pub type Row = (&'static str, &'static str, &'static str, &'static str, i64, f32);

const ROWS: &[Row] = &[
    (
        "electronics.audio.headphones",
        "Voltara",
        "Voltara Pulse wireless headphones",
        "Closed headphones with a soft headband.",
        12_999,
        0.9,
    ),
    (
        "electronics.audio.headphones",
        "Sonara",
        "Sonara Studio headphones WH-1000",
        "Wired, for the studio.",
        8_999,
        0.5,
    ),
    ("electronics.audio.headphones", "Nimbus", "Nimbus Kids headphones", "Quiet and tough.", 2_499, 0.1),
    (
        "electronics.audio.in-ear-headphones",
        "Sonara",
        "Sonara Bud in ear headphones",
        "With a charging case.",
        5_999,
        0.7,
    ),
    (
        "electronics.audio.in-ear-headphones",
        "Voltara",
        "Voltara Dot in ear headphones",
        "Small and light.",
        3_999,
        0.3,
    ),
    (
        "electronics.audio.headsets",
        "Nimbus",
        "Nimbus Talk headset",
        "A headset with a microphone for the office.",
        4_999,
        0.4,
    ),
    (
        "electronics.phones.smartphones",
        "Nimbus",
        "Nimbus One smartphone 256gb",
        "A smartphone with a bright screen.",
        69_900,
        0.8,
    ),
    (
        "electronics.phones.smartphones",
        "Voltara",
        "Voltara Mini smartphone 128gb",
        "Fits every pocket.",
        39_900,
        0.6,
    ),
    (
        "electronics.phones.phone-cases",
        "Caselot",
        "Caselot clear case for Nimbus One",
        "Protects a smartphone.",
        1_499,
        1.0,
    ),
    (
        "electronics.tv.televisions",
        "Sonara",
        "Sonara Vista 55 inch television",
        "A television with a wide stand.",
        89_900,
        0.6,
    ),
    (
        "electronics.tv.televisions",
        "Nimbus",
        "Nimbus Panel 43 inch television",
        "For small rooms.",
        39_900,
        0.4,
    ),
    (
        "electronics.computers.laptops",
        "Voltara",
        "Voltara Aero 14 laptop 16gb",
        "A light laptop.",
        129_900,
        0.7,
    ),
    (
        "electronics.computers.laptops",
        "Nimbus",
        "Nimbus Forge gaming laptop 32gb",
        "For games.",
        219_900,
        0.5,
    ),
    ("electronics.computers.laptops", "Sonara", "Sonara Basic laptop 8gb", "For school.", 49_900, 0.9),
    ("electronics.computers.tablets", "Nimbus", "Nimbus Slate tablet", "Draws and reads.", 34_900, 0.9),
    ("electronics.computers.laptop-bags", "Caselot", "Caselot laptop sleeve", "A soft bag.", 2_999, 1.0),
    ("home.furniture.tables", "Arbor", "Arbor dining table", "Solid oak for six.", 79_900, 0.1),
    ("home.furniture.tables", "Arbor", "Arbor coffee table", "Low and round.", 19_900, 0.2),
    ("home.heating.heaters", "Warmia", "Warmia ceramic heater", "Heats a room.", 6_999, 0.3),
    ("fashion.shoes.running-shoes", "Strider", "Strider Flow running shoes", "For the road.", 11_999, 0.6),
    ("fashion.shoes.running-shoes", "Strider", "Strider Trail running shoes", "For the woods.", 13_999, 0.4),
    ("fashion.shoes.running-shoes", "Fleet", "Fleet Dash running shoes", "Light.", 9_999, 0.5),
    (
        "fashion.clothing.running-jackets",
        "Strider",
        "Strider running jacket",
        "Keeps the wind out.",
        8_999,
        0.9,
    ),
    (
        "fashion.clothing.dresses",
        "Élan",
        "Élan summer dress",
        "Of linen, in a café au lait colour.",
        5_999,
        0.3,
    ),
];

/// Indexes the catalogue.
pub async fn seed(shop: &Shop) {
    let products: Vec<Product> = ROWS.iter().enumerate().map(|(n, row)| product(n, row)).collect();
    seed_with(shop, &products).await;
}

/// Indexes these products.
pub async fn seed_with(shop: &Shop, products: &[Product]) {
    let mut body = Schema::PRODUCTS.body();
    body["settings"]["analysis"]["filter"]["shop_synonyms"]["synonyms"] = json!(SYNONYMS);
    shop.store.create_index(Schema::PRODUCTS.name, &body).await.unwrap();
    let index = shop.store.name(Schema::PRODUCTS.name);
    let operations = products.iter().map(|product| {
        let source = serde_json::to_vec(&product.document()).unwrap().into();
        let id = product.id.to_string().into();
        Operation { index: index.as_str().into(), id, mode: Mode::Replace, source, tag: 0 }
    });
    let written = shop.store.write_all(operations, 1).await;
    assert_eq!(written.done, products.len() as u64, "{written:?}");
    shop.store.refresh(Schema::PRODUCTS.name).await.unwrap();
}

/// A product of which the id is this number.
pub fn product(n: usize, (category, brand, name, description, price_cents, popularity): &Row) -> Product {
    Product {
        id: ProductId::parse(&format!("p-{n:03}")).unwrap(),
        name: (*name).to_owned(),
        description: Some((*description).to_owned()),
        category: Some(CategoryPath::parse(category).unwrap()),
        category_label: Some(category::label(category)),
        categories_above: Vec::new(),
        brand: Some((*brand).to_owned()),
        price_cents: Some(Cents(*price_cents)),
        currency: Currency::EUR,
        attributes: BTreeMap::from([("colour".to_owned(), AttributeValue::One("black".to_owned()))]),
        rating: Some(4.3),
        review_count: Some(10),
        stock: Some(5),
        image: Some("x.svg".to_owned()),
        popularity: Some(*popularity),
        created_at: Some(Timestamp::from_millis(0)),
    }
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    http: HttpSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    admin: AdminSettings,
}

/// The service in front of a shop, as `bin/api.rs` builds it, asked without a network.
pub struct Service<E>(E);

/// Starts the service with these flags.
pub fn service(shop: &Shop, flags: &[&str]) -> Service<impl Endpoint<Output = Response>> {
    let flags = Flags::parse_from([&["it"], flags].concat());
    let admin_token = flags.admin.token().unwrap();
    let edges = Edges { store: shop.store.clone(), bus: shop.bus.clone(), admin_token };
    let limit = RateLimit::new(&flags.http);
    Service(app::app(&edges, &flags.shop, &flags.http, &limit).unwrap())
}

impl<E: Endpoint<Output = Response>> Service<E> {
    /// One exchange.
    pub async fn ask(&self, method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path.parse().unwrap());
        self.0.get_response(request.finish()).await
    }

    /// One exchange with a body (none for null) and an admin token: the status and the JSON of the answer.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path.parse().unwrap());
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = if body.is_null() {
            request.finish()
        } else {
            request.content_type("application/json").body(body.to_string())
        };
        let response = self.0.get_response(request).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap())
    }

    /// One exchange on behalf of a page of another web origin.
    pub async fn ask_from(&self, origin: &str, path: &str) -> Response {
        let request = Request::builder().uri(path.parse().unwrap()).header("origin", origin);
        self.0.get_response(request.finish()).await
    }

    /// The JSON of a successful answer.
    pub async fn get(&self, path: &str) -> Value {
        let response = self.ask(Method::GET, path).await;
        let status = response.status();
        let text = response.into_body().into_string().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The status and document of a failure.
    pub async fn problem(&self, method: Method, path: &str) -> (u16, Value) {
        let response = self.ask(method, path).await;
        assert_eq!(response.content_type(), Some("application/problem+json"), "{path}");
        let status = response.status().as_u16();
        let problem: Value =
            serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap();
        assert_eq!(problem["status"], status, "{path}");
        (status, problem)
    }
}
