//! What the seeder is told to do. Options that contradict each other are refused where they stand on the command
//! line; the environment, which is there for every run, may say more than a run needs.

use std::fs;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::catalog::load::Plan;
use crate::catalog::own::Mapping;
use crate::catalog::source::{OwnSource, Source};
use crate::catalog::synthesis::{Catalogue, DEFAULT_SEED};
use crate::catalog::taxonomy::Taxonomy;
use crate::model::money::Currency;

/// What the seeder is told to do.
#[derive(Debug)]
pub struct SeederSettings {
    options: Options,
}

#[derive(Debug, Args)]
struct Options {
    /// How many products to make up, 1 to 1,000,000; not together with a catalogue of your own.
    #[arg(long, env = "PRODUCT_COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Another seed gives another made-up catalogue.
    #[arg(long, env = "SEED", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// A catalogue of your own instead: NDJSON, a JSON array, CSV or TSV, plain or gzipped; `-` is standard input.
    /// --rebuild and --rollback read no file and leave the variable alone.
    #[arg(long, env = "CATALOGUE_FILE", value_name = "FILE")]
    from: Option<PathBuf>,
    /// TOML file that says which column of that catalogue means what (see docs/catalogue.md); guessed without one.
    /// As an option it needs such a catalogue; the variable alone is not used.
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
    rollback: bool,
    /// Older versions that are kept to go back to, 1 to 20; searches under way need one.
    #[arg(long, env = "CATALOGUE_VERSIONS_KEPT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    keep: u8,
    /// Bulk requests that are under way at once, 1 to 255.
    #[arg(long, env = "SEEDER_CONNECTIONS", default_value = "4")]
    connections: NonZeroU8,
}

/// Options that say how products are made up.
const OF_MADE_UP: [&str; 2] = ["count", "seed"];
/// Options that say how the file of a catalogue is read.
const OF_A_FILE: [&str; 2] = ["mapping", "rejects"];

impl SeederSettings {
    /// Whether to go back to the version before, which loads nothing.
    pub fn goes_back(&self) -> bool {
        self.options.rollback
    }

    /// What to load, with synonym rules besides the built-in ones.
    ///
    /// # Errors
    /// When the mapping file cannot be read.
    pub fn plan(self, currency: Currency, synonyms: Vec<String>) -> anyhow::Result<Plan> {
        let options = self.options;
        let source = match (options.rebuild, options.from) {
            (true, _) => Source::Served,
            (false, Some(path)) => {
                let mapping = options.mapping.map_or(Ok(Mapping::default()), |mapping| read(&mapping))?;
                Source::Own(OwnSource { path, mapping, currency, rejects: options.rejects })
            }
            (false, None) => {
                if let Some(mapping) = options.mapping {
                    let mapping = mapping.display();
                    tracing::warn!(%mapping, "no --from or CATALOGUE_FILE, so CATALOGUE_MAPPING is not used and products are made up");
                }
                let taxonomy = Arc::new(Taxonomy::built_in()?);
                Source::MadeUp(Arc::new(Catalogue { taxonomy, seed: options.seed, currency }), options.count)
            }
        };
        let (connections, kept) = (options.connections.into(), options.keep.into());
        Ok(Plan { source, connections, synonyms, kept })
    }
}

