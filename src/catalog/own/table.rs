//! The rows of a CSV or TSV file. A quote that is never closed costs its own line and none after it.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use crate::catalog::own::lines::{Line, Lines, RECORD_BYTES_MAX};
use crate::catalog::own::record::Record;

/// Most lines that one quoted value may go over, and most bytes: what is longer is a quote left open.
const ROW_LINES_MAX: usize = 1_000;
const ROW_BYTES_MAX: usize = 256 << 10;

/// What may part the columns.
const DELIMITERS: [u8; 4] = [b'\t', b';', b',', b'|'];

/// The rows of a table whose first line names its columns.
pub struct Table<R> {
    lines: Lines<R>,
    /// Lines that were read ahead and belong to no row yet.
    waiting: VecDeque<Line>,
    parser: Reader,
    delimiter: u8,
    columns: Vec<String>,
}

impl<R: BufRead> Table<R> {
    /// Reads the line that names the columns. Without a delimiter, the most frequent of tab, `;`, `,` and `|`
    /// in it is the one.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn open(input: R, delimiter: Option<u8>) -> io::Result<Self> {
        let mut lines = Lines::of(input);
        let first = lines.next_line()?.map(|line| line.bytes).unwrap_or_default();
        let delimiter = delimiter.unwrap_or_else(|| most_frequent(&first));
        let parser = ReaderBuilder::new().delimiter(delimiter).build();
        let mut table = Self { lines, waiting: VecDeque::new(), parser, delimiter, columns: Vec::new() };
        let mut row = Row::default();
        row.take(&mut table.parser, &first);
        let column = |name: &[u8]| String::from_utf8_lossy(name).trim().to_owned();
        table.columns = row.values().map(column).collect();
        Ok(table)
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        let Some(first) = self.next_filled_line()? else { return Ok(None) };
        if first.is_cut {
            let reason = format!("the line is longer than {RECORD_BYTES_MAX} bytes");
            return Ok(Some(Record::refused(first.number, reason, &first.bytes)));
        }
        self.parser.reset();
        let mut row = Row::default();
        let mut more: Vec<Line> = Vec::new();
        let mut is_whole = row.take(&mut self.parser, &first.bytes);
        while !is_whole && more.len() < ROW_LINES_MAX && row.bytes() < ROW_BYTES_MAX {
            let Some(next) = self.next_line()? else { break };
            is_whole = row.take(&mut self.parser, &next.bytes);
            more.push(next);
        }
        let is_sound = is_whole && (more.is_empty() || self.closes_its_quotes(&first, &more));
        let fields =
            if is_sound { self.fields(&row) } else { Err("a quote is opened and not closed".to_owned()) };
        if fields.is_err() {
            // What the open quote has swallowed may be good rows.
            more.into_iter().rev().for_each(|line| self.waiting.push_front(line));
        }
        Ok(Some(Record::new(first.number, fields, &first.bytes)))
    }

    /// Whether every quoted value of a row over several lines ends where a value may end. What seems to end
    /// before a letter is the beginning of a later row's value, which an open quote has run into.
    fn closes_its_quotes(&self, first: &Line, more: &[Line]) -> bool {
        let lines: Vec<&[u8]> =
            std::iter::once(first).chain(more).map(|line| line.bytes.as_slice()).collect();
        let text = lines.join(&b'\n');
        let (mut is_quoted, mut before) = (false, self.delimiter);
        let mut bytes = text.iter().peekable();
        while let Some(byte) = bytes.next() {
            match (is_quoted, *byte) {
                (true, b'"') if bytes.next_if_eq(&&b'"').is_none() => {
                    is_quoted = false;
                    if bytes.peek().is_some_and(|next| **next != self.delimiter) {
                        return false;
                    }
                }
                (false, b'"') if before == self.delimiter => is_quoted = true,
                _ => {}
            }
            before = *byte;
        }
        !is_quoted
    }

    fn fields(&self, row: &Row) -> Result<Map<String, Value>, String> {
        let count = row.values().count();
        if count != self.columns.len() {
            return Err(format!("the line has {count} columns instead of {}", self.columns.len()));
        }
        let mut fields = Map::new();
        for (column, value) in self.columns.iter().zip(row.values()) {
            let text = str::from_utf8(value).map_err(|_| format!("the column {column:?} is not UTF-8"))?;
            fields.insert(column.clone(), text.into());
        }
        Ok(fields)
    }

    fn next_filled_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            match self.next_line()? {
                Some(line) if line.bytes.iter().all(u8::is_ascii_whitespace) => {}
                line => return Ok(line),
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        match self.waiting.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next_line(),
        }
    }
}

fn most_frequent(header: &[u8]) -> u8 {
    let count = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

/// A row as far as it was read.
#[derive(Default)]
struct Row {
    text: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
    values: usize,
}

impl Row {
    /// Takes a line. Gives whether the row ends with it; else a quote is open.
    fn take(&mut self, parser: &mut Reader, line: &[u8]) -> bool {
        for mut input in [line, b"\n"] {
            while !input.is_empty() {
                self.text.resize(self.used + input.len() + 1, 0);
                self.ends.resize(self.values + input.len() + 1, 0);
                let (text, ends) = (self.text.get_mut(self.used..), self.ends.get_mut(self.values..));
                let (Some(text), Some(ends)) = (text, ends) else { return false };
                let (result, read, written, ended) = parser.read_record(input, text, ends);
                self.used += written;
                self.values += ended;
                input = input.get(read..).unwrap_or_default();
                if matches!(result, ReadRecordResult::Record | ReadRecordResult::End) {
                    return true;
                }
            }
        }
        false
    }

    fn bytes(&self) -> usize {
        self.used
    }

    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.iter().take(self.values);
        let starts = std::iter::once(&0).chain(ends.clone());
        starts.zip(ends).map(|(start, end)| self.text.get(*start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Result<String, String>)> {
        let mut table = Table::open(text.as_bytes(), None).unwrap();
        let mut rows = Vec::new();
        while let Some(record) = table.next_record().unwrap() {
            let values = |fields: Map<String, Value>| {
                fields.values().filter_map(Value::as_str).collect::<Vec<_>>().join("/")
            };
            rows.push((record.number, record.fields.map(values)));
        }
        rows
    }

    #[test]
    fn values_may_hold_delimiters_quotes_and_line_ends() {
        let rows = read("id,name\n1,\"a, \"\"b\"\"\nc\"\r\n\n2,12\" screen\n");
        assert_eq!(rows, [(2, Ok("1/a, \"b\"\nc".to_owned())), (5, Ok("2/12\" screen".to_owned()))]);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_line_alone() {
        let rows = read("id;name\n1;\"broken\n2;good\n3;\"good\"\n4;\"broken\n5;good");
        let good: Vec<u64> = rows.iter().filter(|(_, row)| row.is_ok()).map(|(line, _)| *line).collect();
        assert_eq!(good, [3, 4, 6]);
        assert_eq!(rows.len(), 5);
    }

    #[test]
    fn a_line_with_other_columns_is_refused_by_number() {
        let rows = read("id\tname\n1\tone\n2\n3\ta\tb\n");
        assert_eq!(rows[1], (3, Err("the line has 1 columns instead of 2".to_owned())));
        assert_eq!(rows[2], (4, Err("the line has 3 columns instead of 2".to_owned())));
    }
}
