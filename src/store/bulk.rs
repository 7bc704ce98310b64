//! Many documents in few requests, each item judged by itself.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::store::Store;
use crate::store::outage::Trouble;

/// Most bytes of one request: well below Elasticsearch's limit of 100 MB, and a few tens of ms of its work.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Most documents of one request.
const REQUEST_ITEMS_MAX: usize = 2_000;
/// Attempts of one request before an outage is told; a short 429 is everyday backpressure.
const ATTEMPTS_UNTOLD: u32 = 3;

/// One document to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The full name of the index.
    pub index: String,
    /// The document's id.
    pub id: String,
    /// What to do when there is one with that id.
    pub mode: Mode,
    /// The document as JSON.
    pub source: Vec<u8>,
    /// The caller's own number for it, to know it by when it is refused.
    pub tag: usize,
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
    /// Not now; the same again later.
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
        401 | 403 | 408 | 429 | 500..=599 => Verdict::Retry(format!("{status} {reason}")),
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
        // A proxy's 404, a privilege taken away …: told, and tried until somebody mends it.
        _ => Verdict::Retry(format!("{status} {reason}")),
    }
}

/// What became of many documents.
#[derive(Debug, Default)]
pub struct Written {
    /// Documents that are there now because of this call.
    pub done: u64,
    /// Documents that were not needed any more.
    pub superseded: u64,
    /// Times that a document had to be sent again.
    pub retries: u64,
    /// Documents whose index does not exist.
    pub missing: Vec<Operation>,
    /// Documents that Elasticsearch will never take.
    pub refused: Vec<Refused>,
}

/// A document that Elasticsearch will never take.
#[derive(Debug)]
pub struct Refused {
    /// It.
    pub operation: Operation,
    /// HTTP status.
    pub status: u16,
    /// Why.
    pub reason: String,
}

impl Written {
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
    pub async fn write_all(&self, operations: Vec<Operation>, connections: usize) -> Written {
        let requests = stream::iter(chunks(operations)).map(|chunk| self.write_chunk(chunk));
        let answers: Vec<Written> = requests.buffer_unordered(connections.max(1)).collect().await;
        answers.into_iter().fold(Written::default(), |mut sum, written| {
            sum.add(written);
            sum
        })
    }

    /// One chunk until every item is final.
    async fn write_chunk(&self, chunk: Vec<Operation>) -> Written {
        let mut written = Written::default();
        let mut requests = vec![chunk];
        let mut waits = backoff();
        let mut attempts = 0;
        // Held until this chunk is done or given up.
        let mut _trouble = None;
        while let Some(mut request) = requests.pop() {
            let verdicts = self.bulk(&request).await;
            if request.len() > 1 && verdicts.contains(&Verdict::Split) {
                requests.push(request.split_off(request.len() / 2));
                requests.push(request);
                continue;
            }
            let (again, passing) = sort(request, verdicts, &mut written);
            let Some(reason) = passing else { continue };
            attempts += 1;
            written.retries += again.len() as u64;
            requests.push(again);
            if attempts == ATTEMPTS_UNTOLD {
                _trouble = Some(Trouble::begin(self, &reason));
            }
            tokio::time::sleep(waits.next().unwrap_or(WAIT_MAX)).await;
        }
        written
    }

