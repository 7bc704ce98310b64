//! Search analytics added up from the panes in memory. The sums are those that [`crate::analytics::queries::body`] asks Elasticsearch for.
//!
//! Each answer is `None` where not all that it takes is held; Elasticsearch is asked then.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::analytics::progress::SESSIONS;
use crate::analytics::queries::body::{CANDIDATES_MAX, Scope};
use crate::analytics::queries::series::{self, Interval, Point};
use crate::analytics::queries::store::{
    Keys, Overview, Question, Ranking, Trends, in_order_of_use, listed, ranked, without,
};
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::recent::held::Held;
use crate::analytics::recent::panes::Row;
use crate::analytics::recent::searches::Searches;
use crate::analytics::trending::score::spans;
use crate::analytics::trending::{self, Counted, Seen, Trend};
use crate::model::time::Timestamp;
use crate::rollup::cover::Piece;
use crate::store::schema::Schema;

/// The key of the only row of a pane of [`Scope::All`].
const WHOLE: &str = "all";

/// The range as everybody's searches and those of bots both are rolled up.
pub fn as_rolled_up(held: &Held, range: Range) -> Range {
    let rolled = held.rolled(&Schema::QUERY_STATS).and(held.rolled(&Schema::SUSPECT_QUERIES));
    range.read_from(rolled)
}

/// Queries or categories in order, without bots. `None` too for a category of which nobody searched anything, which must
/// be looked up.
pub fn ranking(held: &Held, question: &Question) -> Option<Ranking> {
    let Question { range, scope, sort, .. } = *question;
    let sums = Sums { held, scope };
    let keys = match &question.keys {
        Keys::Any => sums.candidates(range, sort.measure(), None)?,
        Keys::Containing(text) => sums.candidates(range, sort.measure(), Some(text))?,
        Keys::One(key) => Candidates::of(held, [key.as_str()]),
    };
    let points = match question.keys {
        Keys::One(_) => Some(sums.points(range, Some(&keys))?.0),
        Keys::Any | Keys::Containing(_) => None,
    };
    if points.as_ref().is_some_and(|points| series::total(points).searches == 0) {
        return None;
    }
    let (now, before) = (sums.people(range, &keys)?, sums.people(range.before(), &keys)?);
    Some(Ranking {
        progress: held.progress(SESSIONS),
        bots_told_apart: held.bots_told_apart,
        items: ranked(now, &before, question),
        points,
    })
}

/// The searches of the whole shop, without bots.
pub fn overview(held: &Held, range: Range) -> Option<Overview> {
    let all = Sums { held, scope: Scope::All };
    let whole = Candidates::of(held, [WHOLE]);
    let ((points, bots), before) = (all.points(range, None)?, all.people(range.before(), &whole)?);
    let filters = Sums { held, scope: Scope::Filter };
    let every = filters.candidates(range, "searches", None)?;
    Some(Overview {
        progress: held.progress(SESSIONS),
        bots_told_apart: held.bots_told_apart,
        now: series::total(&points),
        before: before.into_values().next().unwrap_or_default(),
        bots,
        points,
        filters: in_order_of_use(filters.people(range, &every)?),
    })
}

/// Queries that more sessions search for than usual, without bots.
pub fn trends(held: &Held, window: Range, size: usize) -> Option<Trends> {
    let sums = Sums { held, scope: Scope::Query };
    let (mut trends, before) = (sums.trending(window)?, sums.trending(window.before())?);
    trends.truncate(size);
    let keys = Candidates::of(held, trends.iter().map(|trend| trend.key.as_str()));
    let figures = sums.people(window, &keys)?;
    Some(Trends {
        progress: held.progress(SESSIONS),
        bots_told_apart: held.bots_told_apart,
        listed: listed(trends, before, figures),
    })
}

/// Keys that are added up.
struct Candidates<'a> {
    keys: Vec<&'a str>,
    /// The place of each key among these, by its number.
    places: Vec<Option<u32>>,
}

