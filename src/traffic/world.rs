//! What a scenario says about the people and programs of the simulated shop.

use serde::{Deserialize, Serialize};

use crate::config::SettingError;
use crate::traffic::assortment::Bursts;
use crate::traffic::bots::Bots;
use crate::traffic::fraud::Schemes;
use crate::traffic::honest::Honest;
use crate::traffic::knobs::within;
use crate::traffic::shopper::Habits;

/// Who comes to the shop, and how they behave. Every part has defaults, so that a scenario names only what is
/// special about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// Share of events that programs cause, 0.0 to 1.0.
    pub bot_ratio: f64,
    /// Share of accounts that are after the shop's money, 0.0 to 1.0.
    pub fraud_ratio: f64,
    /// How plain shoppers behave.
    pub shoppers: Habits,
    /// How interest in products drifts.
    pub bursts: Bursts,
    /// The kinds of programs.
    pub bots: Bots,
    /// The kinds of fraud.
    pub fraud: Schemes,
    /// Honest people who look suspicious.
    pub honest: Honest,
}

impl World {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError::Unusable`] that names the path of the first value outside its range, the value, and the
    /// range.
    pub fn check(&self) -> Result<(), SettingError> {
        within("bot_ratio", self.bot_ratio, 0.0, 1.0)
            .and_then(|()| within("fraud_ratio", self.fraud_ratio, 0.0, 1.0))
            .and_then(|()| self.shoppers.check())
            .and_then(|()| self.bursts.check())
            .and_then(|()| self.bots.check())
            .and_then(|()| self.fraud.check())
            .and_then(|()| self.honest.check())
            .map_err(|why| SettingError::Unusable { setting: "world", why })
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            bot_ratio: 0.1,
            fraud_ratio: 0.02,
            shoppers: Habits::default(),
            bursts: Bursts::default(),
            bots: Bots::default(),
            fraud: Schemes::default(),
            honest: Honest::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said against a world in which one value is set, by its path.
    fn said_against(path: &str, value: serde_json::Value) -> String {
        let mut world = serde_json::to_value(World::default()).unwrap();
        *world.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap() = value;
        serde_json::from_value::<World>(world).unwrap().check().unwrap_err().to_string()
    }

    #[test]
    fn a_value_outside_its_range_is_named_by_its_path() {
        let wrong = [
            ("bot_ratio", serde_json::json!(1.5), "is 1.5, not 0 to 1"),
            ("shoppers.slips", serde_json::json!(-0.1), "is -0.1, not 0 to 1"),
            ("bursts.peak_share", serde_json::json!(0.6), "is 0.6, not 0 to 0.5"),
            ("bots.price_scraper.gap_s", serde_json::json!(0.0), "is 0, not 0.01 to 3600"),
            ("fraud.refund_loop.rounds", serde_json::json!([7, 3]), "is [7, 3], not two rising numbers"),
            ("honest.flash_sale.share", serde_json::json!(2.0), "is 2, not 0 to 1"),
        ];
        for (path, value, why) in wrong {
            let said = said_against(path, value);
            assert!(said.contains(&format!("{path} {why}")), "{said}");
        }
    }

    #[test]
    fn the_defaults_are_in_range_and_an_unknown_setting_is_refused() {
        assert!(World::default().check().is_ok());
        let unknown = serde_json::from_str::<World>(r#"{"bots": {"price_scraper": {"speed": 1}}}"#);
        assert!(unknown.unwrap_err().to_string().contains("speed"));
    }
}
