//! All programs, a fleet for each kind: how many there are, and whose turn it is, so that their share of the
//! events is kept while each program keeps its own rhythm.
//!
//! Where the share wants fewer events than even one program makes, they work in bursts: they act until they are
//! well ahead of their share, and rest until they are behind it.

use std::collections::VecDeque;

use crate::model::time::Timestamp;
use crate::traffic::agenda::Agenda;
use crate::traffic::bots::{Bots, Walk};
use crate::traffic::persona::Persona;
use crate::traffic::session::{Session, Step};
use crate::traffic::visitor::Visitor;

/// Events by which a kind may be ahead of its share, and behind it before more programs than its pace needs
/// come in.
const TOLERANCE: f64 = 60.0;

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

/// Whose turn it is.
pub enum Turn {
    /// A program goes on.
    GoOn(Box<Session>, Step),
    /// Another program of this kind comes in.
    ComeIn(Persona),
}

/// All programs.
pub struct Fleets {
    fleets: Vec<Fleet>,
    /// Whether there is nobody else.
    alone: bool,
    events: MeanGap,
    walk: Walk,
}

impl Fleets {
    /// Nobody, of whom each kind shall cause its part of this share of all events.
    pub fn new(bots: &Bots, ratio: f64) -> Self {
        let rhythms = bots.rhythms();
        let weights: f64 = rhythms.iter().map(|rhythm| rhythm.share).sum();
        let fleet =
            |rhythm: Rhythm| Fleet::new(rhythm, ratio * rhythm.share / weights.max(f64::MIN_POSITIVE));
        Self {
            fleets: rhythms.into_iter().map(fleet).collect(),
            alone: ratio >= 1.0,
            events: MeanGap::default(),
            walk: Walk::default(),
        }
    }

    /// Programs that have something before them.
    pub fn len(&self) -> usize {
        self.fleets.iter().map(|fleet| fleet.waiting.len()).sum()
    }

    /// Counts an event of anybody; says whose it is, if a program's.
    pub fn turn(&mut self, now: Timestamp) -> Option<Turn> {
        let mean_ms = self.events.count(now);
        self.fleets.iter_mut().for_each(|fleet| fleet.behind += fleet.ratio);
        let turn = self.fleets.iter_mut().find_map(|fleet| fleet.turn(now, mean_ms));
        if turn.is_some() || !self.alone {
            return turn;
        }
        self.fleets
            .iter_mut()
            .max_by(|a, b| a.behind.total_cmp(&b.behind))
            .map(|fleet| fleet.force(now, mean_ms))
    }

    /// Lets a program wait for its next step.
    pub fn wait(&mut self, until: Timestamp, session: Box<Session>) {
        if let Some(fleet) = self.fleet(session.visitor.persona) {
            fleet.waiting.add(until, session);
        }
    }

    /// Lets a client go until it is needed again.
    pub fn rest(&mut self, visitor: Visitor) {
        if let Some(fleet) = self.fleet(visitor.persona) {
            fleet.idle.push_back(visitor);
        }
    }

    /// The client of this kind that comes next; `None` for a new one.
    pub fn next_client(&mut self, persona: Persona) -> Option<Visitor> {
        let fleet = self.fleet(persona)?;
        let known = if fleet.clients < fleet.rhythm.clients { None } else { fleet.idle.pop_front() };
        fleet.clients += usize::from(known.is_none());
        known
    }

    /// Share of a kind's clients that have an account.
    pub fn accounts(&mut self, persona: Persona) -> f64 {
        self.fleet(persona).map_or(0.0, |fleet| fleet.rhythm.accounts)
    }

    /// The walk that slow crawlers share.
    pub fn walk(&self) -> Walk {
        self.walk.clone()
    }

    fn fleet(&mut self, persona: Persona) -> Option<&mut Fleet> {
        self.fleets.iter_mut().find(|fleet| fleet.rhythm.persona == persona)
    }
}

/// All programs of one kind.
struct Fleet {
    rhythm: Rhythm,
    /// Its part of all events, 0.0 to 1.0.
    ratio: f64,
    /// Events that it is behind its share; below 0, ahead of it.
    behind: f64,
    rests: bool,
    waiting: Agenda<Box<Session>>,
    clients: usize,
    /// Clients that have left and will come again.
    idle: VecDeque<Visitor>,
}

impl Fleet {
    fn new(rhythm: Rhythm, ratio: f64) -> Self {
        let (waiting, idle) = (Agenda::default(), VecDeque::new());
        Self { rhythm, ratio, behind: 0.0, rests: false, waiting, clients: 0, idle }
    }

    /// Whether one of its programs acts now, where events come every `mean_ms`. Counts its event.
    fn turn(&mut self, now: Timestamp, mean_ms: f64) -> Option<Turn> {
        self.rests = if self.rests { self.behind < 0.0 } else { self.behind < -TOLERANCE };
        if self.rests || self.ratio <= 0.0 {
            return None;
        }
        let turn = self.take(now, now).or_else(|| self.wants_more(mean_ms).then(|| self.newcomer()))?;
        self.behind -= 1.0;
        Some(turn)
    }

    /// One of its programs acts now, even if it is not its time yet. Counts its event.
    fn force(&mut self, now: Timestamp, mean_ms: f64) -> Turn {
        self.behind -= 1.0;
        if self.wants_more(mean_ms) {
            return self.newcomer();
        }
        self.take(now, Timestamp::MAX).unwrap_or_else(|| self.newcomer())
    }

    fn newcomer(&self) -> Turn {
        Turn::ComeIn(self.rhythm.persona)
    }

    /// Whether the programs that are there are too few for its share, at their pace.
    fn wants_more(&self, mean_ms: f64) -> bool {
        let by_pace = self.ratio * self.rhythm.gap_s * 1_000.0 / mean_ms;
        let by_debt = (self.behind / TOLERANCE).max(0.0).floor();
        // One event is always due before a program comes in, so that many do not begin at once.
        self.behind >= 0.5 && (self.waiting.len() as f64) < by_pace.ceil() + by_debt
    }

    /// The program whose turn comes first, if it comes until then. One that had to wait for longer than a
    /// session may last is over.
    fn take(&mut self, now: Timestamp, until: Timestamp) -> Option<Turn> {
        loop {
            let mut session = self.waiting.take_due(until)?;
            match session.next.take() {
                Some(step) if session.lasts_until(now) => return Some(Turn::GoOn(session, step)),
                _ => self.idle.push_back(session.visitor),
            }
        }
    }
}

/// The time between events, as a moving mean.
#[derive(Default)]
struct MeanGap {
    last: Option<Timestamp>,
    ms: f64,
}

impl MeanGap {
    /// Weight of the latest gap.
    const WEIGHT: f64 = 1.0 / 128.0;

    /// Counts an event, and gives the mean time between events.
    fn count(&mut self, now: Timestamp) -> f64 {
        if let Some(last) = self.last {
            let gap = (now - last).num_milliseconds() as f64;
            self.ms += if self.ms > 0.0 { (gap - self.ms) * Self::WEIGHT } else { gap };
        }
        self.last = Some(now);
        self.ms.max(0.001)
    }
}
