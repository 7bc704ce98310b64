//! Synonyms and rules that are changed while the shop runs, on the real Elasticsearch.

use futures_util::future::join_all;
use poem::http::Method;
use poem::{Endpoint, Response};
use serde_json::{Value, json};
use shoplens::model::product::Product;
use shoplens::store::Missing;
use shoplens::store::schema::Schema;

use crate::live::autocomplete::store_searches;
use crate::live::shop::{Shop, eventually, with_shop};
use crate::live::small_shop::{Service, product, seed, seed_with, service};

const TOKEN: &str = "a token for this test";
const WITH_TOKEN: [&str; 4] = ["--admin-token", TOKEN, "--api-rate-per-second", "0"];

fn ids(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

async fn total<E: Endpoint<Output = Response>>(service: &Service<E>, path: &str) -> u64 {
    service.get(path).await["total"].as_u64().unwrap()
}

/// What was recorded, as revision, id and who.
async fn recorded(shop: &Shop) -> Vec<(u64, String, String)> {
    let body = json!({ "sort": ["revision"], "size": 100 });
    let index = "merchandising-changes";
    let found: Value = shop.store.search("read changes", index, Missing::IsEmpty, &body).await.unwrap();
    let text = |source: &Value, field: &str| source[field].as_str().unwrap().to_owned();
    let of = |hit: &Value| {
        let source = &hit["_source"];
        (source["revision"].as_u64().unwrap(), text(source, "id"), text(source, "by"))
    };
    found["hits"]["hits"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn a_synonym_is_tried_made_searched_by_and_taken_back() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &WITH_TOKEN);
        assert_eq!(total(&service, "/search?q=kickers&fuzzy=false").await, 0);
        let path = "/synonyms/kickers";
        let body = json!({ "terms": ["kickers", "running shoes"] });
        let tried = service.send(Method::PUT, &format!("{path}?dry_run=true"), TOKEN, &body).await;
        assert_eq!((tried.0, &tried.1["revision"], &tried.1["dry_run"]), (200, &json!(1), &json!(true)));
        let effect = &tried.1["effects"][0];
        assert_eq!((&effect["query"], &effect["changes"]), (&json!("kickers"), &json!(true)));
        assert_eq!((&effect["before"], effect["after"].as_array().unwrap().len()), (&json!([]), 3));
        assert_eq!(service.get("/synonyms").await, json!({ "revision": 0, "synonyms": [] }));

        assert_eq!(service.send(Method::PUT, path, TOKEN, &body).await.0, 200);
        eventually("the synonym is searched by", async || {
            (total(&service, "/search?q=kickers&fuzzy=false").await == 3).then_some(())
        })
        .await;
        let answer = service.get("/search?q=strider+kickers").await;
        let name = answer["items"][0]["name"].as_str().unwrap();
        assert!(name.ends_with("running shoes"), "{name}");
        let suggested = service.get("/autocomplete?q=kick").await;
        assert_eq!(suggested["suggestions"][0]["value"], "fashion.shoes.running-shoes");

        assert_eq!(service.send(Method::POST, "/changes/1/undo", TOKEN, &Value::Null).await.0, 200);
        eventually("the synonym is gone", async || {
            (total(&service, "/search?q=kickers&fuzzy=false").await == 0).then_some(())
        })
        .await;
        assert_eq!(service.get("/autocomplete?q=kick").await["suggestions"], json!([]));
        let expected = [(1, "kickers"), (2, "kickers")].map(|(n, id)| (n, id.to_owned(), "admin".to_owned()));
        assert_eq!(recorded(shop).await, expected);
        let changes = service.get("/changes").await;
        assert_eq!(
            (&changes["changes"][0]["undoes"], &changes["changes"][0]["synonym_before"]),
            (&json!(1), &body_with_also(&body))
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_is_tried_on_the_popular_searches_that_it_concerns() {
    with_shop(async |shop| {
        seed(shop).await;
        let searches = [
            (None, "red kickers", 5, 5, 1),
            (None, "kicker for the road", 9, 9, 1),
            (None, "kickers of one person", 1, 1, 0),
            (None, "laptop", 9, 9, 0),
        ];
        store_searches(shop, &Schema::QUERY_STATS, &searches).await;
        let service = service(shop, &WITH_TOKEN);
        let tried = async |method, path: &str, body: &Value| {
            let (status, answer) = service.send(method, path, TOKEN, body).await;
            assert_eq!(status, 200, "{answer}");
            let effects = answer["effects"].as_array().unwrap();
            let told = effects.iter().map(|effect| (effect["query"].as_str().unwrap(), &effect["changes"]));
            told.map(|(query, changes)| (query.to_owned(), changes.as_bool().unwrap())).collect::<Vec<_>>()
        };
        let expected = |queries: &[(&str, bool)]| -> Vec<(String, bool)> {
            queries.iter().map(|(query, changes)| ((*query).to_owned(), *changes)).collect()
        };
        let all = expected(&[("kickers", true), ("kicker for the road", true), ("red kickers", true)]);
        let body = json!({ "terms": ["kickers"], "also": ["running shoes"] });
        let path = "/synonyms/kickers";
        assert_eq!(tried(Method::PUT, &format!("{path}?dry_run=true"), &body).await, all);
        assert_eq!(service.send(Method::PUT, path, TOKEN, &body).await.0, 200);
        let none = &Value::Null;
        assert_eq!(tried(Method::DELETE, &format!("{path}?dry_run=true"), none).await, all);
        assert_eq!(tried(Method::POST, "/changes/1/undo?dry_run=true", none).await, all);
        let asked = expected(&[("laptop", false), ("kickers", true)]);
        for (method, path) in [(Method::DELETE, path), (Method::POST, "/changes/1/undo")] {
            let path = format!("{path}?dry_run=true&query=laptop&query=kickers");
            assert_eq!(tried(method, &path, none).await, asked);
        }
    })
    .await;
}

fn body_with_also(body: &Value) -> Value {
    json!({ "terms": body["terms"], "also": [] })
}

#[tokio::test]
async fn rules_pin_hide_and_lift_and_leave_other_searches_alone() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &WITH_TOKEN);
        let plain = service.get("/search?q=headphones").await;
        let (first, last) = (ids(&plain)[0].to_owned(), (*ids(&plain).last().unwrap()).to_owned());
        // p-016 is a dining table, which no search for headphones finds.
        let rule = json!({ "query": "Headphone", "pin": ["p-016", last], "hide": [first] });
        assert_eq!(service.send(Method::PUT, "/rules/a", TOKEN, &rule).await.0, 200);
        let curated = eventually("the rule holds", async || {
            let answer = service.get("/search?q=headphones").await;
            (ids(&answer)[0] == "p-016").then_some(answer)
        })
        .await;
        assert_eq!(ids(&curated)[1], last);
        assert!(!ids(&curated).contains(&first.as_str()));
        // What is hidden from a search is not suggested on the way to it, and elsewhere it is.
        for (typed, is_there) in
            [("headph", false), ("headphones", false), ("voltara", true), ("headphones+vo", true)]
        {
            let answer = service.get(&format!("/autocomplete?q={typed}&size=20")).await;
            let suggested = answer["suggestions"].as_array().unwrap();
            assert_eq!(
                suggested.iter().any(|one| one["value"] == first.as_str()),
                is_there,
                "{typed}: {answer}"
            );
        }
        assert_eq!(curated["total"], plain["total"], "one more, one less");
        assert_eq!(ids(&service.get("/search?q=wireless+headphones").await)[0], first);

        let boost = json!({ "category": "electronics", "boost": [{ "brand": "Caselot", "factor": 100 }] });
        assert_eq!(service.send(Method::PUT, "/rules/b", TOKEN, &boost).await.0, 200);
        eventually("the boost holds in the category and below", async || {
            let answer = service.get("/search?category=electronics.phones").await;
            (answer["items"][0]["brand"] == "Caselot").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_word_of_a_synonym_is_never_taken_for_a_misspelled_one() {
    with_shop(async |shop| {
        let knickers = ("fashion.clothing.knickers", "Élan", "Élan soft knickers", "Of cotton.", 999, 0.5);
        let trainers = ("fashion.shoes.trainers", "Fleet", "Fleet Dash trainers", "Light.", 9_999, 0.5);
        let mut products: Vec<Product> = (0..45).map(|n| product(n, &knickers)).collect();
        products.push(product(45, &trainers));
        seed_with(shop, &products).await;
        let service = service(shop, &WITH_TOKEN);
        assert_eq!(service.get("/search?q=kickers").await["did_you_mean"], "knickers");
        let synonym = json!({ "terms": ["kickers"], "also": ["trainers"] });
        assert_eq!(service.send(Method::PUT, "/synonyms/kickers", TOKEN, &synonym).await.0, 200);
        let answer = eventually("the synonym is searched by", async || {
            let answer = service.get("/search?q=kickers").await;
            (answer["did_you_mean"].is_null()).then_some(answer)
        })
        .await;
        assert_eq!((&answer["relaxation"], ids(&answer)), (&json!("none"), vec!["p-045"]), "{answer}");
        for query in ["kicker", "Kickers+spaceship"] {
            let answer = service.get(&format!("/search?q={query}")).await;
            assert_eq!(
                (answer.get("did_you_mean"), ids(&answer)),
                (None, vec!["p-045"]),
                "{query}: {answer}"
            );
        }
    })
    .await;
}

fn reasons<'a>(item: &'a Value, kind: &str) -> Vec<&'a Value> {
    let reasons = item["reasons"].as_array().unwrap().iter();
    reasons.filter(|reason| reason["kind"] == kind).collect()
}

/// The score, as the reasons give it.
fn score_by_reasons(item: &Value) -> f64 {
    let of = |what: &str| -> Vec<f64> {
        item["reasons"].as_array().unwrap().iter().filter_map(|reason| reason[what].as_f64()).collect()
    };
    of("points").iter().sum::<f64>() * of("factor").iter().product::<f64>() + of("added").iter().sum::<f64>()
}

#[tokio::test]
async fn a_curated_search_says_which_rule_and_which_synonym_put_a_product_where_it_is() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &WITH_TOKEN);
        let synonym = json!({ "terms": ["kickers"], "also": ["running shoes"] });
        assert_eq!(service.send(Method::PUT, "/synonyms/sporty", TOKEN, &synonym).await.0, 200);
        // p-016 is a dining table, p-020 a running shoe.
        let pins = json!({ "query": "kickers", "pin": ["p-016", "p-020"] });
        assert_eq!(service.send(Method::PUT, "/rules/top", TOKEN, &pins).await.0, 200);
        let lifts = json!({ "query": "kickers", "hide": ["p-001"], "boost": [
            { "brand": "Fleet", "factor": 3 }, { "category": "fashion.shoes", "factor": 0.5 }, { "product": "p-019", "factor": 4 },
        ]});
        assert_eq!(service.send(Method::PUT, "/rules/more", TOKEN, &lifts).await.0, 200);
        let answer = eventually("the rules hold", async || {
            let answer = service.get("/search?q=kickers&explain=true").await;
            (ids(&answer).len() == 4).then_some(answer)
        })
        .await;
        assert_eq!(ids(&answer)[..2], ["p-016", "p-020"], "{answer}");
        let [table, trail, others @ ..] = answer["items"].as_array().unwrap().as_slice() else { panic!() };

        let text = |reason: &Value| reason["text"].as_str().unwrap().to_owned();
        let pinned = reasons(table, "pinned");
        assert_eq!(text(pinned[0]), "the rule “top” pins it as number 1, although the query does not find it");
        assert_eq!((&pinned[0]["by"], table["reasons"].as_array().unwrap().len()), (&json!("top"), 1));
        assert_eq!(text(&trail["reasons"][0]), "the rule “top” pins it as number 2");
        for shoe in [&[trail], &others.iter().collect::<Vec<_>>()[..]].concat() {
            let put_in = reasons(shoe, "synonym");
            let expected = "the synonym “sporty” has put “running shoes” in for “kickers”";
            assert!(!put_in.is_empty() && text(put_in[0]).contains(expected), "{shoe}");
            assert_eq!(put_in[0]["by"], "sporty");
            assert!(["word", "exact", "together"].iter().all(|kind| reasons(shoe, kind).is_empty()), "{shoe}");
        }
        let lifted = |item: &Value| -> Vec<String> { reasons(item, "rule_boost").into_iter().map(text).collect() };
        let shoes = "the rule “more” multiplies the points of products in fashion.shoes by 0.5";
        let by_id = |id: &str| others.iter().find(|item| item["id"] == id).unwrap();
        let this = "the rule “more” multiplies the points of this product by 4";
        assert_eq!(lifted(by_id("p-019")), [shoes, this]);
        let fleet = "the rule “more” multiplies the points of products of the brand Fleet by 3";
        assert_eq!(lifted(by_id("p-021")), [fleet, shoes]);
        for item in answer["items"].as_array().unwrap() {
            let (told, score) = (score_by_reasons(item), item["score"].as_f64().unwrap());
            // A pinned product's score is a float of over a million.
            let slack = if reasons(item, "pinned").is_empty() { 0.001 * score } else { 0.5 };
            assert!((told - score).abs() < slack, "{told} ≠ {score}: {item}");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_changes_anything_without_the_token_or_what_somebody_else_has_changed() {
    with_shop(async |shop| {
        seed(shop).await;
        let closed = service(shop, &["--api-rate-per-second", "0"]);
        let body = json!({ "terms": ["a", "b"] });
        let (status, problem) = closed.send(Method::PUT, "/synonyms/x", TOKEN, &body).await;
        assert!(status == 403 && problem["detail"].as_str().unwrap().contains("ADMIN_TOKEN"), "{problem}");
        let open = service(shop, &WITH_TOKEN);
        for path in ["/synonyms/x", "/rules/x"] {
            let (status, problem) =
                open.send(Method::DELETE, path, "another token that is long", &Value::Null).await;
            assert_eq!((status, problem["status"].as_u64()), (401, Some(401)));
        }
        assert_eq!(open.send(Method::POST, "/changes/1/undo", "", &Value::Null).await.0, 401);

        assert_eq!(open.send(Method::PUT, "/synonyms/x?revision=0", TOKEN, &body).await.0, 200);
        let (status, problem) =
            open.send(Method::PUT, "/synonyms/x?revision=0", TOKEN, &json!({ "terms": ["a", "c"] })).await;
        assert!(status == 409 && problem["detail"].as_str().unwrap().contains("revision 1"), "{problem}");
        assert_eq!(open.send(Method::DELETE, "/synonyms/y", TOKEN, &Value::Null).await.0, 404);
        assert_eq!(open.send(Method::POST, "/changes/9/undo", TOKEN, &Value::Null).await.0, 404);
        for (path, body) in [
            ("/synonyms/y", json!({ "terms": ["a, b", "c"] })),
            ("/synonyms/y", json!({ "terms": "a" })),
            ("/rules/y", json!({ "query": "x", "pin": ["p-999"] })),
            ("/rules/y", json!({ "query": "x", "pin": [], "piin": [] })),
        ] {
            let (status, problem) = open.send(Method::PUT, path, TOKEN, &body).await;
            assert_eq!(status, 400, "{body}: {problem}");
        }
        let long = json!({ "terms": ["a", "x".repeat(100_000)] });
        assert_eq!(open.send(Method::PUT, "/synonyms/y", TOKEN, &long).await.0, 413);
        assert_eq!(recorded(shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_synonym_finds_what_a_compiled_one_finds_in_queries_of_several_words_too() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &WITH_TOKEN);
        // As `telly` is compiled in.
        let synonym = json!({ "terms": ["gogglebox", "television"] });
        assert_eq!(service.send(Method::PUT, "/synonyms/tv", TOKEN, &synonym).await.0, 200);
        eventually("the synonym is searched by", async || {
            (total(&service, "/search?q=gogglebox").await == total(&service, "/search?q=telly").await)
                .then_some(())
        })
        .await;
        for rest in ["", "+sonara", "+panel+43+inch", "+vista", "+panle", "+vitsa+55", "+small+romos"] {
            let made = service.get(&format!("/search?q=gogglebox{rest}")).await;
            let compiled = service.get(&format!("/search?q=telly{rest}")).await;
            let both = [&made, &compiled].map(|answer| (ids(answer), answer["relaxation"].clone()));
            assert_eq!(both[0], both[1], "{rest}");
            assert!(!ids(&made).is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_refused_by_the_name_of_its_field() {
    with_shop(async |shop| {
        let service = service(shop, &WITH_TOKEN);
        for (path, body, expected) in [
            ("/synonyms/a", json!({ "terms": "sofa" }), "terms must be a list"),
            ("/synonyms/a", json!({ "terms": ["sofa", ["settee"]] }), "terms[1] must be a text"),
            (
                "/rules/a",
                json!({ "query": "tv", "pins": [] }),
                "there is no field pins; there are query, matching",
            ),
            (
                "/rules/a",
                json!({ "query": "tv", "matching": "some" }),
                "matching must be one of exact, contains",
            ),
            ("/rules/a", json!({ "query": "tv", "until": "soon" }), "until must be a time such as 2026-"),
            ("/rules/a", json!({ "boost": [{ "brand": "A" }] }), "boost[0].factor is missing"),
        ] {
            let (status, problem) = service.send(Method::PUT, path, TOKEN, &body).await;
            let detail = problem["detail"].as_str().unwrap();
            assert!(status == 400 && detail.starts_with(expected), "{body}: {problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_dozen_who_change_at_once_are_all_recorded() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &WITH_TOKEN);
        let put = async |n: u32| {
            let body = json!({ "terms": [format!("a{n}"), format!("b{n}")] });
            service.send(Method::PUT, &format!("/synonyms/s{n}"), TOKEN, &body).await.0
        };
        assert_eq!(join_all((1..=12).map(put)).await, [200; 12]);
        let synonyms = service.get("/synonyms").await;
        assert_eq!(
            (synonyms["revision"].as_u64(), synonyms["synonyms"].as_array().unwrap().len()),
            (Some(12), 12)
        );
        let revisions: Vec<u64> = recorded(shop).await.into_iter().map(|(revision, ..)| revision).collect();
        assert_eq!(revisions, (1..=12).collect::<Vec<_>>());
    })
    .await;
}
