//! How good the signals are: held against the ground truth that the generator writes apart from the events.
//!
//! [`judge()`] is pure and decides everything; the rest reads labels and signals, and tells.

mod judge;
mod rate;

pub use crate::evaluate::judge::{Delay, Evaluation, Flag, Honest, Kind, Score, judge};
pub use crate::evaluate::rate::Rate;
