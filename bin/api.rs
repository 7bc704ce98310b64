//! The HTTP service: search, analytics, health, documents and the dashboard.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::app::{self, Edges};
use shoplens::bus::Bus;
use shoplens::config::{
    self, AdminSettings, ElasticsearchSettings, HttpSettings, KafkaSettings, ShopSettings,
};
use shoplens::shutdown;
use shoplens::store::Store;
use tokio::net::TcpListener;

/// An answer is made of many small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves product search, analytics and the dashboard over HTTP.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    http: HttpSettings,
    #[command(flatten)]
    admin: AdminSettings,
}

fn main() -> ExitCode {
    config::run(serve)
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let address = settings.http.address();
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address} (API_HOST, API_PORT)"))?;
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    let edges = Edges { store: store.clone(), bus, admin_token: settings.admin.token()? };
    store.wait_until_ready(config::STARTUP_WAIT).await?;
    tracing::info!(address = %listener.local_addr()?, "serving");
    app::serve(listener, &edges, &settings.shop, &settings.http, shutdown::requested()).await?;
    Ok(())
}
