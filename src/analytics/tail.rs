//! New fraud signals as they are told in Kafka, for whoever listens to the API.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, broadcast};

use crate::analytics::fraud::Signal;
use crate::bus::{Bus, BusError, Entry, FRAUD_SIGNALS, LogReader, Stretch};
use crate::review::{self, Status, Verdicts};
use crate::store::Store;

/// Pause between two looks into the topic.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Signals that wait for a slow listener; beyond it the oldest are lost to that one.
const WAITING_MAX: usize = 1_000;
/// Signals of which the decisions are asked for at once.
const HEARD_MAX: usize = 1_000;
/// Cases that a listener is told of once; after so many others, one that grows may be told again.
const KNOWN_MAX: usize = 10_000;

/// Reads the topic once for all listeners, while there are any.
pub struct Tail {
    bus: Bus,
    store: Store,
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
    /// Nobody listens yet. Sends nothing. What was decided of cases lies in this store.
    pub fn new(bus: Bus, store: Store) -> Self {
        Self { bus, store, listeners: Mutex::default() }
    }

    /// Each case that holds from now on, once; none that is dismissed or quiet.
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
        let (bus, store) = (self.bus.clone(), self.store.clone());
        // It ends by itself when the last listener has gone, half a second later.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&bus, &store, &news) {
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

/// Tells what is written from now on, until nobody listens. Runs on a thread that may wait.
fn read(bus: &Bus, store: &Store, news: &broadcast::Sender<Arc<Signal>>) -> Result<(), BusError> {
    let runtime = Handle::current();
    let (reader, topic, partition) = (LogReader::new(bus)?, FRAUD_SIGNALS, 0);
    let (_, mut next) = reader.bounds(topic, partition)?;
    while news.receiver_count() > 0 {
        let (_, end) = reader.bounds(topic, partition)?;
        let mut heard = Vec::new();
        reader.read(Stretch { topic, partition, from: next, to: end }, |entry| {
            heard.extend(signal(&entry));
            if heard.len() >= HEARD_MAX {
                runtime.block_on(tell(store, std::mem::take(&mut heard), news));
            }
        })?;
        runtime.block_on(tell(store, heard, news));
        next = end;
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Tells what nobody has dismissed.
async fn tell(store: &Store, heard: Vec<Signal>, news: &broadcast::Sender<Arc<Signal>>) {
    let visitors = heard.iter().map(|signal| signal.visitor.as_str()).collect();
    let decisions = review::about(store, &visitors).await.unwrap_or_else(|error| {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error, "what was decided is not known, so new fraud signals are told without it");
        Vec::new()
    });
    for signal in to_tell(heard, &Verdicts::of(decisions)) {
        // Whoever has gone meanwhile need not be told.
        let _ = news.send(Arc::new(signal));
    }
}

/// With what was decided of them, those that nobody has dismissed.
fn to_tell(heard: Vec<Signal>, verdicts: &Verdicts) -> impl Iterator<Item = Signal> {
    let joined = heard.into_iter().map(|signal| signal.join(verdicts));
    joined.filter(|signal| signal.status != Status::Dismissed)
}

fn signal(entry: &Entry<'_>) -> Option<Signal> {
    let record: Record = serde_json::from_slice(entry.payload).ok()?;
    let id = String::from_utf8_lossy(entry.key).into_owned();
    record.active.then_some(Signal { id, ..record.signal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard(id: &str, visitor: &str) -> Signal {
        let source = json!({
            "id": id, "rule": "fast_refund", "severity": "high", "score": 3.5, "visitor": visitor, "day": "2026-11-21",
            "count": 2, "first_seen": "2026-11-21T09:00:00Z", "last_seen": "2026-11-21T09:01:00Z", "summary": "",
            "figures": {}, "thresholds": {},
        });
        serde_json::from_value(source).unwrap()
    }

    #[test]
    fn a_dismissed_case_stays_quiet_in_the_stream_and_a_confirmed_one_says_so() {
        let decision = |id: &str, visitor: &str, status: &str, until: Option<&str>| {
            serde_json::from_value(json!({
                "case_id": id, "rule": "fast_refund", "visitor": visitor, "status": status,
                "decided_at": "2026-11-20T00:00:00Z", "quiet_until": until,
            }))
            .unwrap()
        };
        let verdicts = Verdicts::of([
            decision("old", "u", "dismissed", Some("2026-12-20T00:00:00Z")),
            decision("sure", "v", "confirmed", None),
        ]);
        let all = vec![heard("old", "u"), heard("new", "u"), heard("sure", "v"), heard("open", "w")];
        let told: Vec<_> = to_tell(all, &verdicts).map(|signal| (signal.id, signal.status)).collect();
        assert_eq!(told, [("sure".to_owned(), Status::Confirmed), ("open".to_owned(), Status::Open)]);
    }
}
