//! Many documents in few requests, each item judged by itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::store::chunk::{Chunk, chunks};
use crate::store::metrics;
use crate::store::outage::Trouble;
use crate::store::{Store, StoreError};

/// Attempts of one request before an outage is told; a short 429 is everyday backpressure.
const ATTEMPTS_UNTOLD: u32 = 3;

/// One document to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation<'a> {
    /// The full name of the index.
    pub index: Cow<'a, str>,
    /// The document's id.
    pub id: Cow<'a, str>,
    /// What to do when there is one with that id.
    pub mode: Mode,
    /// The document as JSON.
    pub source: Cow<'a, [u8]>,
    /// The caller's own number for it, to know it by when it is refused.
    pub tag: usize,
}

impl Operation<'_> {
    /// About how long its part of a request is.
    pub fn bytes(&self) -> usize {
        const HEADER: usize = 100;
        self.source.len() + self.id.len() + self.index.len() + HEADER
    }
}

/// What a write does to a document that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Leaves it: the same id is the same document.
    Create,
    /// Replaces it.
    Replace,
    /// Replaces it where its version is less than this one.
    IfNewer(u64),
    /// Replaces it where its version is not greater than this one.
    IfNotOlder(u64),
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Written.
    Done,
    /// Not written, for one as good or better is there.
    Superseded,
    /// Not now, for Elasticsearch has too much to do; the same again later.
    Busy(String),
    /// Not now for another reason that passes; the same again later.
    Retry(String),
    /// The request was too large.
    Split,
    /// There is no such index.
    MissingIndex,
    /// Never.
    Refused {
        /// HTTP status.
        status: u16,
        /// Elasticsearch's words.
        reason: String,
    },
}

/// Judges the status and the words of one item.
pub fn judge(status: u16, kind: &str, reason: &str) -> Verdict {
    match status {
        200..=299 => Verdict::Done,
        409 => Verdict::Superseded,
        // A full disk or a maintenance block passes when somebody makes room.
        403 if kind == "cluster_block_exception" => Verdict::Retry(reason.to_owned()),
        // A key that is being changed, an index that is closed for a while: told, and no data is lost.
        429 => Verdict::Busy(format!("{status} {reason}")),
        401 | 403 | 408 | 500..=599 => Verdict::Retry(format!("{status} {reason}")),
        400 if kind == "index_closed_exception" => Verdict::Retry(reason.to_owned()),
        404 => Verdict::MissingIndex,
        _ => Verdict::Refused { status, reason: reason.to_owned() },
    }
}

/// Judges the status of a whole request of `count` items, which says little about any one of them.
fn judge_request(status: u16, reason: &str, count: usize) -> Verdict {
    match status {
        413 => Verdict::Split,
        // Something in it is at fault: halving finds it.
        400 if count > 1 => Verdict::Split,
        400 => Verdict::Refused { status, reason: reason.to_owned() },
        429 => Verdict::Busy(format!("{status} {reason}")),
        // A proxy's 404, a privilege taken away …: told, and tried until somebody mends it.
        _ => Verdict::Retry(format!("{status} {reason}")),
    }
}

/// What became of many documents.
#[derive(Debug, Default)]
pub struct Written<'a> {
    /// Documents that are there now because of this call.
    pub done: u64,
    /// Documents that were not needed any more.
    pub superseded: u64,
    /// Times that a document had to be sent again.
    pub retries: u64,
    /// Documents whose index does not exist.
    pub missing: Vec<Operation<'a>>,
    /// Documents that Elasticsearch will never take.
    pub refused: Vec<Refused<'a>>,
}

/// A document that Elasticsearch will never take.
#[derive(Debug)]
pub struct Refused<'a> {
    /// It.
    pub operation: Operation<'a>,
    /// HTTP status.
    pub status: u16,
    /// Why.
    pub reason: String,
}

impl Written<'_> {
    fn add(&mut self, other: Self) {
        self.done += other.done;
        self.superseded += other.superseded;
        self.retries += other.retries;
        self.missing.extend(other.missing);
        self.refused.extend(other.refused);
    }
}

