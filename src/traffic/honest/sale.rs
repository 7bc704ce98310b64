//! A flash sale: the crowd that comes for one product, and orders it within seconds.

use rand::RngExt;

use crate::model::event::Action;
use crate::model::time::{HOUR_MS, MINUTE_MS, Timestamp};
use crate::traffic::assortment::Rank;
use crate::traffic::honest::{FlashSale, after};
use crate::traffic::session::{Moment, Step, Then};

/// Mean seconds between the steps of somebody who must be quick.
const BETWEEN_STEPS_S: f64 = 3.0;
/// Most products among which the one on sale is.
const ON_SALE: u64 = 500;

/// The number of the sale that is on at this time of a run that began at `start`, from 0.
pub fn sale_at(settings: &FlashSale, start: Timestamp, now: Timestamp) -> Option<u64> {
    let every_ms = settings.every_hours * HOUR_MS as f64;
    let since_first = (now - start).num_milliseconds() as f64 - settings.after_minutes * MINUTE_MS as f64;
    if every_ms <= 0.0 || since_first < 0.0 {
        return None;
    }
    let is_on = since_first % every_ms < settings.minutes * MINUTE_MS as f64;
    is_on.then_some((since_first / every_ms) as u64)
}

/// Who came for the sale.
pub struct Rusher;

impl Rusher {
    /// Comes in; gives the first step: the product's page, by a link. `None` where no sale is on, or
    /// nothing can be bought.
    pub fn arrive(moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        let sale = moment.sale?;
        let products = moment.assortment.products().clamp(1, ON_SALE);
        // A different product each time, spread by the golden ratio's multiples.
        let mut next = sale.wrapping_add(1).wrapping_mul(0x9e37_79b9);
        let rank = moment.assortment.in_stock(|| {
            next = next.wrapping_add(1);
            (next % products) as Rank
        })?;
        Some((Step::View(moment.assortment.item(rank, None)?), Self))
    }

    /// Decides what follows what was just done.
    pub fn then(&self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let orders = moment.world.honest.flash_sale.orders;
        let step = match done {
            Action::View(touch) => {
                moment.chance.random_bool(orders).then(|| Step::AddToCart(touch.item.clone()))
            }
            Action::AddToCart(touch) => Some(Step::Purchase(vec![touch.item.clone()])),
            Action::Search(_) | Action::Purchase(_) | Action::Refund(_) => None,
        };
        after(BETWEEN_STEPS_S, step, moment)
    }
}
