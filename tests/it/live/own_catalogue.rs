//! A shop's own catalogue, and a catalogue that is indexed anew, on the real Elasticsearch.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use shoplens::catalog::load::{LoadError, Plan, Report, load, roll_back};
use shoplens::catalog::own::Mapping;
use shoplens::catalog::source::{OwnSource, Source};
use shoplens::model::money::Currency;
use shoplens::store::Missing;
use tempfile::TempDir;

use crate::live::shop::{Shop, with_shop};
use crate::live::small_shop::service;

const LINES: u64 = 2_000;

/// Loads a catalogue.
pub async fn fill(shop: &Shop, source: Source, synonyms: &[&str]) -> Result<Report, LoadError> {
    let synonyms = synonyms.iter().map(|rule| (*rule).to_owned()).collect();
    let connections = NonZeroUsize::new(2).unwrap();
    load(&shop.store, &Plan { source, connections, synonyms, kept: 1 }, |_| ()).await
}

/// A table of a shop's own.
pub fn own(folder: &TempDir, text: &str) -> Source {
    let path = folder.path().join("shop.csv");
    std::fs::write(&path, text).unwrap();
    let rejects = folder.path().join("rejects.ndjson");
    Source::Own(OwnSource { path, mapping: Mapping::default(), currency: Currency::EUR, rejects })
}

/// A table of which every twentieth line is broken, each in one of four ways.
fn table() -> String {
    let line = |n: u64| match (n % 20, n % 80 / 20) {
        (0, 0) => format!("{n};\"never closed {n};5,00"),
        (0, 1) => format!("{n};two columns"),
        (0, 2) => format!("{n};no price of this kind;a lot"),
        (0, _) => format!(";no id {n};5,00"),
        _ => format!("{n};\"Hammer {n}; 12\"\" long\";{n},50 €"),
    };
    (1..=LINES).map(line).fold("sku;title;price\n".to_owned(), |table, line| table + &line + "\n")
}

fn rejects(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The ids and sources of everything that is served.
async fn served(shop: &Shop) -> Vec<Value> {
    let body = json!({ "size": 10_000, "sort": ["id"], "query": { "match_all": {} } });
    let what = "read the catalogue";
    let found: Value = shop.store.search(what, "products", Missing::IsError, &body).await.unwrap();
    found["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_source"].clone()).collect()
}

/// The versions of the catalogue that there are.
async fn indices(shop: &Shop) -> Vec<String> {
    let path = format!("/{}*/_alias", shop.store.name("products"));
    let answer: Value =
        shop.store.send("list the versions", shoplens::store::Method::Get, &path, None).await.unwrap();
    let mut names: Vec<String> = answer.as_object().unwrap().keys().cloned().collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_good_lines_of_a_broken_table_are_served_and_every_other_is_told() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        let report = fill(shop, own(&folder, &table()), &[]).await.unwrap();
        assert_eq!((report.products, report.repeated), (LINES / 20 * 19, 0));
        let mut told: Vec<u64> = rejects(&folder.path().join("rejects.ndjson"))
            .iter()
            .map(|one| one["number"].as_u64().unwrap())
            .collect();
        // Batches are written side by side, and each tells its own once it is written.
        told.sort_unstable();
        // The header is line 1, so product n stands on line n + 1.
        let broken: Vec<u64> = (1..=LINES).filter(|n| n % 20 == 0).map(|n| n + 1).collect();
        assert_eq!(told, broken);
        let first = served(shop).await;
        let again = fill(shop, own(&folder, &table()), &[]).await.unwrap();
        assert_eq!(again.products, report.products);
        assert_eq!(served(shop).await, first, "the same file gives the same catalogue");

        let answer = service(shop, &[]).get("/search?q=hammer+17").await;
        let item = &answer["items"][0];
        assert_eq!((&item["name"], &item["price"]), (&json!("Hammer 17; 12\" long"), &json!(17.5)));
        assert!(item.get("brand").is_none() && item["in_stock"] == true, "{item}");
    })
    .await;
}

