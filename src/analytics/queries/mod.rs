//! What is searched for, and what comes of it: per query, per category and overall.
//!
//! The processor writes a tally for each minute in which sessions began, partition and key (`query-stats`), and the same for
//! each suspect session apart (`suspect-queries`). Here they are added up, bots' sessions are taken off ([`tally`]),
//! put in order ([`rank`]) and told over time ([`series`]); what trends is scored as products are
//! ([`crate::analytics::trending`]). [`store`] does the exchanges with the bodies of [`body`], [`routes`] are the
//! endpoints, [`answers`] their JSON, `examples` what the API's description shows of it. docs/metrics-search.md defines every figure.

pub mod answers;
pub mod body;
mod examples;
mod found;
mod popular;
pub mod rank;
pub mod routes;
pub mod series;
pub mod store;
pub mod tally;

pub use crate::analytics::queries::popular::{Popular, popular};