impl Store {
    /// Writes all documents, in requests of a bounded size of which `connections` are under way at once,
    /// and sends again what Elasticsearch does not take *now*, for ever: a sink may not lose. Whoever can
    /// give up drops the future; documents may then be written or not.
    pub async fn write_all<'a>(
        &self,
        operations: impl IntoIterator<Item = Operation<'a>>,
        connections: usize,
    ) -> Written<'a> {
        let waiting = Mutex::new(chunks(operations).map(Chunk::new));
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let connection = async || {
            let (mut written, mut buffer) = (Written::default(), Vec::new());
            while let Some(chunk) = next() {
                written.add(self.write_chunk(chunk, &mut buffer).await);
            }
            written
        };
        let all = join_all((0..connections.max(1)).map(|_| connection())).await;
        all.into_iter().fold(Written::default(), |mut sum, written| {
            sum.add(written);
            sum
        })
    }

    /// As [`Store::write_all`], making the indices that are missing, for results of a day that nobody has written to
    /// yet. Gives how many documents are there now because of this call.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a document that Elasticsearch will never take, and for one whose index is another
    /// shop's or gone as soon as it was made; else as [`Store::create_index`].
    pub async fn write_making_indices(
        &self,
        mut operations: Vec<Operation<'_>>,
        connections: usize,
    ) -> Result<u64, StoreError> {
        let (what, mut done) = ("write documents", 0);
        let gone = |index: &str| {
            let reason = format!(
                "the index {index} is another shop's, or somebody removes it: try again when nobody does"
            );
            StoreError::Refused { what, status: 404, reason }
        };
        for _ in 0..MAKING_ATTEMPTS_MAX {
            let Written { done: now, missing, refused, .. } = self.write_all(operations, connections).await;
            if let Some(Refused { operation, status, reason }) = refused.into_iter().next() {
                let reason = format!("{}: {reason}", operation.id);
                return Err(StoreError::Refused { what, status, reason });
            }
            done += now;
            if missing.is_empty() {
                return Ok(done);
            }
            let wanted: BTreeSet<&str> = missing.iter().map(|one| one.index.as_ref()).collect();
            for index in wanted {
                let base = index.strip_prefix(&self.name("")).ok_or_else(|| gone(index))?;
                self.create_index(base, &json!({})).await?;
            }
            operations = missing;
        }
        Err(gone(operations.first().map_or("", |one| &one.index)))
    }

    /// One chunk until every item is final.
    async fn write_chunk<'a>(&self, mut chunk: Chunk<'a>, buffer: &mut Vec<u8>) -> Written<'a> {
        let mut waits = backoff();
        let mut attempts = 0;
        // Held until this chunk is done or given up.
        let mut _trouble = None;
        while let Some(request) = chunk.next_request() {
            let verdicts = self.bulk(&request, buffer).await;
            let Some(reason) = chunk.judged(request, verdicts) else { continue };
            attempts += 1;
            if attempts == ATTEMPTS_UNTOLD {
                _trouble = Some(Trouble::begin(self, &reason));
            }
            tokio::time::sleep(waits.next().unwrap_or(WAIT_MAX)).await;
        }
        chunk.into_written()
    }

    /// One request; a verdict for each document, in order.
    async fn bulk(&self, operations: &[Operation<'_>], buffer: &mut Vec<u8>) -> Vec<Verdict> {
        write_body(operations, buffer);
        let (body, sent_at) = (Bytes::from(std::mem::take(buffer)), Instant::now());
        let verdicts = self.send_bulk(operations, body.clone()).await;
        metrics::answered(body.len(), sent_at.elapsed(), &verdicts);
        // Its memory is ours again, unless what sent it still holds it.
        if body.is_unique() {
            *buffer = body.into();
        }
        verdicts
    }

    async fn send_bulk(&self, operations: &[Operation<'_>], body: Bytes) -> Vec<Verdict> {
        let all = |verdict: Verdict| vec![verdict; operations.len()];
        // Only what is judged is asked for: a full answer is as long as the request.
        let path = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
        let answer =
            self.transport.send(Method::Post, path, HeaderMap::new(), None::<&()>, Some(body), None).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return all(Verdict::Retry(error.to_string())),
        };
        let status = answer.status_code().as_u16();
        let bytes = match answer.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return all(Verdict::Retry(error.to_string())),
        };
        verdicts(status, &bytes, operations.len())
    }
}

/// Longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Rounds of making indices that are missing: two do unless somebody removes them meanwhile.
const MAKING_ATTEMPTS_MAX: u32 = 5;

