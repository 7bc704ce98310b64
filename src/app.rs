//! Names every slice once and joins their routes, pages and documents into the one HTTP service.

use std::sync::Arc;

use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::{Endpoint, IntoEndpoint, Response, Route};
use poem_openapi::{OpenApi, OpenApiService};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::analytics::{self, Memory};
use crate::bus::Bus;
use crate::config::{HttpSettings, ShopSettings};
use crate::curation;
use crate::http::admin::Guard;
use crate::http::allowed::Allowed;
use crate::http::limit::RateLimit;
use crate::http::{self, health, server};
use crate::review;
use crate::search::relevance::{BadRelevance, Relevance};
use crate::search::{self, Search};
use crate::store::Store;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// What the service stands on.
pub struct Edges {
    /// Elasticsearch.
    pub store: Store,
    /// Kafka.
    pub bus: Bus,
    /// What changes must bear; `None` where none is taken.
    pub admin_token: Option<SecretString>,
}

/// Serves until `stop`, then answers what has been asked.
///
/// # Errors
/// [`BadRelevance`] when the weights of the search cannot be used.
pub async fn serve(
    listener: TcpListener,
    edges: &Edges,
    shop: &ShopSettings,
    settings: &HttpSettings,
    stop: impl Future<Output = ()>,
) -> Result<(), BadRelevance> {
    let limit = RateLimit::new(settings);
    let kept = Kept::new(edges, shop, settings.api_memory_mb)?;
    let app = Arc::new(joined(edges, shop, settings, &limit, kept.clone()));
    // A task of its own: it takes whole moments of a thread. Where it ends, Elasticsearch is asked.
    let mut reading = JoinSet::new();
    if settings.api_memory_mb > 0 {
        reading.spawn(kept.memory.clone().keep_fresh());
    }
    tokio::select! {
        () = server::serve(listener, app, settings.api_connections_max, stop) => Ok(()),
        () = limit.forget_idle_callers() => Ok(()),
        () = kept.search.keep_fresh() => Ok(()),
    }
}

/// The whole service, without what [`serve`] keeps fresh.
///
/// # Errors
/// As [`serve`].
pub fn app(
    edges: &Edges,
    shop: &ShopSettings,
    settings: &HttpSettings,
    limit: &RateLimit,
) -> Result<impl Endpoint<Output = Response> + use<>, BadRelevance> {
    Ok(joined(edges, shop, settings, limit, Kept::new(edges, shop, 0)?))
}

fn joined(
    edges: &Edges,
    shop: &ShopSettings,
    settings: &HttpSettings,
    limit: &RateLimit,
    kept: Kept,
) -> impl Endpoint<Output = Response> + use<> {
    let service = service(apis(edges, shop, kept));
    let (spec, swagger) = (service.spec(), Bytes::from(service.swagger_ui_html()));
    let allowed = Allowed::of(&spec);
    let spec = Bytes::from(spec);
    let limited = http::limited(service.into_endpoint(), allowed, limit.clone(), settings.timeout());
    let routes = Route::new()
        .nest("/", limited)
        .at("/docs", poem::get(make_sync(move |_| document(HTML, &swagger))))
        .at("/openapi.json", poem::get(make_sync(move |_| document(JSON, &spec))));
    http::finished(routes, settings)
}

/// What answers from what it keeps in memory.
#[derive(Clone)]
struct Kept {
    search: Search,
    memory: Memory,
}

impl Kept {
    /// Of the results at most so many MiB.
    fn new(edges: &Edges, shop: &ShopSettings, memory_mb: u32) -> Result<Self, BadRelevance> {
        Ok(Self {
            search: Search::new(edges.store.clone(), Relevance::embedded()?, shop.currency),
            memory: Memory::new(edges.store.clone(), memory_mb as usize),
        })
    }
}

/// The endpoints of every slice.
fn apis(edges: &Edges, shop: &ShopSettings, Kept { search, memory }: Kept) -> impl OpenApi + use<> {
    let guard = Guard::new(edges.admin_token.as_ref());
    let changes = review::Changes::default();
    let (store, bus) = (edges.store.clone(), edges.bus.clone());
    let searches = analytics::queries::routes::Api::new(store.clone(), memory.clone(), shop.currency);
    let analytics = analytics::routes::Api::new(store, bus, memory, shop.currency, changes.clone());
    let health = health::Api::new(edges.store.clone(), edges.bus.clone());
    let review = review::routes::Api::new(edges.store.clone(), guard.clone(), changes);
    let curation = curation::routes::Api { store: edges.store.clone(), search: search.clone(), guard };
    (search::routes::Api { search }, curation, analytics, searches, review, health)
}

fn service<T: OpenApi>(apis: T) -> OpenApiService<T, ()> {
    OpenApiService::new(apis, "shoplens", env!("CARGO_PKG_VERSION")).server("/").description(
        "Product search and real-time behaviour analytics of an online shop. Every failure is an RFC 9457 \
         problem document.",
    )
}

/// Answers a document that all requests share.
fn document(content_type: &str, text: &Bytes) -> Response {
    Response::builder().content_type(content_type).body(text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ElasticsearchSettings, KafkaSettings};
    use clap::Parser;
    use serde_json::Value;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
        #[command(flatten)]
        kafka: KafkaSettings,
        #[command(flatten)]
        shop: ShopSettings,
    }

    fn spec() -> Value {
        let flags = Flags::parse_from(["test"]);
        let store = Store::new(&flags.elasticsearch, "").unwrap();
        let bus = Bus::new(&flags.kafka, "").unwrap();
        let edges = Edges { store, bus, admin_token: None };
        let spec = service(apis(&edges, &flags.shop, Kept::new(&edges, &flags.shop, 0).unwrap())).spec();
        let mut spec: Value = serde_json::from_str(&spec).unwrap();
        spec["info"]["version"] = "0".into();
        spec
    }

    #[test]
    fn the_openapi_document() {
        insta::assert_json_snapshot!(spec());
    }

    /// The schema of a body, looked up where it is only named.
    fn schema<'a>(spec: &'a Value, body: &'a Value) -> Option<&'a Value> {
        let schema = body["content"].as_object()?.get("application/json; charset=utf-8")?.get("schema")?;
        let name = schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")?;
        spec["components"]["schemas"].get(name)
    }

    #[test]
    fn every_answer_and_body_of_json_is_shown_by_an_example() {
        let spec = spec();
        for (path, methods) in spec["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let bodies = [&operation["responses"]["200"], &operation["requestBody"]];
                for schema in bodies.into_iter().filter_map(|body| schema(&spec, body)) {
                    let example = &schema["example"];
                    assert!(example.is_object(), "{method} {path}: {schema}");
                    for required in schema["required"].as_array().into_iter().flatten() {
                        let name = required.as_str().unwrap();
                        assert!(example.get(name).is_some(), "the example of {method} {path} has no {name}");
                    }
                }
            }
        }
    }
}
