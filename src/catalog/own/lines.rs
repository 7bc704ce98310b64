//! The lines of a stream, each of a bounded length.

use std::io::{self, BufRead};

/// Longest line or product that is taken, in bytes.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// One line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes; the first [`RECORD_BYTES_MAX`] of a longer one.
    pub bytes: Vec<u8>,
    /// Whether it was longer.
    pub is_cut: bool,
    /// Whether a line end follows; the last line may do without.
    pub has_end: bool,
}

/// The lines of a stream.
pub struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads from here on.
    pub fn of(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { number: self.number + 1, bytes: Vec::new(), is_cut: false, has_end: false };
        let mut is_empty = true;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                break;
            }
            is_empty = false;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let room = RECORD_BYTES_MAX.saturating_sub(line.bytes.len());
            line.is_cut |= part.len() > room;
            line.bytes.extend(part.iter().take(room));
            let consumed = part.len() + usize::from(end.is_some());
            self.input.consume(consumed);
            line.has_end = end.is_some();
            if line.has_end {
                break;
            }
        }
        if is_empty {
            return Ok(None);
        }
        self.number += 1;
        if line.bytes.last() == Some(&b'\r') {
            line.bytes.pop();
        }
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String, bool)> {
        let mut lines = Lines::of(text);
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            read.push((line.number, String::from_utf8(line.bytes).unwrap(), line.is_cut));
        }
        read
    }

    #[test]
    fn lines_are_numbered_whatever_ends_them() {
        let expected = [(1, "a".to_owned(), false), (2, String::new(), false), (3, "b".to_owned(), false)];
        assert_eq!(lines(b"a\r\n\nb"), expected);
        assert_eq!(lines(b"a\n\nb\n"), expected);
    }

    #[test]
    fn a_line_without_end_takes_no_memory_without_end() {
        let mut text = vec![b'x'; RECORD_BYTES_MAX + 5];
        text.extend(b"\nnext");
        let read = lines(&text);
        assert_eq!((read[0].1.len(), read[0].2), (RECORD_BYTES_MAX, true));
        assert_eq!(read[1], (2, "next".to_owned(), false));
    }
}
