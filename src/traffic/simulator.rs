//! The shop's visitors as one state machine: given a time, it says what somebody does then.
//!
//! Whoever drives it asks once for each event, with times that do not go back. An event that is due goes to
//! the visitor who has waited longest; when nobody waits, somebody new comes in. So the number of
//! visitors follows the rate by itself, while each one's pace stays that of a person or of a program.

use std::sync::Arc;

use rand::RngExt;

use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::agenda::Agenda;
use crate::traffic::assortment::Assortment;
use crate::traffic::bots::{Bot, Fleets, Turn};
use crate::traffic::casting::Casting;
use crate::traffic::chance::Chance;
use crate::traffic::fraud::Fraud;
use crate::traffic::honest::{LookAlike, sale_at};
use crate::traffic::persona::{Class, Persona};
use crate::traffic::population::Population;
use crate::traffic::session::{Comeback, Moment, Script, Session, Simulated, Step, Then};
use crate::traffic::shopper::{Habits, Shopper};
use crate::traffic::taste::Taste;
use crate::traffic::visitor::{Ids, Visitor};
use crate::traffic::world::World;

/// Share of new visitors who are logged in when they come.
const HAS_ACCOUNT: f64 = 0.55;
/// Sessions that are under way or planned; beyond it nobody plans to come back.
const WAITING_MAX: usize = 1_000_000;

/// All visitors of one run.
pub struct Simulator {
    assortment: Assortment,
    currency: Currency,
    world: World,
    habits: Arc<Habits>,
    chance: Chance,
    ids: Ids,
    start: Timestamp,
    /// People by the time of their next step.
    people: Agenda<Box<Session>>,
    /// Programs.
    fleets: Fleets,
    /// Visitors who left and may return.
    population: Population,
    /// Fraudulent accounts that are due by the mix; one comes in when it reaches 1.
    fraud_due: f64,
    schemes: Casting<Persona>,
    /// Honest people who look suspicious, and the plain ones, among the accounts.
    accounts: Casting<Persona>,
    sale: Option<u64>,
    evidence: Option<String>,
}

impl Simulator {
    /// A shop without visitors. The same arguments and times give the same events, ids included.
    pub fn new(
        mut assortment: Assortment,
        currency: Currency,
        world: World,
        seed: u64,
        start: Timestamp,
    ) -> Self {
        assortment.stir(world.bursts.clone(), seed, start);
        let look_alikes = world.honest.shares();
        let plain = 1.0 - look_alikes.iter().map(|(_, share)| share).sum::<f64>();
        Self {
            assortment,
            currency,
            habits: Arc::new(world.shoppers.clone()),
            population: Population::new(world.shoppers.returns),
            fleets: Fleets::new(&world.bots, world.bot_ratio),
            schemes: Casting::new(world.fraud.plans().map(|(persona, plan)| (persona, plan.share))),
            accounts: Casting::new(look_alikes.into_iter().chain([(Persona::Shopper, plain)])),
            world,
            chance: Chance::new(seed),
            ids: Ids::new(seed, start),
            start,
            people: Agenda::default(),
            fraud_due: 0.5,
            sale: None,
            evidence: None,
        }
    }

    /// Sessions that are under way or planned.
    pub fn sessions_open(&self) -> usize {
        self.people.len() + self.fleets.len()
    }

    /// What somebody does now. `now` must not lie before that of the call before.
    pub fn act(&mut self, now: Timestamp) -> Simulated {
        self.assortment.turn_to(now);
        let (mut session, step) = match self.fleets.turn(now) {
            Some(Turn::GoOn(session, step)) => (session, step),
            Some(Turn::ComeIn(persona)) => self.program(persona, now),
            None => self.person_due(now).unwrap_or_else(|| self.person(now)),
        };
        let action = step.perform(self.currency, &mut self.ids);
        let then = session.script.then(&action, &mut self.moment(now, &session.visitor.taste));
        let evidence = self.evidence.take();
        let simulated = session.record(self.ids.event(now), now, action, evidence);
        self.go_on(session, then, now);
        simulated
    }

    /// The person whose turn comes first, if it has come. One whom the mix kept waiting for longer than a
    /// session may last is gone.
    fn person_due(&mut self, now: Timestamp) -> Option<(Box<Session>, Step)> {
        loop {
            let mut session = self.people.take_due(now)?;
            if let Some(step) = session.next.take()
                && session.lasts_until(now)
            {
                return Some((session, step));
            }
        }
    }

    fn moment<'a>(&'a mut self, now: Timestamp, taste: &'a Taste) -> Moment<'a> {
        Moment {
            now,
            taste,
            assortment: &self.assortment,
            chance: &mut self.chance,
            ids: &mut self.ids,
            world: &self.world,
            habits: &self.habits,
            sale: self.sale,
            evidence: &mut self.evidence,
        }
    }

