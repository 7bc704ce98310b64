//! The dead letters as they lie in Kafka.

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::audit::letters::{Place, origin};
use crate::bus::{BusError, DEAD_LETTERS, Entry, LogReader, Stretch};
use crate::model::event::Stream;
use crate::model::time::Timestamp;

/// The reasons that there are: those of [`Reject::code`](crate::model::event::Reject::code), and what the processor says
/// of a record that Elasticsearch will not take.
const REASONS: [&str; 7] = [
    "unreadable",
    "missing_field",
    "implausible",
    "unknown_version",
    "misplaced",
    "wrong_time",
    "refused_by_elasticsearch",
];

/// Which dead letters are meant; all, where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Filter {
    /// Only those of this reason.
    #[arg(long, value_parser = REASONS)]
    pub reason: Option<String>,
    /// Only those of this topic, named without the prefix.
    #[arg(long, value_parser = PossibleValuesParser::new(Stream::ALL.map(Stream::topic)))]
    pub topic: Option<String>,
    /// Only those of this partition.
    #[arg(long)]
    pub partition: Option<i32>,
    /// Only this one: topic-partition-offset, as `list` prints it.
    #[arg(long)]
    pub letter: Option<String>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where the record lay.
    pub place: Place,
    /// A short word for why it cannot be used.
    pub reason: String,
    /// The same in a sentence.
    pub detail: String,
    /// When the letter was written.
    pub written_at: Timestamp,
    /// The record's key.
    pub key: Vec<u8>,
    /// The record's bytes.
    pub payload: Vec<u8>,
    /// How many bytes the record had, where the letter could not keep all.
    pub cut_from_bytes: Option<String>,
}

impl Letter {
    /// Reads a letter; `None` for a record that names no origin.
    pub fn of(entry: &Entry<'_>) -> Option<Self> {
        let text = |name| entry.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
        Some(Self {
            place: origin(entry)?,
            reason: text("reason").unwrap_or_default(),
            detail: text("detail").unwrap_or_default(),
            written_at: entry.appended_at,
            key: entry.header("key").unwrap_or_default().to_vec(),
            payload: entry.payload.to_vec(),
            cut_from_bytes: text("cut_from_bytes"),
        })
    }

    /// The letter's name: topic, partition and offset of the record.
    pub fn id(&self) -> String {
        let (stream, partition, offset) = self.place;
        format!("{}-{partition}-{offset}", stream.topic())
    }
}

impl Filter {
    /// Whether a letter is meant.
    pub fn takes(&self, letter: &Letter) -> bool {
        let (stream, partition, _) = letter.place;
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        is(&self.reason, &letter.reason)
            && is(&self.topic, stream.topic())
            && self.partition.is_none_or(|wanted| wanted == partition)
            && is(&self.letter, &letter.id())
    }
}

/// Hands out the letters that are meant, in the order of their topic; the same letter may come more than
/// once. Gives how many records of the topic are no letters. Blocks.
///
/// # Errors
/// [`BusError`] when Kafka does not give them.
pub fn each(reader: &LogReader, filter: &Filter, mut take: impl FnMut(Letter)) -> Result<u64, BusError> {
    let mut strange = 0;
    for partition in 0..reader.partitions(DEAD_LETTERS)? {
        let (from, to) = reader.bounds(DEAD_LETTERS, partition)?;
        let stretch = Stretch { topic: DEAD_LETTERS, partition, from, to };
        reader.read(stretch, |entry| match Letter::of(&entry) {
            Some(letter) if filter.takes(&letter) => take(letter),
            Some(_) => {}
            None => strange += 1,
        })?;
    }
    Ok(strange)
}

#[cfg(test)]
pub(in crate::replay) mod tests {
    use super::*;
    use crate::model::event::Reject;

    /// A letter about a record of `product-events`.
    pub fn letter(offset: i64, reason: &str, key: &str, payload: &[u8]) -> Letter {
        Letter {
            place: (Stream::Product, 3, offset),
            reason: reason.to_owned(),
            detail: String::new(),
            written_at: Timestamp::from_millis(0),
            key: key.into(),
            payload: payload.to_vec(),
            cut_from_bytes: None,
        }
    }

    #[test]
    fn every_reason_of_the_door_can_be_filtered_by() {
        let text = || String::new();
        let rejects = [
            Reject::Unreadable(text()),
            Reject::Missing { event_type: "view", field: "brand" },
            Reject::Implausible(text()),
            Reject::UnknownVersion(9),
            Reject::Misplaced(text()),
            Reject::WrongTime(text()),
        ];
        assert!(rejects.iter().all(|reject| REASONS.contains(&reject.code())));
    }

    #[test]
    fn a_filter_takes_what_fits_all_that_is_said() {
        let one = letter(17, "unreadable", "u1", b"{");
        let filter = |reason: &str, topic: &str, partition, letter: &str| Filter {
            reason: Some(reason.to_owned()),
            topic: Some(topic.to_owned()),
            partition: Some(partition),
            letter: Some(letter.to_owned()),
        };
        let id = "product-events-3-17";
        assert!(Filter::default().takes(&one));
        assert!(filter("unreadable", "product-events", 3, id).takes(&one));
        for other in [
            filter("misplaced", "product-events", 3, id),
            filter("unreadable", "order-events", 3, id),
            filter("unreadable", "product-events", 4, id),
            filter("unreadable", "product-events", 3, "product-events-3-18"),
        ] {
            assert!(!other.takes(&one), "{other:?}");
        }
    }
}
