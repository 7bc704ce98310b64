//! Programs that visit the shop.

pub mod scraper;

use serde::{Deserialize, Serialize};

/// The kinds of programs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bots {}
