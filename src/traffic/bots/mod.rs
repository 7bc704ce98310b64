//! Programs that visit the shop. Each kind does one thing at a time, at the pace that its settings say.

mod crawler;
mod fleet;
mod flood;
mod hoarder;
mod pace;
mod scraper;

use serde::{Deserialize, Serialize};

use crate::model::event::Action;
use crate::traffic::bots::crawler::Crawler;
use crate::traffic::bots::flood::Flood;
use crate::traffic::bots::hoarder::Hoarder;
use crate::traffic::bots::scraper::Scraper;
use crate::traffic::knobs::{Span, knobs};
use crate::traffic::persona::Persona;
use crate::traffic::session::{Moment, Step, Then};

pub use crate::traffic::bots::crawler::Walk;
pub use crate::traffic::bots::fleet::{Fleets, Rhythm, Turn};

/// The kinds of programs. Their shares are weights among the events of all programs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bots {
    /// Walks through a category page by page and views each product.
    pub price_scraper: PriceScraper,
    /// Searches on and on.
    pub search_flood: SearchFlood,
    /// Many slow clients that share one walk through the catalogue.
    pub slow_crawler: SlowCrawler,
    /// Fills carts and never buys.
    pub cart_hoarder: CartHoarder,
}

knobs! {
    /// Walks through a category page by page and views each product.
    PriceScraper {
        /// Weight of its events among those of all programs.
        share: f64 = 0.45, 0 to 1;
        /// Mean seconds between two requests of one program.
        gap_s: f64 = 0.333, 0.01 to 3_600;
        /// 0.0 for the rhythm of a metronome, 1.0 for gaps as uneven as a person's.
        jitter: f64 = 0.1, 0 to 1;
        /// Requests of one visit.
        requests: Span = Span(120, 600), 1 to 100_000;
        /// Share of its clients that are logged in.
        accounts: f64 = 0.1, 0 to 1;
        /// Clients of all such programs together; then the first ones come again.
        clients: u32 = 2_000, 1 to 100_000;
    }
}

knobs! {
    /// Searches on and on: through the words that the shop knows, or one question over and over with changes.
    SearchFlood {
        /// Weight of its events among those of all programs.
        share: f64 = 0.25, 0 to 1;
        /// Mean seconds between two requests of one program.
        gap_s: f64 = 0.5, 0.01 to 3_600;
        /// 0.0 for the rhythm of a metronome, 1.0 for gaps as uneven as a person's.
        jitter: f64 = 0.3, 0 to 1;
        /// Requests of one visit.
        requests: Span = Span(100, 400), 1 to 100_000;
        /// Share of visits that ask one question over and over with changes.
        one_question: f64 = 0.3, 0 to 1;
        /// Share of its clients that are logged in.
        accounts: f64 = 0.0, 0 to 1;
        /// Clients of all such programs together; then the first ones come again.
        clients: u32 = 500, 1 to 100_000;
    }
}

knobs! {
    /// A crawler spread over many clients, each as slow as a person, that share one walk through the catalogue.
    SlowCrawler {
        /// Weight of its events among those of all programs.
        share: f64 = 0.2, 0 to 1;
        /// Mean seconds between two requests of one client.
        gap_s: f64 = 20.0, 0.01 to 3_600;
        /// 0.0 for the rhythm of a metronome, 1.0 for gaps as uneven as a person's.
        jitter: f64 = 0.8, 0 to 1;
        /// Requests of one visit.
        requests: Span = Span(5, 25), 1 to 100_000;
        /// Share of its clients that are logged in.
        accounts: f64 = 0.0, 0 to 1;
        /// Clients of the crawler; then the first ones come again.
        clients: u32 = 300, 1 to 100_000;
    }
}

knobs! {
    /// Fills carts and never buys, so that what is reserved seems to be gone.
    CartHoarder {
        /// Weight of its events among those of all programs.
        share: f64 = 0.1, 0 to 1;
        /// Mean seconds between two requests of one program.
        gap_s: f64 = 1.0, 0.01 to 3_600;
        /// 0.0 for the rhythm of a metronome, 1.0 for gaps as uneven as a person's.
        jitter: f64 = 0.4, 0 to 1;
        /// Requests of one visit.
        requests: Span = Span(40, 160), 1 to 100_000;
        /// Pieces of each product.
        pieces: Span = Span(2, 10), 1 to 10_000;
        /// Share of its clients that are logged in.
        accounts: f64 = 0.4, 0 to 1;
        /// Clients of all such programs together; then the first ones come again.
        clients: u32 = 200, 1 to 100_000;
    }
}

impl Bots {
    /// Holds every value against its range.
    ///
    /// # Errors
    /// The path of the first one that lies outside, its value, and the range.
    pub fn check(&self) -> Result<(), String> {
        self.price_scraper.check("bots.price_scraper")?;
        self.search_flood.check("bots.search_flood")?;
        self.slow_crawler.check("bots.slow_crawler")?;
        self.cart_hoarder.check("bots.cart_hoarder")?;
        let shares: f64 = self.rhythms().iter().map(|rhythm| rhythm.share).sum();
        if shares > 0.0 { Ok(()) } else { Err("bots.*.share are all 0; one must be more".to_owned()) }
    }

    /// How much and how often each kind comes.
    pub fn rhythms(&self) -> [Rhythm; 4] {
        macro_rules! rhythm {
            ($persona:ident, $field:ident) => {
                Rhythm {
                    persona: Persona::$persona,
                    share: self.$field.share,
                    gap_s: self.$field.gap_s,
                    accounts: self.$field.accounts,
                    clients: self.$field.clients as usize,
                }
            };
        }
        [
            rhythm!(PriceScraper, price_scraper),
            rhythm!(SearchFlood, search_flood),
            rhythm!(SlowCrawler, slow_crawler),
            rhythm!(CartHoarder, cart_hoarder),
        ]
    }
}

/// A program at work.
pub enum Bot {
    /// Reads prices.
    Scraper(Scraper),
    /// Searches.
    Flood(Flood),
    /// Walks with others.
    Crawler(Crawler),
    /// Fills carts.
    Hoarder(Hoarder),
}

impl Bot {
    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        match self {
            Self::Scraper(scraper) => scraper.then(done, moment),
            Self::Flood(flood) => flood.then(moment),
            Self::Crawler(crawler) => crawler.then(moment),
            Self::Hoarder(hoarder) => hoarder.then(done, moment),
        }
    }

    /// A program of this persona comes in; gives the first step. `None` for a person.
    pub fn arrive(persona: Persona, walk: &Walk, moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        Some(match persona {
            Persona::PriceScraper => {
                let (step, scraper) = Scraper::arrive(moment);
                (step, Self::Scraper(scraper))
            }
            Persona::SearchFlood => {
                let (step, flood) = Flood::arrive(moment);
                (step, Self::Flood(flood))
            }
            Persona::SlowCrawler => {
                let (step, crawler) = Crawler::arrive(walk, moment)?;
                (step, Self::Crawler(crawler))
            }
            Persona::CartHoarder => {
                let (step, hoarder) = Hoarder::arrive(moment)?;
                (step, Self::Hoarder(hoarder))
            }
            Persona::Shopper
            | Persona::CorporateBuyer
            | Persona::SerialReturner
            | Persona::BargainHunter
            | Persona::FlashSaleShopper
            | Persona::RefundLoop
            | Persona::FastRefund
            | Persona::RefundRate
            | Persona::ExcessRefund
            | Persona::PhantomRefund => return None,
        })
    }
}
