//! Filters, facets, orders and deep lists on the real Elasticsearch, with products of which little is known.

use poem::http::Method;
use serde_json::{Value, json};
use shoplens::model::product::Product;

use crate::live::shop::with_shop;
use crate::live::small_shop::{seed_with, service};

/// Screens, shoes, and a thing of which nothing is known but its name.
fn products() -> Vec<Product> {
    let screen = |id: &str, size: &str, colour: &str, price: i64, rating: f64| {
        json!({
            "id": id, "name": format!("Screen {id}"), "currency": "EUR", "category": "electronics.screens",
            "category_label": "Screens", "brand": "Smith, Jones", "price_cents": price, "rating": rating,
            "stock": 3, "popularity": 0.5, "created_at": "2026-01-01T00:00:00Z",
            "attributes": { "screen size": size, "colour": colour },
        })
    };
    let shoe = |id: &str, colour: &str| {
        json!({
            "id": id, "name": format!("Shoe {id}"), "currency": "EUR", "category": "fashion.shoes",
            "category_label": "Shoes", "brand": "Fleet", "stock": 0, "attributes": { "colour": colour },
        })
    };
    let rows = json!([
        screen("s-1", "24 inch", "black", 10_000, 4.6),
        screen("s-2", "27 inch", "black", 20_000, 3.2),
        screen("s-3", "27 inch", "white", 30_000, 4.0),
        shoe("f-1", "black"),
        shoe("f-2", "red"),
        { "id": "x-1", "name": "Thing", "currency": "EUR" },
    ]);
    serde_json::from_value(rows).unwrap()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Values with their counts.
fn counts<'a>(facet: &'a Value, key: &str) -> Vec<(&'a Value, u64)> {
    let counted = |one: &'a Value| (&one[key], one["count"].as_u64().unwrap());
    facet.as_array().unwrap().iter().map(counted).collect()
}

#[tokio::test]
async fn each_filter_narrows_and_values_of_one_are_alternatives() {
    with_shop(async |shop| {
        seed_with(shop, &products()).await;
        let service = service(shop, &[]);
        for (query, expected) in [
            ("min_rating=4", vec!["s-1", "s-3"]),
            ("in_stock=true", vec!["s-1", "s-2", "s-3", "x-1"]),
            ("attr.colour=white,red", vec!["f-2", "s-3"]),
            ("attr.colour=white&attr.colour=red", vec!["f-2", "s-3"]),
            ("attr.colour=black&attr.screen+size=27+inch", vec!["s-2"]),
            ("brand=Smith%5C%2C+Jones&max_price=150", vec!["s-1"]),
            ("category=fashion&category=electronics.screens&attr.colour=black", vec!["f-1", "s-1", "s-2"]),
            ("attr.no+such=x", vec![]),
        ] {
            let answer = service.get(&format!("/search?{query}")).await;
            let mut found = ids(&answer);
            found.sort_unstable();
            assert_eq!(found, expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn facets_say_what_another_choice_would_bring() {
    with_shop(async |shop| {
        seed_with(shop, &products()).await;
        let service = service(shop, &[]);
        let facets = service.get("/search?attr.colour=white").await["facets"].take();
        let colours = json!({ "name": "colour", "values": [
            { "value": "black", "count": 3 }, { "value": "red", "count": 1 }, { "value": "white", "count": 1 },
        ]});
        assert_eq!(facets["attributes"], json!([colours]));
        assert_eq!(counts(&facets["brand"], "value"), [(&json!("Smith, Jones"), 1)]);
        let facets = service.get("/search?q=screen&min_rating=4").await["facets"].take();
        let names: Vec<_> = facets["attributes"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["colour", "screen size"]);
        let stars = [(&json!(4), 2), (&json!(3), 3), (&json!(2), 3), (&json!(1), 3)];
        assert_eq!(counts(&facets["rating"], "from"), stars);
        assert_eq!(facets["in_stock"], 2);
        let departments = service.get("/search?in_stock=true").await["facets"].take();
        assert_eq!(departments["in_stock"], 4);
        assert_eq!(counts(&departments["category"], "value"), [(&json!("electronics"), 3)]);
    })
    .await;
}

#[tokio::test]
async fn products_that_lack_what_is_sorted_by_come_last() {
    with_shop(async |shop| {
        seed_with(shop, &products()).await;
        let service = service(shop, &[]);
        for (sort, expected) in [
            ("price", ["s-1", "s-2", "s-3"]),
            ("-price", ["s-3", "s-2", "s-1"]),
            ("rating", ["s-1", "s-3", "s-2"]),
        ] {
            let answer = service.get(&format!("/search?sort={sort}")).await;
            assert_eq!((&answer["sort"], &ids(&answer)[..3]), (&json!(sort), &expected[..]));
            assert_eq!(answer["total"], 6);
        }
        let (status, problem) = service.problem(Method::GET, "/search?sort=cheap").await;
        assert_eq!((status, &problem["parameter"]), (400, &json!("sort")));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_leads_to_the_end_without_gap_or_repetition_and_serves_no_other_search() {
    with_shop(async |shop| {
        seed_with(shop, &products()).await;
        let service = service(shop, &[]);
        for sort in ["relevance", "price", "-price", "rating", "popularity", "newest"] {
            let all = service.get(&format!("/search?sort={sort}&size=100")).await;
            let mut path = format!("/search?sort={sort}&size=2");
            let mut walked = Vec::new();
            for page in 1..=3 {
                let answer = service.get(&path).await;
                assert_eq!(answer["page"], page);
                walked.extend(answer["items"].as_array().unwrap().clone());
                path = format!(
                    "/search?sort={sort}&size=2&cursor={}",
                    answer["next_cursor"].as_str().unwrap_or("end")
                );
            }
            assert_eq!(json!(walked), all["items"], "{sort}");
            assert!(path.ends_with("cursor=end"), "{path}");
        }
        let answer = service.get("/search?size=2").await;
        let cursor = answer["next_cursor"].as_str().unwrap();
        for other in ["q=screen", "sort=price", "in_stock=true", "fuzzy=false"] {
            let (status, problem) =
                service.problem(Method::GET, &format!("/search?{other}&cursor={cursor}")).await;
            assert_eq!((status, &problem["parameter"]), (400, &json!("cursor")), "{other}");
        }
        let (status, problem) = service.problem(Method::GET, "/search?page=101&size=100").await;
        assert_eq!((status, &problem["parameter"]), (400, &json!("page")));
    })
    .await;
}
