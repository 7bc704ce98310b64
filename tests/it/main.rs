//! The one integration test binary: rules of the code, and with the feature `live` the real servers.

mod closed_pipe;
mod settings;
mod tidy;
mod trends;

mod detection;
mod generator;
#[cfg(feature = "live")]
mod live;
mod outage;
