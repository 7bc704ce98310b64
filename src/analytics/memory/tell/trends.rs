//! What trends, added up from the panes in memory. The counts are those that [`crate::analytics::trending::query`] asks Elasticsearch for.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::names::Places;
use crate::analytics::memory::products::{Amount, Deed, Products};
use crate::analytics::memory::shelf::Part;
use crate::analytics::memory::tables::Tables;
use crate::analytics::memory::tell::groups::Groups;
use crate::analytics::progress::TRENDS;
use crate::analytics::range::Range;
use crate::analytics::trending::query::KEYS_MAX;
use crate::analytics::trending::score::{SPANS, spans};
use crate::analytics::trending::store::{Ranked, Trends, listed};
use crate::analytics::trending::{Counted, Figures, Measure, Question, Seen, Tally};
use crate::model::money::Cents;
use crate::model::time::Timestamp;

/// What trends at `now`, and in which window; `None` where not all that this takes is held, or a category in which
/// nobody did anything must be looked up.
pub fn trends(tables: &Tables, question: &Question, now: Timestamp) -> Option<(Range, Trends)> {
    let asked = Range::last(question.minutes, now);
    let window = asked.read_from(tables.rounds.rolled(Kind::Products));
    let groups = Groups::new(&tables.subjects, &question.among);
    let sums = Sums { tables, groups: &groups, by: question.by };
    let (current, before) = (sums.ranked(window)?, sums.ranked(window.before())?);
    if current.is_idle && question.among.category().is_some() {
        return None;
    }
    let mut trends = current.trends;
    trends.truncate(question.size);
    let keys: Vec<&str> = trends.iter().map(|trend| trend.key.as_str()).collect();
    let figures = sums.figures(window, &keys)?;
    let trends = Trends {
        progress: tables.rounds.progress(TRENDS),
        bots_share: current.bots_share,
        bots_told_apart: tables.rounds.bots_told_apart(),
        listed: listed(trends, before.trends, &figures),
    };
    Some((window, trends))
}

/// What a stretch of time adds up to.
struct Stretch {
    whole: u64,
    /// By the number of the group.
    sessions: Vec<u64>,
    /// The first pane in which something was counted.
    first: Option<Timestamp>,
}

/// The deed that is counted.
fn deed(by: Measure) -> Deed {
    match by {
        Measure::Views => Deed::View,
        Measure::Carts => Deed::AddToCart,
        Measure::Purchases | Measure::Revenue => Deed::Purchase,
    }
}

struct Sums<'a> {
    tables: &'a Tables,
    groups: &'a Groups<'a>,
    by: Measure,
}

/// The panes of a window and of the spans before it.
struct Stretches {
    now: Vec<Part>,
    before: [Vec<Part>; SPANS],
}

impl Stretches {
    /// As the panes of each stretch of time are held; `None` where those of one are not.
    fn new(window: Range, held: impl Fn(Range, (Timestamp, Timestamp)) -> Option<Vec<Part>>) -> Option<Self> {
        let mut panes = Self { now: held(window, window.stretch())?, before: Default::default() };
        for (parts, span) in panes.before.iter_mut().zip(spans(window)) {
            *parts = held(window, (span.from, span.to))?;
        }
        Some(panes)
    }
}

