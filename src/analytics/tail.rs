//! New fraud signals as they are told in Kafka, for whoever listens to the API.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::sync::{Mutex, broadcast};

use crate::analytics::fraud::Signal;
use crate::bus::{Bus, BusError, Entry, FRAUD_SIGNALS, LogReader, Stretch};

/// Pause between two looks into the topic.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Signals that wait for a slow listener; beyond it the oldest are lost to that one.
const WAITING_MAX: usize = 1_000;
/// Cases that a listener is told of once; after so many others, one that grows may be told again.
const KNOWN_MAX: usize = 10_000;

/// Reads the topic once for all listeners, while there are any.
pub struct Tail {
    bus: Bus,
    listeners: Mutex<Option<broadcast::Sender<Arc<Signal>>>>,
}

/// A record, of which only what holds is news.
#[derive(Deserialize)]
struct Record {
    active: bool,
    #[serde(flatten)]
    signal: Signal,
}

impl Tail {
    /// Nobody listens yet. Sends nothing.
    pub fn new(bus: Bus) -> Self {
        Self { bus, listeners: Mutex::default() }
    }

    /// Each case that holds from now on, once.
    pub async fn listen(&self) -> impl Stream<Item = Signal> + Send + use<> {
        let known = BTreeSet::new();
        stream::unfold((self.subscribe().await, known), async |(mut news, mut known)| {
            loop {
                match news.recv().await {
                    Ok(signal) if known.insert(signal.id.clone()) => {
                        if known.len() > KNOWN_MAX {
                            known.clear();
                        }
                        return Some(((*signal).clone(), (news, known)));
                    }
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
    }

    async fn subscribe(&self) -> broadcast::Receiver<Arc<Signal>> {
        let mut listeners = self.listeners.lock().await;
        // Looked at under the lock that a new reader is started under, so that there is one at a time.
        if let Some(news) = listeners.as_ref().filter(|news| news.receiver_count() > 0) {
            return news.subscribe();
        }
        let (news, listener) = broadcast::channel(WAITING_MAX);
        *listeners = Some(news.clone());
        let bus = self.bus.clone();
        // It ends by itself when the last listener has gone, half a second later.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&bus, &news) {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(
                    error,
                    "the topic of fraud signals is not read any more; listeners are let go"
                );
            }
        });
        listener
    }
}

/// Tells what is written from now on, until nobody listens.
fn read(bus: &Bus, news: &broadcast::Sender<Arc<Signal>>) -> Result<(), BusError> {
    let (reader, topic, partition) = (LogReader::new(bus)?, FRAUD_SIGNALS, 0);
    let (_, mut next) = reader.bounds(topic, partition)?;
    while news.receiver_count() > 0 {
        let (_, end) = reader.bounds(topic, partition)?;
        reader.read(Stretch { topic, partition, from: next, to: end }, |entry| {
            if let Some(signal) = signal(&entry) {
                // Whoever has gone meanwhile need not be told.
                let _ = news.send(Arc::new(signal));
            }
        })?;
        next = end;
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn signal(entry: &Entry<'_>) -> Option<Signal> {
    let record: Record = serde_json::from_slice(entry.payload).ok()?;
    let id = String::from_utf8_lossy(entry.key).into_owned();
    record.active.then_some(Signal { id, ..record.signal })
}
