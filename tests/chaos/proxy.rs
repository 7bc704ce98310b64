//! A proxy before Elasticsearch that does to bulk requests what networks and busy clusters do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, client, http, server};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};

use crate::faults::{Fault, Plan, items, with_refused, without_refused};
use crate::shop::Servers;

/// Listens at a free port of this machine until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    inside: Arc<Inside>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Inside {
    upstream: String,
    plan: Mutex<Plan>,
    away: AtomicBool,
}

/// The caller gets no answer: its connection is closed.
#[derive(Debug, Error)]
#[error("no answer")]
struct Lost;

type Answer = Response<Full<Bytes>>;

impl Proxy {
    /// Begins to listen before the Elasticsearch of these servers.
    pub async fn before(servers: &Servers, plan: Plan) -> Self {
        let url = servers.elasticsearch.elasticsearch_host.url();
        let upstream = format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Inside { upstream, plan: Mutex::new(plan), away: AtomicBool::new(false) });
        let accepting = tokio::spawn(accept(listener, inside.clone()));
        Self { address, inside, accepting }
    }

    /// What to set `ELASTICSEARCH_HOST` to.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes on with another plan, under which nothing is done yet.
    pub fn follow(&self, plan: Plan) {
        *self.inside.plan.lock().unwrap() = plan;
    }

    /// Closes every connection from now on, as a server that is not there; or answers again.
    pub fn set_away(&self, away: bool) {
        self.inside.away.store(away, Ordering::SeqCst);
    }

    /// How many bulks met with what, under the present plan.
    pub fn done(&self) -> BTreeMap<String, u64> {
        self.inside.plan.lock().unwrap().done()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, inside: Arc<Inside>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if inside.away.load(Ordering::SeqCst) {
            continue;
        }
        let inside = inside.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, inside.clone()));
            // Ends with an error where an answer was lost on purpose.
            let _ = server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, inside: Arc<Inside>) -> Result<Answer, Lost> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    if inside.away.load(Ordering::SeqCst) {
        return Err(Lost);
    }
    let fault = match head.uri.path() {
        "/_bulk" => inside.plan.lock().unwrap().draw(),
        _ => Fault::None,
    };
    let pass_on = |body: Bytes| pass_on(inside.clone(), head.clone(), body);
    match fault {
        Fault::None => pass_on(body).await,
        Fault::Refuse(status) => Ok(refusal(status)),
        Fault::RefusePart => {
            let rest = without_refused(&body);
            let passed_on = if rest.is_empty() { None } else { Some(pass_on(rest.into()).await?) };
            refuse_part(items(&body), passed_on).await
        }
        Fault::LoseAnswer => pass_on(body).await.and(Err(Lost)),
        Fault::Delay(wait) => {
            tokio::time::sleep(wait).await;
            pass_on(body).await
        }
        Fault::Twice => pass_on(body.clone()).await.and(pass_on(body).await),
        Fault::TooLate(wait) => {
            let later = pass_on(body);
            // A task of its own: this one ends when the caller gives up.
            let applied = tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                later.await
            });
            applied.await.map_err(|_| Lost)?.and(Err(Lost))
        }
    }
}

async fn pass_on(inside: Arc<Inside>, head: http::request::Parts, body: Bytes) -> Result<Answer, Lost> {
    let stream = TcpStream::connect(&inside.upstream).await.map_err(|_| Lost)?;
    let (mut sender, connection) =
        client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| Lost)?;
    tokio::spawn(connection);
    let request = Request::from_parts(head, Full::new(body));
    let (mut head, body) = sender.send_request(request).await.map_err(|_| Lost)?.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    Ok(Response::from_parts(head, Full::new(body)))
}

fn refusal(status: u16) -> Answer {
    let body = format!(r#"{{"error":{{"reason":"refused by the chaos proxy"}},"status":{status}}}"#);
    json_answer(status, body.into())
}

async fn refuse_part(count: usize, passed_on: Option<Answer>) -> Result<Answer, Lost> {
    let body = match passed_on {
        None => Bytes::from_static(b"{}"),
        // A refusal of the whole request stays one.
        Some(answer) if answer.status() != 200 => return Ok(answer),
        Some(answer) => answer.into_body().collect().await.map_err(|_| Lost)?.to_bytes(),
    };
    let answer = serde_json::from_slice(&body).map_err(|_| Lost)?;
    Ok(json_answer(200, with_refused(count, &answer).to_string().into()))
}

fn json_answer(status: u16, body: Bytes) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.header("x-elastic-product", "Elasticsearch").body(Full::new(body)).unwrap()
}
