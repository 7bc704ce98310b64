//! The processor and everything that goes wrong around it: `docs/faults.md` lists what is tested here.
//!
//! On the servers of `scripts/services up`, which are not harmed: faults are made by a proxy before
//! Elasticsearch and by signals to our own programs. With the feature `siege`, which `scripts/chaos`
//! switches on, also on private servers that are killed.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests may, their helper functions too")]

mod checks;
mod faults;
mod members;
mod outages;
mod programs;
mod proxy;
mod records;
#[cfg(feature = "siege")]
mod siege;
mod storm;
mod table;
mod topics;
mod watched;

#[path = "../it/live/recount.rs"]
mod recount;
#[path = "../it/live/shop.rs"]
mod shop;
