//! The merchandiser's desk: endpoints that show and change synonyms and rules, and say beforehand what a
//! change does to searches. A slice of its own, since it needs both `merchandising` and `search`, which
//! itself goes by `merchandising`.

mod answers;
mod guard;
mod preview;
pub mod routes;

pub use crate::curation::guard::{AdminToken, Guard, Pass, Refused};
