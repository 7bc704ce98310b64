//! A line of JSON for each event.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::generator::sink::{Offered, Record, Standing};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 * 1_024;

/// A file, or standard output.
pub struct LinesSink {
    path: PathBuf,
    writer: BufWriter<Box<dyn Write + Send>>,
    written: u64,
    closed: bool,
}

impl LinesSink {
    /// Makes the file, or empties it; `-` is standard output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let inner: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(stdout())
        } else {
            Box::new(File::create(path).with_context(|| format!("making {}", path.display()))?)
        };
        let writer = BufWriter::with_capacity(BUFFER_BYTES, inner);
        Ok(Self { path: path.to_owned(), writer, written: 0, closed: false })
    }

    /// Writes a line. A reader that has gone, as `head` does, ends the run without an error.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn offer(&mut self, record: &Record) -> anyhow::Result<Offered> {
        let written = self.writer.write_all(&record.payload).and_then(|()| self.writer.write_all(b"\n"));
        if self.may_go_on(written)? {
            self.written += 1;
            return Ok(Offered::Taken);
        }
        Ok(Offered::Closed)
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        let flushed = self.writer.flush();
        self.may_go_on(flushed).map(drop)
    }

    fn may_go_on(&mut self, result: io::Result<()>) -> anyhow::Result<bool> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(false)
            }
            other => other.map(|()| true).with_context(|| format!("writing to {}", self.path.display())),
        }
    }

    /// How it is doing.
    pub fn standing(&self) -> Standing {
        Standing { acknowledged: self.written, closed: self.closed, ..Standing::default() }
    }
}
