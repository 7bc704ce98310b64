//! Which generation of results a program looks at.

use clap::Args;

use crate::model::generation::Generation;

/// Which generation of results a program looks at.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Results")]
pub struct GenerationSettings {
    /// The generation whose results are meant, such as `original`. [default: the one that readers see]
    #[arg(long)]
    pub generation: Option<Generation>,
}
