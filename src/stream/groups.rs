//! The groups of operators, one for each class of horizon, so that a long one does not hold back the
//! results of the others when a partition is taken over; and the consumer groups that feed them.

use std::sync::Arc;

use crate::model::event::{Event, Stream};
use crate::model::rules::Rules;
use crate::model::time::Timestamp;
use crate::stream::documents::Documents;
use crate::stream::fold::{Arrival, Clock, FirstEvent, Fold, Folding, Offered};
use crate::stream::footprint::Footprint;
use crate::stream::ledger::Fate;
use crate::stream::operators::fraud::Fraud;
use crate::stream::operators::receipts::Receipts;
use crate::stream::operators::trends::Trends;
use crate::stream::operators::visits::Visits;

/// A consumer group: one read and one decoding for all the groups of operators that it feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Reads for everything that is computed.
    Processor,
    /// Reads for the raw events alone, which can be switched off and wait for nobody.
    Archiver,
}

impl Reader {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Processor, Self::Archiver];

    /// Its name, in the consumer group's id and the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Archiver => "archiver",
        }
    }

    /// The groups it feeds. Reading begins where the first of them must, the one with the shortest horizon.
    pub fn groups(self) -> &'static [Group] {
        match self {
            Self::Processor => &[Group::Trends, Group::Sessions, Group::Fraud],
            Self::Archiver => &[Group::Archiver],
        }
    }

    /// The topics that it reads, in the order of their numbers.
    pub fn streams(self) -> &'static [Stream] {
        &Stream::ALL
    }
}

/// Operators of one class of horizon in the topics that they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// What was done with each product in a minute; every topic by itself.
    Trends,
    /// Visits: their funnels, their searches, and bots; the three topics together. Reads everything, so it also writes the
    /// dead letters and the ticks.
    Sessions,
    /// What users order and give back; the order topic.
    Fraud,
    /// Raw events; every topic by itself, no windows.
    Archiver,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 4] = [Self::Trends, Self::Sessions, Self::Fraud, Self::Archiver];

    /// Its name, in committed positions, the frontiers and the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trends => "trends",
            Self::Sessions => "sessions",
            Self::Fraud => "fraud",
            Self::Archiver => "archiver",
        }
    }

    /// The group of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    /// The topics that it reads; a topic's number in a part is its place here.
    pub fn streams(self) -> &'static [Stream] {
        match self {
            Self::Trends | Self::Sessions | Self::Archiver => &Stream::ALL,
            Self::Fraud => &[Stream::Order],
        }
    }

    /// Whether it writes the records that cannot be used to `dead-letters`.
    pub fn writes_dead_letters(self) -> bool {
        self == Self::Sessions
    }

    /// Whether it writes raw events.
    pub fn archives(self) -> bool {
        self == Self::Archiver
    }

    /// Whether it appends ticks to quiet topics.
    pub fn ticks(self) -> bool {
        self == Self::Sessions
    }

    /// Whether a window is made of several topics, which should then be read side by side.
    pub fn folds_topics_together(self) -> bool {
        self == Self::Sessions
    }

    /// Its folds for one partition, without windows yet, by the rules in force.
    pub fn folds(self, partition: i32) -> Vec<Box<dyn Folding>> {
        self.folds_by(&Rules::in_force(), partition)
    }

    /// As [`Group::folds`], by other rules.
    pub fn folds_by(self, rules: &Arc<Rules>, partition: i32) -> Vec<Box<dyn Folding>> {
        let apart = |topic| Box::new(Fold::new(Trends, partition, vec![topic])) as Box<dyn Folding>;
        let rules = || rules.clone();
        match self {
            Self::Trends => (0..self.streams().len()).map(apart).collect(),
            Self::Sessions => vec![Box::new(Fold::new(Visits { rules: rules() }, partition, vec![0, 1, 2]))],
            Self::Fraud => vec![
                Box::new(Fold::new(Fraud { rules: rules() }, partition, vec![0])),
                Box::new(Fold::new(Receipts { rules: rules() }, partition, vec![0])),
            ],
            Self::Archiver => vec![Box::new(Archive)],
        }
    }
}

/// The archiver's fold: nothing is added up, so no window is ever open. It only keeps the ledger.
struct Archive;

impl Folding for Archive {
    fn name(&self) -> &'static str {
        "archive"
    }

    fn complete_until(&self, watermark: Timestamp) -> Timestamp {
        watermark
    }

    fn folds(&self, _topic: usize) -> bool {
        true
    }

    fn window(&self, _event: &Event) -> Option<Timestamp> {
        None
    }

    fn offer(&mut self, _arrival: &Arrival<'_>, _clocks: &[Clock]) -> Offered {
        Fate::Folded.into()
    }

    fn render(&mut self, _out: &mut Documents) {}

    fn count_as_written(&mut self) {}

    fn forget(&mut self, _clocks: &[Clock]) {}

    fn oldest_first_event(&self, _topic: usize) -> Option<FirstEvent> {
        None
    }

    fn open_windows(&self) -> usize {
        0
    }

    fn oldest_window(&self) -> Option<Timestamp> {
        None
    }

    fn footprint(&mut self) -> Footprint {
        Footprint::default()
    }
}
