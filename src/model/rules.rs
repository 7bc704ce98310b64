//! The rules on fraud and bots as data: what they are called, their versions and thresholds, from
//! `mappings/fraud-rules.toml`, which explains each.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The rules that this build comes with, as they are written.
pub const EMBEDDED: &str = include_str!("../../mappings/fraud-rules.toml");

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The same product bought and given back again and again.
    RefundLoop,
    /// Money back within the hour after the order, more than once.
    FastRefund,
    /// Far more orders of a day came back than customers give back.
    AbnormalRefundRate,
    /// More money back than an order had cost.
    ExcessRefund,
    /// Money back for orders that were never placed.
    RefundWithoutPurchase,
    /// Orders faster than anybody shops.
    PurchaseVelocity,
    /// Searches and views faster than a person can.
    BotVelocity,
    /// Requests too even or too hasty for a person.
    BotRhythm,
    /// A walk through unlike products that no search led to.
    CatalogueCrawl,
    /// Searches on and on without a look at what they find.
    SearchFlood,
    /// A cart full of things that nobody orders.
    CartHoarding,
}

/// What a rule is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quarry {
    /// Those who want the shop's money.
    Fraud,
    /// Programs.
    Bot,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 11] = [
        Self::RefundLoop,
        Self::FastRefund,
        Self::AbnormalRefundRate,
        Self::ExcessRefund,
        Self::RefundWithoutPurchase,
        Self::PurchaseVelocity,
        Self::BotVelocity,
        Self::BotRhythm,
        Self::CatalogueCrawl,
        Self::SearchFlood,
        Self::CartHoarding,
    ];

    /// The name in JSON and in ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefundLoop => "refund_loop",
            Self::FastRefund => "fast_refund",
            Self::AbnormalRefundRate => "abnormal_refund_rate",
            Self::ExcessRefund => "excess_refund",
            Self::RefundWithoutPurchase => "refund_without_purchase",
            Self::PurchaseVelocity => "purchase_velocity",
            Self::BotVelocity => "bot_velocity",
            Self::BotRhythm => "bot_rhythm",
            Self::CatalogueCrawl => "catalogue_crawl",
            Self::SearchFlood => "search_flood",
            Self::CartHoarding => "cart_hoarding",
        }
    }

    /// What it is after.
    pub fn quarry(self) -> Quarry {
        match self {
            Self::RefundLoop
            | Self::FastRefund
            | Self::AbnormalRefundRate
            | Self::ExcessRefund
            | Self::RefundWithoutPurchase
            | Self::PurchaseVelocity => Quarry::Fraud,
            Self::BotVelocity
            | Self::BotRhythm
            | Self::CatalogueCrawl
            | Self::SearchFlood
            | Self::CartHoarding => Quarry::Bot,
        }
    }
}

