//! The accept loop: bounded connections, a time-out for slow senders, and an orderly end.
//!
//! poem's own server keeps a connection open for as long as a caller sends one header byte now and then.
//! Here the whole head of a request must arrive in time, which also ends idle connections. A caller that does
//! not read its answer keeps its connection: put a reverse proxy in front where callers are not trusted.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Longest wait for the head of a request, the first and each further one of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for open requests at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the system has refused a connection, for lack of file descriptors for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves HTTP/1.1 until `stop`, then answers what has been asked, for at most 10 seconds.
pub async fn serve<E>(
    listener: TcpListener,
    endpoint: Arc<E>,
    connections_max: u32,
    stop: impl Future<Output = ()>,
) where
    E: Endpoint<Output = Response> + 'static,
{
    let slots = Arc::new(Semaphore::new(connections_max as usize));
    let stopping = watch::Sender::new(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok(accepted) => {
                connections.spawn(converse(accepted, endpoint.clone(), stopping.subscribe()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    stopping.send_replace(());
    let open = connections.len();
    // One by one: `join_all` would panic here if a connection's task had.
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, ended).await.is_err() {
        tracing::warn!(open, "connections were cut off that did not end in time");
    }
}

/// A connection, and the place that it takes until it ends.
struct Accepted {
    stream: TcpStream,
    remote: SocketAddr,
    slot: OwnedSemaphorePermit,
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> io::Result<Accepted> {
    // Waiting before accepting leaves further callers in the system's own queue.
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(Accepted { stream, remote, slot })
}

async fn converse<E>(accepted: Accepted, endpoint: Arc<E>, mut stopping: watch::Receiver<()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let Accepted { stream, remote, slot } = accepted;
    let remote_address = RemoteAddr(Addr::from(remote));
    let local_address = LocalAddr(stream.local_addr().map(Addr::from).unwrap_or_default());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let addresses = (local_address.clone(), remote_address.clone());
        let endpoint = endpoint.clone();
        async move {
            let request = Request::from((request, addresses.0, addresses.1, Scheme::HTTP));
            Ok::<_, Infallible>(hyper::Response::from(endpoint.get_response(request).await))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(slot);
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::endpoint::make;
    use poem::{EndpointExt, IntoResponse};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};

    #[tokio::test]
    async fn a_connection_that_panicked_does_not_disturb_the_end() {
        let endpoint = make(async |_| -> poem::Result<Response> { panic!("on purpose") });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(listener, Arc::new(endpoint.map_to_response()), 1, async { drop(stopped.await) });
        let asking = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "");
            stop.send(()).unwrap();
        };
        tokio::time::timeout(SHUTDOWN_TIMEOUT, async { tokio::join!(serving, asking) }).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_service_stops() {
        let (called, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let waits = (called.clone(), release.clone());
        let endpoint = make(move |_| {
            let (called, release) = waits.clone();
            async move {
                called.notify_one();
                release.notified().await;
                Ok::<_, poem::Error>("the answer".into_response())
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(listener, Arc::new(endpoint.map_to_response()), 1, async { drop(stopped.await) });
        let asking = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            called.notified().await;
            stop.send(()).unwrap();
            release.notify_one();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("the answer"), "{answer}");
        };
        tokio::time::timeout(SHUTDOWN_TIMEOUT, async { tokio::join!(serving, asking) }).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
