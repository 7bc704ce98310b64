//! The HTTP service on the real servers: what is refused, and how.

use poem::http::Method;
use serde_json::json;

use crate::live::shop::with_shop;
use crate::live::small_shop::{seed, service};

#[tokio::test]
async fn each_bad_parameter_is_a_problem_that_names_it() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        for (query, parameter) in [
            ("min_price=5&max_price=1", "min_price"),
            ("min_price=-1", "min_price"),
            ("max_price=cheap", "max_price"),
            ("size=101", "size"),
            ("size=0", "size"),
            ("page=0", "page"),
            ("page=1000&size=100", "page"),
            ("fuzzy=maybe", "fuzzy"),
            ("category=electronics.unheard-of", "category"),
            ("category=No%20Such", "category"),
        ] {
            let (status, problem) = service.problem(Method::GET, &format!("/search?{query}")).await;
            assert_eq!((status, &problem["parameter"]), (400, &json!(parameter)), "{query}: {problem}");
            assert!(problem["detail"].as_str().unwrap().contains(parameter), "{problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_known_category_without_hits_is_no_mistake() {
    with_shop(async |shop| {
        seed(shop).await;
        let answer = service(shop, &[]).get("/search?q=laptop&category=home.furniture").await;
        assert_eq!(answer["relaxation"], "best_sellers");
    })
    .await;
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    with_shop(async |shop| {
        let service = service(shop, &[]);
        let (status, _) = service.problem(Method::GET, "/nowhere").await;
        assert_eq!(status, 404);
        for path in ["/search", "/docs", "/openapi.json", "/health/live", "/vendor/redoc/start.js"] {
            let response = service.ask(Method::POST, path).await;
            assert_eq!(response.header("allow"), Some("GET, HEAD"), "{path}");
            assert_eq!(service.problem(Method::DELETE, path).await.0, 405);
        }
        assert_eq!(service.ask(Method::POST, "/rules/x").await.header("allow"), Some("DELETE, PUT"));
    })
    .await;
}

#[tokio::test]
async fn without_a_catalogue_the_seeder_is_asked_for() {
    with_shop(async |shop| {
        let service = service(shop, &[]);
        for path in ["/search?q=laptop", "/autocomplete?q=lap", "/search?category=a"] {
            let (status, problem) = service.problem(Method::GET, path).await;
            assert_eq!(status, 503);
            assert!(problem["detail"].as_str().unwrap().ends_with("run the seeder"), "{problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn too_many_requests_are_turned_away_with_the_time_to_wait() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &["--api-rate-per-second", "1", "--api-rate-burst", "2"]);
        let first = service.ask(Method::GET, "/search").await;
        assert_eq!(first.header("ratelimit"), Some("\"address\";r=1;t=1"));
        service.get("/autocomplete?q=a").await;
        let third = service.ask(Method::GET, "/search").await;
        assert_eq!((third.status().as_u16(), third.header("retry-after")), (429, Some("1")));
        assert_eq!(third.content_type(), Some("application/problem+json"));
        service.get("/health/live").await;
        service.get("/openapi.json").await;
    })
    .await;
}

#[tokio::test]
async fn readiness_names_what_the_service_stands_on() {
    with_shop(async |shop| {
        let service = service(shop, &[]);
        let ready = service.get("/health/ready").await;
        assert_eq!(ready["status"], "up");
        let up = |name: &str| json!({ "name": name, "status": "up", "detail": "works" });
        assert_eq!(ready["dependencies"], json!([up("elasticsearch"), up("kafka")]));
    })
    .await;
}

#[tokio::test]
async fn other_web_origins_may_read_unless_the_setting_says_who() {
    with_shop(async |shop| {
        let open = service(shop, &[]).ask_from("https://elsewhere.example", "/health/live").await;
        let allowed = |header: Option<&str>| header.map(str::to_owned);
        assert_eq!(
            allowed(open.header("access-control-allow-origin")),
            Some("https://elsewhere.example".to_owned())
        );
        let closed = service(shop, &["--cors-origins", "https://shop.example"]);
        let refused = closed.ask_from("https://elsewhere.example", "/health/live").await;
        assert_eq!(refused.status().as_u16(), 403);
        assert_eq!(refused.content_type(), Some("application/problem+json"));
    })
    .await;
}