/// Why a text is no set of rules.
#[derive(Debug, Error)]
pub enum BadRules {
    /// Not TOML, a number is missing, or a name is unknown.
    #[error("the rules cannot be read")]
    Unreadable(#[from] toml::de::Error),
    /// A number with which a rule would say nonsense.
    #[error("{path} is {found}, not {wanted}")]
    OutOfRange {
        /// Where it stands.
        path: &'static str,
        /// What stands there.
        found: f64,
        /// What may.
        wanted: &'static str,
    },
    /// This process judges by others.
    #[error("other rules are in force; a process judges by the same from its start to its end")]
    InForce,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $field:ident: $name:ident { $($(#[$field_doc:meta])* $number:ident: $type:ty,)* })*) => {
        /// The rules' versions and thresholds. Whole values, so that a rule that changes is seen to.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Rules {
            $($(#[$doc])* pub $field: $name,)*
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                /// Goes up when any other number changes.
                pub version: u16,
                $($(#[$field_doc])* pub $number: $type,)*
            }
        )*

        impl Rules {
            /// The version of a rule.
            pub fn version(&self, rule: Rule) -> u16 {
                match rule { $(Rule::$name => self.$field.version,)* }
            }
        }
    };
}

rules! {
    /// [`Rule::RefundLoop`]
    refund_loop: RefundLoop {
        /// Orders of a day that one product came back from.
        loops: u64,
    }
    /// [`Rule::FastRefund`]
    fast_refund: FastRefund {
        /// Orders of a day that came back so fast.
        refunded_orders: u64,
        /// How fast, in minutes after the order.
        minutes: u32,
    }
    /// [`Rule::AbnormalRefundRate`]
    abnormal_refund_rate: AbnormalRefundRate {
        /// Refunded orders of a day below which nothing is said.
        refunded_orders: u64,
        /// Greatest p-value that tells.
        p_value: f64,
        /// Hours after an order before which it cannot have been delivered.
        early_hours: u32,
        /// Share of honest refunds that come so early.
        early_share: f64,
        /// What customers give back.
        base: Base,
    }
    /// [`Rule::ExcessRefund`]
    excess_refund: ExcessRefund {
        /// Least excess over what was paid.
        over_cents: i64,
        /// The same in percent of what was paid.
        over_percent: i64,
    }
    /// [`Rule::RefundWithoutPurchase`]
    refund_without_purchase: RefundWithoutPurchase {
        /// Refunds of orders of one claimed day.
        refunds: u64,
        /// Whether orders count that are said to be older than the log.
        before_history: bool,
    }
    /// [`Rule::PurchaseVelocity`]
    purchase_velocity: PurchaseVelocity {
        /// Orders in that time.
        orders: u64,
        /// The time, in minutes.
        minutes: u32,
    }
    /// [`Rule::BotVelocity`]
    bot_velocity: BotVelocity {
        /// Searches and views in one minute of the clock.
        per_minute: u64,
    }
    /// [`Rule::BotRhythm`]
    bot_rhythm: BotRhythm {
        /// Requests of a visit below which nothing is said.
        requests: u64,
        /// Greatest dispersion of the gaps that tells.
        dispersion: f64,
        /// Requests from which haste tells.
        hasty_requests: u64,
        /// Greatest median gap that does, in milliseconds.
        hasty_gap_ms: i64,
    }
    /// [`Rule::CatalogueCrawl`]
    catalogue_crawl: CatalogueCrawl {
        /// Categories that no search led to.
        categories: u64,
        /// Least categories for each view.
        breadth: f64,
    }
    /// [`Rule::SearchFlood`]
    search_flood: SearchFlood {
        /// Searches of a visit.
        searches: u64,
        /// Most views, cart additions and orders for each search.
        looks_per_search: f64,
    }
    /// [`Rule::CartHoarding`]
    cart_hoarding: CartHoarding {
        /// Additions to the cart in one visit.
        additions: u64,
    }
}

/// Share of orders of which something comes back, by department.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Where nothing else is said.
    pub default: f64,
    /// By department.
    #[serde(default)]
    pub departments: BTreeMap<String, f64>,
}

impl Base {
    /// The share of a department.
    pub fn of(&self, department: &str) -> f64 {
        self.departments.get(department).copied().unwrap_or(self.default)
    }
}

/// What was put in force, and its fingerprint.
static IN_FORCE: OnceLock<(Arc<Rules>, u32)> = OnceLock::new();

fn fingerprint(text: &str) -> u32 {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(text));
    u32::from_be_bytes([a, b, c, d])
}

impl Rules {
    /// The rules that this build comes with.
    pub fn embedded() -> Arc<Self> {
        // A unit test reads the file, so what cannot be read never gets here.
        static EMBEDDED_RULES: LazyLock<Arc<Rules>> =
            LazyLock::new(|| Arc::new(Rules::parse(EMBEDDED).unwrap_or_default()));
        EMBEDDED_RULES.clone()
    }

    /// The rules that this process judges by: those of [`Rules::put_in_force`], else the ones that this build comes with.
    pub fn in_force() -> Arc<Self> {
        IN_FORCE.get().map_or_else(Self::embedded, |(rules, _)| rules.clone())
    }

    /// Tells the rules in force from others.
    pub fn fingerprint() -> u32 {
        IN_FORCE.get().map_or_else(|| fingerprint(EMBEDDED), |(_, fingerprint)| *fingerprint)
    }

    /// Has this process judge by these rules instead, from its start to its end.
    ///
    /// # Errors
    /// [`BadRules`], which names what is wrong; also that others were put in force before.
    pub fn put_in_force(text: &str) -> Result<(), BadRules> {
        let rules = Arc::new(Self::parse(text)?);
        IN_FORCE.set((rules, fingerprint(text))).map_err(|_| BadRules::InForce)
    }

    /// Reads rules.
    ///
    /// # Errors
    /// [`BadRules`], which names what is wrong.
    pub fn parse(text: &str) -> Result<Self, BadRules> {
        let rules: Self = toml::from_str(text)?;
        rules.check().map(|()| rules)
    }

    fn check(&self) -> Result<(), BadRules> {
        let rate = &self.abnormal_refund_rate;
        let shares = [
            ("abnormal_refund_rate.p_value", rate.p_value),
            ("abnormal_refund_rate.early_share", rate.early_share),
            ("abnormal_refund_rate.base.default", rate.base.default),
            ("bot_rhythm.dispersion", self.bot_rhythm.dispersion),
            ("catalogue_crawl.breadth", self.catalogue_crawl.breadth),
        ];
        let bases = rate.base.departments.values();
        let bases = bases.map(|share| ("abnormal_refund_rate.base.departments", *share));
        for (path, found) in shares.into_iter().chain(bases) {
            if !(found > 0.0 && found < 1.0) {
                return Err(BadRules::OutOfRange { path, found, wanted: "a share between 0 and 1" });
            }
        }
        let counts = [
            ("refund_loop.loops", self.refund_loop.loops),
            ("fast_refund.refunded_orders", self.fast_refund.refunded_orders),
            ("abnormal_refund_rate.refunded_orders", rate.refunded_orders),
            ("refund_without_purchase.refunds", self.refund_without_purchase.refunds),
            ("purchase_velocity.orders", self.purchase_velocity.orders),
            ("bot_velocity.per_minute", self.bot_velocity.per_minute),
            // Quartiles need as many gaps.
            ("bot_rhythm.requests", self.bot_rhythm.requests / 5),
            ("catalogue_crawl.categories", self.catalogue_crawl.categories),
            ("search_flood.searches", self.search_flood.searches),
            ("cart_hoarding.additions", self.cart_hoarding.additions),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((path, _)) => {
                Err(BadRules::OutOfRange { path, found: 0.0, wanted: "1 or more (5 for bot_rhythm)" })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_this_build_can_be_read() {
        let rules = Rules::parse(EMBEDDED).unwrap();
        assert!(Rule::ALL.into_iter().all(|rule| rules.version(rule) > 0));
        assert_eq!(*Rules::embedded(), rules);
    }

    #[test]
    fn a_rule_that_would_say_nonsense_is_refused_by_its_path() {
        let refused =
            |from: &str, to: &str| Rules::parse(&EMBEDDED.replace(from, to)).unwrap_err().to_string();
        assert!(refused("p_value = 0.002", "p_value = 2.0").contains("abnormal_refund_rate.p_value is 2"));
        assert!(refused("loops = 3", "loops = 0").contains("refund_loop.loops is 0"));
        assert_eq!(refused("loops = 3", "lops = 3"), "the rules cannot be read");
    }

    #[test]
    fn a_rule_is_named_in_ids_as_in_json() {
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
    }

    #[test]
    fn a_department_without_a_share_of_its_own_has_the_default() {
        let base = Base { default: 0.1, departments: BTreeMap::from([("fashion".to_owned(), 0.3)]) };
        assert_eq!((base.of("fashion"), base.of("toys")), (0.3, 0.1));
    }
}
