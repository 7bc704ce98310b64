//! Writes dead letters to Kafka, at least once: the record as it was, the reason in its headers.

use crate::bus::{BusError, DEAD_LETTERS, Offer, Producer};
use crate::stream::delivery::deliver;
use crate::stream::origin::DeadLetter;

/// Most bytes of a record that are kept: with its headers it must stay below Kafka's usual limit of one
/// megabyte, for a dead letter that cannot be written would stop everything behind it.
const PAYLOAD_BYTES_MAX: usize = 900_000;

/// Writes the letters and waits until all are acknowledged, as [`deliver`] does.
pub async fn bury(producer: &Producer, dead: &[DeadLetter]) {
    deliver(producer, "dead letters", dead, offer).await;
}

fn offer(producer: &Producer, letter: &DeadLetter) -> Result<Offer, BusError> {
    let origin = &letter.origin;
    let (payload, cut_from) = match origin.payload.get(..PAYLOAD_BYTES_MAX) {
        Some(beginning) => (beginning, Some(origin.payload.len().to_string())),
        None => (origin.payload.as_slice(), None),
    };
    let mut headers = vec![
        ("reason", letter.reason.to_owned()),
        ("detail", letter.detail.clone()),
        ("topic", origin.stream.topic().to_owned()),
        ("partition", origin.partition.to_string()),
        ("offset", origin.offset.to_string()),
        ("appended_at", origin.appended_at.to_string()),
    ];
    headers.extend(cut_from.map(|bytes| ("cut_from_bytes", bytes)));
    let mut headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    headers.push(("key", &origin.key));
    producer.offer_with_headers(DEAD_LETTERS, letter.id().as_bytes(), payload, &headers)
}
