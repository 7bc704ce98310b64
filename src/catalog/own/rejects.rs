//! What was not taken of a catalogue, one JSON object a line, so that it can be mended and sent again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A product that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The line it begins on, or its place in a JSON array; from 1.
    pub number: u64,
    /// Why.
    pub reason: String,
    /// The beginning of its text, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

/// The file of refusals.
#[derive(Debug)]
pub struct Rejects {
    path: PathBuf,
    file: BufWriter<File>,
    count: u64,
    first: Vec<String>,
}

/// Most refusals that are kept for the end's report.
const FIRST_MAX: usize = 3;

impl Rejects {
    /// Begins the file anew: what stands in it is of this load alone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(Self { path: path.to_owned(), file, count: 0, first: Vec::new() })
    }

    /// Writes one.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn add(&mut self, refusal: &Refusal) -> io::Result<()> {
        self.count += 1;
        if self.first.len() < FIRST_MAX {
            self.first.push(format!("{}: {}", refusal.number, refusal.reason));
        }
        serde_json::to_writer(&mut self.file, refusal)?;
        self.file.write_all(b"\n")
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first ones in words.
    pub fn first(&self) -> &[String] {
        &self.first
    }

    /// Where they stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the file, and takes it away where nothing was refused.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.count == 0 { fs::remove_file(&self.path) } else { Ok(()) }
    }
}
