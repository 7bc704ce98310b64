//! Writes dead letters to Kafka, at least once: the record as it was, the reason in its headers.

use std::time::Duration;

use crate::bus::{BusError, DEAD_LETTERS, Offer, Producer};
use crate::stream::document::DeadLetter;

/// Wait before trying again, and between two looks for acknowledgements.
const WAIT: Duration = Duration::from_millis(50);
/// Wait after Kafka refused some.
const REFUSED_WAIT: Duration = Duration::from_secs(1);
/// Most bytes of a record that are kept: with its headers it must stay below Kafka's usual limit of one
/// megabyte, for a dead letter that cannot be written would stop everything behind it.
const PAYLOAD_BYTES_MAX: usize = 900_000;

/// Writes the letters and waits until all are acknowledged: for ever, if need be; dropping the future
/// gives up. The producer is shared, so what fails meanwhile for others makes it write these again.
pub async fn bury(producer: &Producer, dead: &[DeadLetter]) {
    let mut told = false;
    while !dead.is_empty() {
        let failed_before = producer.deliveries().failed();
        let result = hand_over(producer, dead).await;
        while producer.in_flight() > 0 {
            tokio::time::sleep(WAIT).await;
        }
        let refused = match result {
            Ok(()) if producer.deliveries().failed() == failed_before => return,
            Ok(()) => "Kafka refused some".to_owned(),
            Err(error) => error.to_string(),
        };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                letters = dead.len(),
                refused,
                "dead letters are not acknowledged; trying until they are"
            );
        }
        tokio::time::sleep(REFUSED_WAIT).await;
    }
}

async fn hand_over(producer: &Producer, dead: &[DeadLetter]) -> Result<(), BusError> {
    for letter in dead {
        while offer(producer, letter)? == Offer::Full {
            tokio::time::sleep(WAIT).await;
        }
    }
    Ok(())
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