    /// One request; a verdict for each document, in order.
    pub async fn bulk(&self, operations: &[Operation]) -> Vec<Verdict> {
        let all = |verdict: Verdict| vec![verdict; operations.len()];
        // Only what is judged is asked for: a full answer is as long as the request.
        let path = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
        let answer = self
            .transport
            .send(Method::Post, path, HeaderMap::new(), None::<&()>, Some(body(operations)), None)
            .await;
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

fn backoff() -> impl Iterator<Item = Duration> {
    let first = Duration::from_millis(100);
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(WAIT_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Puts each document where its verdict says. Gives what is to be sent again after a wait, and why.
fn sort(
    operations: Vec<Operation>,
    verdicts: Vec<Verdict>,
    written: &mut Written,
) -> (Vec<Operation>, Option<String>) {
    let mut again = Vec::new();
    let mut passing = None;
    for (operation, verdict) in operations.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Done => written.done += 1,
            Verdict::Superseded => written.superseded += 1,
            Verdict::MissingIndex => written.missing.push(operation),
            Verdict::Refused { status, reason } => {
                written.refused.push(Refused { operation, status, reason })
            }
            Verdict::Split => {
                let reason = "larger than Elasticsearch's http.max_content_length".to_owned();
                written.refused.push(Refused { operation, status: 413, reason });
            }
            Verdict::Retry(reason) => {
                passing = Some(reason);
                again.push(operation);
            }
        }
    }
    (again, passing)
}

/// Splits into requests of a bounded size, keeping the order.
fn chunks(operations: Vec<Operation>) -> Vec<Vec<Operation>> {
    let mut chunks: Vec<Vec<Operation>> = Vec::new();
    let mut bytes = usize::MAX;
    for operation in operations {
        let size = operation.source.len() + operation.id.len() + operation.index.len() + 64;
        match chunks.last_mut() {
            Some(chunk)
                if bytes.saturating_add(size) <= REQUEST_BYTES_MAX && chunk.len() < REQUEST_ITEMS_MAX =>
            {
                bytes += size;
                chunk.push(operation);
            }
            _ => {
                bytes = size;
                chunks.push(vec![operation]);
            }
        }
    }
    chunks
}

#[derive(Serialize)]
struct Header<'a> {
    _index: &'a str,
    _id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_type: Option<&'static str>,
}

fn body(operations: &[Operation]) -> Bytes {
    let mut body = BytesMut::new();
    for operation in operations {
        let (action, version, version_type) = match operation.mode {
            Mode::Create => ("create", None, None),
            Mode::Replace => ("index", None, None),
            Mode::IfNewer(version) => ("index", Some(version), Some("external")),
            Mode::IfNotOlder(version) => ("index", Some(version), Some("external_gte")),
        };
        let header = Header { _index: &operation.index, _id: &operation.id, version, version_type };
        let header = serde_json::to_string(&header).unwrap_or_default();
        for part in ["{\"", action, "\":", header.as_str(), "}\n"] {
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(&operation.source);
        body.extend_from_slice(b"\n");
    }
    body.freeze()
}

#[derive(Deserialize)]
struct Answer {
    errors: bool,
    #[serde(default)]
    items: Vec<std::collections::BTreeMap<String, ItemAnswer>>,
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

/// Reads an answer; `count` verdicts whatever it says.
fn verdicts(status: u16, body: &[u8], count: usize) -> Vec<Verdict> {
    if status != 200 {
        let reason: String = String::from_utf8_lossy(body).chars().take(300).collect();
        return vec![judge_request(status, &reason, count); count];
    }
    let answer = match serde_json::from_slice::<Answer>(body) {
        Ok(answer) => answer,
        Err(error) => return vec![Verdict::Retry(format!("an unreadable answer: {error}")); count],
    };
    if !answer.errors {
        return vec![Verdict::Done; count];
    }
    if answer.items.len() != count {
        return vec![Verdict::Retry("an answer of another length than the request".to_owned()); count];
    }
    let judged = |item: ItemAnswer| judge(item.status, &item.error.r#type, &item.error.reason);
    let first = |item: std::collections::BTreeMap<String, ItemAnswer>| item.into_values().next();
    let nothing = || Verdict::Retry("an item without an answer".to_owned());
    answer.items.into_iter().map(|item| first(item).map_or_else(nothing, judged)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str, bytes: usize) -> Operation {
        Operation {
            index: "i".to_owned(),
            id: id.to_owned(),
            mode: Mode::Replace,
            source: vec![b'x'; bytes],
            tag: 0,
        }
    }

    #[test]
    fn every_status_has_its_verdict() {
        let retry = |reason: &str| Verdict::Retry(reason.to_owned());
        let table = [
            (200, "", Verdict::Done),
            (201, "", Verdict::Done),
            (409, "version_conflict_engine_exception", Verdict::Superseded),
            (429, "es_rejected_execution_exception", retry("429 why")),
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
        assert!([401, 403, 404, 405, 429, 503].into_iter().all(retried));
        assert_eq!((judge_request(413, "", 2), judge_request(400, "", 2)), (Verdict::Split, Verdict::Split));
        assert!(matches!(judge_request(400, "", 1), Verdict::Refused { .. }));
    }

    #[test]
    fn each_item_of_a_partly_refused_bulk_is_judged_by_itself() {
        let body = br#"{"errors":true,"items":[{"index":{"status":201}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"r"}}}]}"#;
        let expected = [Verdict::Done, Verdict::Superseded, Verdict::Retry("429 r".to_owned())];
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

    #[test]
    fn documents_are_cut_into_requests_of_a_bounded_size_and_none_is_lost() {
        let big = REQUEST_BYTES_MAX / 2 - 60;
        let sizes = [10, big, big, 10, REQUEST_BYTES_MAX + 1, 10];
        let operations: Vec<_> =
            sizes.iter().enumerate().map(|(n, size)| operation(&n.to_string(), *size)).collect();
        let chunks = chunks(operations.clone());
        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
        assert_eq!(chunks.concat(), operations);
    }

    #[test]
    fn a_versioned_write_says_so() {
        let operation = Operation { mode: Mode::IfNewer(7), ..operation("a|b", 1) };
        let expected =
            "{\"index\":{\"_index\":\"i\",\"_id\":\"a|b\",\"version\":7,\"version_type\":\"external\"}}\nx\n";
        assert_eq!(body(&[operation]), expected);
    }
}
