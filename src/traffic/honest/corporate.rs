//! A company's buyer: knows what is needed, orders many pieces of it, order after order.

use chrono::TimeDelta;
use rand::RngExt;

use crate::model::event::{Action, Item, Order};
use crate::traffic::assortment::Rank;
use crate::traffic::honest::{LookAlike, after};
use crate::traffic::results::{Question, Results};
use crate::traffic::session::{Comeback, Moment, Script, Step, Then};
use crate::traffic::shopper;

/// Mean seconds between the steps of somebody with a list.
const BETWEEN_STEPS_S: f64 = 6.0;

/// What a buyer keeps.
pub struct Buyer {
    wanted: Rank,
    orders_left: u32,
    products_left: u32,
    cart: Vec<Item>,
}

impl Buyer {
    /// Comes in; gives the first step.
    pub fn arrive(moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        let settings = moment.world.honest.corporate_buyer;
        let mut buyer = Self {
            wanted: 0,
            orders_left: settings.orders.draw(moment.chance),
            products_left: settings.products.draw(moment.chance),
            cart: Vec::new(),
        };
        buyer.next_product(moment).map(|step| (step, buyer))
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        let step = match done {
            Action::Search(_) => moment.assortment.item(self.wanted, None).map(Step::View),
            Action::View(touch) => {
                let quantity = moment.world.honest.corporate_buyer.pieces.draw(moment.chance);
                Some(Step::AddToCart(Item { quantity, ..touch.item.clone() }))
            }
            Action::AddToCart(touch) => self.after_cart(&touch.item, moment),
            Action::Purchase(order) => return self.after_order(order, moment),
            Action::Refund(_) => None,
        };
        after(BETWEEN_STEPS_S, step, moment)
    }

    fn after_cart(&mut self, item: &Item, moment: &mut Moment<'_>) -> Option<Step> {
        if self.cart.iter().all(|other| other.product_id != item.product_id) {
            self.cart.push(item.clone());
        }
        self.products_left = self.products_left.saturating_sub(1);
        if self.products_left == 0 {
            return Some(Step::Purchase(std::mem::take(&mut self.cart)));
        }
        self.next_product(moment)
    }

    /// Begins the next order, or comes back another day; now and then something of this one comes back.
    fn after_order(&mut self, order: &Order, moment: &mut Moment<'_>) -> Then {
        let settings = moment.world.honest.corporate_buyer;
        self.orders_left = self.orders_left.saturating_sub(1);
        if self.orders_left > 0 {
            self.products_left = settings.products.draw(moment.chance);
            let step = self.next_product(moment);
            return after(BETWEEN_STEPS_S, step, moment);
        }
        if moment.chance.random_bool(settings.gives_back) {
            let mut step = Step::give_back(order, moment.now, shopper::reason(moment.chance));
            if let Step::Refund(back) = &mut step {
                back.items.truncate(1);
            }
            let after = TimeDelta::days(3) + moment.chance.dwell(4.0 * 86_400.0);
            return Then::Leave(Some(Comeback::new(after, step, Script::Errand)));
        }
        let days = settings.days.draw(moment.chance);
        let next = Self::arrive(moment);
        Then::Leave(next.map(|(step, buyer)| {
            let script = Script::LookAlike(LookAlike::Buyer(buyer));
            Comeback::new(TimeDelta::days(days.into()), step, script)
        }))
    }

    fn next_product(&mut self, moment: &mut Moment<'_>) -> Option<Step> {
        let Moment { assortment, taste, chance, .. } = moment;
        self.wanted = assortment.in_stock(|| assortment.wanted(taste, chance))?;
        let text = moment.assortment.wording(self.wanted, moment.taste, moment.chance);
        Some(Results::of(Question::new(text), moment).0)
    }
}
