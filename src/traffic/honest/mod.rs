//! Honest people who look suspicious.

use serde::{Deserialize, Serialize};

/// The kinds of honest people who look suspicious.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Honest {}
