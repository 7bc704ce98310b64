//! The shop's visitors as one state machine: given a time, it says what somebody does then.
//!
//! Whoever drives it asks once for each event, with times that do not go back. An event that is due goes to
//! the visitor who has waited longest; when nobody waits, somebody new comes in. So the number of
//! visitors follows the rate by itself, while each one's pace stays that of a person.

use std::sync::Arc;

use rand::RngExt;

use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::agenda::Agenda;
use crate::traffic::assortment::Assortment;
use crate::traffic::bots::scraper::Scraper;
use crate::traffic::chance::Chance;
use crate::traffic::fraud::{Fraud, Scheme};
use crate::traffic::persona::Persona;
use crate::traffic::population::Population;
use crate::traffic::session::{Comeback, Moment, Script, Session, Simulated, Step, Then};
use crate::traffic::shopper::{Habits, Shopper};
use crate::traffic::taste::Taste;
use crate::traffic::visitor::{Ids, Visitor};
use crate::traffic::world::World;

/// Share of new visitors who are logged in when they come.
const HAS_ACCOUNT: f64 = 0.55;
/// Mean time between two requests of one program: three a second.
const PROGRAM_GAP_MS: f64 = 333.0;
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
    people: Crowd,
    programs: Crowd,
    program_turns: Turns,
    /// Visitors who left and may return.
    population: Population,
    /// Fraudulent accounts that are due by the mix; one comes in when it reaches 1.
    fraud_due: f64,
}

impl Simulator {
    /// A shop without visitors. The same arguments and times give the same events, ids included; another
    /// `start` gives the same behaviour with other ids.
    pub fn new(
        mut assortment: Assortment,
        currency: Currency,
        world: World,
        seed: u64,
        start: Timestamp,
    ) -> Self {
        assortment.stir(world.bursts.clone(), seed, start);
        Self {
            assortment,
            currency,
            habits: Arc::new(world.shoppers.clone()),
            population: Population::new(world.shoppers.returns),
            world,
            chance: Chance::new(seed),
            ids: Ids::new(seed, start),
            people: Crowd::default(),
            programs: Crowd::default(),
            program_turns: Turns { last: None, mean_ms: PROGRAM_GAP_MS },
            fraud_due: 0.5,
        }
    }

    /// Sessions that are under way or planned.
    pub fn sessions_open(&self) -> usize {
        self.people.waiting.len() + self.programs.waiting.len()
    }

    /// What somebody does now. `now` must not lie before that of the call before.
    pub fn act(&mut self, now: Timestamp) -> Simulated {
        self.assortment.turn_to(now);
        let crowd = if self.chance.random_bool(self.world.bot_ratio) { Kind::Program } else { Kind::Person };
        let (mut session, step) = self.next_due(crowd, now).unwrap_or_else(|| self.new_session(crowd, now));
        let action = step.perform(self.currency, &mut self.ids);
        let then = session.script.then(&action, &mut self.moment(now, &session.visitor.taste));
        let simulated = session.record(self.ids.event(now), now, action);
        self.go_on(crowd, session, then, now);
        simulated
    }

    /// People keep their own pace, so one of them acts only when due. Programs act when the mix wants it:
    /// were they let in whenever none is due, they would be too many to be fast.
    fn next_due(&mut self, kind: Kind, now: Timestamp) -> Option<(Box<Session>, Step)> {
        match kind {
            Kind::Person => self.people.next(now, now),
            Kind::Program => {
                let needed = (PROGRAM_GAP_MS / self.program_turns.mean_ms(now)).round().max(1.0);
                let are_enough = self.programs.waiting.len() as f64 >= needed;
                are_enough.then(|| self.programs.next(now, Timestamp::from_millis(i64::MAX))).flatten()
            }
        }
    }

    fn moment<'a>(&'a mut self, now: Timestamp, taste: &'a Taste) -> Moment<'a> {
        Moment { now, taste, assortment: &self.assortment, chance: &mut self.chance, ids: &mut self.ids }
    }

    fn crowd(&mut self, kind: Kind) -> &mut Crowd {
        match kind {
            Kind::Person => &mut self.people,
            Kind::Program => &mut self.programs,
        }
    }

