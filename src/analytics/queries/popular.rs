//! What many people search for, for those who begin to type the same.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::analytics::queries::store;
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::model::time::Timestamp;
use crate::store::{Store, StoreError};

/// How long a search counts towards the popularity of its query.
const POPULAR_FOR: TimeDelta = TimeDelta::days(7);
/// Sessions that must have searched for a query before others are told of it: fewer is chance, or private.
const SESSIONS_MIN: u64 = 3;
/// Most queries that are popular.
const QUERIES_MAX: usize = 500;

/// A popular query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Popular {
    /// In lower case, one blank between words.
    pub query: String,
    /// Sessions of people that searched for it.
    pub sessions: u64,
}

/// What people searched for in the week before `now`, the most popular first; bots left out. In a shop of which nothing is
/// processed yet it is nothing.
///
/// # Errors
/// As [`Store::search`].
pub async fn popular(results: &Store, now: Timestamp) -> Result<Vec<Popular>, StoreError> {
    let minutes = u32::try_from(POPULAR_FOR.num_minutes()).unwrap_or(u32::MAX);
    Ok(rank(store::popular(results, Range::last(minutes, now)).await?))
}

/// Those that find something and are not one's own alone; equal ones by text.
fn rank(people: HashMap<String, Tally>) -> Vec<Popular> {
    let found = |tally: &Tally| tally.searches > tally.zero_results && tally.sessions >= SESSIONS_MIN;
    let told = people.into_iter().filter(|(query, tally)| !query.is_empty() && found(tally));
    let mut popular: Vec<Popular> =
        told.map(|(query, tally)| Popular { query, sessions: tally.sessions }).collect();
    popular.sort_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.query.cmp(&b.query)));
    popular.truncate(QUERIES_MAX);
    popular
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_search_for_or_nobody_finds_is_not_told() {
        let searched =
            |sessions, searches, zero_results| Tally { sessions, searches, zero_results, ..Tally::default() };
        let people = [
            ("headset", searched(4, 9, 8)),
            ("head lamp", searched(5, 5, 0)),
            ("hats", searched(4, 4, 0)),
            ("heather's diary", searched(2, 9, 0)),
            ("headphones for cats", searched(9, 9, 9)),
            ("", searched(9, 9, 0)),
        ];
        let popular = rank(people.map(|(query, tally)| (query.to_owned(), tally)).into());
        let told: Vec<_> = popular.iter().map(|one| (one.query.as_str(), one.sessions)).collect();
        assert_eq!(told, [("head lamp", 5), ("hats", 4), ("headset", 4)]);
    }
}
