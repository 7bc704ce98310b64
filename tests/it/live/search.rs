//! The search on the real Elasticsearch, with a catalogue small enough to be read.

use serde_json::{Value, json};
use shoplens::model::ids::ProductId;
use shoplens::model::product::Product;

use crate::live::shop::with_shop;
use crate::live::small_shop::{product, seed, seed_with, service};

fn names(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

fn all_in(answer: &Value, category: &str) -> bool {
    let items = answer["items"].as_array().unwrap();
    !items.is_empty() && items.iter().all(|item| item["category"].as_str().unwrap().starts_with(category))
}

#[tokio::test]
async fn a_misspelled_word_finds_what_was_meant() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=headphons").await;
        assert_eq!(answer["relaxation"], "similar_words");
        assert_eq!(answer["total"], 5, "{answer}");
        assert!(names(&answer).iter().all(|name| name.contains("headphones")));
        let answer = service.get("/search?q=smartfone&size=2").await;
        assert!(all_in(&answer, "electronics.phones.smartphones"), "{:?}", names(&answer));
        let answer = service.get("/search?q=strider+runing+shos").await;
        assert!(names(&answer)[0].ends_with("running shoes"), "{:?}", names(&answer));
        let answer = service.get("/search?q=headphons&fuzzy=false").await;
        assert_eq!(answer["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_spelled_right_is_never_taken_for_its_neighbours() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=table").await;
        assert_eq!(answer["relaxation"], "none");
        assert_eq!(names(&answer), ["Arbor coffee table", "Arbor dining table"]);
        let answer = service.get("/search?q=WH-1001").await;
        assert_eq!(answer["total"], 0, "{:?}", names(&answer));
    })
    .await;
}

#[tokio::test]
async fn synonyms_of_one_and_of_several_words_are_found() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        for (query, category) in [
            ("tv", "electronics.tv.televisions"),
            ("earbuds", "electronics.audio.in-ear-headphones"),
            ("cell+phone", "electronics.phones"),
            ("notebook+computer", "electronics.computers.laptops"),
        ] {
            let answer = service.get(&format!("/search?q={query}&size=2")).await;
            assert!(all_in(&answer, category), "{query}: {:?}", names(&answer));
            assert!(answer.get("did_you_mean").is_none(), "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_thing_itself_comes_before_what_belongs_to_it() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=laptop&size=3").await;
        assert!(all_in(&answer, "electronics.computers.laptops"), "{:?}", names(&answer));
        let answer = service.get("/search?q=smartphone&size=2").await;
        assert!(all_in(&answer, "electronics.phones.smartphones"), "{:?}", names(&answer));
    })
    .await;
}

#[tokio::test]
async fn words_may_lie_in_different_fields() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/search?q=black+strider+jacket").await;
        assert_eq!(names(&answer)[0], "Strider running jacket");
        let answer = service.get("/search?q=elan+cafe").await;
        assert_eq!(names(&answer), ["Élan summer dress"]);
        let answer = service.get("/search?q=oak+spaceship").await;
        assert_eq!(
            (&answer["relaxation"], &names(&answer)[..]),
            (&json!("any_word"), &["Arbor dining table"][..])
        );
    })
    .await;
}

#[tokio::test]
async fn filters_narrow_and_facets_ignore_their_own() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let path = "/search?q=laptop&category=electronics.computers.laptops&min_price=500&max_price=2000";
        let answer = service.get(path).await;
        assert_eq!(names(&answer), ["Voltara Aero 14 laptop 16gb"]);
        assert_eq!(answer["items"][0]["price"], 1299.0);
        assert_eq!(answer["items"][0]["rating"], 4.3);
        let price = &answer["facets"]["price"];
        assert_eq!((&price["min"], &price["max"]), (&json!(499.0), &json!(2199.0)));
        let lines = answer["facets"]["category"].as_array().unwrap();
        let paths: Vec<_> =
            lines.iter().map(|line| (line["value"].as_str().unwrap(), &line["count"])).collect();
        assert_eq!(
            paths[..3],
            [
                ("electronics", &json!(1)),
                ("electronics.computers", &json!(1)),
                ("electronics.computers.laptops", &json!(1)),
            ]
        );
        let answer = service.get("/search?q=shoes&brand=Fleet").await;
        assert_eq!(answer["total"], 1);
        assert_eq!(answer["facets"]["brand"].as_array().unwrap().len(), 2);
        let answer = service.get("/search?q=shoes&brand=Fleet&brand=Strider").await;
        assert_eq!(answer["total"], 3);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let all = service.get("/search?size=100").await;
        assert_eq!(all["items"][0]["position"], 1);
        let mut paged = Vec::new();
        for page in 1..=5 {
            let answer = service.get(&format!("/search?size=5&page={page}")).await;
            paged.extend(answer["items"].as_array().unwrap().clone());
        }
        assert_eq!(json!(paged), all["items"]);
        assert_eq!(all["total"], paged.len());
    })
    .await;
}

