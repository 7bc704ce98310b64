//! Sinks as they are named on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// Where the records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAddress {
    /// The event topics.
    Kafka,
    /// A file, a line for each event; `-` is standard output.
    Lines(PathBuf),
    /// A collector, to which batches of lines are posted.
    Http(Url),
    /// Nowhere: what the simulation alone costs.
    Null,
}

impl FromStr for SinkAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "kafka" => Ok(Self::Kafka),
            None if text == "null" => Ok(Self::Null),
            Some(("ndjson", path)) if !path.is_empty() => Ok(Self::Lines(path.into())),
            Some(("http" | "https", rest)) => {
                // `http:http://…` says the same as `http://…`.
                let url = if rest.starts_with("http") { rest } else { text };
                Url::parse(url).map(Self::Http).map_err(|error| format!("is no address: {error}"))
            }
            _ => Err("must be kafka, ndjson:PATH (ndjson:- for standard output), http://HOST/PATH or null"
                .to_owned()),
        }
    }
}

/// Where the ground truth goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelsAddress {
    /// A file, a line for each label.
    File(PathBuf),
    /// A topic.
    Topic(String),
}

impl FromStr for LabelsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("kafka:") {
            Some("") | None if text.is_empty() || text == "kafka:" => {
                Err("must be a file or kafka:TOPIC".to_owned())
            }
            Some(topic) => Ok(Self::Topic(topic.to_owned())),
            None => Ok(Self::File(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sink_has_its_address() {
        assert_eq!("kafka".parse(), Ok(SinkAddress::Kafka));
        assert_eq!("null".parse(), Ok(SinkAddress::Null));
        assert_eq!("ndjson:-".parse(), Ok(SinkAddress::Lines("-".into())));
        assert_eq!("ndjson:a:b.ndjson".parse(), Ok(SinkAddress::Lines("a:b.ndjson".into())));
        let collector = "http://localhost:8000/events";
        assert_eq!(collector.parse(), Ok(SinkAddress::Http(Url::parse(collector).unwrap())));
        assert_eq!(
            format!("http:{collector}").parse(),
            Ok(SinkAddress::Http(Url::parse(collector).unwrap()))
        );
        for text in ["", "kafka:x", "ndjson:", "file.ndjson", "http://"] {
            assert!(text.parse::<SinkAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn labels_go_to_a_file_or_a_topic() {
        assert_eq!("labels.ndjson".parse(), Ok(LabelsAddress::File("labels.ndjson".into())));
        assert_eq!("kafka:labels".parse(), Ok(LabelsAddress::Topic("labels".to_owned())));
        assert!(["", "kafka:"].iter().all(|text| text.parse::<LabelsAddress>().is_err()));
    }
}
