//! Search analytics added up from the panes in memory. The sums are those that [`crate::analytics::queries::body`] asks Elasticsearch for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use smol_str::SmolStr;

use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::names::Places;
use crate::analytics::memory::panes::Row;
use crate::analytics::memory::searches::Searches;
use crate::analytics::memory::shelf::Part;
use crate::analytics::memory::tables::Tables;
use crate::analytics::progress::SESSIONS;
use crate::analytics::queries::body::{CANDIDATES_MAX, Scope};
use crate::analytics::queries::series::{self, Interval, Point};
use crate::analytics::queries::store::{
    Keys, Overview, Question, Ranking, Trends, in_order_of_use, listed, ranked, without,
};
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::trending::score::spans;
use crate::analytics::trending::{self, Counted, Seen, Trend};
use crate::model::time::Timestamp;

/// The key of the only row of a pane of [`Scope::All`].
const WHOLE: &str = "all";

/// The range as everybody's searches and those of bots both are rolled up.
pub fn as_rolled_up(tables: &Tables, range: Range) -> Range {
    let rolled = tables.rounds.rolled(Kind::Searches).and(tables.rounds.rolled(Kind::SuspectSearches));
    range.read_from(rolled)
}

/// Queries or categories in order, without bots. `None` too for a category of which nobody searched anything, which must
/// be looked up.
pub fn ranking(tables: &Tables, question: &Question) -> Option<Ranking> {
    let Question { range, scope, sort, .. } = *question;
    let sums = Sums { tables, scope };
    let keys = match &question.keys {
        Keys::Any => sums.candidates(range, sort.measure(), None)?,
        Keys::Containing(text) => sums.candidates(range, sort.measure(), Some(text))?,
        Keys::One(key) => Candidates::of(tables, [key.as_str()]),
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
        progress: tables.rounds.progress(SESSIONS),
        bots_told_apart: tables.rounds.bots_told_apart(),
        items: ranked(now, &before, question),
        points,
    })
}

/// The searches of the whole shop, without bots.
pub fn overview(tables: &Tables, range: Range) -> Option<Overview> {
    let all = Sums { tables, scope: Scope::All };
    let whole = Candidates::of(tables, [WHOLE]);
    let ((points, bots), before) = (all.points(range, None)?, all.people(range.before(), &whole)?);
    let filters = Sums { tables, scope: Scope::Filter };
    let every = filters.candidates(range, "searches", None)?;
    Some(Overview {
        progress: tables.rounds.progress(SESSIONS),
        bots_told_apart: tables.rounds.bots_told_apart(),
        now: series::total(&points),
        before: before.into_values().next().unwrap_or_default(),
        bots,
        points,
        filters: in_order_of_use(filters.people(range, &every)?),
    })
}

/// Queries that more sessions search for than usual, without bots.
pub fn trends(tables: &Tables, window: Range, size: usize) -> Option<Trends> {
    let sums = Sums { tables, scope: Scope::Query };
    let (mut trends, before) = (sums.trending(window)?, sums.trending(window.before())?);
    trends.truncate(size);
    let keys = Candidates::of(tables, trends.iter().map(|trend| trend.key.as_str()));
    let figures = sums.people(window, &keys)?;
    Some(Trends {
        progress: tables.rounds.progress(SESSIONS),
        bots_told_apart: tables.rounds.bots_told_apart(),
        listed: listed(trends, before, figures),
    })
}

/// Keys that are added up.
struct Candidates<'a> {
    keys: Vec<&'a str>,
    places: Places,
}

impl<'a> Candidates<'a> {
    /// Those with these numbers.
    fn numbered(tables: &'a Tables, numbers: &[u32]) -> Self {
        let all = tables.keys.all();
        let keys = numbers.iter().filter_map(|number| all.get(*number as usize)).map(SmolStr::as_str);
        Self { keys: keys.collect(), places: Places::new(all.len(), numbers) }
    }

    /// These keys, as far as anybody ever searched them.
    fn of<'k>(tables: &'a Tables, keys: impl IntoIterator<Item = &'k str>) -> Self {
        let numbers: Vec<u32> = keys.into_iter().filter_map(|key| tables.keys.find(key)).collect();
        Self::numbered(tables, &numbers)
    }
}

/// The rows of one scope.
struct Sums<'a> {
    tables: &'a Tables,
    scope: Scope,
}

impl<'a> Sums<'a> {
    /// Everybody's searches and those of suspects are held alike.
    fn parts(&self, range: Range, stretch: (Timestamp, Timestamp)) -> Option<Vec<Part>> {
        self.tables.parts(Kind::Searches, range, stretch)
    }

