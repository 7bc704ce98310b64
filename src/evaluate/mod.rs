//! How good the signals are: held against the ground truth that the generator writes apart from the events.
//!
//! [`judge()`] is pure and decides everything; [`evaluate`] reads labels and signals, and [`Report`] tells.
//! [`backtest`] says what changed rules would have said of history.

mod backtest;
mod judge;
mod run;
mod telling;
mod text;

pub use crate::evaluate::backtest::{Change, Comparison, RulesSettings, backtest};
pub use crate::evaluate::judge::{Delay, Evaluation, Flag, Honest, Judged, Kind, Score, judge};
pub use crate::evaluate::run::{EvaluateSettings, Report, evaluate};
pub use crate::evaluate::telling::Telling;
