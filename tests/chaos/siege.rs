//! Everything at once, for minutes, on servers of its own that are killed as well: `scripts/chaos`.

use std::process::Command;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::checks::{Table, check};
use crate::faults::Plan;
use crate::members::rescale;
use crate::programs::{ANSWER_WAIT, SEEDER, Stage};
use crate::proxy::Proxy;
use crate::shop::{Shop, with_shop};
use crate::storm::{Crew, FAULTY, Weather, blow, under_traffic};
use crate::watched::Watched;

const ELASTICSEARCH: Server =
    Server { name: "elasticsearch", gone_for: Duration::from_secs(60), state: "elasticsearch_held_up" };
const KAFKA: Server = Server { name: "kafka", gone_for: Duration::from_secs(20), state: "kafka_unreachable" };
/// Between the end of one server's outage and the beginning of the next.
const CALM: Duration = Duration::from_secs(20);
/// SIGKILLs that it takes to be worth the name.
const KILLS_MIN: u64 = 20;
/// Lines that a processor may log in the whole time: hundreds, not a line for each request that failed.
const LINES_MAX: usize = 1_000;

/// A server that `scripts/chaos` has started for the siege, in a folder and at a port of its own.
#[derive(Clone, Copy)]
struct Server {
    name: &'static str,
    gone_for: Duration,
    /// The state of a processor without it.
    state: &'static str,
}

impl Server {
    /// `scripts/services`, in the folder of the siege's own servers.
    fn services(self, arguments: &[&str]) -> Command {
        let folder =
            std::env::var("SIEGE_DIR").expect("run scripts/chaos: it starts servers that may be killed");
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services"));
        command.args(arguments).arg(self.name).env("SHOPLENS_SERVICES_DIR", folder);
        command
    }

    /// Sends a signal to all of its processes.
    fn signal(self, signal: &str) {
        let status = self.services(&["status"]).output().unwrap().stdout;
        let status = String::from_utf8(status).unwrap();
        let processes = status.lines().find_map(|line| line.trim().strip_prefix("pid "));
        let processes = processes.expect("it was started by scripts/chaos").split_whitespace();
        let kill = Command::new("kill").arg(format!("-{signal}")).args(processes).status();
        assert!(kill.unwrap().success(), "SIG{signal} could not be sent to {}", self.name);
    }

    /// SIGKILL, and a restart after a while. Gives how long after that a processor that was there all the time worked
    /// again.
    async fn outage(self, watched: &Watched) -> Duration {
        self.signal("KILL");
        tokio::join!(tokio::time::sleep(self.gone_for), watched.is_ready(503, self.state));
        let started = self.services(&["up", "--without-docker"]).status().unwrap();
        assert!(started.success(), "{} did not start again", self.name);
        let back = Instant::now();
        watched.is_ready(200, "working: ").await;
        back.elapsed()
    }
}

/// What a processor that is there all the time goes through.
#[derive(Default)]
struct Endured {
    /// The time that each outage took to get over.
    recovered: Vec<(Server, Duration)>,
    /// How long it took to end while Kafka stood still.
    took_to_end: Duration,
}

/// One server's outage after the other's, and the processor's end while Kafka answers nothing. For a thread of its own.
async fn endure(watched: Watched) -> Endured {
    let mut recovered = Vec::new();
    for server in [ELASTICSEARCH, KAFKA] {
        tokio::time::sleep(CALM).await;
        recovered.push((server, server.outage(&watched).await));
    }
    tokio::time::sleep(CALM).await;
    KAFKA.signal("STOP");
    let (status, took_to_end) = watched.processor.terminate();
    KAFKA.signal("CONT");
    assert!(status.success(), "a processor that was asked to end without Kafka ended with {status}");
    Endured { recovered, took_to_end }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_siege_of_processors_network_and_servers_changes_no_result() {
    let lull = (Duration::from_secs(1), Duration::from_secs(3));
    let weather = Weather { seed: 7, events: 105_000, rate: 250, lull };
    with_shop(async |shop| siege(shop, &weather).await).await;
}

async fn siege(shop: &Shop, weather: &Weather) {
    let proxy = Proxy::before(&shop.servers, Plan::by_lot(weather.seed, FAULTY, ANSWER_WAIT)).await;
    let stage = Stage::new(shop, proxy.address());
    stage.run(SEEDER, &["--count", "300"]);
    let mut rng = ChaCha8Rng::seed_from_u64(weather.seed);
    let mut crew = Crew::muster(&stage, 1);
    let mut endured = Endured::default();
    let begun = Instant::now();
    let sent = under_traffic(&stage, weather, async |generator| {
        rescale(&mut crew, &mut rng, CALM / 2).await;
        // The third one is there all the time.
        let watched = Watched::start(&stage, &[]);
        let enduring = spawn_blocking(|| Handle::current().block_on(endure(watched)));
        blow(&mut crew, weather, &mut rng, generator).await;
        endured = enduring.await.unwrap();
    })
    .await;
    crew.dismiss(&mut rng);
    tokio::task::block_in_place(|| stage.drain());
    let mut table = Table::default();
    table.did("seed", weather.seed);
    table.did("seconds", begun.elapsed().as_secs());
    crew.tell(&mut table);
    table.check("  at least 20 SIGKILLs", true, crew.killed >= KILLS_MIN, bool::to_string);
    for (server, after) in endured.recovered {
        table.did(&format!("{} killed, seconds until its restart", server.name), server.gone_for.as_secs());
        table.did("  seconds from its answer to a working processor", after.as_secs());
    }
    let in_time = endured.took_to_end <= Duration::from_secs(10);
    table.check("asked to end while kafka stood still: took 10 s at most", true, in_time, bool::to_string);
    table.did("processors that ended by themselves and were replaced", crew.ended_by_themselves);
    table.check(
        "  each had fewer than 1,000 lines to say",
        true,
        crew.longest_log() < LINES_MAX,
        bool::to_string,
    );
    proxy.done().iter().for_each(|(fault, count)| table.did(&format!("bulks {fault}"), count));
    check(shop, &sent, &mut table).await;
    table.conclude();
    stage.remove_files();
}
