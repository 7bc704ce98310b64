//! Documents on their way: which are sent next, and where each ends. Pure.

use std::iter;

use crate::store::bulk::{Operation, Refused, Verdict, Written};

/// Most bytes of one request: well below Elasticsearch's limit of 100 MB, and a few tens of ms of its work.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Most documents of one request.
const REQUEST_ITEMS_MAX: usize = 2_000;

/// Documents that are sent again, in requests as small as need be, until each has a final verdict.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// What is still to be sent; the last one first.
    requests: Vec<Vec<Operation<'a>>>,
    written: Written<'a>,
}

impl<'a> Chunk<'a> {
    /// Nothing sent yet.
    pub fn new(operations: Vec<Operation<'a>>) -> Self {
        Self { requests: vec![operations], written: Written::default() }
    }

    /// The documents to send next; `None` when all of them have ended.
    pub fn next_request(&mut self) -> Option<Vec<Operation<'a>>> {
        self.requests.pop()
    }

    /// Takes in the verdicts on a request. Gives why a part of it must be sent again after a wait, if it must.
    pub fn judged(&mut self, mut request: Vec<Operation<'a>>, verdicts: Vec<Verdict>) -> Option<String> {
        if request.len() > 1 && verdicts.contains(&Verdict::Split) {
            self.requests.push(request.split_off(request.len() / 2));
            self.requests.push(request);
            return None;
        }
        let (again, passing) = sort(request, verdicts, &mut self.written);
        if passing.is_some() {
            self.written.retries += again.len() as u64;
            self.requests.push(again);
        }
        passing
    }

    /// What became of the documents.
    pub fn into_written(self) -> Written<'a> {
        self.written
    }
}

/// Puts each document where its verdict says. Gives what is to be sent again after a wait, and why.
fn sort<'a>(
    operations: Vec<Operation<'a>>,
    verdicts: Vec<Verdict>,
    written: &mut Written<'a>,
) -> (Vec<Operation<'a>>, Option<String>) {
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
            Verdict::Busy(reason) | Verdict::Retry(reason) => {
                passing = Some(reason);
                again.push(operation);
            }
        }
    }
    (again, passing)
}

/// Splits into requests of a bounded size, keeping the order.
pub fn chunks<'a>(
    operations: impl IntoIterator<Item = Operation<'a>>,
) -> impl Iterator<Item = Vec<Operation<'a>>> {
    let mut operations = operations.into_iter().peekable();
    iter::from_fn(move || {
        let first = operations.next()?;
        let (mut bytes, mut chunk) = (first.bytes(), vec![first]);
        while chunk.len() < REQUEST_ITEMS_MAX
            && let Some(next) = operations.next_if(|next| bytes + next.bytes() <= REQUEST_BYTES_MAX)
        {
            bytes += next.bytes();
            chunk.push(next);
        }
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bulk::Mode;
    use proptest::prelude::*;

    fn operation(tag: usize, bytes: usize) -> Operation<'static> {
        let (id, source) = (tag.to_string().into(), vec![b'x'; bytes].into());
        Operation { index: "i".into(), id, mode: Mode::Replace, source, tag }
    }

    #[test]
    fn documents_are_cut_into_requests_of_a_bounded_size_and_none_is_lost() {
        let big = REQUEST_BYTES_MAX / 2 - 110;
        let sizes = [10, big, big, 10, REQUEST_BYTES_MAX + 1, 10];
        let operations: Vec<_> = sizes.iter().enumerate().map(|(n, size)| operation(n, *size)).collect();
        let chunks: Vec<_> = chunks(operations.clone()).collect();
        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
        assert_eq!(chunks.concat(), operations);
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        let reason = || "why".to_owned();
        prop_oneof![
            Just(Verdict::Done),
            Just(Verdict::Superseded),
            Just(Verdict::Busy(reason())),
            Just(Verdict::Retry(reason())),
            Just(Verdict::MissingIndex),
            Just(Verdict::Refused { status: 400, reason: reason() }),
        ]
    }

    proptest! {
        /// Answers at random, some of them to split, and success once they are used up.
        #[test]
        fn every_document_ends_exactly_once_whatever_is_answered(
            count in 1usize..12,
            answers in prop::collection::vec(prop::option::of(prop::collection::vec(verdict(), 12)), 0..20),
        ) {
            let mut chunk = Chunk::new((0..count).map(|tag| operation(tag, 1)).collect());
            let mut answers = answers.into_iter();
            let mut passed = 0;
            while let Some(request) = chunk.next_request() {
                let verdicts = match answers.next() {
                    Some(Some(verdicts)) => verdicts.into_iter().take(request.len()).collect(),
                    Some(None) => vec![Verdict::Split; request.len()],
                    None => vec![Verdict::Done; request.len()],
                };
                let taken = [Verdict::Done, Verdict::Superseded];
                let split = verdicts.contains(&Verdict::Split);
                passed += verdicts.iter().filter(|one| !split && taken.contains(one)).count();
                chunk.judged(request, verdicts);
            }
            let written = chunk.into_written();
            prop_assert_eq!(written.done + written.superseded, passed as u64);
            let mut others: Vec<_> = written.missing.iter().map(|one| one.tag).collect();
            others.extend(written.refused.iter().map(|one| one.operation.tag));
            others.sort_unstable();
            others.dedup();
            prop_assert_eq!(others.len() + passed, count);
        }
    }
}
