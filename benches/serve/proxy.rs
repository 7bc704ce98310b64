//! The least that a service before Elasticsearch can do: it hands every request on as it comes, and the answer back.
//! What it costs on a machine says what the costs of the service mean there.

use std::convert::Infallible;
use std::io::Write;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use tokio::net::TcpListener;

/// The argument by which the benchmark starts itself as the proxy; the address to ask follows.
pub const ARGUMENT: &str = "hand-on";

/// Serves until it is killed, in a runtime as the service has it.
pub fn serve(elasticsearch: &str) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        // As the service asks: packed answers would cost Elasticsearch and the proxy more than they save.
        let client = Client::builder().no_proxy().no_gzip().build()?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (client, address) = (client.clone(), elasticsearch.to_owned());
            let service = service_fn(move |request| answer(client.clone(), address.clone(), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answer(
    client: Client,
    address: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = hand_on(client, address, request).await;
    Ok(answer.map(|bytes| Response::new(Full::new(bytes))).unwrap_or_else(|error| {
        let mut response = Response::new(Full::from(error.to_string()));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    }))
}

async fn hand_on(client: Client, address: String, request: Request<Incoming>) -> anyhow::Result<Bytes> {
    let body = request.into_body().collect().await?.to_bytes();
    let request = client.post(address).header("content-type", "application/json").body(body);
    Ok(request.send().await?.error_for_status()?.bytes().await?)
}
