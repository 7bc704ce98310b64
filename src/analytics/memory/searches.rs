//! What was searched for and what came of it: the panes of everybody (`query-stats`) and of suspect sessions
//! (`suspect-queries`).

use serde::Deserialize;
use smol_str::SmolStr;

use crate::analytics::memory::names::Names;
use crate::analytics::memory::panes::{DocumentAt, Panes, Row};
use crate::analytics::queries::body::Scope;
use crate::analytics::queries::tally::{Stored, Tally};
use crate::model::time::Timestamp;

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

/// The panes of all shelves, by scope. A row's subject is the number of its key.
pub type Searches<W> = Panes<Scope, W, Tally>;

/// Puts a document in, instead of what it was before; it counts once it is [settled](Panes::settle).
pub fn put<W: Copy>(
    searches: &mut Searches<W>,
    document: DocumentAt<'_>,
    who: W,
    found: &Document,
    keys: &mut Names<SmolStr>,
) {
    let row = Row::of(document, keys.number(&found.key), who, found.counts.into());
    searches.put(document, found.minute, found.scope, row);
}
