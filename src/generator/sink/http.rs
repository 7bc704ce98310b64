//! A collector that takes batches of events, a line of JSON for each, by POST.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::generator::sink::{Offered, Record, Standing};

/// Most events of one request.
const BATCH_RECORDS: u64 = 500;
/// Requests that are under way together.
const POSTS_MAX: usize = 4;
/// How long the collector may take for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How often a batch is sent again while the collector cannot take it: for about a minute.
const RETRIES: usize = 12;

/// Batches on their way to a collector. A batch is sent at once when nothing is under way, so a quiet stream
/// does not wait for its batches to fill.
pub struct HttpSink {
    url: Url,
    client: Client,
    runtime: Handle,
    batch: Vec<u8>,
    records: u64,
    posts: VecDeque<Post>,
    standing: Standing,
}

struct Post {
    records: u64,
    answer: JoinHandle<Result<(), Refusal>>,
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

impl Refusal {
    fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Transport(_) => true,
        }
    }
}

impl HttpSink {
    /// A sink that posts to this address. Must be called within a runtime, and used outside of its threads.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(url: Url) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(ANSWER_WAIT).build().context("building the HTTP client")?;
        Ok(Self {
            url,
            client,
            runtime: Handle::current(),
            batch: Vec::new(),
            records: 0,
            posts: VecDeque::new(),
            standing: Standing::default(),
        })
    }

    /// As [`Sink::offer`](super::Sink::offer).
    pub fn offer(&mut self, record: &Record) -> anyhow::Result<Offered> {
        self.take_answers()?;
        if self.records >= BATCH_RECORDS {
            return Ok(Offered::Full);
        }
        self.batch.extend_from_slice(&record.payload);
        self.batch.push(b'\n');
        self.records += 1;
        self.standing.queue += 1;
        self.post_if_due();
        Ok(Offered::Taken)
    }

    fn post_if_due(&mut self) {
        let has_room = self.posts.len() < POSTS_MAX;
        if self.posts.is_empty() && self.records > 0 || self.records >= BATCH_RECORDS && has_room {
            self.post();
        }
    }

    fn post(&mut self) {
        let (batch, records) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.records));
        let answer = self.runtime.spawn(deliver(self.client.clone(), self.url.clone(), batch));
        self.posts.push_back(Post { records, answer });
    }

    fn take_answers(&mut self) -> anyhow::Result<()> {
        while self.posts.front().is_some_and(|post| post.answer.is_finished()) {
            let Some(Post { records, answer }) = self.posts.pop_front() else { break };
            self.standing.queue = self.standing.queue.saturating_sub(records);
            match self.runtime.block_on(answer).context("posting a batch")? {
                Ok(()) => self.standing.acknowledged += records,
                Err(error) => {
                    if self.standing.failed == 0 {
                        let url = self.url.as_str();
                        tracing::error!(url, %error, records, "a batch was not taken; further ones are only counted");
                    }
                    self.standing.failed += records;
                }
            }
        }
        self.post_if_due();
        Ok(())
    }

    /// As [`Sink::flush`](super::Sink::flush).
    pub fn flush(&mut self, patience: Duration) -> anyhow::Result<bool> {
        let deadline = Instant::now() + patience;
        loop {
            self.take_answers()?;
            if self.posts.is_empty() {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it is doing.
    pub fn standing(&self) -> Standing {
        self.standing
    }
}

/// Sends a batch, again and again while the collector cannot take it.
async fn deliver(client: Client, url: Url, batch: Vec<u8>) -> Result<(), Refusal> {
    let batch = bytes::Bytes::from(batch);
    let post = async || {
        let request = client.post(url.clone()).header(CONTENT_TYPE, "application/x-ndjson");
        let status = request.body(batch.clone()).send().await?.status();
        if status.is_success() { Ok(()) } else { Err(Refusal::Status(status)) }
    };
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(RETRIES)
        .with_jitter();
    post.retry(backoff).when(Refusal::may_pass).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use poem::listener::{Acceptor, Listener, TcpListener};
    use poem::web::Data;
    use poem::{EndpointExt, Route, Server, handler, post};

    use super::*;

    /// Answers every third request that it is too busy, and refuses lines that say so.
    #[derive(Clone, Default)]
    struct Collector {
        requests: Arc<AtomicU64>,
        lines: Arc<Mutex<Vec<String>>>,
    }

    #[handler]
    fn collect(collector: Data<&Collector>, body: String) -> StatusCode {
        if collector.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        if body.contains("refuse me") {
            return StatusCode::BAD_REQUEST;
        }
        collector.lines.lock().unwrap().extend(body.lines().map(str::to_owned));
        StatusCode::ACCEPTED
    }

    fn record(payload: &str) -> Record {
        Record { payload: payload.as_bytes().to_vec(), ..Record::empty() }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_event_arrives_once_and_what_is_refused_is_counted() {
        let collector = Collector::default();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_string();
        let app = Route::new().at("/events", post(collect)).data(collector.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
        let mut sink = HttpSink::new(Url::parse(&format!("http://{address}/events")).unwrap()).unwrap();
        let standing = tokio::task::spawn_blocking(move || {
            for number in 0..2_000 {
                while sink.offer(&record(&format!("{{\"n\":{number}}}"))).unwrap() == Offered::Full {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            assert!(sink.flush(Duration::from_secs(30)).unwrap());
            sink.offer(&record("refuse me")).unwrap();
            assert!(sink.flush(Duration::from_secs(30)).unwrap());
            sink.standing()
        });
        assert_eq!(
            standing.await.unwrap(),
            Standing { acknowledged: 2_000, failed: 1, ..Standing::default() }
        );
        let mut lines = collector.lines.lock().unwrap().clone();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 2_000);
    }
}
