//! Opens a catalogue's file, finds out what it is, and reads products from it.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;
use serde_json::Value;
use thiserror::Error;

use crate::catalog::own::array::Array;
use crate::catalog::own::lines::{Line, Lines};
use crate::catalog::own::mapping::{BadMapping, Field, Mapping};
use crate::catalog::own::price;
use crate::catalog::own::product::Maker;
use crate::catalog::own::record::Record;
use crate::catalog::own::rejects::Refusal;
use crate::catalog::own::table::Table;
use crate::model::money::Currency;
use crate::model::product::Product;

/// Records that are looked at to find out what the columns are and how prices are written.
const SAMPLE_RECORDS: usize = 200;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF_16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// Why a catalogue cannot be read.
#[derive(Debug, Error)]
pub enum OwnError {
    /// The file cannot be opened or read.
    #[error("cannot read the catalogue {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is in an encoding that is not read.
    #[error("the catalogue {} is in UTF-16; save it as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is in it.
    #[error("the catalogue {} holds no product", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Its columns do not go with the mapping.
    #[error("cannot tell what the columns of {} mean", path.display())]
    Mapping {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BadMapping,
    },
}

type Input = Box<dyn BufRead + Send>;

enum Records {
    Table(Box<Table<Input>>),
    Lines(Lines<Input>),
    Array(Array<Input>),
}

/// One product of the file, with its place in it, or why it is none.
#[derive(Debug)]
pub struct Row {
    /// The line it begins on, or its place in a JSON array; from 1.
    pub number: u64,
    /// The product.
    pub product: Result<Box<Product>, Refusal>,
}

/// A shop's own catalogue that is being read.
pub struct OwnCatalogue {
    path: PathBuf,
    records: Records,
    sample: VecDeque<Record>,
    maker: Maker,
}

impl OwnCatalogue {
    /// Opens a file, `-` for standard input, and tells in the log what it was taken for.
    ///
    /// # Errors
    /// [`OwnError`]
    pub fn open(path: &Path, mapping: Mapping, currency: Currency) -> Result<Self, OwnError> {
        let unreadable = |source| OwnError::Unreadable { path: path.to_owned(), source };
        let input: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(unreadable)?)
        };
        Self::read(path, input, mapping, currency)
    }

    fn read(
        path: &Path,
        input: Box<dyn Read + Send>,
        mapping: Mapping,
        currency: Currency,
    ) -> Result<Self, OwnError> {
        let unreadable = |source| OwnError::Unreadable { path: path.to_owned(), source };
        let (start, input) = decoded(input).map_err(unreadable)?;
        if UTF_16_MARKS.iter().any(|mark| start.starts_with(mark)) {
            return Err(OwnError::Utf16 { path: path.to_owned() });
        }
        let mut records = records(&start, input, &mapping).map_err(unreadable)?;
        let mut sample = VecDeque::new();
        while sample.len() < SAMPLE_RECORDS
            && let Some(record) = next(&mut records).map_err(unreadable)?
        {
            sample.push_back(record);
        }
        if sample.is_empty() {
            return Err(OwnError::Empty { path: path.to_owned() });
        }
        let columns = columns(&records, &sample);
        let mapping = mapping
            .complete(&columns)
            .map_err(|source| OwnError::Mapping { path: path.to_owned(), source })?;
        let mapping = with_decimal_mark(mapping, &sample);
        tell(&records, &mapping, &columns);
        let maker = Maker { mapping, currency };
        Ok(Self { path: path.to_owned(), records, sample, maker })
    }

    /// The next product; `None` at the end. Blocks on the file.
    ///
    /// # Errors
    /// [`OwnError::Unreadable`]
    pub fn next_row(&mut self) -> Result<Option<Row>, OwnError> {
        let record = match self.sample.pop_front() {
            Some(record) => Some(record),
            None => next(&mut self.records)
                .map_err(|source| OwnError::Unreadable { path: self.path.clone(), source })?,
        };
        Ok(record.map(|Record { number, fields, excerpt }| {
            let product = fields.and_then(|fields| self.maker.product(&fields));
            Row {
                number,
                product: product.map(Box::new).map_err(|reason| Refusal { number, reason, excerpt }),
            }
        }))
    }
}

/// The first bytes without a byte order mark, and the text from its beginning, unpacked.
fn decoded(input: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Input)> {
    let (start, input) = peek(input)?;
    if !start.starts_with(&GZIP_MAGIC) {
        return without_mark(start, input);
    }
    let (start, input) = peek(Box::new(MultiGzDecoder::new(input)))?;
    without_mark(start, input)
}

fn without_mark(start: Vec<u8>, mut input: Input) -> io::Result<(Vec<u8>, Input)> {
    let Some(rest) = start.strip_prefix(&BYTE_ORDER_MARK) else { return Ok((start, input)) };
    input.read_exact(&mut [0; BYTE_ORDER_MARK.len()])?;
    Ok((rest.to_vec(), input))
}

