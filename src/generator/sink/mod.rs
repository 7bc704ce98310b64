//! Where the records go.

mod address;
mod http;
mod kafka;
mod lines;

use std::time::Duration;

use crate::model::event::Stream;

pub use crate::generator::sink::address::{LabelsAddress, SinkAddress};
pub use crate::generator::sink::http::HttpSink;
pub use crate::generator::sink::kafka::KafkaSink;
pub use crate::generator::sink::lines::LinesSink;

/// A record on its way to a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The stream whose topic it belongs in.
    pub stream: Stream,
    /// Its key.
    pub key: Vec<u8>,
    /// The event as JSON, without a line's end.
    pub payload: Vec<u8>,
    /// The partition, where the key shall not decide it.
    pub partition: Option<i32>,
}

impl Record {
    /// One without contents, to be filled.
    pub fn empty() -> Self {
        Self { stream: Stream::Search, key: Vec::new(), payload: Vec::new(), partition: None }
    }
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// The sink took the record.
    Taken,
    /// It has no room now; the same again later.
    Full,
    /// Nobody reads any more: the run is over.
    Closed,
}

/// How a sink is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Records that have arrived.
    pub acknowledged: u64,
    /// Records that were refused.
    pub failed: u64,
    /// Records that wait for an answer.
    pub queue: u64,
    /// Whether nobody reads any more: what came after that is not missed.
    pub closed: bool,
}

/// Where the records go.
pub enum Sink {
    /// Topics.
    Kafka(KafkaSink),
    /// A line for each, in a file or on standard output.
    Lines(LinesSink),
    /// A collector's address.
    Http(HttpSink),
    /// Nowhere; counts them.
    Null(u64),
}

impl Sink {
    /// Offers a record.
    ///
    /// # Errors
    /// When the sink cannot go on.
    pub fn offer(&mut self, record: &Record) -> anyhow::Result<Offered> {
        match self {
            Self::Kafka(kafka) => kafka.offer(record),
            Self::Lines(lines) => lines.offer(record),
            Self::Http(http) => http.offer(record),
            Self::Null(count) => {
                *count += 1;
                Ok(Offered::Taken)
            }
        }
    }

    /// Waits until everything is acknowledged or has failed; `false` when it takes longer than `patience`.
    ///
    /// # Errors
    /// When the sink cannot go on.
    pub fn flush(&mut self, patience: Duration) -> anyhow::Result<bool> {
        match self {
            Self::Kafka(kafka) => Ok(kafka.flush(patience)),
            Self::Lines(lines) => lines.flush().map(|()| true),
            Self::Http(http) => http.flush(patience),
            Self::Null(_) => Ok(true),
        }
    }

    /// How it is doing.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Kafka(kafka) => kafka.standing(),
            Self::Lines(lines) => lines.standing(),
            Self::Http(http) => http.standing(),
            Self::Null(count) => Standing { acknowledged: *count, ..Standing::default() },
        }
    }

    /// Partitions of each topic; `None` where there are none.
    pub fn partitions(&self) -> Option<i32> {
        match self {
            Self::Kafka(kafka) => Some(kafka.partitions()),
            Self::Lines(_) | Self::Http(_) | Self::Null(_) => None,
        }
    }
}
