//! Hands records to Kafka until all of them are acknowledged.

use std::time::Duration;

use crate::bus::{BusError, Offer, Producer};

/// Wait before trying again, and between two looks for acknowledgements.
const WAIT: Duration = Duration::from_millis(50);
/// Wait after Kafka refused some.
const REFUSED_WAIT: Duration = Duration::from_secs(1);

/// Offers each record, and waits until all are acknowledged: for ever, if need be; dropping the future
/// gives up. The producer is shared, so what fails meanwhile for others makes it write these again: at least once.
pub async fn deliver<T>(
    producer: &Producer,
    what: &'static str,
    records: &[T],
    offer: fn(&Producer, &T) -> Result<Offer, BusError>,
) {
    let mut told = false;
    while !records.is_empty() {
        let failed_before = producer.deliveries().failed();
        let result = hand_over(producer, records, offer).await;
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
                what,
                records = records.len(),
                refused,
                "records are not acknowledged; trying until they are"
            );
        }
        tokio::time::sleep(REFUSED_WAIT).await;
    }
}

async fn hand_over<T>(
    producer: &Producer,
    records: &[T],
    offer: fn(&Producer, &T) -> Result<Offer, BusError>,
) -> Result<(), BusError> {
    for record in records {
        while offer(producer, record)? == Offer::Full {
            tokio::time::sleep(WAIT).await;
        }
    }
    Ok(())
}
