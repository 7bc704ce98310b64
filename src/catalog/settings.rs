//! What the seeder is told to do.

use std::fs;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use crate::catalog::load::Plan;
use crate::catalog::own::Mapping;
use crate::catalog::source::{OwnSource, Source};
use crate::catalog::synthesis::{Catalogue, DEFAULT_SEED};
use crate::catalog::taxonomy::Taxonomy;
use crate::model::money::Currency;

/// What the seeder is told to do.
#[derive(Debug, Args)]
pub struct SeederSettings {
    /// How many products to make up, 1 to 1,000,000.
    #[arg(long, env = "PRODUCT_COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Another seed gives another made-up catalogue.
    #[arg(long, env = "SEED", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// A catalogue of your own instead: NDJSON, a JSON array, CSV or TSV, plain or gzipped; `-` is standard input.
    #[arg(long, env = "CATALOGUE_FILE", value_name = "FILE", conflicts_with_all = ["rebuild", "rollback"])]
    from: Option<PathBuf>,
    /// TOML file that says which column of that catalogue means what (see docs/catalogue.md); guessed without one.
    #[arg(long, env = "CATALOGUE_MAPPING", value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Where lines of that catalogue that were refused are written, with number and reason.
    #[arg(long, env = "CATALOGUE_REJECTS", value_name = "FILE", default_value = "rejects.ndjson")]
    rejects: PathBuf,
    /// Index what is served anew, with the mapping and the synonyms of now; searches go on meanwhile.
    #[arg(long, conflicts_with = "rollback")]
    rebuild: bool,
    /// Go back to the version that was served before.
    #[arg(long)]
    pub rollback: bool,
    /// Older versions that are kept to go back to, 1 to 20; searches under way need one.
    #[arg(long, env = "CATALOGUE_VERSIONS_KEPT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    keep: u8,
    /// Bulk requests that are under way at once, 1 to 255.
    #[arg(long, env = "SEEDER_CONNECTIONS", default_value = "4")]
    connections: NonZeroU8,
}

impl SeederSettings {
    /// What to load, with synonym rules besides the built-in ones.
    ///
    /// # Errors
    /// When the mapping file cannot be read.
    pub fn plan(self, currency: Currency, synonyms: Vec<String>) -> anyhow::Result<Plan> {
        let source = match (self.rebuild, self.from) {
            (true, _) => Source::Served,
            (false, Some(path)) => {
                let mapping = self.mapping.map_or(Ok(Mapping::default()), |mapping| read(&mapping))?;
                Source::Own(OwnSource { path, mapping, currency, rejects: self.rejects })
            }
            (false, None) => {
                let taxonomy = Arc::new(Taxonomy::built_in()?);
                Source::MadeUp(Arc::new(Catalogue { taxonomy, seed: self.seed, currency }), self.count)
            }
        };
        Ok(Plan { source, connections: self.connections.into(), synonyms, kept: self.keep.into() })
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<Mapping> {
    let text = fs::read_to_string(path).with_context(|| format!("reading the mapping {}", path.display()))?;
    Mapping::parse(&text).with_context(|| format!("reading the mapping {}", path.display()))
}
