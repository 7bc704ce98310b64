//! A server that accepts everything in Elasticsearch's place, in a process of its own, so that its CPU time
//! is not counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use elasticsearch::http::Method;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Json, Path};
use poem::{Body, EndpointExt, Route, Server, handler};
use serde::{Deserialize, Serialize};
use shoplens::store::Store;

/// The argument by which the benchmark starts itself as this server.
pub const ARGUMENT: &str = "accept-everything";
/// The argument by which it keeps all requests.
const KEEPING: &str = "keep-everything";
const BODY_BYTES_MAX: usize = 64 << 20;

/// The running server; killed when dropped.
pub struct Stub {
    child: Child,
    /// Its base URL.
    pub address: String,
}

impl Stub {
    /// Starts the server, which keeps all requests or none, and waits for its address.
    pub fn start(keeps: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ARGUMENT).args(keeps.then_some(KEEPING));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        let output = child.stdout.take().context("the stub has no output")?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned() })
    }

    /// What was accepted so far.
    pub async fn accepted(&self, store: &Store) -> anyhow::Result<Accepted> {
        Ok(store.send("count", Method::Get, "/accepted", None).await?)
    }

    /// The requests that were kept, in the order in which they came.
    pub async fn kept(&self, accepted: &Accepted) -> anyhow::Result<Vec<Bytes>> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut requests = Vec::new();
        for number in 0..accepted.requests {
            let answer = client.get(format!("{}/kept/{number}", self.address)).send().await?;
            requests.push(answer.error_for_status()?.bytes().await?);
        }
        Ok(requests)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the server has accepted.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Accepted {
    requests: usize,
    /// Documents.
    pub documents: usize,
    /// Bytes of all requests.
    pub bytes: usize,
}

#[derive(Default)]
struct State {
    accepted: Accepted,
    keeps: bool,
    kept: Vec<Bytes>,
}

type Shared = Arc<Mutex<State>>;

impl State {
    fn take(&mut self, body: Bytes, documents: usize) {
        self.accepted.requests += 1;
        self.accepted.documents += documents;
        self.accepted.bytes += body.len();
        if self.keeps {
            self.kept.push(body);
        }
    }
}

#[handler]
async fn bulk(body: Body, Data(state): Data<&Shared>) -> poem::Result<String> {
    let body = body.into_bytes_limit(BODY_BYTES_MAX).await?;
    let documents = body.iter().filter(|byte| **byte == b'\n').count() / 2;
    state.lock().unwrap_or_else(PoisonError::into_inner).take(body, documents);
    let items = vec![r#"{"index":{"status":200}}"#; documents].join(",");
    Ok(format!(r#"{{"errors":false,"items":[{items}]}}"#))
}

#[handler]
fn count(Data(state): Data<&Shared>) -> Json<Accepted> {
    Json(state.lock().unwrap_or_else(PoisonError::into_inner).accepted)
}

#[handler]
fn kept(Path(number): Path<usize>, Data(state): Data<&Shared>) -> Vec<u8> {
    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.kept.get(number).map(|request| request.to_vec()).unwrap_or_default()
}

#[handler]
fn anything() -> &'static str {
    r#"{"hits":{"hits":[]}}"#
}

/// Serves until it is killed.
pub fn serve() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
        let addresses = acceptor.local_addr();
        let address = addresses.first().and_then(|address| address.as_socket_addr());
        println!("http://{}", address.context("the stub has no address")?);
        std::io::stdout().flush()?;
        let keeps = std::env::args().any(|argument| argument == KEEPING);
        let state: Shared = Arc::new(Mutex::new(State { keeps, ..State::default() }));
        let routes = Route::new().at("/_bulk", poem::post(bulk)).at("/accepted", poem::get(count));
        let routes = routes.at("/kept/:number", poem::get(kept));
        let routes = routes.at("*", poem::get(anything).put(anything).post(anything).head(anything));
        Server::new_with_acceptor(acceptor).run(routes.data(state)).await?;
        Ok(())
    })
}
