//! The real programs: started, watched through their logs, stopped, paused and killed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::shop::{PATIENCE, Shop, eventually};

/// Longest wait of a processor for an answer of Elasticsearch: short, so that a lost answer is soon missed.
pub const ANSWER_WAIT: Duration = Duration::from_secs(3);

pub const AUDIT: &str = env!("CARGO_BIN_EXE_audit");
pub const GENERATOR: &str = env!("CARGO_BIN_EXE_generator");
pub const PROCESSOR: &str = env!("CARGO_BIN_EXE_processor");
pub const SEEDER: &str = env!("CARGO_BIN_EXE_seeder");

/// Where a test's programs run: a shop, and what stands in Elasticsearch's place for them.
pub struct Stage<'a> {
    pub shop: &'a Shop,
    pub elasticsearch: String,
    folder: PathBuf,
}

/// A program that runs. Killed when it is dropped.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl<'a> Stage<'a> {
    /// Programs speak to Elasticsearch at this address.
    pub fn new(shop: &'a Shop, elasticsearch: String) -> Self {
        let folder = std::env::temp_dir().join(format!("shoplens-chaos-{}", shop.prefix));
        fs::create_dir_all(&folder).unwrap();
        Self { shop, elasticsearch, folder }
    }

    /// A file of this test.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn command(&self, path: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(path);
        command
            .args(arguments)
            .env("SHOPLENS_PREFIX", &self.shop.prefix)
            .env("ELASTICSEARCH_HOST", &self.elasticsearch)
            .env("ELASTICSEARCH_TIMEOUT_S", ANSWER_WAIT.as_secs().to_string())
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.shop.servers.kafka.kafka_bootstrap_servers)
            // Many processors on one machine; those that are watched get a port of their own.
            .env("METRICS_PORT", "0")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null());
        command
    }

    /// Starts a program with a log of this name.
    pub fn start(&self, path: &str, arguments: &[&str], log: &str) -> Program {
        let log = self.file(log);
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = self.command(path, arguments).stderr(file).spawn().unwrap();
        Program { child, log }
    }

    /// Runs a program to its good end, and gives its log.
    pub fn run(&self, path: &str, arguments: &[&str]) -> String {
        let output = self.command(path, arguments).stderr(Stdio::piped()).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{path} {arguments:?} failed: {log}");
        log
    }

    /// A catalogue and so many events of it, dated as if they had come at a thousand a second; the generator's report.
    pub fn backlog(&self, events: u64) -> PathBuf {
        self.run(SEEDER, &["--count", "200"]);
        let report = self.file("report.json");
        let (events, path) = (events.to_string(), report.to_str().unwrap());
        let arguments =
            ["--events", &events, "--events-per-second", "0", "--seed", "5", "--report-json", path];
        self.run(GENERATOR, &arguments);
        report
    }

    /// Processes what the topics hold and ends.
    pub fn drain(&self) -> String {
        self.run(PROCESSOR, &["--until-drained", "--flush-interval-ms", "100"])
    }

    /// Removes the logs, which are only of use when something failed.
    pub fn remove_files(&self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

impl Program {
    /// Sends a signal: `KILL`, `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(kill.unwrap().success(), "SIG{name} could not be sent");
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until its log holds this.
    pub async fn says(&self, words: &str) {
        let what = format!("{} says {words:?}", self.log.display());
        eventually(&what, async || self.log().contains(words).then_some(())).await;
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end; how, and how long that took.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal("TERM");
        (self.wait(PATIENCE), asked.elapsed())
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "it still runs after {patience:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a log with these words.
pub fn lines_with(log: &str, words: &str) -> usize {
    log.lines().filter(|line| line.contains(words)).count()
}
