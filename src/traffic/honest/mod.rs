//! Honest people who look suspicious. A rule that flags one of them is wrong.

mod bargain;
mod corporate;
mod returner;
mod sale;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::event::Action;
use crate::traffic::honest::bargain::Hunter;
use crate::traffic::honest::corporate::Buyer;
use crate::traffic::honest::returner::Returner;
use crate::traffic::honest::sale::Rusher;
use crate::traffic::knobs::{Span, knobs};
use crate::traffic::persona::Persona;
use crate::traffic::session::{Moment, Step, Then};

pub use crate::traffic::honest::sale::sale_at;

/// The kinds of honest people who look suspicious.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Honest {
    /// Buys for a company.
    pub corporate_buyer: CorporateBuyer,
    /// Orders clothes to choose from, and gives most of them back.
    pub serial_returner: SerialReturner,
    /// Looks at hundreds of products.
    pub bargain_hunter: BargainHunter,
    /// A crowd at a stated time.
    pub flash_sale: FlashSale,
}

knobs! {
    /// Buys for a company: many pieces in many orders, of which little comes back.
    CorporateBuyer {
        /// Share of the accounts.
        share: f64 = 0.001, 0 to 1;
        /// Orders of one visit.
        orders: Span = Span(2, 5), 1 to 100;
        /// Different products of one order.
        products: Span = Span(2, 6), 1 to 50;
        /// Pieces of each.
        pieces: Span = Span(5, 60), 1 to 1_000;
        /// Share of orders of which one product comes back.
        gives_back: f64 = 0.05, 0 to 1;
        /// Days until the next visit.
        days: Span = Span(2, 7), 1 to 30;
    }
}

knobs! {
    /// Orders clothes and shoes to choose from, and gives most of them back within the shop's policy.
    SerialReturner {
        /// Share of the accounts.
        share: f64 = 0.008, 0 to 1;
        /// Different products of one order.
        products: Span = Span(3, 6), 1 to 50;
        /// Pieces of each: the sizes to try on.
        sizes: Span = Span(1, 3), 1 to 10;
        /// Days from an order to its refund.
        days: Span = Span(3, 14), 1 to 60;
    }
}

knobs! {
    /// Looks at hundreds of products in one visit, as fast as a person can, and buys little.
    BargainHunter {
        /// Share of the accounts.
        share: f64 = 0.002, 0 to 1;
        /// Views of one visit.
        views: Span = Span(120, 400), 1 to 2_000;
        /// Mean seconds between two views.
        dwell_s: f64 = 8.0, 1 to 300;
        /// Share of visits that end with an order.
        buys: f64 = 0.2, 0 to 1;
    }
}

knobs! {
    /// One product at a low price for a few minutes: a crowd comes and orders it within seconds.
    FlashSale {
        /// Hours from one sale to the next; 0 for none.
        every_hours: f64 = 24.0, 0 to 744;
        /// Minutes from the start of the run to the first one.
        after_minutes: f64 = 90.0, 0 to 44_640;
        /// How long one lasts, in minutes.
        minutes: f64 = 15.0, 1 to 1_440;
        /// Share of those who come meanwhile who come for it.
        share: f64 = 0.4, 0 to 1;
        /// Share of them who order.
        orders: f64 = 0.7, 0 to 1;
    }
}

impl Honest {
    /// Holds every value against its range.
    ///
    /// # Errors
    /// The path of the first one that lies outside, its value, and the range.
    pub fn check(&self) -> Result<(), String> {
        self.corporate_buyer.check("honest.corporate_buyer")?;
        self.serial_returner.check("honest.serial_returner")?;
        self.bargain_hunter.check("honest.bargain_hunter")?;
        self.flash_sale.check("honest.flash_sale")?;
        let shares: f64 = self.shares().iter().map(|(_, share)| share).sum();
        if shares <= 1.0 { Ok(()) } else { Err(format!("honest.*.share add up to {shares}, more than 1")) }
    }

    /// The kinds that are a share of the accounts.
    pub fn shares(&self) -> [(Persona, f64); 3] {
        [
            (Persona::CorporateBuyer, self.corporate_buyer.share),
            (Persona::SerialReturner, self.serial_returner.share),
            (Persona::BargainHunter, self.bargain_hunter.share),
        ]
    }
}

/// Somebody honest at work.
pub enum LookAlike {
    /// Buys for a company.
    Buyer(Buyer),
    /// Orders clothes to choose from.
    Returner(Returner),
    /// Looks at hundreds of products.
    Hunter(Box<Hunter>),
    /// Came for a sale.
    Rusher(Rusher),
}

impl LookAlike {
    /// Comes in; gives the first step. `None` for another persona, or where the shop has nothing for this one.
    pub fn arrive(persona: Persona, moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        Some(match persona {
            Persona::CorporateBuyer => {
                let (step, buyer) = Buyer::arrive(moment)?;
                (step, Self::Buyer(buyer))
            }
            Persona::SerialReturner => {
                let (step, returner) = Returner::arrive(moment)?;
                (step, Self::Returner(returner))
            }
            Persona::BargainHunter => {
                let (step, hunter) = Hunter::arrive(moment);
                (step, Self::Hunter(Box::new(hunter)))
            }
            Persona::FlashSaleShopper => {
                let (step, rusher) = Rusher::arrive(moment)?;
                (step, Self::Rusher(rusher))
            }
            _ => return None,
        })
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        match self {
            Self::Buyer(buyer) => buyer.then(done, moment),
            Self::Returner(returner) => returner.then(done, moment),
            Self::Hunter(hunter) => hunter.then(done, moment),
            Self::Rusher(rusher) => rusher.then(done, moment),
        }
    }
}

/// A step after about so many seconds, or the end of the visit where there is none.
fn after(mean_s: f64, step: Option<Step>, moment: &mut Moment<'_>) -> Then {
    match step {
        Some(step) => Then::Do(moment.chance.dwell(mean_s).max(TimeDelta::milliseconds(1)), step),
        None => Then::Leave(None),
    }
}
