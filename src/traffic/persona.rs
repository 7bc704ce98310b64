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
}
