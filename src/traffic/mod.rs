//! A believable shop's visitors, simulated. All of it is pure: the [`Simulator`] is given a seed and times, and
//! says what somebody does then. The [`Schedule`] says when, the [`Tally`] counts, the [`Shape`] measures.

mod agenda;
mod assortment;
mod bots;
mod casting;
mod chance;
mod fraud;
mod honest;
mod knobs;
mod label;
mod persona;
mod population;
mod query;
mod results;
mod rhythm;
mod schedule;
mod session;
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
pub use crate::traffic::chance::Chance;
pub use crate::traffic::label::Label;
pub use crate::traffic::persona::{Class, Persona};
pub use crate::traffic::rhythm::{Rhythm, Rush};
pub use crate::traffic::schedule::Schedule;
pub use crate::traffic::session::{Firsts, Simulated};
pub use crate::traffic::shape::{Measures, Presence, Shape};
pub use crate::traffic::shopper::Habits;
pub use crate::traffic::simulator::Simulator;
pub use crate::traffic::tally::{Tally, Units};
pub use crate::traffic::world::World;