    /// The keys with the most of a stored field, of those in which the text stands when there is one.
    fn candidates(&self, range: Range, measure: &str, text: Option<&str>) -> Option<Candidates<'a>> {
        let (measure, parts) = (Tally::field(measure)?, self.parts(range, range.stretch())?);
        let mut sums = vec![0_u64; self.tables.keys.all().len()];
        for row in rows(&self.tables.searches, self.scope, &parts) {
            if let Some(sum) = sums.get_mut(row.subject as usize) {
                *sum = sum.saturating_add(measure(&row.counts));
            }
        }
        let counted = sums.into_iter().zip(self.tables.keys.all()).zip(0_u32..);
        let wanted = counted.filter(|((sum, key), _)| *sum > 0 && text.is_none_or(|text| key.contains(text)));
        let mut greatest: Vec<_> = wanted.map(|((sum, key), number)| (Reverse(sum), key, number)).collect();
        greatest.sort_unstable();
        greatest.truncate(CANDIDATES_MAX);
        let numbers: Vec<u32> = greatest.into_iter().map(|(.., number)| number).collect();
        Some(Candidates::numbered(self.tables, &numbers))
    }

    /// What people's searches came to, by key.
    fn people(&self, range: Range, keys: &Candidates<'_>) -> Option<HashMap<String, Tally>> {
        let parts = self.parts(range, range.stretch())?;
        let everybody = self.by_key(&self.tables.searches, &parts, keys, |()| true);
        let bots = self.by_key(&self.tables.suspect_searches, &parts, keys, self.tables.is_bot());
        Some(without(everybody, &bots).collect())
    }

    fn by_key<W: Copy>(
        &self,
        searches: &Searches<W>,
        parts: &[Part],
        keys: &Candidates<'_>,
        counts: impl Fn(W) -> bool,
    ) -> HashMap<String, Tally> {
        let mut sums: Vec<Option<Tally>> = vec![None; keys.keys.len()];
        for row in rows(searches, self.scope, parts).filter(|row| counts(row.who)) {
            if let Some(sum) = keys.places.of(row.subject).and_then(|place| sums.get_mut(place)) {
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
        let parts = self.parts(range, range.stretch())?;
        let (is_bot, wanted) =
            (self.tables.is_bot(), |subject| key.is_none_or(|key| key.places.of(subject).is_some()));
        let everybody = self.by_start(&self.tables.searches, &parts, interval, |row| wanted(row.subject));
        let bots = self.by_start(&self.tables.suspect_searches, &parts, interval, |row| {
            is_bot(row.who) && wanted(row.subject)
        });
        let of_bots = bots.values().fold(Tally::default(), |sum, tally| sum.and(tally));
        Some((series::points(range, interval, &everybody, &bots), of_bots))
    }

    fn by_start<W: Copy>(
        &self,
        searches: &Searches<W>,
        parts: &[Part],
        interval: Interval,
        wanted: impl Fn(&Row<W, Tally>) -> bool,
    ) -> BTreeMap<Timestamp, Tally> {
        let mut sums: BTreeMap<Timestamp, Tally> = BTreeMap::new();
        for (start, rows) in searches.of(self.scope, parts) {
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
        let all = self.seen(&self.tables.searches, window, &keys, |()| true)?;
        let bots = self.seen(&self.tables.suspect_searches, window, &keys, self.tables.is_bot())?;
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
        let now = self.sessions(searches, &self.parts(window, window.stretch())?, keys, counts);
        let mut seen = Seen { now, ..Seen::default() };
        for (tally, span) in seen.before.iter_mut().zip(spans(window)) {
            let parts = self.parts(window, (span.from, span.to))?;
            let first = searches.of(Scope::All, &parts).map(|(start, _)| start).min();
            seen.first_pane = [seen.first_pane, first].into_iter().flatten().min();
            *tally = self.sessions(searches, &parts, keys, counts);
        }
        Some(seen)
    }

    fn sessions<W: Copy>(
        &self,
        searches: &Searches<W>,
        parts: &[Part],
        keys: &Candidates<'_>,
        counts: impl Fn(W) -> bool,
    ) -> trending::Tally {
        let whole = rows(searches, Scope::All, parts).filter(|row| counts(row.who));
        let whole = whole.map(|row| row.counts.sessions).sum();
        let mut sums = vec![0; keys.keys.len()];
        for row in rows(searches, self.scope, parts).filter(|row| counts(row.who)) {
            if let Some(sum) = keys.places.of(row.subject).and_then(|place| sums.get_mut(place)) {
                *sum += row.counts.sessions;
            }
        }
        let counted =
            |(key, sessions): (&&str, u64)| ((*key).to_owned(), Counted { sessions, ..Counted::default() });
        trending::Tally { whole, by_key: keys.keys.iter().zip(sums).map(counted).collect() }
    }
}

fn rows<'a, W: Copy>(
    searches: &'a Searches<W>,
    scope: Scope,
    parts: &'a [Part],
) -> impl Iterator<Item = &'a Row<W, Tally>> {
    searches.of(scope, parts).flat_map(|(_, rows)| rows)
}
