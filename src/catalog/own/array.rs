//! The objects of a JSON array, one at a time, so that a file may be larger than memory.

use std::io::{self, BufRead};

use crate::catalog::own::lines::RECORD_BYTES_MAX;
use crate::catalog::own::record::Record;

/// The elements of a JSON array.
pub struct Array<R> {
    input: R,
    number: u64,
    is_over: bool,
}

impl<R: BufRead> Array<R> {
    /// Reads from the array's `[` on.
    pub fn of(input: R) -> Self {
        Self { input, number: 0, is_over: false }
    }

    /// The next element; `None` after the last.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        let mut element = Element::default();
        while !self.is_over {
            let Some(byte) = self.next_byte()? else {
                self.is_over = true;
                let reason = "the file ends before the array does: was it cut off?".to_owned();
                return Ok(Some(Record::refused(self.number.max(1), reason, &element.bytes)));
            };
            let is_first_bracket = self.number == 0 && element.is_empty() && byte == b'[';
            if is_first_bracket {
                self.number = 1;
                continue;
            }
            match element.take(byte) {
                Taken::More => {}
                Taken::End => return Ok(Some(self.finished(&element))),
                Taken::ArrayEnd => {
                    self.is_over = true;
                    if !element.is_empty() {
                        return Ok(Some(self.finished(&element)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The record of an element; the counter stands one ahead.
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

    #[test]
    fn an_array_that_was_cut_off_is_told() {
        let records = read(r#"[{"id": 1}, {"id": "#);
        assert!(records[0].1.is_ok());
        let reason = records[1].1.as_ref().unwrap_err();
        assert!(reason.contains("cut off"), "{reason}");
        assert_eq!(read("[]").len(), 0);
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
