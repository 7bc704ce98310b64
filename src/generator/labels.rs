//! The ground truth, written apart from the events: a line of JSON for each label.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;

use crate::bus::{Bus, Producer};
use crate::generator::sink::LabelsAddress;
use crate::model::event::Event;
use crate::traffic::Label;

/// Where the ground truth goes.
pub enum Labels {
    /// Nowhere.
    Unwanted,
    /// A file.
    File(PathBuf, BufWriter<File>),
    /// A topic, keyed as the events are.
    Topic(String, Box<Producer>),
}

impl Labels {
    /// Makes the file (or empties it) or the topic.
    ///
    /// # Errors
    /// When that fails.
    pub async fn open(address: Option<&LabelsAddress>, bus: &Bus) -> anyhow::Result<Self> {
        match address {
            None => Ok(Self::Unwanted),
            Some(LabelsAddress::File(path)) => {
                let file = File::create(path).with_context(|| format!("making {}", path.display()))?;
                Ok(Self::File(path.clone(), BufWriter::new(file)))
            }
            Some(LabelsAddress::Topic(topic)) => {
                bus.ensure_topic(topic).await?;
                Ok(Self::Topic(topic.clone(), Box::new(Producer::new(bus)?)))
            }
        }
    }

    /// Writes the label of an event, if it has one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, event: &Event, label: Option<&Label>) -> anyhow::Result<()> {
        let Some(label) = label else { return Ok(()) };
        match self {
            Self::Unwanted => Ok(()),
            Self::File(path, file) => {
                let line = serde_json::to_vec(label).context("cannot write a label as JSON")?;
                let written = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
                written.with_context(|| format!("writing to {}", path.display()))
            }
            Self::Topic(topic, producer) => {
                let line = serde_json::to_vec(label).context("cannot write a label as JSON")?;
                Ok(producer.send(topic, event.visitor().as_bytes(), &line)?)
            }
        }
    }

    /// Waits until all of them are written.
    ///
    /// # Errors
    /// When they are not.
    pub fn finish(&mut self, patience: std::time::Duration) -> anyhow::Result<()> {
        match self {
            Self::Unwanted => Ok(()),
            Self::File(path, file) => file.flush().with_context(|| format!("writing to {}", path.display())),
            Self::Topic(topic, producer) => {
                producer.flush(patience)?;
                let failed = producer.deliveries().failed();
                anyhow::ensure!(failed == 0, "Kafka did not take {failed} labels for {topic}");
                Ok(())
            }
        }
    }
}
