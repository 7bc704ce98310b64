//! How bad a fraud signal is: written by the processor, asked for and answered by the API.

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

/// How bad a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look when there is time.
    Low,
    /// Worth a look.
    Medium,
    /// Likely fraud.
    High,
    /// Fraud beyond reasonable doubt.
    Critical,
}

impl Severity {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// From how many times over its threshold a figure is: under 1.5 low, under 3 medium, under 6 high,
    /// else critical.
    pub fn of_score(score: f64) -> Self {
        match score {
            ..1.5 => Self::Low,
            1.5..3.0 => Self::Medium,
            3.0..6.0 => Self::High,
            _ => Self::Critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_on_a_bound_counts_as_the_worse() {
        let of = [1.0, 1.5, 3.0, 6.0, f64::NAN].map(Severity::of_score);
        assert_eq!(
            of,
            [Severity::Low, Severity::Medium, Severity::High, Severity::Critical, Severity::Critical]
        );
    }
}
