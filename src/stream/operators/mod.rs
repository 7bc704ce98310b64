//! What is computed. Each operator is a pure function from the set of a window's events to documents.

pub mod fraud;
mod keyed;
pub mod receipts;
mod signal;
pub mod trends;
pub mod visits;
