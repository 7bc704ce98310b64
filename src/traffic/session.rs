//! One visit: a step that will be done, and the script that decides on the next one.
//!
//! A session does one [`Step`] at a time. When it is done, its [`Script`] sees what happened and answers
//! [`Then`]: another step after a while, a login, or the end, perhaps with a later visit in mind.

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::model::event::{Action, Event, Item, Order, Refund, SESSION_MAX, Search, Touch};
use crate::model::ids::{OrderId, SessionId};
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;
use crate::traffic::assortment::Assortment;
use crate::traffic::bots::Bot;
use crate::traffic::chance::Chance;
use crate::traffic::fraud::Fraud;
use crate::traffic::honest::LookAlike;
use crate::traffic::label::Label;
use crate::traffic::persona::Persona;
use crate::traffic::shopper::{Habits, Shopper};
use crate::traffic::taste::Taste;
use crate::traffic::visitor::{Ids, Visitor};
use crate::traffic::world::World;

/// What a script may use to decide.
pub struct Moment<'a> {
    /// The time.
    pub now: Timestamp,
    /// What the visitor likes.
    pub taste: &'a Taste,
    /// What the shop sells.
    pub assortment: &'a Assortment,
    /// Chance.
    pub chance: &'a mut Chance,
    /// Ids to give out.
    pub ids: &'a mut Ids,
    /// What the scenario says.
    pub world: &'a World,
    /// How plain shoppers behave.
    pub habits: &'a Arc<Habits>,
    /// The flash sale that is on, by its number.
    pub sale: Option<u64>,
    /// What gives the visitor away in what was just done, for the ground truth.
    pub evidence: &'a mut Option<String>,
}

impl Moment<'_> {
    /// Says for the ground truth what in the step that was just done gives the visitor away.
    pub fn tell(&mut self, evidence: impl FnOnce() -> String) {
        *self.evidence = Some(evidence());
    }
}

/// One thing to do, with everything that its event will say.
#[derive(Debug, Clone)]
pub enum Step {
    /// Searches.
    Search(Search),
    /// Looks at a product.
    View(Item),
    /// Puts a product into the cart.
    AddToCart(Item),
    /// Orders these.
    Purchase(Vec<Item>),
    /// Gives these of an earlier order back.
    Refund(Return),
}

/// Pieces of an order that go back.
#[derive(Debug, Clone)]
pub struct Return {
    /// The order.
    pub order_id: OrderId,
    /// When it was placed.
    pub ordered_at: Timestamp,
    /// What it had cost.
    pub order_total: Cents,
    /// What goes back.
    pub items: Vec<Item>,
    /// Why.
    pub reason: &'static str,
}

impl Step {
    /// The whole of an order goes back.
    pub fn give_back(order: &Order, ordered_at: Timestamp, reason: &'static str) -> Self {
        let items = order.items.clone();
        let order_id = order.order_id.clone();
        Self::Refund(Return { order_id, ordered_at, order_total: order.total, items, reason })
    }

    /// Does it.
    pub fn perform(self, currency: Currency, ids: &mut Ids) -> Action {
        let total = |items: &[Item]| items.iter().map(Item::amount).sum();
        match self {
            Self::Search(search) => Action::Search(search),
            Self::View(item) => Action::View(Touch { item, currency }),
            Self::AddToCart(item) => Action::AddToCart(Touch { item, currency }),
            Self::Purchase(items) => {
                Action::Purchase(Order { order_id: ids.order(), currency, total: total(&items), items })
            }
            Self::Refund(back) => Action::Refund(Refund {
                ordered_at: back.ordered_at,
                order_total: back.order_total,
                reason: back.reason.into(),
                order: Order {
                    order_id: back.order_id,
                    currency,
                    total: total(&back.items),
                    items: back.items,
                },
            }),
        }
    }
}

