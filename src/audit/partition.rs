//! The audit of one partition number: what must be in each index, and whether a document can be compared.

use std::collections::BTreeMap;

use crate::audit::compare::Standing;
use crate::audit::frontiers::Frontiers;
use crate::audit::held::Held;
use crate::audit::logs::Logs;
use crate::audit::recount::windows::{Horizon, Pane, Scope, Windows, Word};
use crate::audit::recount::{self, Expected, KINDS};
use crate::audit::rules::Operator;
use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;

/// The indices of results.
pub const RESULTS: [Schema; 7] = [
    Schema::PRODUCT_TRENDS,
    Schema::CATEGORY_FUNNELS,
    Schema::QUERY_STATS,
    Schema::SUSPECT_PRODUCTS,
    Schema::SUSPECT_QUERIES,
    Schema::FRAUD_FACTS,
    Schema::FRAUD_SIGNALS,
];

/// What the logs of one partition make of every operator.
pub struct Recounted<'a> {
    logs: &'a Logs,
    /// By operator whose group has reported: how much of the logs it processed, and its windows.
    operators: BTreeMap<Operator, (Scope, Windows<'a>)>,
    /// By operator: indices of results before it may have been dropped.
    oldest: BTreeMap<Operator, Timestamp>,
    /// Those of late events.
    oldest_late: Timestamp,
}

impl<'a> Recounted<'a> {
    /// Recounts what the groups say that they have processed.
    pub fn new(logs: &'a Logs, frontiers: &Frontiers, word: &Word<'_>, held: &Held) -> Self {
        let recount = |operator: Operator| {
            let scope = frontiers.of(operator.group(), logs.partition)?.scope(logs);
            Some((operator, (scope, Windows::sort(operator, logs, &scope, word))))
        };
        let operators = Operator::ALL.into_iter().filter_map(recount).collect();
        let results =
            |operator| KINDS.iter().filter(move |kind| kind.operator == operator).map(|kind| &kind.schema);
        let oldest = Operator::ALL.into_iter().map(|operator| (operator, held.since(results(operator))));
        Self { logs, operators, oldest: oldest.collect(), oldest_late: held.since([&Schema::LATE_EVENTS]) }
    }

    /// The windows of a group's operators.
    pub fn of_group(&self, group: &str) -> impl Iterator<Item = (Operator, &Windows<'a>)> {
        let of_group = self.operators.iter().filter(move |(operator, _)| operator.group() == group);
        of_group.map(|(operator, (_, windows))| (*operator, windows))
    }

    /// The documents that belong into one kind of index.
    pub fn results(&self, schema: &Schema) -> impl Iterator<Item = Expected> {
        let kinds = KINDS.iter().filter(|kind| kind.schema.name == schema.name);
        let recounted = kinds.filter_map(|kind| Some((kind, self.operators.get(&kind.operator)?)));
        recounted.flat_map(|(kind, (_, windows))| {
            windows.events.iter().flat_map(|(pane, events)| (kind.documents)(pane, events))
        })
    }

    /// By operator: the windows that were closed before their time, and how many events are missing in them.
    pub fn closed_early(&self) -> impl Iterator<Item = (Operator, u64, u64)> {
        let early = self.operators.iter().map(|(operator, (_, windows))| (operator, &windows.closed_early));
        early.map(|(operator, panes)| (*operator, panes.len() as u64, panes.values().sum()))
    }

    /// The documents of the late events.
    pub fn late_events(&self) -> impl Iterator<Item = Expected> {
        self.operators.iter().flat_map(|(operator, (_, windows))| {
            windows.late.iter().map(|late| recount::late_event(*operator, self.logs.partition, late))
        })
    }