#[tokio::test]
async fn rubbish_of_any_kind_is_answered() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let long = "x".repeat(10_000);
        let many = "a+".repeat(3_000);
        for query in [
            "%00",
            "%F0%9F%8E%A7",
            "%22%5C%7B%7D%5B%5D*%3F~%5E%3A",
            "%E8%80%B3%E6%9C%BA",
            "%D1%82%D0%B5%D0%BB",
            "AND+OR+NOT",
            "%FF%FE",
            long.as_str(),
            many.as_str(),
            "%E2%80%AE%E2%80%8B",
            "-",
            "%",
        ] {
            service.get(&format!("/search?q={query}")).await;
            service.get(&format!("/autocomplete?q={query}")).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_identifier_finds_its_product_first_and_is_never_taken_for_another() {
    with_shop(async |shop| {
        let row = |name| ("tools.saws", "Kerbold", name, "For wood.", 4_999, 0.5);
        let ids = ["SKU-4711", "sku-4712", "KERBOLT"];
        let called = ["Kerbold saw SKU 4712 replacement", "Kerbold hand saw", "Kerbold saw"];
        let products = ids
            .iter()
            .zip(called)
            .map(|(id, name)| Product { id: ProductId::parse(id).unwrap(), ..product(0, &row(name)) });
        seed_with(shop, &products.collect::<Vec<_>>()).await;
        let service = service(shop, &[]);
        for (typed, expected) in [
            ("sku-4711", "SKU-4711"),
            ("SKU-4712", "sku-4712"),
            ("kerbolt", "KERBOLT"),
            ("Sku-4712", "sku-4712"),
        ] {
            let answer = service.get(&format!("/search?q={typed}&explain=true")).await;
            assert_eq!(
                (&answer["items"][0]["id"], &answer["relaxation"]),
                (&json!(expected), &json!("none"))
            );
            assert!(answer.get("did_you_mean").is_none(), "{answer}");
            let reason = &answer["items"][0]["reasons"][0];
            assert_eq!((&reason["field"], &reason["kind"]), (&json!("id"), &json!("exact")), "{reason}");
        }
        // The words of a name are still found behind it, and another identifier is not.
        let both = service.get("/search?q=sku-4712").await;
        assert_eq!((names(&both).len(), &both["total"]), (2, &json!(2)), "{both}");
        let neighbour = service.get("/search?q=sku-4713").await;
        assert_eq!(neighbour["total"], 0, "{neighbour}");
    })
    .await;
}

#[tokio::test]
async fn words_that_the_catalogue_writes_as_one_or_as_two_are_found_either_way() {
    with_shop(async |shop| {
        let row = |category, name| (category, "Kerbold", name, "With a note in the book.", 4_999, 0.5);
        let rows = [("bags.backpacks", "Kerbold backpack"), ("garden.watering", "Kerbold garden hose")];
        let of =
            |(n, (category, name)): (usize, (&'static str, &'static str))| product(n, &row(category, name));
        let all = rows.into_iter().cycle().take(8).chain([("tools.racks", "Kerbold back plate with pack")]);
        seed_with(shop, &all.enumerate().map(of).collect::<Vec<_>>()).await;
        let service = service(shop, &[]);
        for (typed, meant) in
            [("back+pack", "backpack"), ("black+back+pack", "black backpack"), ("gardenhose", "garden hose")]
        {
            let found = service.get(&format!("/search?q={typed}")).await;
            let expected = service.get(&format!("/search?q={}", meant.replace(' ', "+"))).await;
            assert_eq!(names(&found), names(&expected), "{typed}: {found}");
            assert_eq!((&found["total"], &found["did_you_mean"]), (&expected["total"], &json!(meant)));
            assert_ne!(found["relaxation"], "none");
            let literal = service.get(&format!("/search?q={typed}&fuzzy=false")).await;
            assert!(literal.get("did_you_mean").is_none(), "{literal}");
        }
        // What stands side by side is meant as it is.
        let apart = service.get("/search?q=garden+hose").await;
        assert_eq!((&apart["total"], apart.get("did_you_mean")), (&json!(4), None), "{apart}");
        let unknown = service.get("/search?q=space+ship").await;
        assert!(unknown.get("did_you_mean").is_none(), "{unknown}");
    })
    .await;
}

#[tokio::test]
async fn a_word_finds_the_products_of_categories_further_down() {
    with_shop(async |shop| {
        let row = |category, name| (category, "Fleet", name, "Light.", 9_999, 0.5);
        let rows = [
            ("fashion.shoes.trainers", "Fleet Dash"),
            ("fashion.shoes.boots.winter", "Fleet Alp"),
            ("fashion.clothing.jackets", "Fleet Wind"),
        ];
        let products =
            rows.into_iter().enumerate().map(|(n, (category, name))| product(n, &row(category, name)));
        seed_with(shop, &products.collect::<Vec<_>>()).await;
        let service = service(shop, &[]);
        let found = |answer: &Value| {
            let mut names: Vec<String> = names(answer).into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(found(&service.get("/search?q=shoes").await), ["Fleet Alp", "Fleet Dash"]);
        assert_eq!(found(&service.get("/search?q=boots").await), ["Fleet Alp"]);
        assert_eq!(found(&service.get("/search?q=fashion").await).len(), 3);
    })
    .await;
}
