//! Mends what the processor could not use: dead letters are sent back, late events are put into their windows.
//!
//! **Dead letters** keep the original bytes. After a fix they are sent back to the topic of their origin with
//! a header that names the letter ([`send`]). That header is the memory: what a topic holds already is not
//! sent again, whatever became of the program that sent it. Only two programs that send at the same moment
//! can both send a letter; the event has one id all the same, so that an open window takes it once.
//!
//! **Late events** came after their window was closed. A repair ([`repair`]) reads the window's span of the
//! topics again, lets every event in however late, and writes the documents with the greater number of
//! events as version, so that they win. It is recorded in `repaired-windows`, where the audit finds it.

#[cfg(test)]
mod agreement;
pub mod dead;
pub mod late;
pub mod repair;
mod run;
pub mod send;

pub use crate::replay::run::{Task, replay};
