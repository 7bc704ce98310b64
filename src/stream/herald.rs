//! Tells Kafka of fraud signals once Elasticsearch has them, at least once: the case's id as key, the document as
//! value, the generation that tells it as header. A withdrawn case is told too, with `active` false. Of one case the
//! record with the greatest `support` is the latest, whatever comes after it.

use crate::bus::{BusError, FRAUD_SIGNALS, Offer, Producer};
use crate::model::generation::Generation;
use crate::stream::delivery::deliver;
use crate::stream::documents::Document;

/// The header that names the generation.
const GENERATION: &str = "generation";

/// A case and what is known of it.
pub struct News {
    id: String,
    body: Vec<u8>,
    generation: String,
}

impl News {
    /// What there is to tell of a generation's signal.
    pub fn of(signal: &Document<'_>, generation: &Generation) -> Self {
        Self { id: signal.id.to_owned(), body: signal.source.to_owned(), generation: generation.to_string() }
    }
}

/// Tells all of it and waits until it is acknowledged: for ever, if need be; dropping the future gives up.
pub async fn tell(producer: &Producer, news: &[News]) {
    deliver(producer, "fraud signals", news, offer).await;
}

fn offer(producer: &Producer, news: &News) -> Result<Offer, BusError> {
    let headers = [(GENERATION, news.generation.as_bytes())];
    producer.offer_with_headers(FRAUD_SIGNALS, news.id.as_bytes(), &news.body, &headers)
}
