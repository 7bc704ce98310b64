//! What Elasticsearch did while something was measured, by its own account.

use elasticsearch::http::Method;
use serde_json::Value;
use shoplens::store::Store;

const PATH: &str = "/_nodes/stats/process,indices/indexing?filter_path=nodes.*.process.cpu,nodes.*.indices";

/// What the nodes did since they were started, together.
#[derive(Clone, Copy)]
pub struct Work {
    documents: u64,
    cpu_millis: u64,
}

impl Work {
    /// Asks for it.
    pub async fn so_far(store: &Store) -> anyhow::Result<Self> {
        let answer: Value = store.send("measure Elasticsearch", Method::Get, PATH, None).await?;
        let nodes: Vec<&Value> =
            answer["nodes"].as_object().into_iter().flat_map(|nodes| nodes.values()).collect();
        let sum = |field: &str| nodes.iter().filter_map(|node| node.pointer(field)?.as_u64()).sum();
        Ok(Self {
            documents: sum("/indices/indexing/index_total"),
            cpu_millis: sum("/process/cpu/total_in_millis"),
        })
    }

    /// Prints what was done since.
    pub async fn print_since(self, store: &Store) -> anyhow::Result<()> {
        let now = Self::so_far(store).await?;
        // It counts from nothing again where it was started anew meanwhile.
        let documents = now.documents.saturating_sub(self.documents);
        let cpu = now.cpu_millis.saturating_sub(self.cpu_millis);
        let each = cpu as f64 * 1e3 / documents.max(1) as f64;
        println!("  Elasticsearch wrote {documents} documents for {each:.1} µs of its CPU each");
        Ok(())
    }
}
