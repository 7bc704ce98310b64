//! What the ranking promises, on the real Elasticsearch and a catalogue small enough to be read.

use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use shoplens::model::product::{AttributeValue, Product};
use shoplens::relevance::report::Report;
use shoplens::relevance::run::{RelevanceSettings, measure};
use shoplens::relevance::statistics;

use crate::live::shop::{Shop, with_shop};
use crate::live::small_shop::{product, seed, seed_with, service};

/// Far above what a search takes on a busy machine, far below what a shopper waits for.
const HARMLESS: Duration = Duration::from_secs(5);

fn names(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn identifiers_and_sizes_are_found_in_every_spelling_and_never_taken_for_others() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        for query in ["WH-1000", "wh1000", "wh+1000", "WH1000"] {
            let answer = service.get(&format!("/search?q={query}")).await;
            assert_eq!(names(&answer)[0], "Sonara Studio headphones WH-1000", "{query}");
        }
        for query in ["256gb", "256+gb", "256GB"] {
            let answer = service.get(&format!("/search?q={query}")).await;
            assert_eq!(names(&answer)[0], "Nimbus One smartphone 256gb", "{query}");
        }
        for query in ["WH-1001", "255gb", "WH-100"] {
            let answer = service.get(&format!("/search?q={query}")).await;
            assert_eq!(answer["total"], 0, "{query}: {:?}", names(&answer));
        }
    })
    .await;
}

#[tokio::test]
async fn the_answer_says_what_was_meant() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let meant = async |query: &str| {
            let answer = service.get(&format!("/search?q={query}")).await;
            (
                answer["did_you_mean"].as_str().map(str::to_owned),
                answer["relaxation"].as_str().unwrap().to_owned(),
            )
        };
        let said = |text: &str, stage: &str| (Some(text.to_owned()), stage.to_owned());
        assert_eq!(meant("kids+headphons").await, said("kids headphones", "any_word"));
        assert_eq!(meant("headphons").await, said("headphones", "similar_words"));
        // Two errors in a short word, the first letter among them.
        assert_eq!(meant("tsrider").await, said("strider", "fuzzier"));
        assert_eq!(meant("headphones").await, (None, "none".to_owned()));
        assert_eq!(meant("headphons&fuzzy=false").await, (None, "none".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn what_has_all_words_comes_before_what_has_some() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=dining+table").await;
        assert_eq!(names(&answer)[..2], ["Arbor dining table", "Arbor coffee table"]);
        assert_eq!(answer["relaxation"], "any_word");
        let answer = service.get("/search?q=strider+trail+shoes").await;
        assert_eq!(names(&answer)[0], "Strider Trail running shoes");
    })
    .await;
}

#[tokio::test]
async fn where_nothing_fits_the_department_s_best_sellers_are_shown() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=spaceship&category=fashion.shoes.running-shoes&size=3").await;
        assert_eq!(answer["relaxation"], "best_sellers");
        let expected = ["Strider running jacket", "Strider Flow running shoes", "Fleet Dash running shoes"];
        assert_eq!(names(&answer), expected);
        for nothing in ["", "&category=fashion.shoes.running-shoes&max_price=0.01"] {
            assert_eq!(service.get(&format!("/search?q=spaceship{nothing}")).await["total"], 0, "{nothing}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_facets_beside_best_sellers_are_those_of_the_whole_department() {
    with_shop(async |shop| {
        let row = |category| (category, "Strider", "Strider thing", "Fits.", 1_000, 0.5);
        let mut products: Vec<Product> = (0..6).map(|n| product(n, &row("fashion.shoes.boots"))).collect();
        products.push(product(6, &row("fashion.clothing.coats")));
        for red in products.iter_mut().take(3) {
            red.attributes = [("colour".to_owned(), AttributeValue::One("red".to_owned()))].into();
        }
        seed_with(shop, &products).await;
        let path = "/search?q=spaceship&category=fashion.shoes.boots&attr.colour=red";
        let answer = service(shop, &[]).get(path).await;
        assert_eq!((&answer["relaxation"], &answer["total"]), (&json!("best_sellers"), &json!(3)));
        let counts = |lines: &Value| -> Vec<(String, u64)> {
            let count =
                |line: &Value| (line["value"].as_str().unwrap().to_owned(), line["count"].as_u64().unwrap());
            lines.as_array().unwrap().iter().map(count).collect()
        };
        let counted = |value: &str, count| (value.to_owned(), count);
        let expected = [counted("fashion", 3), counted("fashion.shoes", 3)];
        assert_eq!(counts(&answer["facets"]["category"]), expected);
        let colours = &answer["facets"]["attributes"][0]["values"];
        assert_eq!(counts(colours), [counted("black", 4), counted("red", 3)]);
    })
    .await;
}

#[tokio::test]
async fn matches_are_marked_as_safe_html() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=smartphone+256gb").await;
        let highlight = &answer["items"][0]["highlight"];
        assert_eq!(highlight["name"], "Nimbus One <mark>smartphone</mark> <mark>256gb</mark>");
        assert_eq!(highlight["description"], "A <mark>smartphone</mark> with a bright screen.");
        let answer = service.get("/search?q=headset").await;
        assert_eq!(answer["items"][0]["highlight"]["name"], "Nimbus Talk <mark>headset</mark>");
        assert!(service.get("/search").await["items"][0].get("highlight").is_none());
    })
    .await;
}

