//! How the processor's workers are doing: said by them, asked for by the probe at `/health/ready`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::health::{Dependency, dependency};

/// What a worker is about, the worst of it where it is several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The consumer group has not said yet which partitions are this worker's.
    Starting,
    /// It works.
    Working,
    /// Windows are closed before their time, for they would take more memory than they may.
    MemoryCap,
    /// Elasticsearch does not take what is written.
    ElasticsearchHeldUp,
    /// No broker answers.
    KafkaUnreachable,
    /// A partition stands still, for Elasticsearch will never take one of its results.
    PartitionRefused,
}

impl State {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Working,
        Self::MemoryCap,
        Self::ElasticsearchHeldUp,
        Self::KafkaUnreachable,
        Self::PartitionRefused,
    ];

    /// Its name as a metric's label and in the health's detail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::MemoryCap => "memory_cap",
            Self::ElasticsearchHeldUp => "elasticsearch_held_up",
            Self::KafkaUnreachable => "kafka_unreachable",
            Self::PartitionRefused => "partition_refused",
        }
    }
}

/// How one worker is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The partitions that are its own; `None` before the consumer group has said.
    pub partitions: Option<usize>,
    /// Groups of operators that read again what their open windows are made of.
    pub rereading: Vec<&'static str>,
    /// Whether writes to Elasticsearch are held up.
    pub writes_held_up: bool,
    /// Whether Kafka does not answer.
    pub kafka_unreachable: bool,
    /// The partitions that stand still because of a refused result.
    pub refused: BTreeSet<i32>,
    /// Whether windows were closed before their time a moment ago.
    pub at_memory_cap: bool,
    /// Topics of its partitions that had lost records before they were done with: `product-events 3`.
    pub truncated: Vec<String>,
}

impl Condition {
    /// The worst of it.
    pub fn state(&self) -> State {
        if !self.refused.is_empty() {
            State::PartitionRefused
        } else if self.kafka_unreachable {
            State::KafkaUnreachable
        } else if self.writes_held_up {
            State::ElasticsearchHeldUp
        } else if self.at_memory_cap {
            State::MemoryCap
        } else if self.partitions.is_none() {
            State::Starting
        } else {
            State::Working
        }
    }

    /// The state and what to know about it.
    fn detail(&self) -> String {
        let partitions = self.partitions.unwrap_or_default();
        let detail = match self.state() {
            State::Starting => "waits for the consumer group to share out the partitions".to_owned(),
            State::Working => self.work(partitions),
            State::MemoryCap => {
                "the oldest windows are closed early, their further events go to late-events: give \
                                 PROCESSOR_MEMORY_MB more, or start more processors"
                    .to_owned()
            }
            State::ElasticsearchHeldUp => {
                "Elasticsearch does not take writes; they are retried, nothing is lost".to_owned()
            }
            State::KafkaUnreachable => "no broker answers; reading goes on when one does".to_owned(),
            State::PartitionRefused => format!(
                "Elasticsearch refuses results of the partitions {:?} for good: mend the mapping and restart the processor",
                self.refused
            ),
        };
        format!("{}: {detail}", self.state().name())
    }

    fn work(&self, partitions: usize) -> String {
        let mut work = format!("{partitions} partitions");
        if !self.rereading.is_empty() {
            work.push_str(&format!("; reads again for {}", self.rereading.join(", ")));
        }
        if !self.truncated.is_empty() {
            let topics = self.truncated.join(", ");
            work.push_str(&format!("; records of {topics} were deleted before their windows were closed"));
        }
        work
    }

    fn outcome(&self) -> Result<String, String> {
        match self.state() {
            State::Working => Ok(self.detail()),
            State::Starting
            | State::MemoryCap
            | State::ElasticsearchHeldUp
            | State::KafkaUnreachable
            | State::PartitionRefused => Err(self.detail()),
        }
    }
}

/// The conditions of all workers of this process, by name. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Arc<Mutex<BTreeMap<String, Condition>>>);

impl Conditions {
    /// Notes how a worker is doing now.
    pub fn set(&self, worker: &str, condition: Condition) {
        // A map that was written whole is sound whatever its last writer died of.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(worker.to_owned(), condition);
    }

    /// The workers as parts of the program's health.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(worker, condition)| dependency(worker, condition.outcome())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::health::Status;

    fn shown(condition: Condition) -> (Status, String) {
        let conditions = Conditions::default();
        conditions.set("processor-0", condition);
        let Dependency { status, detail, .. } = conditions.dependencies().remove(0);
        (status, detail)
    }

    #[test]
    fn a_worker_is_up_once_it_has_its_partitions_even_if_they_are_none() {
        let starting = Condition::default();
        assert_eq!(shown(starting.clone()).0, Status::Down);
        let working = Condition { partitions: Some(0), ..starting };
        assert_eq!(shown(working), (Status::Up, "working: 0 partitions".to_owned()));
    }

    #[test]
    fn the_worst_trouble_is_told_with_what_to_do() {
        let condition = Condition {
            partitions: Some(4),
            writes_held_up: true,
            kafka_unreachable: true,
            refused: [3].into(),
            ..Condition::default()
        };
        let (status, detail) = shown(condition);
        assert_eq!(status, Status::Down);
        assert!(detail.starts_with("partition_refused: ") && detail.contains("{3}"), "{detail}");
        assert!(detail.contains("mend the mapping"), "{detail}");
    }
}
