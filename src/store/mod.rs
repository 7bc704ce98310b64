//! The only code that speaks to Elasticsearch: one exchange in, one judged answer out.
//!
//! The client hands 4xx answers and partly failed bulks over as success. Neither leaves this module: every
//! answer becomes a value or a [`StoreError`], every item of a bulk a [`bulk::Verdict`].

pub mod bulk;
pub mod changes;
pub mod chunk;
mod error;
pub mod found;
pub mod generations;
pub mod metrics;
mod outage;
mod pages;
pub mod query;
pub mod schema;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{BuildError, SingleNodeConnectionPool, Transport, TransportBuilder};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{ElasticsearchSettings, Login, SettingError};
use crate::model::generation::Generation;

pub use elasticsearch::http::Method;

pub use crate::store::error::StoreError;
pub use crate::store::pages::Stored;

/// An index that was made this moment refuses searches until its shard has started, some tens of ms later.
const STARTING_WAIT: Duration = Duration::from_millis(100);
/// Times that such a search is asked again before the refusal counts.
const STARTING_ATTEMPTS_MAX: u32 = 10;

/// A cluster, and the prefix of this shop's index names. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    transport: Transport,
    address: Arc<str>,
    prefix: Arc<str>,
    generation: Arc<Generation>,
    /// What the names of a generation's indices begin with besides.
    generation_prefix: Arc<str>,
    /// Writes that are in trouble now: an outage is told when the first begins, its end when the last ends.
    troubled: Arc<AtomicUsize>,
}

/// About how long most documents are, so that few need more memory while they are written.
const JSON_BYTES: usize = 400;

/// The JSON of a body or a document.
pub fn json(body: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(JSON_BYTES);
    write_json(body, &mut bytes);
    bytes
}

/// Appends the JSON of a body or a document. Ours are values and structs with text keys, which cannot fail to serialise.
pub fn write_json(body: &impl Serialize, bytes: &mut Vec<u8>) {
    let result = serde_json::to_writer(bytes, body);
    debug_assert!(result.is_ok(), "it must serialise: {result:?}");
}

impl Store {
    /// Builds the client. Sends nothing: see [`Store::wait_until_ready`].
    ///
    /// # Errors
    /// [`SettingError`] when a file of the settings cannot be read or the address cannot be used.
    pub fn new(settings: &ElasticsearchSettings, prefix: &str) -> Result<Self, SettingError> {
        let address = &settings.elasticsearch_host;
        let pool = SingleNodeConnectionPool::new(address.url().clone());
        let mut builder = TransportBuilder::new(pool).timeout(settings.timeout()).disable_proxy();
        if let Some(credentials) = credentials(settings.login()?) {
            builder = builder.auth(credentials);
        }
        if let Some(path) = &settings.elasticsearch_ca_file {
            builder = builder.cert_validation(CertificateValidation::Full(certificate(path)?));
        }
        let unusable = |error: BuildError| SettingError::Unusable {
            setting: "ELASTICSEARCH_HOST",
            why: error.to_string(),
        };
        Ok(Self {
            transport: builder.build().map_err(unusable)?,
            address: address.to_string().into(),
            prefix: prefix.into(),
            generation: Arc::default(),
            generation_prefix: Arc::default(),
            troubled: Arc::default(),
        })
    }

    /// The full name of one of this shop's indices, aliases or templates.
    pub fn name(&self, base: &str) -> String {
        format!("{}{}{base}", self.prefix, self.generation_prefix)
    }

    /// The generation whose results these are.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// The same shop's results in another generation; the catalogue is not among them.
    pub fn of_generation(&self, generation: &Generation) -> Self {
        let generation_prefix = generation.prefix().into();
        Self { generation: Arc::new(generation.clone()), generation_prefix, ..self.clone() }
    }

    /// The same shop apart from generations: its catalogue, and the names that it has in all of them.
    pub fn of_shop(&self) -> Self {
        self.of_generation(&Generation::Original)
    }