impl<'a> Candidates<'a> {
    fn numbered(held: &'a Held, numbers: impl IntoIterator<Item = u32>) -> Self {
        let all = held.keys.all();
        let mut found = Self { keys: Vec::new(), places: vec![None; all.len()] };
        for number in numbers {
            let (key, place) = (all.get(number as usize), found.places.get_mut(number as usize));
            if let (Some(key), Some(place)) = (key, place) {
                *place = u32::try_from(found.keys.len()).ok();
                found.keys.push(key);
            }
        }
        found
    }

    /// These keys, as far as anybody ever searched them.
    fn of<'k>(held: &'a Held, keys: impl IntoIterator<Item = &'k str>) -> Self {
        Self::numbered(held, keys.into_iter().filter_map(|key| held.keys.find(key)))
    }

    /// The place of the key with a number.
    fn place(&self, number: u32) -> Option<usize> {
        self.places.get(number as usize).copied().flatten().map(|place| place as usize)
    }

    fn has(&self, number: u32) -> bool {
        self.place(number).is_some()
    }
}

/// The rows of one scope.
struct Sums<'a> {
    held: &'a Held,
    scope: Scope,
}

impl<'a> Sums<'a> {
    fn pieces(&self, range: Range, stretch: (Timestamp, Timestamp)) -> Option<Vec<Piece>> {
        self.held.pieces(range, stretch)
    }