impl Options {
    /// What one of the options that were typed contradicts, and what to do; `None` where they go together.
    fn contradiction(&self, is_typed: impl Fn(&str) -> bool) -> Option<String> {
        let typed = |options: &[&'static str]| options.iter().copied().find(|option| is_typed(option));
        if self.rebuild || self.rollback {
            let option = typed(&["from"]).or(typed(&OF_A_FILE)).or(typed(&OF_MADE_UP))?;
            let other =
                if self.rebuild { "--rebuild indexes what is served" } else { "--rollback loads nothing" };
            return Some(format!("--{option} says what to load, but {other}: leave one of them out"));
        }
        match &self.from {
            None => typed(&OF_A_FILE).map(|option| {
                format!(
                    "--{option} is about a catalogue of your own, but none is named: name its file with --from, or leave \
                     --{option} out to have products made up"
                )
            }),
            Some(_) if is_typed("from") => typed(&OF_MADE_UP).map(|option| {
                format!(
                    "--{option} is about products that are made up, but --from names a catalogue of your own: leave one of \
                     them out"
                )
            }),
            Some(file) => typed(&OF_MADE_UP).map(|option| {
                format!(
                    "--{option} is about products that are made up, but CATALOGUE_FILE names the catalogue {}: leave \
                     --{option} out to load that, or run with CATALOGUE_FILE= to have products made up",
                    file.display()
                )
            }),
        }
    }
}

impl FromArgMatches for SeederSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = Options::from_arg_matches(matches)?;
        let is_typed = |option: &str| matches.value_source(option) == Some(ValueSource::CommandLine);
        match options.contradiction(is_typed) {
            Some(why) => Err(clap::Error::raw(ErrorKind::ArgumentConflict, why)),
            None => Ok(Self { options }),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for SeederSettings {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

fn read(path: &Path) -> anyhow::Result<Mapping> {
    let text = fs::read_to_string(path).with_context(|| format!("reading the mapping {}", path.display()))?;
    Mapping::parse(&text).with_context(|| format!("reading the mapping {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        seeder: SeederSettings,
    }

    /// The settings of a command line beside an environment that sets these options, or the refusal.
    fn parsed(line: &str, environment: &[&str]) -> Result<SeederSettings, String> {
        // Cargo sets it wherever it runs a test, so a test need not change the environment of all.
        let always_set = |id: &str| environment.contains(&id).then_some("CARGO_MANIFEST_DIR");
        let command = Line::command().mut_args(|argument| {
            let variable = always_set(argument.get_id().as_str());
            argument.env(variable)
        });
        let words = ["seeder"].into_iter().chain(line.split_whitespace());
        let line = command.try_get_matches_from(words).and_then(|matches| Line::from_arg_matches(&matches));
        line.map(|line| line.seeder).map_err(|error| error.to_string())
    }

    fn refusal(line: &str, environment: &[&str]) -> String {
        parsed(line, environment).unwrap_err()
    }

    #[test]
    fn a_mapping_without_a_file_is_refused_before_it_replaces_the_catalogue_by_made_up_products() {
        let told = refusal("--mapping shop.toml", &[]);
        assert!(told.contains("name its file with --from"), "{told}");
        assert!(refusal("--rejects bad.ndjson", &[]).contains("name its file with --from"));
        assert!(parsed("--mapping shop.toml", &["from"]).is_ok());
        assert!(parsed("--mapping shop.toml --from shop.csv", &[]).is_ok());
    }

    #[test]
    fn a_mapping_in_the_environment_alone_leaves_products_to_be_made_up() {
        let plan =
            parsed("--count 5", &["mapping", "rejects"]).unwrap().plan(Currency::EUR, Vec::new()).unwrap();
        assert!(matches!(plan.source, Source::MadeUp(_, 5)));
    }

    #[test]
    fn a_number_of_products_beside_a_file_is_refused() {
        assert!(refusal("--count 5 --from shop.csv", &[]).contains("--from names a catalogue"));
        assert!(
            refusal("--seed 5 --from shop.csv", &[]).contains("--seed is about products that are made up")
        );
        assert!(refusal("--count 5", &["from"]).contains("CATALOGUE_FILE names the catalogue"));
    }

    #[test]
    fn a_rebuild_and_a_rollback_leave_the_environment_s_file_alone_and_refuse_a_typed_one() {
        let everywhere = ["from", "mapping", "rejects"];
        let rebuild = parsed("--rebuild", &everywhere).unwrap().plan(Currency::EUR, Vec::new()).unwrap();
        assert!(matches!(rebuild.source, Source::Served));
        assert!(parsed("--rollback", &everywhere).unwrap().goes_back());
        for line in [
            "--rebuild --from a.csv",
            "--rollback --from a.csv",
            "--rebuild --count 5",
            "--rollback --mapping a",
        ] {
            assert!(refusal(line, &[]).contains("leave one of them out"), "{line}");
        }
        assert!(parsed("--rebuild --rollback", &[]).is_err());
    }
}
