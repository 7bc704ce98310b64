//! The topics: made with the settings that the processor's results rest on, and checked.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::bus::{Bus, BusError, DEAD_LETTERS, FRAUD_SIGNALS};
use crate::model::event::Stream;

/// Longest wait for one answer of the admin protocol.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long events are kept in Kafka: longer than any operator's horizon.
const RETENTION_MS: &str = "2592000000"; // 30 days

impl Bus {
    /// Waits until a broker answers, telling so once.
    ///
    /// # Errors
    /// The last [`BusError`] when none does within `patience`.
    pub async fn wait_until_ready(&self, patience: Duration) -> Result<(), BusError> {
        let deadline = Instant::now() + patience;
        let mut told = false;
        loop {
            match self.ping(Duration::from_secs(3)).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() < deadline => {
                    if !told {
                        let wait_s = patience.as_secs();
                        tracing::warn!(address = self.address(), wait_s, %error, "waiting for Kafka");
                        told = true;
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks once whether a broker answers.
    ///
    /// # Errors
    /// [`BusError::Failed`] when none does in time.
    pub async fn ping(&self, timeout: Duration) -> Result<(), BusError> {
        let bus = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = bus.client_config().create()?;
            consumer.fetch_metadata(None, timeout).map(drop)
        });
        let failed = |source| self.failed("be reached", source);
        asked.await.map_err(|_| failed(KafkaError::Canceled))?.map_err(failed)
    }

    /// The names of the event topics, their partitions, and that of the dead letters, for people.
    pub fn told_topics(&self, partitions: i32) -> String {
        let events = Stream::ALL.map(|topic| self.topic(topic)).join(", ");
        format!("{events} with {partitions} partitions, {}", self.name(DEAD_LETTERS))
    }

    /// Makes the topics that are not there, and checks the ones that are. Gives the number of partitions
    /// that all event topics have.
    ///
    /// # Errors
    /// [`BusError::UnusableTopic`] when the event topics differ in their partitions;
    /// [`BusError::Failed`] when Kafka refuses.
    pub async fn ensure_topics(&self) -> Result<i32, BusError> {
        let names: Vec<String> = Stream::ALL.iter().map(|stream| self.topic(*stream)).collect();
        let outputs = [DEAD_LETTERS, FRAUD_SIGNALS].map(|topic| self.name(topic));
        let mut topics: Vec<_> = names.iter().map(|name| self.new_topic(name, self.partitions)).collect();
        topics.extend(outputs.iter().map(|name| self.new_topic(name, 1)));
        self.create(&topics).await?;
        self.check_partitions(&names).await
    }

    /// Makes a topic of one partition where it is not there; it is named without the prefix.
    ///
    /// # Errors
    /// [`BusError::Failed`] when Kafka refuses.
    pub async fn ensure_topic(&self, topic: &str) -> Result<(), BusError> {
        self.create(&[self.new_topic(&self.name(topic), 1)]).await
    }

    async fn create(&self, topics: &[NewTopic<'_>]) -> Result<(), BusError> {
        let failed = |source| self.failed("create the topics", source);
        let admin: AdminClient<DefaultClientContext> =
            self.client_config().create().map_err(|source| self.failed("be spoken to", source))?;
        let options = AdminOptions::new().operation_timeout(Some(ADMIN_TIMEOUT));
        for result in admin.create_topics(topics, &options).await.map_err(failed)? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(failed(KafkaError::AdminOp(code))),
            }
        }
        Ok(())
    }

    fn new_topic<'a>(&self, name: &'a str, partitions: i32) -> NewTopic<'a> {
        NewTopic::new(name, partitions, TopicReplication::Fixed(self.replication))
            .set("message.timestamp.type", "LogAppendTime")
            .set("retention.ms", RETENTION_MS)
    }

    async fn check_partitions(&self, names: &[String]) -> Result<i32, BusError> {
        let deadline = Instant::now() + ADMIN_TIMEOUT;
        loop {
            let counts = self.partition_counts(names).await?;
            match counts.as_slice() {
                // A topic that was just made may take a moment to be known.
                counts if counts.contains(&0) && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                [first, rest @ ..] if *first > 0 && rest.iter().all(|count| count == first) => {
                    return Ok(*first);
                }
                _ => {
                    return Err(BusError::UnusableTopic {
                        topic: names.join(", "),
                        problem: format!(
                            "have {counts:?} partitions, but all event topics must have the same number; \
                             make them anew or use another SHOPLENS_PREFIX"
                        ),
                    });
                }
            }
        }
    }

    /// The number of partitions of each topic; 0 for one that does not exist (yet).
    async fn partition_counts(&self, names: &[String]) -> Result<Vec<i32>, BusError> {
        let (bus, names) = (self.clone(), names.to_vec());
        let asked = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = bus.client_config().create()?;
            let count = |name: &String| {
                let metadata = consumer.fetch_metadata(Some(name), ADMIN_TIMEOUT)?;
                let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
                Ok(i32::try_from(partitions).unwrap_or(i32::MAX))
            };
            names.iter().map(count).collect::<Result<Vec<i32>, KafkaError>>()
        });
        let failed = |source| self.failed("describe the topics", source);
        asked.await.map_err(|_| failed(KafkaError::Canceled))?.map_err(failed)
    }

    /// Removes every consumer group and every topic whose name begins with the prefix; nothing where there
    /// is no prefix. Gives how many there were.
    ///
    /// # Errors
    /// [`BusError::GroupInUse`] for a group with members, before any topic is touched;
    /// [`BusError::NotRemoved`] for what Kafka does not remove; [`BusError::Failed`] when no broker answers.
    pub async fn remove_all(&self) -> Result<usize, BusError> {
        if self.prefix.is_empty() {
            return Ok(0);
        }
        let failed = |source| self.failed("remove topics and groups", source);
        let (topics, groups) = self.names_with_prefix().await.map_err(failed)?;
        // Groups first: one with members tells that programs still use the topics.
        self.delete_groups(&groups).await?;
        let admin: AdminClient<DefaultClientContext> = self.client_config().create().map_err(failed)?;
        let options = AdminOptions::new().operation_timeout(Some(ADMIN_TIMEOUT));
        if !topics.is_empty() {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            let results = admin.delete_topics(&names, &options).await.map_err(failed)?;
            results.into_iter().try_for_each(check_removed)?;
        }
        Ok(topics.len() + groups.len())
    }

    /// Removes consumer groups with what they committed, also those that are not there. They are named as
    /// in [`Membership`](crate::bus::Membership).
    ///
    /// # Errors
    /// [`BusError::GroupInUse`] for a group with members, [`BusError::NotRemoved`], [`BusError::Failed`].
    pub async fn remove_groups(&self, groups: &[String]) -> Result<(), BusError> {
        let names: Vec<String> = groups.iter().map(|group| self.group(group)).collect();
        self.delete_groups(&names).await
    }

    async fn delete_groups(&self, names: &[String]) -> Result<(), BusError> {
        if names.is_empty() {
            return Ok(());
        }
        let failed = |source| self.failed("remove consumer groups", source);
        let admin: AdminClient<DefaultClientContext> = self.client_config().create().map_err(failed)?;
        let options = AdminOptions::new().operation_timeout(Some(ADMIN_TIMEOUT));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let results = admin.delete_groups(&names, &options).await.map_err(failed)?;
        results.into_iter().try_for_each(check_removed)
    }

    async fn names_with_prefix(&self) -> Result<(Vec<String>, Vec<String>), KafkaError> {
        let bus = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = bus.client_config().create()?;
            let ours = |name: &str| name.starts_with(&bus.prefix).then(|| name.to_owned());
            let metadata = consumer.fetch_metadata(None, ADMIN_TIMEOUT)?;
            let groups = consumer.fetch_group_list(None, ADMIN_TIMEOUT)?;
            let topics = metadata.topics().iter().filter_map(|topic| ours(topic.name())).collect();
            Ok((topics, groups.groups().iter().filter_map(|group| ours(group.name())).collect()))
        });
        asked.await.map_err(|_| KafkaError::Canceled)?
    }

    pub(crate) fn failed(&self, what: &'static str, source: KafkaError) -> BusError {
        BusError::Failed { what, address: self.address().to_owned(), source }
    }
}

