//! Categories as a shop's own catalogue spells them, on the real Elasticsearch.

use std::time::{Duration, Instant};

use poem::{Endpoint, Response};
use serde_json::json;
use shoplens::catalog::source::Source;
use shoplens::model::money::Currency;
use shoplens::model::product::Product;
use shoplens::search::Search;
use shoplens::search::relevance::Relevance;
use shoplens::search::request::{RawSearch, Words};
use shoplens::store::bulk::{Mode, Operation};
use shoplens::store::schema::Schema;

use crate::live::own_catalogue::{fill, own};
use crate::live::shop::{eventually, with_shop};
use crate::live::small_shop::{Service, service};

/// German, French and Polish shelves. Two spell a shelf in capitals, and two of four each way.
const TABLE: &str = "id,name,category
1,Bratpfanne,Küche > Töpfe & Pfannen
2,Kochtopf,Küche > Töpfe & Pfannen
3,Wok,KÜCHE > Töpfe & Pfannen
4,Théière,Épicerie fine > Thés & cafés > Thé vert
5,Cafetière,Épicerie fine > Thés & cafés
6,Żyrandol,Oświetlenie > Lampy wiszące
7,Kinkiet,Oświetlenie > Lampy Wiszące
8,Lampka,Oświetlenie > Lampy Wiszące
9,Lampion,Oświetlenie > Lampy wiszące
";

/// The labels of the category facet beside a search.
async fn facet<E: Endpoint<Output = Response>>(service: &Service<E>, parameters: &str) -> Vec<String> {
    let answer = service.get(&format!("/search?{parameters}")).await;
    let lines = answer["facets"]["category"].as_array().unwrap();
    lines.iter().map(|line| line["label"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_level_of_a_category_is_shown_as_the_shop_s_file_spells_it_also_after_a_rebuild() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, TABLE), &[]).await.unwrap();
        for load in ["the first load", "the rebuild"] {
            let service = service(shop, &[]);
            assert_eq!(facet(&service, "").await, ["Oświetlenie", "Küche", "Épicerie fine"], "after {load}");
            assert_eq!(facet(&service, "category=kuche").await, ["Küche", "Töpfe & Pfannen"]);
            let deep = ["Épicerie fine", "Thés & cafés", "Thé vert"];
            assert_eq!(facet(&service, "category=epicerie-fine.thes-cafes").await, deep);
            // Of two spellings that are equally common the first by the alphabet.
            assert_eq!(facet(&service, "category=oswietlenie").await, ["Oświetlenie", "Lampy Wiszące"]);
            assert_eq!(facet(&service, "category=oswietlenie&min_price=1").await, ["Oświetlenie"]);

            let item = service.get("/search?q=theiere").await["items"][0].take();
            assert_eq!(item["categories_above"], json!(deep[..2]), "{item}");
            assert_eq!(item["category_label"], "Thé vert");
            for (typed, text, value) in [
                ("kuc", "Küche", "kuche"),
                ("t%C3%B6p", "Töpfe & Pfannen", "kuche.topfe-pfannen"),
                ("lampy", "Lampy Wiszące", "oswietlenie.lampy-wiszace"),
                ("caf", "Thés & cafés", "epicerie-fine.thes-cafes"),
            ] {
                let answer = service.get(&format!("/autocomplete?q={typed}")).await;
                let first = &answer["suggestions"][0];
                assert_eq!((&first["text"], &first["value"]), (&json!(text), &json!(value)), "{answer}");
            }
            fill(shop, Source::Served, &[]).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn an_index_from_before_there_were_spellings_is_served_with_what_its_paths_say() {
    with_shop(async |shop| {
        let mut body = Schema::PRODUCTS.body();
        body["mappings"]["properties"].as_object_mut().unwrap().remove("category_pairs");
        body["aliases"] = json!({ shop.store.name("products"): {} });
        shop.store.create_index("products-v1", &body).await.unwrap();
        let product = json!({
            "id": "1", "name": "Kochtopf", "currency": "EUR", "category": "kuche.topfe", "category_label": "Töpfe",
        });
        let product: Product = serde_json::from_value(product).unwrap();
        let mut document = serde_json::to_value(product.document()).unwrap();
        document.as_object_mut().unwrap().remove("category_pairs");
        let (index, source) = (shop.store.name("products-v1"), serde_json::to_vec(&document).unwrap().into());
        let operation = Operation { index: index.into(), id: "1".into(), mode: Mode::Replace, source, tag: 0 };
        assert_eq!(shop.store.write_all(vec![operation], 1).await.done, 1);
        shop.store.refresh("products-v1").await.unwrap();
        let old = service(shop, &[]);
        assert_eq!(facet(&old, "category=kuche").await, ["Kuche", "Topfe"]);
        let answer = old.get("/search?q=kochtopf").await;
        let item = &answer["items"][0];
        assert_eq!((&item["categories_above"], &item["category_label"]), (&json!(["Kuche"]), &json!("Töpfe")));
        let suggested = old.get("/autocomplete?q=top").await;
        assert_eq!(suggested["suggestions"][0]["text"], "Topfe");
        fill(shop, Source::Served, &[]).await.unwrap();
        let anew = service(shop, &[]);
        assert_eq!(facet(&anew, "category=kuche").await, ["Kuche", "Töpfe"], "what was kept is shown");
    })
    .await;
}

/// What the first department is called beside a search without words.
async fn department(search: &Search) -> String {
    let answer = search.search(&RawSearch::default().check().unwrap()).await.unwrap();
    answer.facets.category[0].label.clone()
}

#[tokio::test]
async fn categories_are_called_as_the_catalogue_says_while_search_analytics_cannot_be_read() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, "id,name,category\n1,Topf,Kuche\n"), &[]).await.unwrap();
        let search = Search::new(shop.store.clone(), Relevance::embedded().unwrap(), Currency::EUR);
        assert_eq!(department(&search).await, "Kuche");
        // Nobody can add up texts.
        let unreadable = json!({
            "aliases": { shop.store.name("query-stats"): {} },
            "mappings": { "properties": { "key": { "type": "text" } } },
        });
        shop.store.create_index("query-stats-unreadable", &unreadable).await.unwrap();
        let suggested = search.suggest(&Words::read("to"), 8).await;
        assert!(suggested.is_err(), "{suggested:?}");
        fill(shop, own(&folder, TABLE), &[]).await.unwrap();
        let shown = eventually("the new spelling is shown", async || {
            (department(&search).await == "Oświetlenie").then_some(())
        });
        tokio::select! {
            () = search.keep_fresh() => {}
            () = shown => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_catalogue_that_is_loaded_while_the_service_runs_is_soon_called_what_it_says() {
    with_shop(async |shop| {
        let folder = tempfile::tempdir().unwrap();
        fill(shop, own(&folder, "id,name,category\n1,Topf,Kuche\n"), &[]).await.unwrap();
        let search = Search::new(shop.store.clone(), Relevance::embedded().unwrap(), Currency::EUR);
        let department = || department(&search);
        let change = async {
            assert_eq!(department().await, "Kuche");
            fill(shop, own(&folder, TABLE), &[]).await.unwrap();
            let started = Instant::now();
            eventually("the new spelling is shown", async || {
                (department().await == "Oświetlenie").then_some(())
            })
            .await;
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        };
        tokio::select! {
            () = search.keep_fresh() => {}
            () = change => {}
        }
    })
    .await;
}
