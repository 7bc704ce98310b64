//! What is told from memory: the sums that Elasticsearch would be asked for, ranked and compared by the same functions.
//!
//! Each answer is `None` where not all that it takes is held, or where something must be looked up in the catalogue;
//! Elasticsearch is asked then.

pub mod funnels;
mod groups;
pub mod searches;
pub mod trends;
