//! Rolls the results of minutes up into quarters of an hour, hours and days, and drops what is old.
//!
//! A span is the sum of its minutes over partitions and topics, made when its minutes can change no more, and written
//! whole with the sum of their supports as version: a pass that is repeated, or carried out by two at once, changes
//! nothing, and one after a repair replaces what was less. How far a level has come is stated in the index `rollups`
//! after its documents can be found; readers go by that ([`Rolled::cover`]), so they never count a span that is not
//! there yet, nor its minutes besides.
//!
//! One thing is not made good by a repair: where it changes the category or brand that a product's minute is told by,
//! that minute stands under both in the span.
//!
//! [`kind`] is the table of what is added up, [`cover`] and [`span`] are pure; [`roll`] and [`retain`] carry out.

pub mod cover;
pub mod kind;
pub mod level;
pub mod repairs;
pub mod retain;
pub mod roll;
pub mod run;
mod sealed;
pub mod settings;
pub mod span;
pub mod state;
pub mod totals;

pub use crate::rollup::cover::Rolled;
pub use crate::rollup::level::Level;
pub use crate::rollup::run::{RollupTask, administer, keep_rolling, writes};
pub use crate::rollup::settings::Retention;

use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// What can be read of all the kinds of results whose minutes are these.
///
/// # Errors
/// As [`Store::search`].
pub async fn rolled(store: &Store, kinds: &[&Schema]) -> Result<Rolled, StoreError> {
    let state = state::State::read(store).await?;
    let rolled = kinds.iter().map(|minutes| state.rolled(minutes));
    Ok(rolled.reduce(Rolled::and).unwrap_or_default())
}

/// The levels that the results whose minutes are these are rolled up into, with their indices.
pub fn levels(minutes: &Schema) -> impl Iterator<Item = (Level, &'static Schema)> {
    let kind = kind::KINDS.iter().find(|kind| kind.minutes.name == minutes.name);
    kind.into_iter().flat_map(|kind| kind.levels.iter().map(|(level, schema)| (*level, schema)))
}