/// The first bytes, and the stream from its beginning.
fn peek(mut input: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Input)> {
    let mut start = Vec::new();
    input.by_ref().take(1 << 10).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(input);
    Ok((start, Box::new(BufReader::with_capacity(64 << 10, whole))))
}

fn records(start: &[u8], input: Input, mapping: &Mapping) -> io::Result<Records> {
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Ok(Records::Array(Array::of(input))),
        Some(b'{') => Ok(Records::Lines(Lines::of(input))),
        _ => {
            let delimiter = mapping.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok());
            Ok(Records::Table(Box::new(Table::open(input, delimiter)?)))
        }
    }
}

fn next(records: &mut Records) -> io::Result<Option<Record>> {
    match records {
        Records::Table(table) => table.next_record(),
        Records::Array(array) => array.next_record(),
        Records::Lines(lines) => loop {
            match lines.next_line()? {
                Some(line) if line.bytes.iter().all(u8::is_ascii_whitespace) => {}
                line => return line.map(of_line).transpose(),
            }
        },
    }
}

fn of_line(line: Line) -> io::Result<Record> {
    if line.is_cut {
        let reason = "the line is longer than 1 MiB".to_owned();
        return Ok(Record::refused(line.number, reason, &line.bytes));
    }
    let ends_early = || serde_json::from_slice::<IgnoredAny>(&line.bytes).is_err_and(|error| error.is_eof());
    if !line.has_end && ends_early() {
        let why = format!(
            "it ends within line {}: fetch it whole if it was cut off, else mend that line",
            line.number
        );
        return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
    }
    Ok(Record::of_json(line.number, &line.bytes))
}

fn columns(records: &Records, sample: &VecDeque<Record>) -> BTreeSet<String> {
    match records {
        Records::Table(table) => table.columns().iter().cloned().collect(),
        Records::Lines(_) | Records::Array(_) => {
            let fields = sample.iter().filter_map(|record| record.fields.as_ref().ok());
            fields.flat_map(|fields| fields.keys().cloned()).collect()
        }
    }
}

/// The mapping with the decimal mark of the first prices, if all that can be read in one way only agree.
fn with_decimal_mark(mut mapping: Mapping, sample: &VecDeque<Record>) -> Mapping {
    if let (None, Some(column)) = (mapping.decimal_mark, mapping.column(Field::Price)) {
        let fields = sample.iter().filter_map(|record| record.fields.as_ref().ok());
        let prices = fields.filter_map(|fields| fields.get(column).and_then(Value::as_str));
        let marks: Vec<_> = prices.filter_map(price::unmistakable_mark).collect();
        let first = marks.first().copied();
        mapping.decimal_mark = first.filter(|mark| marks.iter().all(|other| other == mark));
    }
    mapping
}

