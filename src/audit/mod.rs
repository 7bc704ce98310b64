//! Recounts everything from the raw topics, and says where the processor's results differ.
//!
//! Plain and in batches, one partition number after the other: read each log in order ([`logs`]), decide by
//! it alone what is late, group the rest into windows ([`recount`]), and write down which documents must be
//! there. It shares the types of events with the processor and none of its code, so that a fault there is
//! no fault here. [`compare`] holds the documents against the indices, [`letters`] the refused records
//! against `dead-letters`, `signals` the cases against what the topic `fraud-signals` tells of them, [`ledger`] the
//! processor's own books against the recount, and `rollups` the longer spans against what they are made from.
//!
//! Two things no log says, and the processor's or `replay`'s word is taken: which windows were repaired ([`repairs`]), and
//! which were closed before their time ([`early`]). Both are told in the report.
//!
//! On a live system it compares what is closed; where a partition is read to its end, everything. In memory
//! it holds the records of one partition number, the id of every raw event and a digest of every dead letter.

mod archive;
pub mod compare;
pub mod early;
pub mod frontiers;
pub mod held;
pub mod ledger;
pub mod letters;
pub mod logs;
mod partition;
pub mod recount;
pub mod repairs;
pub mod report;
mod rollups;
pub mod rules;
mod run;
mod signals;

pub use crate::audit::run::{AuditSettings, audit};