    /// The keys with the most of a stored field, of those in which the text stands when there is one.
    fn candidates(&self, range: Range, measure: &str, text: Option<&str>) -> Option<Candidates<'a>> {
        let (measure, pieces) = (Tally::field(measure)?, self.pieces(range, range.stretch())?);
        let mut sums = vec![0_u64; self.held.keys.all().len()];
        for row in rows(&self.held.searches, self.scope, &pieces) {
            if let Some(sum) = sums.get_mut(row.subject as usize) {
                *sum = sum.saturating_add(measure(&row.counts));
            }
        }
        let counted = sums.into_iter().zip(self.held.keys.all()).zip(0_u32..);
        let wanted = counted.filter(|((sum, key), _)| *sum > 0 && text.is_none_or(|text| key.contains(text)));
        let mut greatest: Vec<_> = wanted.map(|((sum, key), number)| (Reverse(sum), key, number)).collect();
        greatest.sort_unstable();
        greatest.truncate(CANDIDATES_MAX);
        Some(Candidates::numbered(self.held, greatest.into_iter().map(|(.., number)| number)))
    }

    /// What people's searches came to, by key.
    fn people(&self, range: Range, keys: &Candidates<'_>) -> Option<HashMap<String, Tally>> {
        let pieces = self.pieces(range, range.stretch())?;
        let everybody = self.by_key(&self.held.searches, &pieces, keys, |()| true);
        let bots = self.by_key(&self.held.suspect_searches, &pieces, keys, self.held.is_bot());
        Some(without(everybody, &bots).collect())
    }

    fn by_key<W: Copy>(
        &self,
        searches: &Searches<W>,
        pieces: &[Piece],
        keys: &Candidates<'_>,
        counts: impl Fn(W) -> bool,
    ) -> HashMap<String, Tally> {
        let mut sums: Vec<Option<Tally>> = vec![None; keys.keys.len()];
        for row in rows(searches, self.scope, pieces).filter(|row| counts(row.who)) {
            if let Some(sum) = keys.place(row.subject).and_then(|place| sums.get_mut(place)) {
                *sum = Some(sum.unwrap_or_default().and(&row.counts));
            }
        }
        let found = keys.keys.iter().zip(sums);
        found.filter_map(|(key, sum)| Some(((*key).to_owned(), sum?))).collect()
    }

    /// What people searched over the range, stretch by stretch, and what bots did; of one key where one is given.
    fn points(&self, range: Range, key: Option<&Candidates<'_>>) -> Option<(Vec<Point>, Tally)> {
        let interval = Interval::of(range);
        // A point of the series must not be read from panes that are longer than it.
        let range = Range { rolled: range.rolled.up_to(interval.longest_pane()), ..range };
        let pieces = self.pieces(range, range.stretch())?;
        let (is_bot, wanted) = (self.held.is_bot(), |subject| key.is_none_or(|key| key.has(subject)));
        let everybody = self.by_start(&self.held.searches, &pieces, interval, |row| wanted(row.subject));
        let bots = self.by_start(&self.held.suspect_searches, &pieces, interval, |row| {
            is_bot(row.who) && wanted(row.subject)
        });
        let of_bots = bots.values().fold(Tally::default(), |sum, tally| sum.and(tally));
        Some((series::points(range, interval, &everybody, &bots), of_bots))
    }

    fn by_start<W>(
        &self,
        searches: &Searches<W>,
        pieces: &[Piece],
        interval: Interval,
        wanted: impl Fn(&Row<W, Tally>) -> bool,
    ) -> BTreeMap<Timestamp, Tally> {
        let mut sums: BTreeMap<Timestamp, Tally> = BTreeMap::new();
        for (start, rows) in searches.of(self.scope, pieces) {
            for row in rows.iter().filter(|row| wanted(row)) {
                let sum = sums.entry(interval.start(start)).or_default();
                *sum = sum.and(&row.counts);
            }
        }
        sums
    }

    /// Everything that trends in a window, the greatest score first.
    fn trending(&self, window: Range) -> Option<Vec<Trend>> {
        let keys = self.candidates(window, "sessions", None)?;
        let all = self.seen(&self.held.searches, window, &keys, |()| true)?;
        let bots = self.seen(&self.held.suspect_searches, window, &keys, self.held.is_bot())?;
        Some(all.without(&bots).rank(window))
    }

    /// The sessions that searched at all, and for each of these, in a window and in each span before it.
    fn seen<W: Copy>(
        &self,
        searches: &Searches<W>,
        window: Range,
        keys: &Candidates<'_>,
        counts: impl Fn(W) -> bool + Copy,
    ) -> Option<Seen> {
        let now = self.sessions(searches, &self.pieces(window, window.stretch())?, keys, counts);
        let mut seen = Seen { now, ..Seen::default() };
        for (tally, span) in seen.before.iter_mut().zip(spans(window)) {
            let pieces = self.pieces(window, (span.from, span.to))?;
            let first = searches.of(Scope::All, &pieces).map(|(start, _)| start).min();
            seen.first_pane = [seen.first_pane, first].into_iter().flatten().min();
            *tally = self.sessions(searches, &pieces, keys, counts);
        }
        Some(seen)
    }

    fn sessions<W: Copy>(
        &self,
        searches: &Searches<W>,
        pieces: &[Piece],
        keys: &Candidates<'_>,
        counts: impl Fn(W) -> bool,
    ) -> trending::Tally {
        let whole = rows(searches, Scope::All, pieces).filter(|row| counts(row.who));
        let whole = whole.map(|row| row.counts.sessions).sum();
        let mut sums = vec![0; keys.keys.len()];
        for row in rows(searches, self.scope, pieces).filter(|row| counts(row.who)) {
            if let Some(sum) = keys.place(row.subject).and_then(|place| sums.get_mut(place)) {
                *sum += row.counts.sessions;
            }
        }
        let counted =
            |(key, sessions): (&&str, u64)| ((*key).to_owned(), Counted { sessions, ..Counted::default() });
        trending::Tally { whole, by_key: keys.keys.iter().zip(sums).map(counted).collect() }
    }
}

fn rows<'a, W>(
    searches: &'a Searches<W>,
    scope: Scope,
    pieces: &'a [Piece],
) -> impl Iterator<Item = &'a Row<W, Tally>> {
    searches.of(scope, pieces).flat_map(|(_, rows)| rows)
}
