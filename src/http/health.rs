//! Whether the service runs, and whether what it stands on can be reached.

use std::convert::Infallible;
use std::time::Duration;

use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, Tags};

use crate::bus::Bus;
use crate::http::fresh::Fresh;
use crate::store::Store;

/// Longest wait for one dependency.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer is given again, so that a flood of probes is not passed on.
const ANSWER_LASTS: Duration = Duration::from_secs(2);
/// What is known about a server that answers.
const WORKS: &str = "works";

/// The endpoints under `/health`.
pub struct Api {
    store: Store,
    bus: Bus,
    readiness: Fresh<Readiness>,
    /// What the program knows about itself.
    own: Option<Own>,
}

/// Says how a program's own work is going.
pub type Own = Box<dyn Fn() -> Vec<Dependency> + Send + Sync>;

/// Whether something can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Status {
    /// It can.
    Up,
    /// It cannot.
    Down,
}

/// That the process runs.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Liveness {
    /// Always `up`.
    pub status: Status,
}

/// Whether the service can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct Readiness {
    /// `up` if every dependency is.
    pub status: Status,
    /// The servers that the service stands on.
    pub dependencies: Vec<Dependency>,
}

/// One server that the service stands on, or a part of its own work.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Dependency {
    /// `elasticsearch`, `kafka`, or what part of its work.
    pub name: String,
    /// Whether it answers.
    pub status: Status,
    /// What is known about it.
    pub detail: String,
}

impl Example for Liveness {
    fn example() -> Self {
        Self { status: Status::Up }
    }
}

impl Example for Readiness {
    fn example() -> Self {
        let works =
            |name: &str| Dependency { name: name.to_owned(), status: Status::Up, detail: WORKS.to_owned() };
        Self { status: Status::Up, dependencies: vec![works("elasticsearch"), works("kafka")] }
    }
}

/// The answer to a readiness probe.
#[derive(ApiResponse)]
pub enum Ready {
    /// Every dependency answers.
    #[oai(status = 200)]
    Up(Json<Readiness>),
    /// A dependency does not; `dependencies` says which.
    #[oai(status = 503)]
    Down(Json<Readiness>),
}

#[derive(Tags)]
enum Tag {
    /// For probes and load balancers; not rate-limited.
    Health,
}

impl Api {
    /// The endpoints, asking these two.
    pub fn new(store: Store, bus: Bus) -> Self {
        Self { store, bus, readiness: Fresh::new(ANSWER_LASTS), own: None }
    }

    /// The same, and what the program knows about itself.
    pub fn with_own(self, own: Own) -> Self {
        Self { own: Some(own), ..self }
    }

    async fn check(&self) -> Result<Readiness, Infallible> {
        let (store, bus) = tokio::join!(check_store(&self.store), check_bus(&self.bus));
        let mut dependencies = vec![store, bus];
        dependencies.extend(self.own.as_ref().map(|own| own()).unwrap_or_default());
        let up = dependencies.iter().all(|one| one.status == Status::Up);
        let status = if up { Status::Up } else { Status::Down };
        Ok(Readiness { status, dependencies })
    }
}

#[OpenApi(prefix_path = "/health", tag = "Tag::Health")]
impl Api {
    /// Says that the process runs.
    ///
    /// Asks nobody else: a restart would not bring a lost server back.
    #[oai(path = "/live", method = "get", operation_id = "live")]
    async fn live(&self) -> Json<Liveness> {
        Json(Liveness { status: Status::Up })
    }

    /// Says whether Elasticsearch and Kafka answer.
    ///
    /// An answer is up to two seconds old.
    #[oai(path = "/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> Ready {
        let Ok(readiness) = self.readiness.get(self.check()).await;
        match readiness.status {
            Status::Up => Ready::Up(Json(readiness)),
            Status::Down => Ready::Down(Json(readiness)),
        }
    }
}

async fn check_store(store: &Store) -> Dependency {
    let outcome = match tokio::time::timeout(CHECK_TIMEOUT, store.health()).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    };
    dependency("elasticsearch", outcome.map(|()| WORKS.to_owned()))
}

async fn check_bus(bus: &Bus) -> Dependency {
    let outcome = bus.ping(CHECK_TIMEOUT).await.map_err(|error| error.to_string());
    dependency("kafka", outcome.map(|()| WORKS.to_owned()))
}

/// How a part is doing: well, or not; and what is known about it.
pub fn dependency(name: &str, outcome: Result<String, String>) -> Dependency {
    let (status, detail) = match outcome {
        Ok(detail) => (Status::Up, detail),
        Err(reason) => (Status::Down, reason),
    };
    Dependency { name: name.to_owned(), status, detail }
}