#[tokio::test]
async fn a_product_is_found_and_counted_by_each_value_of_an_attribute_also_after_a_rebuild() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        let shirt =
            |id: u8, colour: Value| json!({ "id": id, "name": "Shirt", "attributes": { "colour": colour } });
        let shirts = [shirt(1, json!(["red", "blue"])), shirt(2, json!("blue")), shirt(3, json!("green"))];
        fill(shop, own(&folder, &json!(shirts).to_string()), &[]).await.unwrap();
        for load in ["the first load", "the rebuild"] {
            let answer = service(shop, &[]).get("/search?q=shirt&attr.colour=blue").await;
            assert_eq!(answer["total"], 2, "after {load}: {answer}");
            let items = answer["items"].as_array().unwrap();
            let shown = items.iter().find(|item| item["id"] == "1").unwrap();
            assert_eq!(shown["attributes"], json!({ "colour": "red, blue" }));
            let values = &answer["facets"]["attributes"][0]["values"];
            let count = |value: &str, count: u64| json!({ "value": value, "count": count });
            assert_eq!(*values, json!([count("blue", 2), count("green", 1), count("red", 1)]));
            fill(shop, Source::Served, &[]).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn an_id_that_two_lines_have_is_the_later_ones() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        let report = fill(shop, own(&folder, "id,name\n1,old\n2,other\n1,new\n"), &[]).await.unwrap();
        assert_eq!((report.products, report.repeated), (2, 1));
        let names: Vec<Value> = served(shop).await.iter().map(|product| product["name"].clone()).collect();
        assert_eq!(names, ["new", "other"]);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_mostly_refused_leaves_the_old_catalogue_served() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, "id,name\n1,kept\n"), &[]).await.unwrap();
        let error = fill(shop, own(&folder, "id,name\n1,taken\n,x\n,y\n"), &[]).await.unwrap_err();
        assert!(matches!(error, LoadError::MostRefused { refused: 2, taken: 1, .. }), "{error}");
        assert_eq!(served(shop).await[0]["name"], "kept");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_there_changes_nothing_and_leaves_the_version_gone_back_from() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        for name in ["old", "new"] {
            fill(shop, own(&folder, &format!("id,name\n1,{name}\n")), &[]).await.unwrap();
        }
        roll_back(&shop.store).await.unwrap();
        let before = indices(shop).await;
        assert_eq!(before, ["products-v1", "products-v2"].map(|name| shop.store.name(name)));
        let source = own(&folder, "id,name\n1,x\n");
        std::fs::remove_file(folder.path().join("shop.csv")).unwrap();
        let error = fill(shop, source, &[]).await.unwrap_err();
        assert!(matches!(error, LoadError::Own(_)), "{error}");
        assert_eq!(indices(shop).await, before);
        assert_eq!(served(shop).await[0]["name"], "old");
    })
    .await;
}

#[tokio::test]
async fn a_json_array_that_was_cut_off_replaces_nothing() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, "id,name\n1,kept\n"), &[]).await.unwrap();
        let products: Vec<String> =
            (1..=LINES).map(|n| json!({ "id": n, "name": "taken" }).to_string()).collect();
        let cut = format!("[{},{{\"id\":7,\"na", products.join(","));
        let error = fill(shop, own(&folder, &cut), &[]).await.unwrap_err();
        assert!(matches!(error, LoadError::Own(_)), "{error}");
        assert_eq!(served(shop).await[0]["name"], "kept");
    })
    .await;
}

#[tokio::test]
async fn searches_see_no_error_while_the_catalogue_is_indexed_anew_and_gone_back_on() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, &table()), &[]).await.unwrap();
        let before = served(shop).await;
        let service = service(shop, &["--api-rate-per-second", "0"]);
        let (is_over, expected) = (AtomicBool::new(false), LINES / 20 * 19);
        let search = async {
            let mut searches = 0;
            while !is_over.load(Ordering::Relaxed) {
                let answer = service.get("/search?q=hammer&size=1").await;
                assert_eq!(answer["total"], expected, "after {searches} searches");
                searches += 1;
            }
            searches
        };
        let rebuild = async {
            for _ in 0..3 {
                fill(shop, Source::Served, &["gavel, hammer"]).await.unwrap();
            }
            let (served, before) = roll_back(&shop.store).await.unwrap();
            is_over.store(true, Ordering::Relaxed);
            (served, before)
        };
        let (searches, (left, now)) = tokio::join!(search, rebuild);
        assert!(searches > 10, "{searches} searches");
        assert_eq!((left, now), (shop.store.name("products-v4"), shop.store.name("products-v3")));
        assert_eq!(served(shop).await, before, "what was served is what is served");
        let answer = service.get("/search?q=gavel&size=1").await;
        assert_eq!(answer["total"], expected, "the new synonym is in the mapping");
    })
    .await;
}

#[tokio::test]
async fn there_is_no_way_back_before_the_first_version_and_nothing_to_rebuild_without_one() {
    with_shop(async |shop| {
        assert!(matches!(fill(shop, Source::Served, &[]).await, Err(LoadError::NothingServed)));
        assert!(matches!(roll_back(&shop.store).await, Err(LoadError::NothingServed)));
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, "id,name\n1,a\n"), &[]).await.unwrap();
        assert!(matches!(roll_back(&shop.store).await, Err(LoadError::NothingBefore { .. })));
    })
    .await;
}
