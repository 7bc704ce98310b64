//! What a scenario says about the people and programs of the simulated shop.

use serde::{Deserialize, Serialize};

use crate::config::SettingError;
use crate::traffic::assortment::Bursts;
use crate::traffic::bots::Bots;
use crate::traffic::fraud::Schemes;
use crate::traffic::honest::Honest;
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
    /// [`SettingError::Unusable`] that names the first value outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        for (setting, ratio) in [("world.bot_ratio", self.bot_ratio), ("world.fraud_ratio", self.fraud_ratio)]
        {
            if !(0.0..=1.0).contains(&ratio) {
                return Err(SettingError::Unusable { setting, why: format!("it is {ratio}, not 0 to 1") });
            }
        }
        self.shoppers.check()?;
        self.bursts.check()?;
        let parts = [self.bots.check(), self.fraud.check(), self.honest.check()];
        let unusable = |why| SettingError::Unusable { setting: "world", why };
        parts.into_iter().collect::<Result<(), String>>().map_err(unusable)
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
