//! What visits did, and searched for, that a rule on bots speaks of: so that it can be left out.

use serde_json::json;

use crate::audit::recount::Expected;
use crate::audit::recount::sessions::sessions;
use crate::audit::recount::windows::Pane;
use crate::audit::recount::{bots, queries, trends};
use crate::model::event::Event;
use crate::model::ids::SessionId;
use crate::store::schema::Schema;

/// What they did with each product, by minute and topic.
pub fn products(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    of_suspects(pane, events, of_session)
}

/// What they searched for and what came of it.
pub fn searches(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    of_suspects(pane, events, queries::of_session)
}

/// The documents of the sessions with a verdict, whether it holds or was withdrawn.
fn of_suspects(
    pane: &Pane,
    events: &[&Event],
    documents: fn(&Pane, &SessionId, &[&Event]) -> Vec<Expected>,
) -> Vec<Expected> {
    let is_suspect =
        |(session, events): &(&SessionId, Vec<&Event>)| !bots::of_session(pane, session, events).is_empty();
    let suspects = sessions(events).into_iter().filter(is_suspect);
    suspects.flat_map(|(session, events)| documents(pane, session, &events)).collect()
}

fn of_session(pane: &Pane, session: &SessionId, events: &[&Event]) -> Vec<Expected> {
    let document = |line: &trends::Line<'_>| {
        let id = format!(
            "suspect|{}|{}|{session}|{}|{}|{}",
            pane.window.millis(),
            pane.partition,
            line.minute.millis(),
            line.product,
            line.stream.topic()
        );
        let mut body = line.body(pane.partition)?;
        body.insert("session_id".to_owned(), json!(session));
        body.insert("session_minute".to_owned(), json!(pane.window));
        Some(Expected::result(&Schema::SUSPECT_PRODUCTS, line.minute, id, line.support(), &body))
    };
    trends::lines(events).iter().filter_map(document).collect()
}
