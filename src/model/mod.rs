//! The words that every part shares: ids, money, time, products and events. No I/O.
//!
//! Values are checked where they enter ([`ids`], [`category`], [`event::parse`]) and trusted afterwards.

pub mod category;
pub mod event;
pub mod generation;
pub mod ids;
pub mod money;
pub mod product;
pub mod query;
pub mod rate;
pub mod rules;
pub mod sample;
pub mod severity;
mod text;
pub mod time;
pub mod words;
