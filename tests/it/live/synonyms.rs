//! A synonym that was made while the shop runs, beside the same one compiled in, on the real Elasticsearch.

use poem::http::Method;
use poem::{Endpoint, Response};
use serde_json::{Value, json};
use shoplens::catalog::source::Source;
use shoplens::merchandising;

use crate::live::own_catalogue::{fill, own};
use crate::live::shop::{eventually, with_shop};
use crate::live::small_shop::{Service, service};

const TOKEN: &str = "a token for this test";
const WITH_TOKEN: [&str; 4] = ["--admin-token", TOKEN, "--api-rate-per-second", "0"];
/// Queries of one to four words with a term of one of the synonyms.
const QUERIES: [&str; 14] = [
    "kickers",
    "red kickers",
    "red leather kickers",
    "red trainers",
    "viscose",
    "viscose mattress",
    "firm viscose mattress",
    "viscose mattress soft 90",
    "memory foam mattress",
    "soft memory foam mattress",
    "desk",
    "oak desk",
    "oak workbench",
    "white oak desk",
];

/// Shoes, mattresses and desks, of each kind some that share all words but one.
fn table() -> String {
    let mut rows = Vec::new();
    for colour in ["red", "black", "white"] {
        for (stuff, shoe) in [("leather", "trainers"), ("canvas", "trainers"), ("leather", "boots")] {
            rows.push((format!("Fleet {colour} {stuff} {shoe}"), format!("Shoes > {shoe}")));
        }
    }
    for kind in ["memory foam", "cold foam", "latex", "pocket spring"] {
        for firmness in ["soft", "firm"] {
            rows.push((format!("Lull {kind} mattress {firmness} 90 x 200"), "Beds > Mattresses".to_owned()));
        }
    }
    rows.push(("Lull memory foam pillow soft".to_owned(), "Beds > Pillows".to_owned()));
    for (stuff, piece) in [
        ("oak", "desk"),
        ("white oak", "workbench"),
        ("white", "desk"),
        ("oak", "bench"),
        ("pine", "workbench"),
    ] {
        rows.push((format!("Norr {stuff} {piece}"), "Office > Furniture".to_owned()));
    }
    let lines = rows.iter().enumerate().map(|(n, (name, category))| format!("{n},{name},{category}\n"));
    lines.fold("id,name,category\n".to_owned(), |table, line| table + &line)
}

/// The first products for a query with their scores, and how far its words had to be relaxed.
async fn first<E: Endpoint<Output = Response>>(service: &Service<E>, query: &str) -> (Vec<String>, Value) {
    let mut answer = service.get(&format!("/search?q={}&size=3", query.replace(' ', "+"))).await;
    let shown = |item: &Value| format!("{:.1} {}", item["score"].as_f64().unwrap(), item["name"]);
    (answer["items"].as_array().unwrap().iter().map(shown).collect(), answer["relaxation"].take())
}

#[tokio::test]
async fn a_synonym_finds_the_same_first_whether_it_was_made_just_now_or_compiled_in() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, &table()), &[]).await.unwrap();
        let service = service(shop, &WITH_TOKEN);
        // The built-in rules have trainers and desks too.
        for (id, terms) in [
            ("shoes", ["kickers", "trainers"]),
            ("beds", ["viscose", "memory foam"]),
            ("desks", ["workbench", "desk"]),
        ] {
            let body = json!({ "terms": terms });
            assert_eq!(service.send(Method::PUT, &format!("/synonyms/{id}"), TOKEN, &body).await.0, 200);
        }
        eventually("the last synonym is searched by", async || {
            let answer: Value = service.get("/search?q=desk&fuzzy=false").await;
            (answer["total"] == 4).then_some(())
        })
        .await;
        let mut made = Vec::new();
        for query in QUERIES {
            made.push(first(&service, query).await);
        }
        let rules = merchandising::synonym_rules(&shop.store).await.unwrap();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        fill(shop, Source::Served, &rules).await.unwrap();
        for (query, made) in QUERIES.iter().zip(made) {
            assert_eq!(made, first(&service, query).await, "{query}");
        }
    })
    .await;
}