fn tell(records: &Records, mapping: &Mapping, columns: &BTreeSet<String>) {
    let format = match records {
        Records::Table(_) => "table",
        Records::Lines(_) => "NDJSON",
        Records::Array(_) => "JSON array",
    };
    let named = mapping.fields.iter().map(|(field, column)| format!("{field} = {column:?}"));
    let fields = named.collect::<Vec<_>>().join(", ");
    let is_used = |column: &&String| {
        let mut used = mapping.fields.values().chain(mapping.attributes.values());
        used.any(|used| used.split('.').next() == column.split('.').next() || used == *column)
    };
    let unused: Vec<&str> = columns.iter().filter(|column| !is_used(column)).map(String::as_str).collect();
    let decimal_mark = mapping.decimal_mark;
    tracing::info!(format, fields, unused = unused.join(", "), ?decimal_mark, "reading the catalogue");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    type Numbered = (u64, Result<String, String>);

    fn read(bytes: &[u8]) -> Result<Vec<Numbered>, OwnError> {
        let input = Box::new(Cursor::new(bytes.to_vec()));
        let mut catalogue = OwnCatalogue::read(Path::new("shop"), input, Mapping::default(), Currency::EUR)?;
        let mut rows = Vec::new();
        while let Some(Row { number, product }) = catalogue.next_row()? {
            let told =
                product.map(|product| format!("{} {:?}", product.name, product.price_cents.map(|c| c.0)));
            rows.push((number, told.map_err(|refusal| refusal.reason)));
        }
        Ok(rows)
    }

    fn good(rows: &[Numbered]) -> Vec<&str> {
        rows.iter().filter_map(|(_, row)| row.as_deref().ok()).collect()
    }

    const CSV: &str = "sku;title;price\n1;Hammer;12,50\n2;Saw;1.299,00\n3;Drill;1.299\n";

    #[test]
    fn the_same_catalogue_is_read_from_every_format() {
        let expected = ["Hammer Some(1250)", "Saw Some(129900)", "Drill Some(129900)"];
        assert_eq!(good(&read(CSV.as_bytes()).unwrap()), expected);
        let tsv = CSV.replace(';', "\t");
        assert_eq!(good(&read(&[&BYTE_ORDER_MARK, tsv.as_bytes()].concat()).unwrap()), expected);
        let lines = "{\"id\":1,\"name\":\"Hammer\",\"price\":12.5}\n\n{\"id\":2,\"name\":\"Saw\",\"price\":1299}\n{\"id\":3,\"name\":\"Drill\",\"price\":\"1299.00\"}\n";
        assert_eq!(good(&read(lines.as_bytes()).unwrap()), expected);
        let array = format!("\n [{}]", lines.trim().replace("\n\n", ",").replace("}\n", "},"));
        assert_eq!(good(&read(array.as_bytes()).unwrap()), expected);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(CSV.as_bytes()).unwrap();
        assert_eq!(good(&read(&packed.finish().unwrap()).unwrap()), expected);
    }

    #[test]
    fn what_is_refused_has_its_line_and_its_reason() {
        let rows = read("id,name,price\n1,a,1.50\n2,,3\n3,b,x\n4,c\n".as_bytes()).unwrap();
        let refused: Vec<_> = rows
            .iter()
            .filter_map(|(line, row)| row.as_ref().err().map(|why| (*line, why.as_str())))
            .collect();
        let expected = [
            (3, "the name is empty"),
            (4, "the price \"x\" is not one amount such as 12.50; leave it empty where there is none"),
            (5, "the line has 2 columns instead of 3"),
        ];
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_file_that_was_cut_off_within_a_product_is_no_catalogue() {
        for text in
            ["[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":", "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"na"]
        {
            let error = read(text.as_bytes()).unwrap_err();
            let OwnError::Unreadable { source, .. } = error else { panic!("{error}") };
            assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
            assert!(source.to_string().contains("fetch it whole if it was cut off"), "{source}");
        }
        let broken_but_whole = "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"na\n";
        assert_eq!(read(broken_but_whole.as_bytes()).unwrap().len(), 2);
    }

    /// A file that is made up while it is read, which counts what was read of it.
    struct Made<I> {
        parts: I,
        part: Cursor<Vec<u8>>,
        read: Arc<AtomicUsize>,
    }

    impl<I: Iterator<Item = String>> Read for Made<I> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let mut count = self.part.read(into)?;
            while count == 0
                && let Some(next) = self.parts.next()
            {
                self.part = Cursor::new(next.into_bytes());
                count = self.part.read(into)?;
            }
            self.read.fetch_add(count, Ordering::Relaxed);
            Ok(count)
        }
    }

    const PRODUCTS: usize = 1_000;

    /// The part of a file in which product `n` stands.
    fn part(format: &str, n: usize, words: &str) -> String {
        let object = format!("{{\"id\":{n},\"name\":\"x\",\"description\":\"{words}\"}}");
        match (format, n) {
            ("table", 0) => format!("id,name,description\n0,x,{words}\n"),
            ("table", _) => format!("{n},x,{words}\n"),
            ("lines", _) => object + "\n",
            (_, 0) => format!("[{object}"),
            (_, n) if n + 1 == PRODUCTS => format!(",{object}]"),
            _ => format!(",{object}"),
        }
    }

    #[test]
    fn however_large_a_file_is_little_more_of_it_is_read_than_was_asked_for() {
        const BUFFERS_BYTES: usize = 1 << 18;
        let words = "a few words ".repeat(1_000);
        for format in ["table", "lines", "array"] {
            let (read, words) = (Arc::new(AtomicUsize::new(0)), words.clone());
            let product_bytes = part(format, PRODUCTS - 1, &words).len();
            let parts = (0..PRODUCTS).map(move |n| part(format, n, &words));
            let input = Box::new(Made { parts, part: Cursor::default(), read: Arc::clone(&read) });
            let mut catalogue =
                OwnCatalogue::read(Path::new("shop"), input, Mapping::default(), Currency::EUR).unwrap();
            for taken in 1..=PRODUCTS {
                assert!(catalogue.next_row().unwrap().unwrap().product.is_ok(), "{format} {taken}");
                let ahead = read.load(Ordering::Relaxed).saturating_sub(taken * product_bytes);
                let sample = SAMPLE_RECORDS.saturating_sub(taken);
                assert!(
                    ahead <= sample * product_bytes + BUFFERS_BYTES,
                    "{format} {taken}: {ahead} bytes ahead"
                );
            }
            assert!(catalogue.next_row().unwrap().is_none(), "{format}");
        }
    }

    #[test]
    fn a_file_that_holds_no_catalogue_is_told() {
        assert!(matches!(read(b""), Err(OwnError::Empty { .. })));
        assert!(matches!(read(b"\xff\xfei\0d\0"), Err(OwnError::Utf16 { .. })));
        assert!(matches!(read(b"a,b\n1,2\n"), Err(OwnError::Mapping { .. })));
        assert!(matches!(read(&[0x1f, 0x8b, 8, 0, 1]), Err(OwnError::Unreadable { .. })));
    }
}
