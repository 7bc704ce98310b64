//! Scenarios: what kind of day it is, as a file. Every part has defaults, so that a file names only what is
//! special about it.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::generator::faults::Faults;
use crate::traffic::{Rhythm, World};

/// The scenarios that come with the program, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("normal-day", include_str!("../../scenarios/normal-day.toml")),
    ("black-friday", include_str!("../../scenarios/black-friday.toml")),
    ("bot-attack", include_str!("../../scenarios/bot-attack.toml")),
    ("refund-ring", include_str!("../../scenarios/refund-ring.toml")),
    ("quiet-night", include_str!("../../scenarios/quiet-night.toml")),
];

/// What kind of day it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// What it is like, in a sentence.
    pub description: String,
    /// Events a second of an average weekday.
    pub events_per_second: u32,
    /// How they are spread over day and week.
    pub rhythm: Rhythm,
    /// Who comes, and how they behave.
    pub world: World,
    /// What goes wrong on the way.
    pub faults: Faults,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            description: "an even stream of everybody".to_owned(),
            events_per_second: 100,
            rhythm: Rhythm::default(),
            world: World::default(),
            faults: Faults::default(),
        }
    }
}

impl Scenario {
    /// The built-in scenario of this name, else the one in the file of this path.
    ///
    /// # Errors
    /// When there is neither, the file is no scenario, or a value lies outside its range.
    pub fn load(name_or_path: &str) -> anyhow::Result<Self> {
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == name_or_path);
        let path = Path::new(name_or_path);
        let text = match built_in {
            Some((_, text)) => (*text).to_owned(),
            None if path.extension().is_none() && !path.exists() => {
                let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                bail!("there is no scenario {name_or_path}: name a file or one of {}", names.join(", "))
            }
            None => fs::read_to_string(path).with_context(|| format!("reading scenario {name_or_path}"))?,
        };
        Self::parse(&text).with_context(|| format!("scenario {name_or_path}"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks every value's range.
    ///
    /// # Errors
    /// When one lies outside; the message names it.
    pub fn check(&self) -> anyhow::Result<()> {
        if !(1..=1_000_000).contains(&self.events_per_second) {
            bail!("events_per_second is {}, not 1 to 1,000,000", self.events_per_second);
        }
        self.rhythm.check()?;
        self.world.check()?;
        self.faults.check()?;
        Ok(())
    }
}

/// The built-in scenarios with what they are like, a line each.
///
/// # Errors
/// When one of them does not parse; a test keeps that from happening.
pub fn list() -> anyhow::Result<String> {
    let line = |(name, text): &(&str, &str)| {
        let Scenario { description, events_per_second, .. } = Scenario::parse(text)?;
        Ok(format!("{name:<14} {events_per_second:>5} events/s  {description}"))
    };
    let lines: anyhow::Result<Vec<String>> = BUILT_IN.iter().map(line).collect();
    Ok(lines?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_parses_and_is_described() {
        for (name, _) in BUILT_IN {
            let scenario = Scenario::load(name).unwrap();
            assert!(scenario.description.len() > 20 && scenario != Scenario::default(), "{name}");
        }
        assert_eq!(list().unwrap().lines().count(), BUILT_IN.len());
    }

    #[test]
    fn a_scenario_survives_being_written_down() {
        let text = toml::to_string(&Scenario::default()).unwrap();
        assert_eq!(Scenario::parse(&text).unwrap(), Scenario::default());
    }

    #[test]
    fn a_misspelt_field_is_told_with_its_line() {
        let error = format!("{:#}", Scenario::parse("[rhythm]\nnight_to_peek = 0.2\n").unwrap_err());
        assert!(error.contains("line 2") && error.contains("night_to_peek"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let error = Scenario::load("blck-friday").unwrap_err().to_string();
        assert!(error.contains("blck-friday") && error.contains("black-friday"), "{error}");
    }
}
