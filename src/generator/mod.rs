//! The generator: drives the simulated shop by the clock or as fast as can be, spoils what shall be spoilt,
//! hands the records to a sink, and counts them, so that whoever reads them can check their own count
//! against the report.

mod faults;
mod labels;
mod pace;
mod portrait;
mod progress;
mod report;
mod run;
mod scenario;
mod settings;
mod sink;

pub use crate::generator::faults::{Broken, FaultCounts, Faults};
pub use crate::generator::pace::{Pace, Start};
pub use crate::generator::portrait::{PortraitSettings, portray};
pub use crate::generator::report::{Report, publish};
pub use crate::generator::run::run;
pub use crate::generator::scenario::{Scenario, list};
pub use crate::generator::settings::GeneratorSettings;
pub use crate::generator::sink::{Sink, SinkAddress};
