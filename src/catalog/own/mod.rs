//! A shop's own catalogue, read from a file: NDJSON, a JSON array, CSV or TSV, plain or gzipped, or standard
//! input. Products come one at a time, so the file may be larger than memory.

mod array;
mod file;
mod lines;
mod mapping;
mod price;
mod product;
mod record;
mod rejects;
mod table;

pub use crate::catalog::own::file::{OwnCatalogue, OwnError, Row};
pub use crate::catalog::own::mapping::{BadMapping, Field, Mapping};
pub use crate::catalog::own::price::DecimalMark;
pub use crate::catalog::own::rejects::{Refusal, Rejects};
