//! A serial returner: orders clothes in several sizes, keeps what fits, and gives the rest back within the shop's
//! policy: days later, and never more than was ordered.

use chrono::TimeDelta;
use rand::RngExt;

use crate::catalog::shelf::ShelfProduct;
use crate::model::event::{Action, Item, Order};
use crate::traffic::assortment::Rank;
use crate::traffic::honest::after;
use crate::traffic::session::{Comeback, Moment, Script, Step, Then};
use crate::traffic::shopper;

/// Mean seconds between steps.
const BETWEEN_STEPS_S: f64 = 14.0;
/// The department whose things are tried on.
const DEPARTMENT: &str = "fashion";
/// Products that are thought of until one is of that department.
const TRIES: usize = 400;

/// What a returner keeps.
pub struct Returner {
    looking_at: Rank,
    products_left: u32,
    cart: Vec<Item>,
}

impl Returner {
    /// Comes in; gives the first step. `None` where the shop sells no clothes.
    pub fn arrive(moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        let looking_at = (0..TRIES).map(|_| moment.assortment.popular(moment.chance)).find(|rank| {
            let product = moment.assortment.product(*rank);
            let is_of = |product: &ShelfProduct| product.category.department() == DEPARTMENT;
            product.is_some_and(|product| is_of(product) && product.stock > 0)
        })?;
        let products_left = moment.world.honest.serial_returner.products.draw(moment.chance);
        let step = Step::View(moment.assortment.item(looking_at, None)?);
        Some((step, Self { looking_at, products_left, cart: Vec::new() }))
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let step = match done {
            Action::View(touch) => {
                let quantity = moment.world.honest.serial_returner.sizes.draw(moment.chance);
                Some(Step::AddToCart(Item { quantity, ..touch.item.clone() }))
            }
            Action::AddToCart(touch) => {
                if self.cart.iter().all(|other| other.product_id != touch.item.product_id) {
                    self.cart.push(touch.item.clone());
                }
                self.products_left = self.products_left.saturating_sub(1);
                self.next(moment)
            }
            Action::Purchase(order) => return Then::Leave(give_back(order, moment)),
            Action::Search(_) | Action::Refund(_) => None,
        };
        after(BETWEEN_STEPS_S, step, moment)
    }

    fn next(&mut self, moment: &mut Moment<'_>) -> Option<Step> {
        let Moment { assortment, chance, .. } = moment;
        let alike = assortment.in_stock(|| assortment.alike(self.looking_at, chance));
        match alike.filter(|_| self.products_left > 0) {
            Some(rank) => {
                self.looking_at = rank;
                assortment.item(rank, None).map(Step::View)
            }
            None => Some(Step::Purchase(std::mem::take(&mut self.cart))),
        }
    }
}

/// Everything but one thing in its right size.
fn give_back(order: &Order, moment: &mut Moment<'_>) -> Option<Box<Comeback>> {
    let mut step = Step::give_back(order, moment.now, shopper::reason(moment.chance));
    if let Step::Refund(back) = &mut step {
        let kept = moment.chance.random_range(0..back.items.len().max(1));
        if let Some(item) = back.items.get_mut(kept) {
            item.quantity -= 1;
        }
        back.items.retain(|item| item.quantity > 0);
        if back.items.is_empty() {
            return None;
        }
    }
    let days = moment.world.honest.serial_returner.days.draw(moment.chance);
    Some(Comeback::new(TimeDelta::days(days.into()), step, Script::Errand))
}