impl Sums<'_> {
    /// Everything that trends in a window.
    fn ranked(&self, window: Range) -> Option<Ranked> {
        let panes =
            Stretches::new(window, |range, stretch| self.tables.parts(Kind::Products, range, stretch))?;
        let leaders = self.leaders(&panes.now);
        let all = self.seen(&self.tables.products, &panes, |()| true, &leaders);
        let panes = Stretches::new(self.for_bots(window), |range, stretch| {
            self.tables.parts(Kind::SuspectProducts, range, stretch)
        })?;
        let bots = self.seen(&self.tables.suspect_products, &panes, self.tables.is_bot(), &leaders);
        Some(Ranked::new(all, &bots, self.by, window, leaders.is_empty()))
    }

    fn for_bots(&self, window: Range) -> Range {
        Range { rolled: self.tables.rounds.rolled(Kind::SuspectProducts), ..window }
    }

    /// The groups with the greatest counts, as [`crate::analytics::trending::query::leaders`] has them.
    fn leaders(&self, window: &[Part]) -> Vec<usize> {
        let mut sessions = vec![0; self.groups.len()];
        for (_, rows) in self.tables.products.did(deed(self.by), window) {
            for row in rows.iter().filter(|row| self.groups.is_asked_for(row.subject)) {
                if let Some(sum) = self.groups.of(row.subject).and_then(|group| sessions.get_mut(group)) {
                    *sum += u64::from(row.counts.sessions);
                }
            }
        }
        let counted = |(group, sessions): (usize, u64)| {
            let key = self.groups.key(group).filter(|_| sessions > 0)?;
            Some((Reverse(sessions), key, group))
        };
        let mut leaders: Vec<(Reverse<u64>, &str, usize)> =
            sessions.into_iter().enumerate().filter_map(counted).collect();
        leaders.sort_unstable();
        leaders.into_iter().take(KEYS_MAX).map(|(.., group)| group).collect()
    }

    /// The counts of the leaders in the window and before it, and the whole shop's.
    fn seen<W: Copy>(
        &self,
        products: &Products<W>,
        panes: &Stretches,
        counts: impl Fn(W) -> bool + Copy,
        leaders: &[usize],
    ) -> Seen {
        let revenue = match self.by {
            Measure::Revenue => self.revenue(products, &panes.now, counts),
            Measure::Views | Measure::Carts | Measure::Purchases => Vec::new(),
        };
        let now = self.stretch(products, &panes.now, counts).tally(self.groups, leaders, &revenue);
        let mut seen = Seen { now, ..Seen::default() };
        for (tally, parts) in seen.before.iter_mut().zip(&panes.before) {
            let counted = self.stretch(products, parts, counts);
            seen.first_pane = [seen.first_pane, counted.first].into_iter().flatten().min();
            *tally = counted.tally(self.groups, leaders, &[]);
        }
        seen
    }

    fn stretch<W: Copy>(
        &self,
        products: &Products<W>,
        parts: &[Part],
        counts: impl Fn(W) -> bool,
    ) -> Stretch {
        let mut sums = Stretch { whole: 0, sessions: vec![0; self.groups.len()], first: None };
        for (start, rows) in products.did(deed(self.by), parts) {
            let before = sums.whole;
            for row in rows.iter().filter(|row| counts(row.who)) {
                let sessions = u64::from(row.counts.sessions);
                sums.whole += sessions;
                if let Some(sum) = self.groups.of(row.subject).and_then(|group| sums.sessions.get_mut(group))
                {
                    *sum += sessions;
                }
            }
            if sums.whole > before {
                sums.first = Some(sums.first.map_or(start, |first| first.min(start)));
            }
        }
        sums
    }

    fn revenue<W: Copy>(
        &self,
        products: &Products<W>,
        parts: &[Part],
        counts: impl Fn(W) -> bool,
    ) -> Vec<Cents> {
        let mut sums = vec![Cents(0); self.groups.len()];
        for row in products.revenue(parts).filter(|row| counts(row.who)) {
            if let Some(sum) = self.groups.of(row.subject).and_then(|group| sums.get_mut(group)) {
                *sum += row.counts;
            }
        }
        sums
    }

    /// What people did in the window with what is listed.
    fn figures(&self, window: Range, keys: &[&str]) -> Option<HashMap<String, Figures>> {
        let places = self.groups.places(keys);
        let all = self.tables.parts(Kind::Products, window, window.stretch())?;
        let all = self.done(&self.tables.products, &all, |()| true, &places);
        let window = self.for_bots(window);
        let bots = self.tables.parts(Kind::SuspectProducts, window, window.stretch())?;
        let bots = self.done(&self.tables.suspect_products, &bots, self.tables.is_bot(), &places);
        let people = all
            .into_iter()
            .map(|(place, all)| (place, bots.get(&place).map_or(all, |bots| all.without(*bots))));
        Some(people.filter_map(|(place, figures)| Some(((*keys.get(place)?).to_owned(), figures))).collect())
    }

    /// What was done with what stands at these places, by the place.
    fn done<W: Copy>(
        &self,
        products: &Products<W>,
        parts: &[Part],
        counts: impl Fn(W) -> bool,
        places: &Places,
    ) -> HashMap<usize, Figures> {
        let mut done: HashMap<usize, Figures> = HashMap::new();
        for deed in Deed::ALL {
            let rows = products.did(deed, parts).flat_map(|(_, rows)| rows).filter(|row| counts(row.who));
            for row in rows {
                if let Some(place) = self.groups.place(row.subject, places) {
                    done.entry(place).or_default().add(deed, row.counts);
                }
            }
        }
        for row in products.revenue(parts).filter(|row| counts(row.who)) {
            if let Some(place) = self.groups.place(row.subject, places) {
                done.entry(place).or_default().revenue += row.counts;
            }
        }
        done
    }
}

impl Figures {
    fn add(&mut self, deed: Deed, Amount { sessions, quantity }: Amount) {
        let quantity = u64::from(quantity);
        match deed {
            Deed::View => {
                (self.view_sessions, self.views) =
                    (self.view_sessions + u64::from(sessions), self.views + quantity)
            }
            Deed::AddToCart => self.carts += quantity,
            Deed::Purchase => self.purchases += quantity,
            Deed::Refund => self.refunds += quantity,
        }
    }
}

impl Stretch {
    /// The counts of these groups alone.
    fn tally(self, groups: &Groups<'_>, wanted: &[usize], revenue: &[Cents]) -> Tally {
        let counted = |group: &usize| {
            let sessions = self.sessions.get(*group).copied().unwrap_or_default();
            let revenue = revenue.get(*group).copied().unwrap_or_default();
            let counted = Counted { sessions, revenue };
            let key = groups.key(*group).filter(|_| counted != Counted::default())?;
            Some((key.to_owned(), counted))
        };
        Tally { whole: self.whole, by_key: wanted.iter().filter_map(counted).collect() }
    }
}
