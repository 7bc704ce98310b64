//! The objects of a JSON array, one at a time, so that a file may be larger than memory.

use std::io::{self, BufRead, ErrorKind};

use crate::catalog::own::lines::RECORD_BYTES_MAX;
use crate::catalog::own::record::Record;

/// The elements of a JSON array, or of several that follow each other, as `cat a.json b.json` gives them.
pub struct Array<R> {
    input: R,
    /// The number of the next element.
    number: u64,
    /// Whether a `[` has been read and its `]` has not.
    is_open: bool,
}

impl<R: BufRead> Array<R> {
    /// Reads from the array's `[` on.
    pub fn of(input: R) -> Self {
        Self { input, number: 1, is_open: false }
    }

    /// The next element; `None` after the last.
    ///
    /// # Errors
    /// Those of the stream; [`ErrorKind::UnexpectedEof`] where it ends before the array does, for who loads a part
    /// loses the rest; [`ErrorKind::InvalidData`] where something other than an array follows.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        let mut element = Element::default();
        while let Some(byte) = self.next_byte()? {
            if !self.is_open {
                self.open(byte)?;
                continue;
            }
            match element.take(byte) {
                Taken::More => {}
                Taken::End => return Ok(Some(self.finished(&element))),
                Taken::ArrayEnd => {
                    self.is_open = false;
                    if !element.is_empty() {
                        return Ok(Some(self.finished(&element)));
                    }
                }
            }
        }
        if self.is_open { Err(self.cut_off()) } else { Ok(None) }
    }

    /// Takes a byte outside an array: the beginning of one, or space.
    fn open(&mut self, byte: u8) -> io::Result<()> {
        self.is_open = byte == b'[';
        if self.is_open || byte.is_ascii_whitespace() {
            return Ok(());
        }
        let (last, what) = (self.number - 1, char::from(byte));
        let why = format!(
            "after the JSON array, which ends with element {last}, comes {what:?}: write all products into one array, \
             or one a line without any"
        );
        Err(io::Error::new(ErrorKind::InvalidData, why))
    }

    fn cut_off(&self) -> io::Error {
        let why = format!(
            "it ends within element {} of a JSON array: fetch it whole if it was cut off, else close the bracket or the \
             quote that is open there",
            self.number
        );
        io::Error::new(ErrorKind::UnexpectedEof, why)
    }

    /// The record of an element.
    fn finished(&mut self, element: &Element) -> Record {
        let number = self.number;
        self.number += 1;
        if element.is_cut {
            let reason =
                format!("is longer than {RECORD_BYTES_MAX} bytes: is a bracket or a quote left open?");
            return Record::refused(number, reason, &element.bytes);
        }
        Record::of_json(number, &element.bytes)
    }

    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(byte.is_some()));
        Ok(byte)
    }
}

/// An element as far as it was read.
#[derive(Default)]
struct Element {
    bytes: Vec<u8>,
    is_cut: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

enum Taken {
    More,
    End,
    ArrayEnd,
}

impl Element {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, byte: u8) -> Taken {
        if self.in_string {
            self.in_string = byte != b'"' || self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            return self.keep(byte);
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b']' if self.depth == 0 => return Taken::ArrayEnd,
            b',' if self.depth == 0 && self.is_empty() => return Taken::More,
            b',' if self.depth == 0 => return Taken::End,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            byte if byte.is_ascii_whitespace() && self.is_empty() => return Taken::More,
            _ => {}
        }
        self.keep(byte)
    }

    fn keep(&mut self, byte: u8) -> Taken {
        self.is_cut |= self.bytes.len() >= RECORD_BYTES_MAX;
        if !self.is_cut {
            self.bytes.push(byte);
        }
        Taken::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    type Numbered = (u64, Result<Map<String, Value>, String>);

    fn read(text: &str) -> Vec<Numbered> {
        let mut array = Array::of(text.as_bytes());
        let mut records = Vec::new();
        while let Some(record) = array.next_record().unwrap() {
            records.push((record.number, record.fields));
        }
        records
    }

    #[test]
    fn a_broken_element_costs_no_other() {
        let records = read(r#" [ {"id": 1}, {"id": 2 "x"}, 7, {"id": "a\"]}"} ] "#);
        let good: Vec<u64> =
            records.iter().filter(|(_, read)| read.is_ok()).map(|(number, _)| *number).collect();
        assert_eq!((good, records.len()), (vec![1, 4], 4));
    }

    fn failure(text: &str) -> io::Error {
        let mut array = Array::of(text.as_bytes());
        std::iter::from_fn(|| array.next_record().transpose()).find_map(Result::err).unwrap()
    }

    #[test]
    fn an_array_that_was_cut_off_is_no_catalogue() {
        for text in [
            r#"[{"id": 1}, {"id": "#,
            r#"[{"id": 1}, "#,
            r#"[{"id": 1}, {"id": 2}"#,
            r#"[{"id": 1}, {"a": "]"#,
        ] {
            let error = failure(text);
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{text}");
            assert!(error.to_string().contains("within element"), "{error}");
        }
        assert_eq!(read("[]").len(), 0);
    }

    #[test]
    fn arrays_that_follow_each_other_are_read_to_the_end_and_anything_else_is_told() {
        let numbers: Vec<u64> =
            read("[{\"id\":1}][]\n [{\"id\":2},{\"id\":3}]\n").iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let error = failure(r#"[{"id":1}],[{"id":2}]"#);
        assert!(error.to_string().contains("ends with element 1, comes ','"), "{error}");
    }

    proptest! {
        #[test]
        fn every_object_comes_back_as_it_was(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let objects: Vec<Value> = texts.iter().map(|text| json!({ "name": text, "more": [[text]] })).collect();
            let file = serde_json::to_string_pretty(&objects).unwrap();
            let expected: Vec<_> = (1..).zip(objects.iter().map(|one| Ok(one.as_object().unwrap().clone()))).collect();
            prop_assert_eq!(read(&file), expected);
        }
    }
}
