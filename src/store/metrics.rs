//! What the writing of documents shows of itself to Prometheus.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::store::bulk::Verdict;

const REQUEST: &str = "shoplens_bulk_request_seconds";
const BYTES: &str = "shoplens_bulk_bytes_total";
const DOCUMENTS: &str = "shoplens_bulk_documents_total";
const HELD_UP: &str = "shoplens_bulk_held_up";

/// Says what each metric means, for those who read `/metrics`.
pub fn describe() {
    describe_histogram!(REQUEST, "From sending one bulk request to its answer or to giving up on it");
    describe_counter!(BYTES, "Bytes of the bulk requests sent");
    describe_counter!(
        DOCUMENTS,
        "Documents sent, by what became of them: superseded is a 409, busy a 429, retry any other passing refusal"
    );
    describe_gauge!(
        HELD_UP,
        "Writes that Elasticsearch does not take now and that are tried again and again"
    );
    held_up(0);
}

/// A request of so many bytes was answered with these verdicts.
pub(super) fn answered(bytes: usize, took: Duration, verdicts: &[Verdict]) {
    histogram!(REQUEST).record(took);
    counter!(BYTES).increment(bytes as u64);
    for fate in FATES {
        let count = verdicts.iter().filter(|verdict| fate_of(verdict) == fate).count();
        counter!(DOCUMENTS, "fate" => fate).increment(count as u64);
    }
}

/// So many writes are held up.
pub(super) fn held_up(writes: usize) {
    gauge!(HELD_UP).set(writes as f64);
}

const FATES: [&str; 7] = ["written", "superseded", "busy", "retry", "too_large", "no_index", "refused"];

fn fate_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "written",
        Verdict::Superseded => "superseded",
        Verdict::Busy(_) => "busy",
        Verdict::Retry(_) => "retry",
        Verdict::Split => "too_large",
        Verdict::MissingIndex => "no_index",
        Verdict::Refused { .. } => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[test]
    fn what_became_of_each_document_of_a_bulk_can_be_counted_apart() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let reason = || "why".to_owned();
        let verdicts = [
            Verdict::Done,
            Verdict::Done,
            Verdict::Superseded,
            Verdict::Busy(reason()),
            Verdict::Retry(reason()),
            Verdict::Refused { status: 400, reason: reason() },
        ];
        metrics::with_local_recorder(&recorder, || answered(600, Duration::from_millis(5), &verdicts));
        let text = recorder.handle().render();
        for (fate, count) in [("written", 2), ("superseded", 1), ("busy", 1), ("retry", 1), ("refused", 1)] {
            assert!(text.contains(&format!("{DOCUMENTS}{{fate=\"{fate}\"}} {count}\n")), "{fate}: {text}");
        }
        assert!(text.contains(&format!("{BYTES} 600\n")), "{text}");
    }
}
