//! How soon signals are told: from the event that decided to the record in Kafka, by the wall clock.

use serde::Serialize;

use crate::model::time::Timestamp;

/// The first record that tells of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The last event of the case by then.
    pub decided_at: Timestamp,
    /// When Kafka stored it.
    pub appended_at: Timestamp,
}

/// Times from the deciding event to the record. They mean something while the traffic is live; in a backfill they are
/// the age of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Telling {
    /// Cases that were told of.
    pub cases: usize,
    /// The middle one, in seconds; `None` of nothing.
    pub p50_s: Option<f64>,
    /// All but a twentieth are at most that, in seconds.
    pub p95_s: Option<f64>,
}

impl Telling {
    /// Of these cases.
    pub fn of<'a>(told: impl Iterator<Item = &'a Told>) -> Self {
        let mut waits: Vec<i64> =
            told.map(|told| (told.appended_at - told.decided_at).num_milliseconds()).collect();
        waits.sort_unstable();
        let quantile = |percent: usize| {
            let last = waits.len().checked_sub(1)?;
            waits.get(last * percent / 100).map(|ms| *ms as f64 / 1_000.0)
        };
        Self { cases: waits.len(), p50_s: quantile(50), p95_s: quantile(95) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;

    #[test]
    fn the_slow_ones_show_in_the_p95() {
        let told: Vec<Told> =
            (0..=100).map(|ms| Told { decided_at: at(0), appended_at: at(ms * 10) }).collect();
        assert_eq!(Telling::of(told.iter()), Telling { cases: 101, p50_s: Some(0.5), p95_s: Some(0.95) });
        assert_eq!(Telling::of([].iter()), Telling::default());
    }
}