    fn go_on(&mut self, mut session: Box<Session>, then: Then, now: Timestamp) {
        match then {
            Then::Do(wait, step) if session.lasts_until(now + wait) => self.wait(now + wait, session, step),
            Then::LogIn(wait, step) if session.lasts_until(now + wait) => {
                if self.may_log_in(&session.visitor) {
                    session.visitor.user_id = Some(self.ids.user());
                    session.visitor.seen = false;
                    *session = Session::new(session.visitor, self.ids.session(), session.script);
                }
                self.wait(now + wait, session, step);
            }
            Then::Leave(Some(comeback)) if self.people.len() < WAITING_MAX => {
                let Comeback { after, step, script } = *comeback;
                let session = Box::new(Session::new(session.visitor, self.ids.session(), script));
                self.wait(now + after, session, step);
            }
            Then::Do(..) | Then::LogIn(..) | Then::Leave(_) => self.rest(session.visitor, now),
        }
    }

    fn wait(&mut self, until: Timestamp, mut session: Box<Session>, step: Step) {
        session.next = Some(step);
        match session.visitor.persona.class() {
            Class::Bot => self.fleets.wait(until, session),
            Class::Honest | Class::Fraud => self.people.add(until, session),
        }
    }

    fn rest(&mut self, visitor: Visitor, now: Timestamp) {
        match visitor.persona {
            // The crowd comes for the sale only.
            Persona::FlashSaleShopper => {}
            persona if persona.class() == Class::Bot => self.fleets.rest(visitor),
            _ => self.population.rest(visitor, now, &mut self.chance),
        }
    }

    /// Whether a guest may get an account now: not while the mix wants a fraudulent one, for they begin
    /// with their account.
    fn may_log_in(&mut self, visitor: &Visitor) -> bool {
        let may = visitor.user_id.is_none() && self.fraud_due + self.world.fraud_ratio < 1.0;
        if may {
            self.fraud_due += self.world.fraud_ratio;
        }
        may
    }

    /// A program that comes in.
    fn program(&mut self, persona: Persona, now: Timestamp) -> (Box<Session>, Step) {
        let visitor = self.fleets.next_client(persona).unwrap_or_else(|| {
            let has_account = self.chance.random_bool(self.fleets.accounts(persona));
            let guest = self.guest(persona);
            if has_account { self.with_account(guest) } else { guest }
        });
        let walk = self.fleets.walk();
        let arrival = Bot::arrive(persona, &walk, &mut self.moment(now, &visitor.taste));
        self.begin(visitor, arrival.map(|(step, bot)| (step, Script::Bot(bot))), now)
    }

    /// A person who comes in: one of those who return, or a new one.
    fn person(&mut self, now: Timestamp) -> (Box<Session>, Step) {
        self.sale = sale_at(&self.world.honest.flash_sale, self.start, now);
        let returning = self.population.returning(now, &mut self.chance);
        let visitor = returning.unwrap_or_else(|| self.new_person());
        let persona = visitor.persona;
        let mut moment = self.moment(now, &visitor.taste);
        let arrival = match persona.class() {
            Class::Fraud => {
                Fraud::arrive(persona, &mut moment).map(|(step, fraud)| (step, Script::Fraud(fraud)))
            }
            Class::Honest | Class::Bot => {
                LookAlike::arrive(persona, &mut moment).map(|(step, one)| (step, Script::LookAlike(one)))
            }
        };
        self.begin(visitor, arrival, now)
    }

    /// A visit. Who has nothing else to do here looks around as everybody does; a newcomer who cannot do what
    /// they came for (nobody orders clothes where there are none) is a plain shopper, for the ground truth too.
    fn begin(
        &mut self,
        mut visitor: Visitor,
        arrival: Option<(Step, Script)>,
        now: Timestamp,
    ) -> (Box<Session>, Step) {
        if arrival.is_none() && !visitor.seen {
            visitor.persona = Persona::Shopper;
        }
        let (step, script) = arrival.unwrap_or_else(|| {
            let mut moment = self.moment(now, &visitor.taste);
            let (step, shopper) = Shopper::arrive(moment.habits, &mut moment);
            (step, Script::Shopper(shopper))
        });
        (Box::new(Session::new(visitor, self.ids.session(), script)), step)
    }

    fn new_person(&mut self) -> Visitor {
        if self.sale.is_some() && self.chance.random_bool(self.world.honest.flash_sale.share) {
            let guest = self.guest(Persona::FlashSaleShopper);
            return if self.chance.random_bool(HAS_ACCOUNT) { self.with_account(guest) } else { guest };
        }
        if !self.chance.random_bool(HAS_ACCOUNT) {
            return self.guest(Persona::Shopper);
        }
        let persona = if self.fraud_due + self.world.fraud_ratio < 1.0 {
            self.accounts.next()
        } else {
            self.fraud_due -= 1.0;
            self.schemes.next()
        };
        let guest = self.guest(persona.unwrap_or(Persona::Shopper));
        self.with_account(guest)
    }

    /// Gives an account; the mix owes the more fraudulent ones.
    fn with_account(&mut self, guest: Visitor) -> Visitor {
        self.fraud_due += self.world.fraud_ratio;
        Visitor { user_id: Some(self.ids.user()), ..guest }
    }

    fn guest(&mut self, persona: Persona) -> Visitor {
        let taste = Taste::draw(&self.assortment, &mut self.chance);
        Visitor { persona, user_id: None, client_id: self.ids.client(), taste, seen: false }
    }
}