fn backoff() -> impl Iterator<Item = Duration> {
    let first = Duration::from_millis(100);
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(WAIT_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Writes the body of a request in place of what the buffer holds.
fn write_body(operations: &[Operation<'_>], buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.reserve(operations.iter().map(Operation::bytes).sum());
    for operation in operations {
        write_action(operation, buffer);
        buffer.extend_from_slice(&operation.source);
        buffer.push(b'\n');
    }
}

/// The line before a document, written without a detour: there are millions in a minute.
fn write_action(operation: &Operation<'_>, buffer: &mut Vec<u8>) {
    let action: &[u8] = if operation.mode == Mode::Create { b"{\"create\":{" } else { b"{\"index\":{" };
    buffer.extend_from_slice(action);
    write_text(b"\"_index\":", &operation.index, buffer);
    write_text(b",\"_id\":", &operation.id, buffer);
    let (version, version_type): (u64, &[u8]) = match operation.mode {
        Mode::Create | Mode::Replace => return buffer.extend_from_slice(b"}}\n"),
        Mode::IfNewer(version) => (version, b",\"version_type\":\"external\"}}\n"),
        Mode::IfNotOlder(version) => (version, b",\"version_type\":\"external_gte\"}}\n"),
    };
    write_value(b",\"version\":", &version, buffer);
    buffer.extend_from_slice(version_type);
}

fn write_text(before: &[u8], text: &str, buffer: &mut Vec<u8>) {
    // Nearly all are as they are in JSON, and are looked through many letters at once.
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |found, byte| found | is_special(byte)) {
        return write_value(before, text, buffer);
    }
    buffer.extend_from_slice(before);
    buffer.push(b'"');
    buffer.extend_from_slice(text.as_bytes());
    buffer.push(b'"');
}

fn write_value<T: Serialize + ?Sized>(before: &[u8], value: &T, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(before);
    // A text or a number into memory: cannot fail.
    let _ = serde_json::to_writer(buffer, value);
}

/// Whether any document of a request was not written.
#[derive(Deserialize)]
struct Summary {
    errors: bool,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<BTreeMap<String, ItemAnswer>>,
}

#[derive(Deserialize)]
struct ItemAnswer {
    status: u16,
    #[serde(default)]
    error: ItemError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemError {
    r#type: String,
    reason: String,
}

/// Judges the answer to a request of `count` documents; `count` verdicts whatever it says.
pub fn verdicts(status: u16, body: &[u8], count: usize) -> Vec<Verdict> {
    if status != 200 {
        let reason: String = String::from_utf8_lossy(body).chars().take(300).collect();
        return vec![judge_request(status, &reason, count); count];
    }
    let unreadable = |error| vec![Verdict::Retry(format!("an unreadable answer: {error}")); count];
    // Most answers tell of no error, and then no item need be judged.
    match serde_json::from_slice(body) {
        Ok(Summary { errors: false }) => return vec![Verdict::Done; count],
        Ok(Summary { errors: true }) => {}
        Err(error) => return unreadable(error),
    }
    let answer: Answer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return unreadable(error),
    };
    if answer.items.len() != count {
        return vec![Verdict::Retry("an answer of another length than the request".to_owned()); count];
    }
    let judged = |item: ItemAnswer| judge(item.status, &item.error.r#type, &item.error.reason);
    let first = |item: BTreeMap<String, ItemAnswer>| item.into_values().next();
    let nothing = || Verdict::Retry("an item without an answer".to_owned());
    answer.items.into_iter().map(|item| first(item).map_or_else(nothing, judged)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn operation(id: &str, bytes: usize) -> Operation<'_> {
        let source = vec![b'x'; bytes].into();
        Operation { index: "i".into(), id: id.into(), mode: Mode::Replace, source, tag: 0 }
    }

    #[test]
    fn every_status_has_its_verdict() {
        let retry = |reason: &str| Verdict::Retry(reason.to_owned());
        let table = [
            (200, "", Verdict::Done),
            (201, "", Verdict::Done),
            (409, "version_conflict_engine_exception", Verdict::Superseded),
            (429, "es_rejected_execution_exception", Verdict::Busy("429 why".to_owned())),
            (503, "unavailable_shards_exception", retry("503 why")),
            (403, "cluster_block_exception", retry("why")),
            (403, "security_exception", retry("403 why")),
            (400, "index_closed_exception", retry("why")),
            (404, "index_not_found_exception", Verdict::MissingIndex),
            (400, "document_parsing_exception", Verdict::Refused { status: 400, reason: "why".to_owned() }),
        ];
        for (status, kind, verdict) in table {
            assert_eq!(judge(status, kind, "why"), verdict, "{status} {kind}");
        }
    }

    #[test]
    fn a_request_that_is_refused_as_a_whole_blames_no_document() {
        let retried = |status| matches!(judge_request(status, "why", 2), Verdict::Retry(_));
        assert!(matches!(judge_request(429, "why", 2), Verdict::Busy(_)));
        assert!([401, 403, 404, 405, 503].into_iter().all(retried));
        assert_eq!((judge_request(413, "", 2), judge_request(400, "", 2)), (Verdict::Split, Verdict::Split));
        assert!(matches!(judge_request(400, "", 1), Verdict::Refused { .. }));
    }

    #[test]
    fn each_item_of_a_partly_refused_bulk_is_judged_by_itself() {
        let body = br#"{"errors":true,"items":[{"index":{"status":201}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"r"}}}]}"#;
        let expected = [Verdict::Done, Verdict::Superseded, Verdict::Busy("429 r".to_owned())];
        assert_eq!(verdicts(200, body, 3), expected);
    }

    #[test]
    fn an_answer_that_is_not_understood_is_never_taken_as_success() {
        for (status, body) in
            [(200, "{}"), (200, "oops"), (502, "Bad Gateway"), (200, r#"{"errors":true,"items":[]}"#)]
        {
            let judged = verdicts(status, body.as_bytes(), 2);
            assert!(judged.len() == 2 && judged.iter().all(|v| matches!(v, Verdict::Retry(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_judging_panic_and_every_document_has_one_verdict(
            status in prop_oneof![Just(200u16), any::<u16>()], body: Vec<u8>, count in 0usize..5
        ) {
            let judged = verdicts(status, &body, count);
            prop_assert_eq!(judged.len(), count);
            prop_assert!(!judged.contains(&Verdict::Done), "bytes by chance say nothing about success");
        }

        #[test]
        fn an_item_is_done_or_superseded_only_by_its_own_status(statuses in prop::collection::vec(100u16..600, 1..8)) {
            let items: Vec<_> = statuses.iter().map(|status| json!({ "index": { "status": status } })).collect();
            let body = json!({ "errors": true, "items": items }).to_string();
            let expected: Vec<_> = statuses.iter().map(|status| judge(*status, "", "")).collect();
            prop_assert_eq!(verdicts(200, body.as_bytes(), statuses.len()), expected);
        }
    }

    #[test]
    fn an_answer_without_errors_says_that_everything_is_written() {
        let body = br#"{"errors":false,"items":[{"index":{"status":201}},{"create":{"status":201}}]}"#;
        assert_eq!(verdicts(200, body, 2), [Verdict::Done, Verdict::Done]);
    }

    fn body(operations: &[Operation<'_>]) -> Vec<u8> {
        let mut buffer = Vec::new();
        write_body(operations, &mut buffer);
        buffer
    }

    #[test]
    fn a_buffer_that_is_used_again_holds_the_new_request_alone() {
        let mut buffer = Vec::new();
        for (id, bytes) in [("a", 300), ("b", 3), ("c", 200)] {
            let one = [operation(id, bytes)];
            write_body(&one, &mut buffer);
            assert_eq!(buffer, body(&one));
        }
    }

    proptest! {
        #[test]
        fn every_text_is_written_as_json_has_it(text in "(\\PC|[\"\\\\\u{0}-\u{1f}\u{7f}]){0,20}") {
            let mut buffer = Vec::new();
            write_text(b"", &text, &mut buffer);
            prop_assert_eq!(buffer, serde_json::to_vec(&text).unwrap());
        }
    }

    #[test]
    fn each_write_says_what_it_does_to_a_document_that_is_there() {
        let modes = [Mode::Create, Mode::Replace, Mode::IfNewer(7), Mode::IfNotOlder(8)];
        let operations = modes.map(|mode| Operation { mode, ..operation("a|\"b\"", 1) });
        insta::assert_snapshot!(String::from_utf8(body(&operations)).unwrap(), @r#"
        {"create":{"_index":"i","_id":"a|\"b\""}}
        x
        {"index":{"_index":"i","_id":"a|\"b\""}}
        x
        {"index":{"_index":"i","_id":"a|\"b\"","version":7,"version_type":"external"}}
        x
        {"index":{"_index":"i","_id":"a|\"b\"","version":8,"version_type":"external_gte"}}
        x
        "#);
    }
}
