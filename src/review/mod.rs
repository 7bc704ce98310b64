//! What people decide of the processor's verdicts. The index `fraud-decisions` is written here and nowhere else, and
//! joined with the cases where they are read.

mod changes;
mod decision;
pub mod routes;
mod store;
mod verdicts;

pub use crate::review::changes::Changes;
pub use crate::review::decision::{Decision, Status};
pub use crate::review::store::{about, dismissed_by, standing};
pub use crate::review::verdicts::{Told, Verdicts};