    /// Whether a result can be compared, by its id.
    pub fn standing(&self, id: &str) -> Standing {
        let Some((operator, window)) = operator_and_window(id) else { return Standing::Final };
        let Some((scope, windows)) = self.operators.get(&operator) else { return Standing::Unknown };
        let stream = id.rsplit('|').next().and_then(stream_named).filter(|_| operator.folds_topics_apart());
        let pane = Pane { window, partition: self.logs.partition, stream };
        let horizon = Horizon { operator, logs: self.logs, scope: *scope };
        if self.oldest.get(&operator).is_none_or(|oldest| window < *oldest)
            || !horizon.is_known(window, stream)
        {
            return Standing::Unknown;
        }
        if windows.closed_early.contains_key(&pane) {
            return Standing::Early;
        }
        match (horizon.is_closed(window, stream), scope.drained) {
            (true, _) => Standing::Final,
            (false, true) => Standing::Tentative,
            (false, false) => Standing::Unknown,
        }
    }

    /// Whether a late event can be compared, by its id: from the moment that its record is processed.
    pub fn standing_of_late(&self, id: &str) -> Standing {
        let Some((operator, window)) = operator_and_window(id) else { return Standing::Final };
        let Some((scope, _)) = self.operators.get(&operator) else { return Standing::Unknown };
        let Some((stream, offset)) = id.rsplit('|').next().and_then(place) else { return Standing::Final };
        let horizon = Horizon { operator, logs: self.logs, scope: *scope };
        let stream_of_window = operator.folds_topics_apart().then_some(stream);
        let is_processed = offset < scope.next_in(stream);
        if is_processed && window >= self.oldest_late && horizon.is_known(window, stream_of_window) {
            return Standing::Final;
        }
        Standing::Unknown
    }
}

/// Whose a document is and of which window: every id begins with both.
fn operator_and_window(id: &str) -> Option<(Operator, Timestamp)> {
    let (name, rest) = id.split_once('|')?;
    let operator = match name {
        "funnels" | "queries" | "suspect" | "suspect-queries" => Operator::Visits,
        "bot_velocity" | "bot_rhythm" | "catalogue_crawl" | "search_flood" | "cart_hoarding" => {
            Operator::Visits
        }
        "refund_loop" | "fast_refund" | "abnormal_refund_rate" | "excess_refund" | "purchase_velocity" => {
            Operator::Fraud
        }
        "refund_without_purchase" => Operator::Receipts,
        name => Operator::named(name)?,
    };
    let (millis, _) = rest.split_once('|')?;
    Some((operator, Timestamp::from_millis(millis.parse().ok()?)))
}

fn stream_named(topic: &str) -> Option<Stream> {
    Stream::ALL.into_iter().find(|stream| stream.topic() == topic)
}

/// Topic and offset of `topic-partition-offset`.
fn place(text: &str) -> Option<(Stream, i64)> {
    let (topic_and_partition, offset) = text.rsplit_once('-')?;
    let (topic, _) = topic_and_partition.rsplit_once('-')?;
    Some((stream_named(topic)?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::early::ClosedEarly;
    use crate::audit::repairs::Repairs;
    use crate::model::event::tests::at;

    #[test]
    fn an_id_tells_whose_document_it_is_and_of_which_window() {
        let read = |id: &str| operator_and_window(id);
        let minute = Timestamp::from_millis(60_000);
        assert_eq!(read("trends|60000|3|p-1|order-events"), Some((Operator::Trends, minute)));
        assert_eq!(read("refund_loop|60000|3|u1"), Some((Operator::Fraud, minute)));
        let of_visits =
            ["bot_velocity|60000|3|s1", "queries|60000|3|query|a|b", "visits|60000|order-events-3-7"];
        assert!(of_visits.iter().all(|id| read(id) == Some((Operator::Visits, minute))));
        assert_eq!((read("other|60000|3|s1"), read("trends|x|3"), read("trends")), (None, None, None));
        assert_eq!(place("product-events-3-17"), Some((Stream::Product, 17)));
    }

    #[test]
    fn a_document_whose_id_says_nothing_is_compared_and_so_found_out() {
        let logs = Logs::of_topics(0, Vec::new());
        let word = Word { repairs: &Repairs::default(), early: &ClosedEarly::default() };
        let recounted = Recounted::new(&logs, &Frontiers::default(), &word, &Held::at(at(0)));
        assert_eq!(recounted.standing("made by hand"), Standing::Final);
        assert_eq!(recounted.standing("trends|60000|3|p-1|order-events"), Standing::Unknown);
    }
}
