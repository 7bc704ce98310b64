//! How good the search is, measured: judged queries go through the very query builder that shoppers use.
//!
//! [`judgments`] reads which products answer a query and how well, [`made`] makes such judgments for the
//! made-up catalogue from its taxonomy, [`metrics`] scores one query, [`statistics`] says how sure the mean
//! is and whether two configurations differ, [`report`] prints it. Only [`run`] talks to a server.

pub mod judgments;
pub mod made;
pub mod metrics;
pub mod report;
pub mod run;
pub mod statistics;
