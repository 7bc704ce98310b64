//! Funnels added up from the panes in memory. The sums are those that [`crate::analytics::funnels::query`] asks Elasticsearch for.

use crate::analytics::funnels::store::{Funnels, by_category};
use crate::analytics::funnels::{Funnel, ROOT, Sums, arrange, is_shown};
use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::tables::Tables;
use crate::analytics::progress::SESSIONS;
use crate::analytics::range::Range;
use crate::model::category::CategoryPath;

/// The funnels of the sessions that began in a range, and the range as it is rolled up. `None` too for a category in which
/// nobody was, which must be looked up.
pub fn funnels(tables: &Tables, asked: Range, category: Option<&CategoryPath>) -> Option<(Range, Funnels)> {
    let range = asked.read_from(tables.rounds.rolled(Kind::Funnels));
    let shown = category.map_or(ROOT, CategoryPath::as_str);
    let (now, before) = (sums(tables, range, shown)?, sums(tables, range.before(), shown)?);
    if now.is_empty() && category.is_some() {
        return None;
    }
    let funnels = Funnels {
        progress: tables.rounds.progress(SESSIONS),
        now: arrange(shown, now),
        before: by_category(before),
    };
    Some((range, funnels))
}

fn sums(tables: &Tables, range: Range, shown: &str) -> Option<Vec<Funnel>> {
    let parts = tables.parts(Kind::Funnels, range, range.stretch())?;
    let categories = tables.categories.all();
    let is_shown: Vec<bool> = categories.iter().map(|category| is_shown(category, shown)).collect();
    let mut sums: Vec<Option<Sums>> = vec![None; categories.len()];
    for row in tables.funnels.of((), &parts).flat_map(|(_, rows)| rows) {
        let place = row.subject as usize;
        if let (Some(true), Some(sum)) = (is_shown.get(place), sums.get_mut(place)) {
            sum.get_or_insert_default().add(&row.counts);
        }
    }
    let found = categories.iter().zip(sums);
    Some(
        found
            .filter_map(|(category, sums)| Some(Funnel { category: category.to_string(), sums: sums? }))
            .collect(),
    )
}