#[tokio::test]
async fn the_reasons_add_up_to_the_score() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let queries = [
            "wireless+headphones",
            "smartphone+256gb",
            "cell+phone",
            "runing+shos",
            "headph",
            "black+strider+jacket",
            "",
        ];
        for query in queries {
            let answer = service.get(&format!("/search?q={query}&explain=true")).await;
            assert!(answer["sent"]["query"].is_object());
            let items = answer["items"].as_array().unwrap();
            assert!(!items.is_empty(), "{query}");
            for item in items {
                let reasons = item["reasons"].as_array().unwrap();
                let points: f64 = reasons.iter().filter_map(|reason| reason["points"].as_f64()).sum();
                let factor: f64 = reasons.iter().filter_map(|reason| reason["factor"].as_f64()).product();
                // A search without words gives every product one point.
                let points = if query.is_empty() { 1.0 } else { points };
                let score = item["score"].as_f64().unwrap();
                assert!(
                    (points * factor - score).abs() < 0.01 * score,
                    "{query}: {points} × {factor} ≠ {score}: {item}"
                );
            }
        }
        let plain = service.get("/search?q=headphones").await;
        assert!(plain.get("sent").is_none() && plain["items"][0].get("reasons").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_typing_error_is_told_with_its_distance() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=headphons&explain=true").await;
        let reason = &answer["items"][0]["reasons"][0];
        assert_eq!((&reason["kind"], &reason["edits"]), (&Value::from("typo"), &Value::from(1)), "{reason}");
        let text = reason["text"].as_str().unwrap();
        assert!(text.contains("1 typing error away from “headphons”"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn long_rubbish_is_answered_quickly() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let words = "qwrtz psdfgh jklyx cvbnmq wrtzps dfghjk ".repeat(250);
        for text in ["🎧".repeat(3_000), "耳机".repeat(3_000), "1-".repeat(5_000), words] {
            let started = Instant::now();
            let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            service.get(&format!("/search?q={query}&explain=true")).await;
            assert!(started.elapsed() < HARMLESS, "{:?} for {:.20}", started.elapsed(), text);
        }
    })
    .await;
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    relevance: RelevanceSettings,
}

async fn measured(shop: &Shop, flags: &[&str]) -> anyhow::Result<Report> {
    let flags = Flags::parse_from([&["it"], flags].concat());
    measure(&flags.relevance, &shop.store).await
}

#[tokio::test]
async fn half_of_the_shipped_queries_which_no_weight_was_tuned_on_are_answered_well() {
    with_shop(async |shop| {
        let report = measured(shop, &["--half=held-out", "--against=baseline"]).await.unwrap();
        let ndcg: Vec<f64> = report.rows.iter().map(|row| row.scores.ndcg).collect();
        assert!(statistics::mean(&ndcg, 1).unwrap().low > 0.85, "{report}");
        let gains: Vec<f64> =
            report.rows.iter().map(|row| row.scores.ndcg - row.other.unwrap().ndcg).collect();
        assert!(statistics::mean(&gains, 1).unwrap().low > 0.0, "{report}");
        assert_eq!(report.traps.taken_in, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn judgments_of_one_s_own_are_measured_on_the_shop_s_catalogue() {
    with_shop(async |shop| {
        seed(shop).await;
        let path = std::env::temp_dir().join(format!("{}judgments.tsv", shop.prefix));
        let flag = format!("--judgments={}", path.display());
        // Of the two tables the search puts the dining table first, which this shopper likes less.
        std::fs::write(&path, "dining table\tp-016\t1\ndining table\tp-017\t3\n").unwrap();
        let report = measured(shop, &[&flag]).await.unwrap();
        let [row] = report.rows.as_slice() else { panic!("{report}") };
        let best = 7.0 + 1.0 / 3_f64.log2();
        let expected = (1.0 + 7.0 / 3_f64.log2()) / best;
        assert!((row.scores.ndcg - expected).abs() < 1e-9, "{report}");
        assert_eq!((row.scores.reciprocal_rank, row.scores.recall), (1.0, 1.0));
        std::fs::write(&path, "dining table p-016 1\n").unwrap();
        let error = format!("{:#}", measured(shop, &[&flag]).await.unwrap_err());
        assert!(error.contains("judgments.tsv") && error.contains("line 1 has 1 columns"), "{error}");
        std::fs::remove_file(&path).unwrap();
    })
    .await;
}
