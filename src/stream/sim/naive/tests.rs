//! Each operator against its definition; and the law that the whole rests on: neither the order of the events
//! nor their repetition matters, nor when results are written.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::model::event::Event;
use crate::model::time::Timestamp;
use crate::store::bulk::Mode;
use crate::stream::documents::{self, Document};
use crate::stream::fold::{Arrival, Clock};
use crate::stream::groups::{Group, Reader};
use crate::stream::sim::log::Log;
use crate::stream::sim::naive::{DEFINITIONS, Definition, Expected, Place};

/// Documents with their versions, by id.
type Documents = BTreeMap<String, (u64, Value)>;

/// Events of simulated visitors, some of them twice, in whatever order.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let of_seed = |(seed, twice): (u64, usize)| {
        let events = Log::random(&mut StdRng::seed_from_u64(seed), Reader::Processor).events();
        let again: Vec<Event> = events.iter().take(twice).cloned().collect();
        [events, again].concat()
    };
    (any::<u64>(), 0usize..40).prop_map(of_seed).prop_shuffle()
}

/// The number of an event's topic in a group, where the group reads it.
fn topic_in(group: Group, event: &Event) -> Option<usize> {
    group.streams().iter().position(|stream| *stream == event.event_type().stream())
}

/// What the operators of a group give, asked after every so many events.
fn folded(group: Group, events: &[Event], render_every: usize) -> Documents {
    let nothing_is_late =
        [Clock { max_ts: Timestamp::MIN, committed_max_ts: Timestamp::MIN, floor: None }; 3];
    let (mut folds, mut out) = (group.folds(0), documents::Documents::default());
    for (number, event) in events.iter().enumerate() {
        let Some(topic) = topic_in(group, event) else { continue };
        for fold in folds.iter_mut().filter(|fold| fold.folds(topic)) {
            fold.offer(&Arrival { topic, offset: number as i64, event }, &nothing_is_late);
            if number % render_every == 0 {
                fold.render(&mut out);
            }
        }
    }
    folds.iter_mut().for_each(|fold| fold.render(&mut out));
    let mut documents = Documents::new();
    for document in out.iter() {
        let written = written(&document);
        let there = documents.entry(document.id.to_owned()).or_insert_with(|| written.clone());
        // As Elasticsearch does with external versions.
        if there.0 < written.0 {
            *there = written;
        }
    }
    documents
}

fn written(document: &Document<'_>) -> (u64, Value) {
    match document.about.mode {
        Mode::IfNewer(version) => (version, serde_json::from_slice(document.source).unwrap()),
        other => panic!("a result is versioned: {other:?}"),
    }
}

/// What the definitions say.
fn defined(group: Group, events: &[Event]) -> Documents {
    let definitions = DEFINITIONS.iter().filter(|one| one.group == group);
    let documents = definitions.flat_map(|definition| by_definition(definition, events));
    // Read as the others were, for fractions.
    let read = |body: Value| serde_json::from_str(&body.to_string()).unwrap();
    documents.map(|Expected { id, version, body, .. }| (id, (version, read(body)))).collect()
}

fn by_definition(definition: &Definition, events: &[Event]) -> Vec<Expected> {
    let mut windows: BTreeMap<Place, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| topic_in(definition.group, event).is_some()) {
        let Some(time) = (definition.time)(event) else { continue };
        let topic = (!definition.together).then(|| event.event_type().stream().topic());
        let place = Place { start: time.floor_to(definition.window_ms), partition: 0, topic };
        let window = windows.entry(place).or_default();
        if !window.contains(&event) {
            window.push(event);
        }
    }
    windows.iter().flat_map(|(place, events)| (definition.documents)(events, *place)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_operator_agrees_with_its_definition_whatever_the_order_and_repetition(
        events in events(), render_every in 1usize..30
    ) {
        for group in [Group::Trends, Group::Sessions, Group::Fraud] {
            prop_assert_eq!(folded(group, &events, render_every), defined(group, &events), "{}", group.name());
        }
    }
}