    fn go_on(&mut self, kind: Kind, mut session: Box<Session>, then: Then, now: Timestamp) {
        match then {
            Then::Do(wait, step) if session.lasts_until(now + wait) => {
                self.crowd(kind).waiting.add(now + wait, (session, step));
            }
            Then::LogIn(wait, step) if session.lasts_until(now + wait) => {
                if self.may_log_in(&session.visitor) {
                    session.visitor.user_id = Some(self.ids.user());
                    session.visitor.seen = false;
                    *session = Session::new(session.visitor, self.ids.session(), session.script);
                }
                self.crowd(kind).waiting.add(now + wait, (session, step));
            }
            Then::Leave(Some(Comeback { after, step, script }))
                if self.people.waiting.len() < WAITING_MAX =>
            {
                let session = Box::new(Session::new(session.visitor, self.ids.session(), script));
                self.crowd(kind).waiting.add(now + after, (session, step));
            }
            Then::Do(..) | Then::LogIn(..) | Then::Leave(_) => self.rest(session.visitor, now),
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

    fn rest(&mut self, visitor: Visitor, now: Timestamp) {
        if visitor.persona != Persona::PriceScraper {
            self.population.rest(visitor, now, &mut self.chance);
        }
    }

    fn new_session(&mut self, kind: Kind, now: Timestamp) -> (Box<Session>, Step) {
        let visitor = match kind {
            Kind::Program => self.guest(Persona::PriceScraper),
            Kind::Person => {
                let returning = self.population.returning(now, &mut self.chance);
                returning.unwrap_or_else(|| self.new_person())
            }
        };
        let habits = self.habits.clone();
        let mut moment = self.moment(now, &visitor.taste);
        let (step, script) = match visitor.persona {
            Persona::PriceScraper => {
                let (step, scraper) = Scraper::arrive(&mut moment);
                (step, Script::Scraper(scraper))
            }
            Persona::RefundLoop => fraud(Scheme::RefundLoop, &mut moment),
            Persona::FastRefund => fraud(Scheme::FastRefund, &mut moment),
            _ => {
                let (step, shopper) = Shopper::arrive(&habits, &mut moment);
                (step, Script::Shopper(shopper))
            }
        };
        (Box::new(Session::new(visitor, self.ids.session(), script)), step)
    }

    fn new_person(&mut self) -> Visitor {
        if !self.chance.random_bool(HAS_ACCOUNT) {
            return self.guest(Persona::Shopper);
        }
        self.fraud_due += self.world.fraud_ratio;
        let persona = if self.fraud_due < 1.0 {
            Persona::Shopper
        } else {
            self.fraud_due -= 1.0;
            if self.chance.random_bool(0.5) { Persona::RefundLoop } else { Persona::FastRefund }
        };
        Visitor { user_id: Some(self.ids.user()), ..self.guest(persona) }
    }

    fn guest(&mut self, persona: Persona) -> Visitor {
        let taste = Taste::draw(&self.assortment, &mut self.chance);
        Visitor { persona, user_id: None, client_id: self.ids.client(), taste, seen: false }
    }
}

fn fraud(scheme: Scheme, moment: &mut Moment<'_>) -> (Step, Script) {
    let (step, fraud) = Fraud::arrive(scheme, moment);
    (step, Script::Fraud(fraud))
}

/// Who causes an event. The mix decides it for each event, so that the share of programs is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Person,
    Program,
}

/// Sessions by the time of their next step.
#[derive(Default)]
struct Crowd {
    waiting: Agenda<(Box<Session>, Step)>,
}

impl Crowd {
    /// The session whose turn comes first, if it comes until then. One that the mix kept waiting for longer
    /// than a session may last is over.
    fn next(&mut self, now: Timestamp, until: Timestamp) -> Option<(Box<Session>, Step)> {
        loop {
            let (session, step) = self.waiting.take_due(until)?;
            if session.lasts_until(now) {
                return Some((session, step));
            }
        }
    }
}

/// The time between turns, as a moving mean.
struct Turns {
    last: Option<Timestamp>,
    mean_ms: f64,
}

impl Turns {
    /// Weight of the latest turn: small, for each time that chance brings the mean down lets one more in.
    const WEIGHT: f64 = 1.0 / 128.0;

    /// Counts a turn, and gives the mean time between turns.
    fn mean_ms(&mut self, now: Timestamp) -> f64 {
        let since_last = self.last.map_or(PROGRAM_GAP_MS, |last| (now - last).num_milliseconds() as f64);
        self.last = Some(now);
        self.mean_ms += (since_last - self.mean_ms) * Self::WEIGHT;
        self.mean_ms
    }
}
