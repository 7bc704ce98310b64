//! The catalogue: what the shop sells.

pub mod shelf;