    /// One exchange. `what` says in an error what was being done: `search products`.
    ///
    /// # Errors
    /// [`StoreError`] for no answer, any status but 2xx, and an answer of another shape than `T`.
    pub async fn send<T: DeserializeOwned>(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, StoreError> {
        self.send_bytes(what, method, path, body.map(|body| json(body).into())).await
    }

    async fn send_bytes<T: DeserializeOwned>(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<T, StoreError> {
        let unreachable =
            |source| StoreError::Unreachable { what, address: self.address.to_string(), source };
        let mut headers = HeaderMap::new();
        // The cluster is near: packing an answer and unpacking it costs more than it saves.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer =
            self.transport.send(method, path, headers, None::<&()>, body, None).await.map_err(unreachable)?;
        let status = answer.status_code().as_u16();
        let bytes = answer.bytes().await.map_err(unreachable)?;
        if !(200..300).contains(&status) {
            return Err(StoreError::from_answer(what, status, &bytes));
        }
        // A HEAD request or an empty answer reads as JSON null.
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        // Checked once as a whole, which is quicker than each text in it by itself.
        let read = match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(bytes),
        };
        read.map_err(|source| StoreError::Unexpected { what, source })
    }

    /// Searches an index, an alias, or several of them with commas between (given without the prefix), all of
    /// it: an answer of which a shard is missing is a failure, for nobody could tell it from a whole one.
    ///
    /// # Errors
    /// As [`Store::send`]; [`StoreError::MissingIndex`] unless `missing` is [`Missing::IsEmpty`].
    pub async fn search<T: DeserializeOwned>(
        &self,
        what: &'static str,
        index: &str,
        missing: Missing,
        body: &impl Serialize,
    ) -> Result<T, StoreError> {
        let leniency = match missing {
            Missing::IsEmpty => "&ignore_unavailable=true",
            Missing::IsError => "",
        };
        let names: Vec<String> = index.split(',').map(|index| self.name(index)).collect();
        let path = format!("/{}/_search?allow_partial_search_results=false{leniency}", names.join(","));
        let body = Bytes::from(json(body));
        for _ in 0..STARTING_ATTEMPTS_MAX {
            match self.send_bytes(what, Method::Post, &path, Some(body.clone())).await {
                Err(StoreError::Refused { status: 503, .. }) => tokio::time::sleep(STARTING_WAIT).await,
                answer => return answer,
            }
        }
        self.send_bytes(what, Method::Post, &path, Some(body)).await
    }

    /// Makes everything written before visible to searches of the index.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn refresh(&self, index: &str) -> Result<(), StoreError> {
        let path = format!("/{}/_refresh?ignore_unavailable=true", self.name(index));
        self.send::<Value>("refresh an index", Method::Post, &path, None).await.map(drop)
    }

    /// Waits until the cluster answers and can serve (health at least yellow), telling so once.
    ///
    /// # Errors
    /// The last [`StoreError`] when it does not within `patience`.
    pub async fn wait_until_ready(&self, patience: Duration) -> Result<(), StoreError> {
        let deadline = Instant::now() + patience;
        let mut told = false;
        loop {
            match self.health().await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_passing() && Instant::now() < deadline => {
                    if !told {
                        let wait_s = patience.as_secs();
                        tracing::warn!(address = %self.address, wait_s, %error, "waiting for Elasticsearch");
                        told = true;
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether it takes writes, as far as those under way say.
    pub fn takes_writes(&self) -> bool {
        self.troubled.load(Ordering::Relaxed) == 0
    }

    /// Asks once whether the cluster can serve.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn health(&self) -> Result<(), StoreError> {
        let path = "/_cluster/health?wait_for_status=yellow&timeout=1s";
        self.send::<Value>("ask for the cluster's health", Method::Get, path, None).await.map(drop)
    }
}

/// What a search of an index that does not exist gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No hits: results that nobody has computed yet.
    IsEmpty,
    /// [`StoreError::MissingIndex`]: the shop cannot work without it.
    IsError,
}

fn credentials(login: Login) -> Option<Credentials> {
    match login {
        Login::Nobody => None,
        Login::Basic { user, password } => {
            Some(Credentials::Basic(user, password.expose_secret().to_owned()))
        }
        Login::ApiKey(key) => Some(Credentials::EncodedApiKey(key.expose_secret().to_owned())),
    }
}

fn certificate(path: &Path) -> Result<Certificate, SettingError> {
    let setting = "ELASTICSEARCH_CA_FILE";
    let unreadable = |source| SettingError::UnreadableFile { setting, path: path.to_owned(), source };
    let pem = fs::read(path).map_err(unreadable)?;
    let unusable = |error: elasticsearch::Error| SettingError::Unusable { setting, why: error.to_string() };
    Certificate::from_pem(&pem).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
    }

    #[tokio::test]
    async fn a_password_in_the_address_stands_in_no_error() {
        // Port 1: nobody listens there.
        let line = Line::parse_from(["it", "--elasticsearch-host=http://me:hush@127.0.0.1:1"]);
        let error = Store::new(&line.elasticsearch, "").unwrap().health().await.unwrap_err();
        let debug = format!("{error:?}");
        let told = format!("{debug} {:#}", anyhow::Error::from(error));
        assert!(told.contains("127.0.0.1:1"), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }
}
