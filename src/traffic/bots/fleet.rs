//! All programs of one kind: how many there are, and whose turn it is, so that their share of the events is kept
//! while each program keeps its own rhythm.
//!
//! Where the share wants fewer events than even one program makes, they work in bursts: they act until they are
//! well ahead of their share, and rest until they are behind it.

use std::collections::VecDeque;

use crate::model::time::Timestamp;
use crate::traffic::agenda::Agenda;
use crate::traffic::persona::Persona;
use crate::traffic::session::{Session, Step};
use crate::traffic::visitor::Visitor;

/// Events by which a kind may be ahead of its share, and behind it before more programs than its pace needs
/// come in.
const TOLERANCE: f64 = 30.0;

/// How much and how often a kind comes.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// The kind.
    pub persona: Persona,
    /// Its part of all programs' events, as a weight.
    pub share: f64,
    /// Mean seconds between two requests of one program.
    pub gap_s: f64,
    /// Share of clients with an account.
    pub accounts: f64,
    /// Clients of all its programs.
    pub clients: usize,
}

/// All programs of one kind.
pub struct Fleet {
    /// How it comes.
    pub rhythm: Rhythm,
    /// Its part of all events, 0.0 to 1.0.
    ratio: f64,
    /// Events that it is behind its share; below 0, ahead of it.
    pub behind: f64,
    rests: bool,
    waiting: Agenda<(Box<Session>, Step)>,
    clients: usize,
    /// Clients that have left and will come again.
    idle: VecDeque<Visitor>,
}

/// Whose turn it is.
pub enum Turn {
    /// A program goes on.
    GoOn(Box<Session>, Step),
    /// Another program comes in.
    ComeIn,
}

impl Fleet {
    /// Nobody, of a kind that shall cause this share of all events.
    pub fn new(rhythm: Rhythm, ratio: f64) -> Self {
        let (waiting, idle) = (Agenda::default(), VecDeque::new());
        Self { rhythm, ratio, behind: 0.0, rests: false, waiting, clients: 0, idle }
    }

    /// Programs that have something before them.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Counts an event of anybody.
    pub fn count(&mut self) {
        self.behind += self.ratio;
    }

    /// Whether one of its programs acts now, where events come every `mean_ms`. Counts its event.
    pub fn turn(&mut self, now: Timestamp, mean_ms: f64) -> Option<Turn> {
        self.rests = if self.rests { self.behind < 0.0 } else { self.behind < -TOLERANCE };
        if self.rests || self.ratio <= 0.0 {
            return None;
        }
        let going_on = self.take(now, now).map(|(session, step)| Turn::GoOn(session, step));
        let turn = going_on.or_else(|| self.wants_more(mean_ms).then_some(Turn::ComeIn))?;
        self.behind -= 1.0;
        Some(turn)
    }

    /// One of its programs acts now, even if it is not its time yet. Counts its event.
    pub fn force(&mut self, now: Timestamp, mean_ms: f64) -> Turn {
        self.behind -= 1.0;
        if self.wants_more(mean_ms) {
            return Turn::ComeIn;
        }
        match self.take(now, Timestamp::from_millis(i64::MAX)) {
            Some((session, step)) => Turn::GoOn(session, step),
            None => Turn::ComeIn,
        }
    }

    /// Whether the programs that are there are too few for its share, at their pace.
    fn wants_more(&self, mean_ms: f64) -> bool {
        let by_pace = self.ratio * self.rhythm.gap_s * 1_000.0 / mean_ms;
        let by_debt = (self.behind / TOLERANCE).max(0.0).floor();
        // One event is always due before a program comes in, so that many do not begin at once.
        self.behind >= 0.5 && (self.waiting.len() as f64) < by_pace.ceil() + by_debt
    }

    fn take(&mut self, now: Timestamp, until: Timestamp) -> Option<(Box<Session>, Step)> {
        loop {
            let (session, step) = self.waiting.take_due(until)?;
            if session.lasts_until(now) {
                return Some((session, step));
            }
            self.idle.push_back(session.visitor);
        }
    }

    /// Lets a program wait for its next step.
    pub fn wait(&mut self, until: Timestamp, session: Box<Session>, step: Step) {
        self.waiting.add(until, (session, step));
    }

    /// Lets a client go until it is needed again.
    pub fn rest(&mut self, visitor: Visitor) {
        self.idle.push_back(visitor);
    }

    /// The client that comes next; `None` for a new one.
    pub fn next_client(&mut self) -> Option<Visitor> {
        let known = if self.clients < self.rhythm.clients { None } else { self.idle.pop_front() };
        self.clients += usize::from(known.is_none());
        known
    }
}
