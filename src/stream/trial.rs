//! The operators that judge, run over events in memory by whatever rules: what they would say of history.
//!
//! One partition at a time, each topic in the order of its log; windows close as in the processor.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::model::event::{Event, Stream};
use crate::model::ids::SessionId;
use crate::model::rules::{Rule, Rules};
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::store::bulk::Mode;
use crate::stream::documents::{Document, Documents};
use crate::stream::fold::{Arrival, Clock, Folding};
use crate::stream::groups::Group;

/// The groups that judge.
const GROUPS: [Group; 2] = [Group::Sessions, Group::Fraud];

/// A case, as it stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Case {
    /// The rule.
    pub rule: Rule,
    /// The record key.
    pub visitor: String,
    /// The visit, of a rule on visits.
    pub session_id: Option<SessionId>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it holds.
    pub active: bool,
    /// The verdict in a sentence.
    pub summary: String,
    /// Its last event.
    pub last_seen: Timestamp,
    /// The last event when it first held; `None` of one that never did.
    #[serde(skip)]
    pub decided_at: Option<Timestamp>,
}

/// The operators of one partition, and what they have said.
pub struct Trial {
    folds: Vec<(Group, Box<dyn Folding>)>,
    clocks: Vec<Clock>,
    cases: BTreeMap<String, (u64, Case)>,
}

impl Trial {
    /// A partition of which nothing is known yet, judged by these rules.
    pub fn new(rules: &Arc<Rules>) -> Self {
        let of = |group: Group| group.folds_by(rules, 0).into_iter().map(move |fold| (group, fold));
        let folds = GROUPS.into_iter().flat_map(of).collect();
        let clock = Clock { max_ts: Timestamp::MIN, committed_max_ts: Timestamp::MIN, floor: None };
        Self { folds, clocks: vec![clock; Stream::ALL.len()], cases: BTreeMap::new() }
    }

    /// Takes in the next event of its topic.
    pub fn take(&mut self, offset: i64, event: &Event) {
        let stream = event.event_type().stream();
        for (group, fold) in &mut self.folds {
            let Some(topic) = group.streams().iter().position(|one| *one == stream) else { continue };
            let clocks: Vec<Clock> = clocks_of(*group, &self.clocks).collect();
            fold.offer(&Arrival { topic, offset, event }, &clocks);
        }
        let number = Stream::ALL.iter().position(|one| *one == stream);
        if let Some(clock) = number.and_then(|number| self.clocks.get_mut(number)) {
            clock.max_ts = clock.max_ts.max(event.timestamp);
        }
    }

    /// Has the operators say what has changed, and forgets what is over.
    pub fn flush(&mut self) {
        let mut documents = Documents::default();
        for (group, fold) in &mut self.folds {
            fold.render(&mut documents);
            fold.forget(&clocks_of(*group, &self.clocks).collect::<Vec<_>>());
        }
        documents.iter().filter(Document::is_signal).for_each(|one| self.keep(&one));
    }

    /// The fullest statement on a case stands.
    fn keep(&mut self, document: &Document<'_>) {
        let (Mode::IfNewer(version), Ok(case)) =
            (document.about.mode, serde_json::from_slice::<Case>(document.source))
        else {
            return;
        };
        let decided_at = case.active.then_some(case.last_seen);
        match self.cases.get_mut(document.id) {
            Some((kept, _)) if *kept >= version => {}
            Some((kept, before)) => {
                (*kept, *before) = (version, Case { decided_at: before.decided_at.or(decided_at), ..case });
            }
            None => {
                self.cases.insert(document.id.to_owned(), (version, Case { decided_at, ..case }));
            }
        }
    }

    /// The cases that hold, by id.
    pub fn conclude(mut self) -> BTreeMap<String, Case> {
        self.flush();
        let holding = self.cases.into_iter().filter(|(_, (_, case))| case.active);
        holding.map(|(id, (_, case))| (id, case)).collect()
    }
}

/// The clocks of a group's topics, in its order.
fn clocks_of(group: Group, clocks: &[Clock]) -> impl Iterator<Item = Clock> {
    let number = |stream: &Stream| Stream::ALL.iter().position(|one| one == stream);
    group.streams().iter().filter_map(move |stream| clocks.get(number(stream)?).copied())
}
