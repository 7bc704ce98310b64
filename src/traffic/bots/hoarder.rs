//! A program that fills carts: it views a product, puts many pieces of it into the cart, goes on with one alike,
//! and never buys.

use crate::model::event::{Action, Item};
use crate::traffic::assortment::Rank;
use crate::traffic::bots::pace::Pace;
use crate::traffic::session::{Moment, Step, Then};

/// Requests after which the cart alone tells: ten products in it.
const TELLING: u32 = 20;

/// What the program keeps.
pub struct Hoarder {
    looking_at: Rank,
    pace: Pace,
}

impl Hoarder {
    /// Comes in; gives the first step.
    pub fn arrive(moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        let settings = moment.world.bots.cart_hoarder;
        let pace = Pace::new(settings.gap_s, settings.jitter, settings.requests, moment.chance);
        let Moment { assortment, chance, .. } = moment;
        let looking_at = assortment.in_stock(|| assortment.popular(chance))?;
        Some((Step::View(moment.assortment.item(looking_at, None)?), Self { looking_at, pace }))
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let Some(requests) = self.pace.tick() else { return Then::Leave(None) };
        if requests == TELLING {
            moment.tell(|| format!("{} products in the cart, {}", TELLING / 2, self.pace.every()));
        }
        let step = match done {
            Action::View(touch) => {
                let quantity = moment.world.bots.cart_hoarder.pieces.draw(moment.chance);
                Some(Step::AddToCart(Item { quantity, ..touch.item.clone() }))
            }
            Action::Search(_) | Action::AddToCart(_) | Action::Purchase(_) | Action::Refund(_) => {
                let Moment { assortment, chance, .. } = moment;
                let next = assortment.in_stock(|| assortment.alike(self.looking_at, chance));
                let next = next.or_else(|| assortment.in_stock(|| assortment.popular(chance)));
                next.and_then(|rank| {
                    self.looking_at = rank;
                    assortment.item(rank, None).map(Step::View)
                })
            }
        };
        match step {
            Some(step) => self.pace.then(step, moment.chance),
            None => Then::Leave(None),
        }
    }
}
