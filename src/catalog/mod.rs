//! The catalogue: what a shop sells, made up from data or read from its own file, and how it gets into the
//! index `products`.
//!
//! [`taxonomy`] reads the categories of `data/`, [`synthesis`] makes products of them; [`own`] reads a shop's
//! file. [`source`] cuts either, or what is served already, into batches; [`index`] says what the index looks
//! like, [`load`] fills a new version of it, has it checked and switches the alias; [`shelf`] reads it back, and
//! [`has_category`] tells a mistyped category from an unvisited one. Made-up product `n` depends on the seed and
//! on `n` alone, so that the same seed gives the same shop, in any order and of any size.

mod categories;
mod check;
mod fields;
pub mod index;
pub mod load;
pub mod own;
pub mod progress;
pub mod settings;
pub mod shelf;
pub mod source;
pub mod synthesis;
pub mod taxonomy;
mod versions;

pub use crate::catalog::categories::{has_category, unknown_category};
