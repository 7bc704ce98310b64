//! What a visitor is up to: the ground truth, which no event tells.

use serde::{Deserialize, Serialize};

/// What a visitor is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persona {
    /// Looks around and sometimes buys.
    Shopper,
    /// Buys for a company: many pieces, many orders, few returns. Honest.
    CorporateBuyer,
    /// Orders clothes in several sizes and gives most of them back, within the shop's policy. Honest.
    SerialReturner,
    /// Looks at hundreds of products and buys little. Honest.
    BargainHunter,
    /// Comes for a flash sale, with a crowd, and orders within seconds. Honest.
    FlashSaleShopper,
    /// A program that walks through a category and reads its prices.
    PriceScraper,
    /// A program that searches and searches.
    SearchFlood,
    /// Many slow programs from many browsers that share one walk through the catalogue.
    SlowCrawler,
    /// A program that fills carts and never buys.
    CartHoarder,
    /// Buys and gives back the same thing again and again.
    RefundLoop,
    /// Gives dear things back right after buying them.
    FastRefund,
    /// Gives back far more of many small orders than anybody else.
    RefundRate,
    /// Gives back more than an order had cost.
    ExcessRefund,
    /// Gives back what was never ordered.
    PhantomRefund,
}

/// What a [`Persona`] counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Must never be flagged.
    Honest,
    /// A program.
    Bot,
    /// After the shop's money.
    Fraud,
}

impl Persona {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::Shopper,
        Self::CorporateBuyer,
        Self::SerialReturner,
        Self::BargainHunter,
        Self::FlashSaleShopper,
        Self::PriceScraper,
        Self::SearchFlood,
        Self::SlowCrawler,
        Self::CartHoarder,
        Self::RefundLoop,
        Self::FastRefund,
        Self::RefundRate,
        Self::ExcessRefund,
        Self::PhantomRefund,
    ];

    /// What it counts as.
    pub fn class(self) -> Class {
        match self {
            Self::Shopper
            | Self::CorporateBuyer
            | Self::SerialReturner
            | Self::BargainHunter
            | Self::FlashSaleShopper => Class::Honest,
            Self::PriceScraper | Self::SearchFlood | Self::SlowCrawler | Self::CartHoarder => Class::Bot,
            Self::RefundLoop
            | Self::FastRefund
            | Self::RefundRate
            | Self::ExcessRefund
            | Self::PhantomRefund => Class::Fraud,
        }
    }

    /// What they do, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Shopper => "looks around and sometimes buys",
            Self::CorporateBuyer => "buys many pieces for a company, in many orders",
            Self::SerialReturner => {
                "orders clothes to choose from, and gives most of them back within the policy"
            }
            Self::BargainHunter => "looks at hundreds of products and buys little",
            Self::FlashSaleShopper => "came with a crowd for a flash sale, and orders within seconds",
            Self::PriceScraper => "a program that walks through categories and reads their prices",
            Self::SearchFlood => "a program that searches on and on",
            Self::SlowCrawler => "one of many slow clients of a program that walks through the catalogue",
            Self::CartHoarder => "a program that fills carts and never buys",
            Self::RefundLoop => "buys and gives back the same thing again and again",
            Self::FastRefund => "gives dear things back right after buying them",
            Self::RefundRate => "gives most of many small orders back",
            Self::ExcessRefund => "gives back more than an order had cost",
            Self::PhantomRefund => "gives back what was never ordered",
        }
    }

    /// The name for people: `refund loop`.
    pub fn name(self) -> String {
        let value = serde_json::to_value(self).ok();
        value.and_then(|value| value.as_str().map(|text| text.replace('_', " "))).unwrap_or_default()
    }
}
