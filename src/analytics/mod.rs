//! What the shop's numbers say: trending products, funnels, fraud signals and live statistics.
//!
//! The processor writes partial results, one document per minute, partition and key; here, and only
//! here, they are added up, compared and ranked. Nothing here writes. Elasticsearch adds up what is many
//! ([`query`] says which), and [`memory`] holds as much of it as fits, so that it is seldom asked. Everything that decides is a pure
//! function: [`trending`] scores and ranks, [`funnels`] orders, divides and compares, [`progress`] says how far the numbers
//! can be trusted, [`fraud`] pages, [`decided`] leaves out what people dismissed. [`store`] does the exchanges, [`routes`] are
//! the endpoints, [`answers`] their JSON.
//!
//! An index that nobody has written yet reads as empty, so a new shop answers zeros and not errors.

pub mod answers;
pub mod bots;
pub mod decided;
mod found;
pub mod fraud;
pub mod funnels;
pub mod memory;
pub mod panes;
pub mod progress;
pub mod queries;
pub mod query;
pub mod range;
mod results;
pub mod routes;
pub mod stats;
pub mod store;
mod tail;
pub mod trending;

use thiserror::Error;

pub use crate::analytics::memory::Memory;
pub use crate::analytics::queries::{Popular, popular};
use crate::http::parameter::BadParameter;
use crate::store::StoreError;

/// Why a question was not answered.
#[derive(Debug, Error)]
pub enum AnalyticsError {
    /// A parameter has the right form but names something that is not there, or is damaged.
    #[error(transparent)]
    BadParameter(#[from] BadParameter),
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
