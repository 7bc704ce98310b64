//! What a flush wants written. Its documents lie side by side in memory, not each by itself: there are a million in a
//! few seconds, made in one thread and sent by another.

use serde::Serialize;

use crate::model::event::Event;
use crate::model::event::enrich::enrich;
use crate::model::time::Timestamp;
use crate::store::bulk::Mode;
use crate::store::schema::Schema;
use crate::store::write_json;
use crate::stream::origin::Origin;

/// Where a document belongs and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The kind of index.
    pub schema: &'static Schema,
    /// The event time that says which day's or month's index.
    pub at: Timestamp,
    /// What happens to a document that is there.
    pub mode: Mode,
}

/// One document for Elasticsearch.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Where it belongs.
    pub about: About,
    /// What the document is about, never chance: storing twice stores once.
    pub id: &'a str,
    /// The document as JSON.
    pub source: &'a [u8],
    /// For a raw event: where it came from, so that it can become a dead letter when it is refused for
    /// itself. A result has none: it must be accepted.
    pub origin: Option<&'a Origin>,
}

/// Documents for Elasticsearch.
#[derive(Debug, Default)]
pub struct Documents {
    entries: Vec<Entry>,
    ids: String,
    sources: Vec<u8>,
}

/// How much some documents are: how many, and the bytes of their ids and sources.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    entries: usize,
    ids: usize,
    sources: usize,
}

/// A document whose id and source end here and begin where those of the one before end.
#[derive(Debug)]
struct Entry {
    about: About,
    id_end: usize,
    source_end: usize,
    origin: Option<Box<Origin>>,
}

impl About {
    /// A result whose version is the number of distinct events that could influence it.
    pub fn result(schema: &'static Schema, at: Timestamp, support: u64) -> Self {
        Self { schema, at, mode: Mode::IfNewer(support) }
    }

    /// The index that it belongs in, without what stands before the names of all.
    pub fn index(&self) -> String {
        self.schema.index_at(self.at)
    }
}

impl Document<'_> {
    /// Whether it tells of fraud, for which somebody waits.
    pub fn is_signal(&self) -> bool {
        self.about.schema.name == Schema::FRAUD_SIGNALS.name
    }
}

impl Documents {
    /// How much there is.
    pub fn size(&self) -> Size {
        Size { entries: self.entries.len(), ids: self.ids.len(), sources: self.sources.len() }
    }

    /// Makes room for a little more than this.
    pub fn reserve(&mut self, size: Size) {
        let room = |len: usize| len + len / 8;
        self.entries.reserve(room(size.entries));
        self.ids.reserve(room(size.ids));
        self.sources.reserve(room(size.sources));
    }

    /// Adds one. Its id is put together from its parts.
    pub fn push(&mut self, about: About, id: &[&str], body: &impl Serialize) {
        self.add(about, id, body, None);
    }

    /// Adds a raw event with its context. An event that was sent twice is one document.
    pub fn push_raw(&mut self, event: &Event, origin: Origin) {
        let about = About { schema: &Schema::EVENTS, at: event.timestamp, mode: Mode::Create };
        self.add(about, &[&event.event_id.to_string()], &enrich(event), Some(Box::new(origin)));
    }

    fn add(&mut self, about: About, id: &[&str], body: &impl Serialize, origin: Option<Box<Origin>>) {
        id.iter().for_each(|part| self.ids.push_str(part));
        write_json(body, &mut self.sources);
        let (id_end, source_end) = (self.ids.len(), self.sources.len());
        self.entries.push(Entry { about, id_end, source_end, origin });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.ids.clear();
        self.sources.clear();
    }

    /// All of them, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = Document<'_>> {
        (0..self.entries.len()).filter_map(|number| self.get(number))
    }

    /// The one that was added after so many others.
    pub fn get(&self, number: usize) -> Option<Document<'_>> {
        let entry = self.entries.get(number)?;
        let before = number.checked_sub(1).and_then(|before| self.entries.get(before));
        let (id_start, source_start) = before.map_or((0, 0), |before| (before.id_end, before.source_end));
        let id = self.ids.get(id_start..entry.id_end)?;
        let source = self.sources.get(source_start..entry.source_end)?;
        Some(Document { about: entry.about, id, source, origin: entry.origin.as_deref() })
    }
}

/// Whether a figure is left out of a document, as most are: readers take what is missing for 0.
pub fn is_zero(figure: &i64) -> bool {
    *figure == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Stream;
    use crate::model::event::tests::{at, view};

    fn result(support: u64) -> About {
        About::result(&Schema::QUERY_STATS, at(0), support)
    }

    #[test]
    fn documents_that_lie_side_by_side_are_handed_out_as_they_were_added() {
        let mut documents = Documents::default();
        documents.push(result(3), &["queries|", "all"], &"first");
        let origin = Origin {
            stream: Stream::Product,
            partition: 1,
            offset: 7,
            appended_at: at(1),
            key: b"u1".to_vec(),
            payload: b"{}".to_vec(),
        };
        documents.push_raw(&view(at(0)), origin.clone());
        documents.push(result(5), &["ö"], &"");
        let seen: Vec<_> = documents.iter().map(|one| (one.about.mode, one.id, one.origin)).collect();
        let id = view(at(0)).event_id.to_string();
        let expected = [
            (Mode::IfNewer(3), "queries|all", None),
            (Mode::Create, &*id, Some(&origin)),
            (Mode::IfNewer(5), "ö", None),
        ];
        assert_eq!(seen, expected);
        let sources: Vec<&[u8]> = documents.iter().map(|one| one.source).collect();
        assert_eq!((sources[0], sources[2]), (&b"\"first\""[..], &b"\"\""[..]));
        documents.clear();
        documents.push(result(1), &["again"], &1);
        assert_eq!(documents.iter().map(|one| one.id).collect::<Vec<_>>(), ["again"]);
    }
}
