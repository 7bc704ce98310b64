//! The clickstream generator: a believable shop's visitors, simulated.
//!
//! Everything that decides is pure: the [`Simulator`] is given a seed and times, and says what somebody does
//! then. [`run`] drives it by the clock and hands the events to Kafka; the [`Tally`] counts them, so that
//! whoever reads the topics can check their own count against it.

mod agenda;
mod assortment;
mod bots;
mod chance;
mod fraud;
mod honest;
mod label;
mod persona;
mod population;
mod portrait;
mod query;
mod results;
mod run;
mod schedule;
mod session;
mod settings;
mod shape;
mod shopper;
mod simulator;
mod tally;
mod taste;
mod visitor;
mod world;

#[cfg(test)]
mod tests;

pub use crate::traffic::assortment::{Assortment, Burst, Bursts};
pub use crate::traffic::label::Label;
pub use crate::traffic::persona::{Class, Persona};
pub use crate::traffic::portrait::{PortraitSettings, portray};
pub use crate::traffic::run::{publish, run};
pub use crate::traffic::session::{Firsts, Simulated};
pub use crate::traffic::settings::TrafficSettings;
pub use crate::traffic::shape::Shape;
pub use crate::traffic::shopper::Habits;
pub use crate::traffic::simulator::Simulator;
pub use crate::traffic::tally::{Fraudsters, Report, Tally, Units};
pub use crate::traffic::world::World;
