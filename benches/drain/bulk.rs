//! How fast Elasticsearch takes documents that were sent to the stand-in: the same requests, sent straight to it.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use shoplens::config::ElasticsearchSettings;
use shoplens::store::Store;
use shoplens::stream::run::WRITES;

/// What a request asks to be told of, as the processor's does.
const PATH: &str = "_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";

/// The documents a second that Elasticsearch takes, over so many connections, into indices made for them. They are
/// removed at the end.
pub async fn rate(
    settings: &ElasticsearchSettings,
    store: &Store,
    requests: &[Bytes],
    connections: usize,
) -> anyhow::Result<f64> {
    make_indices(store, requests).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = settings.elasticsearch_host.url().join(PATH)?;
    let send = async |request: &Bytes| {
        let post = client.post(url.clone()).header("content-type", "application/json").body(request.clone());
        let answer = post.send().await?.error_for_status()?.bytes().await?;
        all_taken(&serde_json::from_slice(&answer)?)
    };
    let started = Instant::now();
    let sent = stream::iter(requests).map(send).buffer_unordered(connections);
    sent.try_collect::<Vec<()>>().await?;
    let took = started.elapsed();
    store.remove_all().await?;
    let documents: usize = requests.iter().map(|request| lines(request).count() / 2).sum();
    Ok(documents as f64 / took.as_secs_f64())
}

fn lines(request: &Bytes) -> impl Iterator<Item = &[u8]> {
    request.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// As the processor makes them.
async fn make_indices(store: &Store, requests: &[Bytes]) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Action<'a> {
        #[serde(borrow)]
        index: Target<'a>,
    }
    #[derive(Deserialize)]
    struct Target<'a> {
        _index: &'a str,
    }
    let mut names = BTreeSet::new();
    for action in requests.iter().flat_map(|request| lines(request).step_by(2)) {
        names.insert(serde_json::from_slice::<Action<'_>>(action)?.index._index);
    }
    for schema in &WRITES {
        store.ensure(schema).await?;
    }
    let prefix = store.name("");
    for name in names {
        let index = name.strip_prefix(&prefix).context("a document of another prefix")?;
        store.create_index(index, &json!({})).await?;
    }
    Ok(())
}

/// Fails unless each document was written, or a fuller one was there.
fn all_taken(answer: &Value) -> anyhow::Result<()> {
    let items = answer["items"].as_array().into_iter().flatten();
    for item in items.flat_map(|item| item.as_object().into_iter().flat_map(|item| item.values())) {
        ensure!(matches!(item["status"].as_u64(), Some(200..=299 | 409)), "a document was refused: {item}");
    }
    Ok(())
}
