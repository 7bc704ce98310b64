//! Tells Kafka of fraud signals once Elasticsearch has them, at least once: the case's id as key, the document as
//! value. A withdrawn case is told too, with `active` false. Of one case the record with the greatest `support`
//! is the latest, whatever comes after it.

use crate::bus::{BusError, FRAUD_SIGNALS, Offer, Producer};
use crate::stream::delivery::deliver;
use crate::stream::document::Document;

/// A case and what is known of it.
pub struct News {
    id: String,
    body: Vec<u8>,
}

impl News {
    /// What there is to tell of a signal.
    pub fn of(signal: &Document) -> Self {
        Self { id: signal.id.clone(), body: signal.source.clone() }
    }
}

/// Tells all of it and waits until it is acknowledged, as [`deliver`] does.
pub async fn tell(producer: &Producer, news: &[News]) {
    deliver(producer, "fraud signals", news, offer).await;
}

fn offer(producer: &Producer, news: &News) -> Result<Offer, BusError> {
    producer.offer(FRAUD_SIGNALS, news.id.as_bytes(), &news.body)
}
