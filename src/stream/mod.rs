//! The processor: turns the event topics into results, exactly once.
//!
//! A partition's state is pure and in memory ([`part::Part`]): open windows, each with the set of event
//! ids that it holds and what they add up to. A flush writes every changed result whole, with the size
//! of its support as version, and only then commits how far the topics must be reread to rebuild the
//! open windows ([`position`]). So a result is a function of the *set* of its events: neither order nor
//! repetition, neither a crash nor two workers at once change what it becomes.
//!
//! [`operators`] say what is computed; [`groups`] which consumer group computes it. Both, and `part`,
//! `fold`, `batch` and `ledger`, do no I/O. `worker` is the loop around them, `sink` carries a flush out.

mod batch;
mod burial;
mod commits;
pub mod condition;
mod delivery;
pub mod documents;
pub mod ends;
mod flight;
pub mod fold;
pub mod footprint;
pub mod groups;
mod heartbeat;
pub mod herald;
mod holding;
pub mod ledger;
pub mod metrics;
pub mod operators;
pub mod origin;
pub mod part;
pub mod partition;
pub mod position;
pub mod promotion;
pub mod quiet;
mod reread;
pub mod run;
mod serving;
#[cfg(test)]
mod sim;
mod sink;
mod tables;
pub mod take_over;
pub mod trial;
mod watch;
mod worker;
