//! What was searched for in the last hours and what came of it: the panes of everybody (`query-stats`) and of suspect sessions
//! (`suspect-queries`).

use serde::Deserialize;
use smol_str::SmolStr;

use crate::analytics::queries::body::Scope;
use crate::analytics::queries::tally::{Stored, Tally};
use crate::analytics::recent::names::Names;
use crate::analytics::recent::panes::{DocumentAt, Panes, Row};
use crate::model::time::Timestamp;
use crate::rollup::Level;

/// A document of either kind, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Document {
    minute: Timestamp,
    scope: Scope,
    key: SmolStr,
    /// Everybody's have none.
    #[serde(default)]
    pub session_id: SmolStr,
    #[serde(flatten)]
    counts: Stored,
}

/// The panes of minutes, and the longer ones, by scope. A row's subject is the number of its key.
pub type Searches<W> = Panes<Scope, W, Tally>;

/// Puts a document of a level in (`None` for minutes), instead of what it was before; `fingerprint` stands for its id.
pub fn put<W>(
    searches: &mut Searches<W>,
    level: Option<Level>,
    (index, fingerprint): (&str, u64),
    who: W,
    found: &Document,
    keys: &mut Names<SmolStr>,
) {
    let document = DocumentAt { index, start: found.minute, fingerprint };
    let row = Row { subject: keys.number(&found.key), who, counts: found.counts.into() };
    searches.put(level, found.scope, document, row);
}
