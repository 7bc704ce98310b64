//! A server that accepts everything in Elasticsearch's place, in a process of its own, so that its CPU time
//! is not counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use elasticsearch::http::Method;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{Body, EndpointExt, Route, Server, handler};
use shoplens::store::Store;

/// The argument by which the benchmark starts itself as this server.
pub const ARGUMENT: &str = "accept-everything";
const BODY_BYTES_MAX: usize = 64 << 20;

/// The running server; killed when dropped.
pub struct Stub {
    child: Child,
    /// Its base URL.
    pub address: String,
}

impl Stub {
    /// Starts the server and waits for its address.
    pub fn start() -> anyhow::Result<Self> {
        let mut child =
            Command::new(std::env::current_exe()?).arg(ARGUMENT).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        let output = child.stdout.take().context("the stub has no output")?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned() })
    }

    /// Documents accepted so far.
    pub async fn documents(&self, store: &Store) -> anyhow::Result<u64> {
        Ok(store.send("count", Method::Get, "/accepted", None).await?)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Accepted = Arc<AtomicU64>;

#[handler]
async fn bulk(body: Body, Data(accepted): Data<&Accepted>) -> poem::Result<String> {
    let body = body.into_bytes_limit(BODY_BYTES_MAX).await?;
    let documents = body.iter().filter(|byte| **byte == b'\n').count() / 2;
    accepted.fetch_add(documents as u64, Ordering::Relaxed);
    let items = vec![r#"{"index":{"status":200}}"#; documents].join(",");
    Ok(format!(r#"{{"errors":false,"items":[{items}]}}"#))
}

#[handler]
fn count(Data(accepted): Data<&Accepted>) -> String {
    accepted.load(Ordering::Relaxed).to_string()
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
        let routes = Route::new().at("/_bulk", poem::post(bulk)).at("/accepted", poem::get(count));
        let routes = routes.at("*", poem::get(anything).put(anything).post(anything).head(anything));
        Server::new_with_acceptor(acceptor).run(routes.data(Accepted::default())).await?;
        Ok(())
    })
}
