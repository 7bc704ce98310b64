//! Which panes answer a range: minutes, and the longer ones that they were rolled up into.
//!
//! A range that was not [`held`] is read from minutes alone. One that was names the documents to read, minute for
//! minute once, and is asked of [`indices`].

use serde_json::{Value, json};

use crate::analytics::range::Range;
use crate::model::time::Timestamp;
use crate::rollup::cover::Piece;
use crate::rollup::{self, Rolled};
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// The range as the results of all of these kinds, named by their minutes, are held of it.
///
/// # Errors
/// As [`Store::search`].
pub async fn held(store: &Store, kinds: &[&Schema], range: Range) -> Result<Range, StoreError> {
    Ok(range.read_from(rollup::rolled(store, kinds).await?))
}

/// The names of the indices that hold the panes of a range.
pub fn indices(kind: &Schema, range: Range) -> String {
    if range.rolled == Rolled::default() {
        return kind.name.to_owned();
    }
    let levels = rollup::levels(kind).map(|(_, schema)| schema.name);
    [kind.name].into_iter().chain(levels).collect::<Vec<_>>().join(",")
}

/// The panes of a range.
pub fn panes(range: Range) -> Value {
    if range.rolled == Rolled::default() {
        return json!({ "range": { "minute": { "gte": range.from, "lte": range.to } } });
    }
    panes_of(range.rolled, [range.stretch()])
}

/// The panes of several stretches of time, in any order, that do not overlap. The end of a stretch is not in it.
///
/// A pane lies in one stretch alone: what is told apart by them is told apart by the start of its panes.
pub fn panes_of(rolled: Rolled, stretches: impl IntoIterator<Item = (Timestamp, Timestamp)>) -> Value {
    let mut stretches: Vec<_> = stretches.into_iter().collect();
    stretches.sort_unstable();
    let mut pieces: Vec<Piece> = Vec::new();
    for (from, until) in stretches {
        for piece in rolled.cover(rolled.align(from), rolled.align(until)) {
            match pieces.last_mut() {
                Some(last) if (last.level, last.until) == (piece.level, piece.from) => {
                    last.until = piece.until
                }
                _ => pieces.push(piece),
            }
        }
    }
    match pieces.as_slice() {
        [Piece { level: None, from, until }] if rolled == Rolled::default() => minutes(*from, *until),
        // An empty `should` would be no condition at all.
        [] => json!({ "match_none": {} }),
        pieces => {
            let pieces: Vec<Value> = pieces.iter().map(filter).collect();
            json!({ "bool": { "should": pieces, "minimum_should_match": 1 } })
        }
    }
}

fn minutes(from: Timestamp, until: Timestamp) -> Value {
    json!({ "range": { "minute": { "gte": from, "lt": until } } })
}

fn filter(piece: &Piece) -> Value {
    let time = minutes(piece.from, piece.until);
    match piece.level {
        Some(level) => json!({ "bool": { "filter": [time, { "term": { "span": level.name() } }] } }),
        // Only documents of more than a minute say how much they span.
        None => json!({ "bool": { "filter": [time], "must_not": { "exists": { "field": "span" } } } }),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::rollup::cover::Held;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn range() -> Range {
        Range::last(90, at("2026-11-21T10:07:30Z"))
    }

    #[test]
    fn what_is_not_rolled_up_is_read_from_minutes() {
        assert_eq!(indices(&Schema::CATEGORY_FUNNELS, range()), "category-funnels");
        assert_snapshot!(panes(range()), @r#"{"range":{"minute":{"gte":"2026-11-21T08:37:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}}"#);
    }

    #[test]
    fn what_is_rolled_up_is_read_from_the_longest_panes() {
        let hours = Held { from: Timestamp::MIN, until: at("2026-11-21T10:00:00Z") };
        let range = range().read_from(Rolled { hours, ..Rolled::default() });
        let names = "category-funnels,category-funnels-hours,category-funnels-days";
        assert_eq!(indices(&Schema::CATEGORY_FUNNELS, range), names);
        assert_snapshot!(panes(range), @r#"{"bool":{"minimum_should_match":1,"should":[{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T08:37:00.000Z","lt":"2026-11-21T09:00:00.000Z"}}}],"must_not":{"exists":{"field":"span"}}}},{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T09:00:00.000Z","lt":"2026-11-21T10:00:00.000Z"}}},{"term":{"span":"hour"}}]}},{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:00:00.000Z","lt":"2026-11-21T10:07:30.001Z"}}}],"must_not":{"exists":{"field":"span"}}}}]}}"#);
    }

    #[test]
    fn a_range_whose_minutes_are_gone_begins_with_their_hour_and_so_ends_the_one_before() {
        let hours = Held { from: Timestamp::MIN, until: at("2026-11-21T10:00:00Z") };
        let range = range().read_from(Rolled {
            minutes_from: at("2026-11-21T00:00:00Z"),
            hours,
            ..Rolled::default()
        });
        assert_eq!(range.from, at("2026-11-21T08:37:00Z"), "its minutes are there");
        let rolled = Rolled { minutes_from: at("2026-11-21T09:00:00Z"), ..range.rolled };
        let ends = |range: Range| (range.from, range.to);
        let range = range.read_from(rolled);
        assert_eq!(
            (range.from, range.before().to),
            (at("2026-11-21T08:00:00Z"), at("2026-11-21T07:59:59.999Z"))
        );
        let within = Range::last(5, at("2026-11-21T08:20:00Z")).read_from(rolled);
        assert_eq!(ends(within), (at("2026-11-21T08:00:00Z"), at("2026-11-21T08:59:59.999Z")));
    }

    #[test]
    fn of_no_time_at_all_nothing_is_read() {
        assert_eq!(panes_of(Rolled::default(), []), json!({ "match_none": {} }));
    }
}
