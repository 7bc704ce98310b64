//! The JSON of the aggregations that [`crate::analytics::queries::body`] asks for, as far as it is read.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::analytics::queries::tally::Tally;
use crate::model::time::Timestamp;
use crate::store::found::Buckets;

/// Sums for each key.
#[derive(Deserialize)]
pub struct ByKey {
    keys: Buckets<OfKey>,
}

#[derive(Deserialize)]
struct OfKey {
    key: String,
    #[serde(flatten)]
    tally: Tally,
}

impl ByKey {
    /// The greatest first, as asked for.
    pub fn in_order(self) -> impl Iterator<Item = (String, Tally)> {
        self.keys.buckets.into_iter().map(|bucket| (bucket.key, bucket.tally))
    }

    /// By key.
    pub fn by_key(self) -> HashMap<String, Tally> {
        self.in_order().collect()
    }
}

/// Sums for each stretch of time in which there is something.
#[derive(Deserialize)]
pub struct ByTime {
    points: Buckets<OfTime>,
}

#[derive(Deserialize)]
struct OfTime {
    /// Its start, in milliseconds.
    key: i64,
    #[serde(flatten)]
    tally: Tally,
}

impl ByTime {
    /// By the start.
    pub fn by_start(self) -> BTreeMap<Timestamp, Tally> {
        let points = self.points.buckets.into_iter();
        points.map(|point| (Timestamp::from_millis(point.key), point.tally)).collect()
    }
}