/// What is already gone is as good as removed.
fn check_removed(result: Result<String, (String, RDKafkaErrorCode)>) -> Result<(), BusError> {
    match result {
        Ok(_)
        | Err((
            _,
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::GroupIdNotFound,
        )) => Ok(()),
        Err((group, RDKafkaErrorCode::NonEmptyGroup)) => Err(BusError::GroupInUse { group }),
        Err((name, code)) => Err(BusError::NotRemoved { name, source: KafkaError::AdminOp(code) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_removed_is_named_unless_it_was_gone_already() {
        let check = |code| check_removed(Err(("demo-x".to_owned(), code))).map_err(|error| error.to_string());
        assert!(check_removed(Ok("demo-x".to_owned())).is_ok());
        assert_eq!(check(RDKafkaErrorCode::UnknownTopicOrPartition), Ok(()));
        assert_eq!(check(RDKafkaErrorCode::GroupIdNotFound), Ok(()));
        let in_use = "the group demo-x still has members: stop the programs first";
        assert_eq!(check(RDKafkaErrorCode::NonEmptyGroup), Err(in_use.to_owned()));
        let refused = "Kafka did not remove demo-x";
        assert_eq!(check(RDKafkaErrorCode::TopicAuthorizationFailed), Err(refused.to_owned()));
    }
}