/// What follows a step.
pub enum Then {
    /// Another one after this while.
    Do(TimeDelta, Step),
    /// The same, but after a login, which begins a new session.
    LogIn(TimeDelta, Step),
    /// The session ends, and perhaps the visitor comes back on purpose.
    Leave(Option<Box<Comeback>>),
}

/// A later session that is planned already.
pub struct Comeback {
    /// How long after this session's last event.
    pub after: TimeDelta,
    /// What it begins with.
    pub step: Step,
    /// How it goes on.
    pub script: Script,
}

impl Comeback {
    /// A plan.
    pub fn new(after: TimeDelta, step: Step, script: Script) -> Box<Self> {
        Box::new(Self { after, step, script })
    }
}

/// Who decides.
pub enum Script {
    /// A shopper.
    Shopper(Shopper),
    /// A program.
    Bot(Bot),
    /// Somebody after the shop's money.
    Fraud(Fraud),
    /// Somebody honest who looks suspicious.
    LookAlike(LookAlike),
    /// Nobody: the visit was for its first step only.
    Errand,
}

impl Script {
    /// Decides what follows what was just done.
    pub fn then(&mut self, done: &Action, moment: &mut Moment<'_>) -> Then {
        match self {
            Self::Shopper(shopper) => shopper.then(done, moment),
            Self::Bot(bot) => bot.then(done, moment),
            Self::Fraud(fraud) => fraud.then(done, moment),
            Self::LookAlike(look_alike) => look_alike.then(done, moment),
            Self::Errand => Then::Leave(None),
        }
    }
}

/// One visit.
pub struct Session {
    /// Whose.
    pub visitor: Visitor,
    id: SessionId,
    /// The time of its first event; `None` before that.
    started_at: Option<Timestamp>,
    has_entered: bool,
    /// What is done when its turn comes; it waits in here, so that what is moved while it waits is small.
    pub next: Option<Step>,
    /// Who decides what follows each step.
    pub script: Script,
}

impl Session {
    /// A visit that has not begun yet.
    pub fn new(visitor: Visitor, id: SessionId, script: Script) -> Self {
        Self { visitor, id, started_at: None, has_entered: false, next: None, script }
    }

    /// Whether an event at this time would lie within the longest session.
    pub fn lasts_until(&self, at: Timestamp) -> bool {
        self.started_at.is_none_or(|started_at| at - started_at <= SESSION_MAX)
    }

    /// Writes down what the visitor does now, and what gives them away in it; the first event begins the
    /// session.
    pub fn record(
        &mut self,
        event_id: Uuid,
        now: Timestamp,
        action: Action,
        evidence: Option<String>,
    ) -> Simulated {
        let enters = matches!(action, Action::Search(_) | Action::View(_));
        let firsts = Firsts {
            of_session: self.started_at.is_none(),
            of_entry: enters && !self.has_entered,
            of_visitor: !self.visitor.seen,
        };
        self.has_entered |= enters;
        self.visitor.seen = true;
        let event = Event {
            event_id,
            timestamp: now,
            user_id: self.visitor.user_id.clone(),
            client_id: self.visitor.client_id.clone(),
            session_id: self.id.clone(),
            session_started_at: *self.started_at.get_or_insert(now),
            action,
        };
        let persona = self.visitor.persona;
        let label = Label::of(&event, persona, firsts.of_visitor, evidence).map(Box::new);
        Simulated { event, persona, firsts, label }
    }
}

/// One event, and what its makers know that it does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// The event.
    pub event: Event,
    /// What its visitor is up to.
    pub persona: Persona,
    /// What it is the first of.
    pub firsts: Firsts,
    /// What is to be known about its visitor, where there is something to say.
    pub label: Option<Box<Label>>,
}

/// What an event is the first of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Firsts {
    /// Its session's first event.
    pub of_session: bool,
    /// Its session's first search or view.
    pub of_entry: bool,
    /// The first event of its visitor: of the account, or of a guest's browser.
    pub of_visitor: bool,
}
