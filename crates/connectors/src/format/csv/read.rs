use std::{io, marker::PhantomData, path::Path};

use csv::{ByteRecord, ErrorKind, Reader};
use flott_runtime::{BoxError, Record};
use memchr::memchr;

use super::{Options, split_bytes::SplitBytes};
use crate::{
    FileSplit,
    format::{
        malformed::{Malformed, Parse},
        progress::Progress,
    },
};

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Reads [`CsvFormat`](super::CsvFormat).
pub struct CsvParser<T> {
    reader: Reader<SplitBytes>,
    options: Options,
    headers: Option<ByteRecord>,
    record: ByteRecord,
    /// How many fields records must have; unknown before the first one of a file without header.
    fields: Option<usize>,
    /// Offset in the file of what the reader takes for 0.
    base: u64,
    /// Offset in the file of the first byte that is not read for the second time.
    begin: u64,
    /// Line ends before that.
    reread: u64,
    /// Line ends in the file before `base`; only known if it is read from its start.
    lines_before: Option<u64>,
    end: u64,
    target: PhantomData<fn() -> T>,
}

impl<T: Record> CsvParser<T> {
    pub(super) fn open(options: &Options, split: FileSplit) -> Result<Self, BoxError> {
        let lines_only = !options.quoted_newlines;
        let progress = Progress::of(&split)?;
        let (mut split, mut header) = (split, None);
        if options.header && split.start() > 0 {
            // Each reader of a file reads its header, which may stand behind empty lines and comments.
            let (record, header_end) = read_header(options, split.path())?;
            header = record;
            if split.start() < header_end {
                split = progress.rest(&split, header_end);
            }
        }
        // A small file does not need a large buffer.
        let chunk = CHUNK.min(split.end().saturating_sub(split.start()) as usize + 1);
        let (begin, end, is_first) = (split.start(), split.end(), split.start() == 0);
        let bytes = SplitBytes::open(split, lines_only, options.max_record_bytes)?;
        let base = bytes.offset();
        let begin = begin.max(base);
        // The line end that is read once more was counted.
        let reread = u64::from(base < begin && bytes.look_again(base).first() == Some(&b'\n'));
        let mut parser = Self {
            reader: options.reader().buffer_capacity(chunk).from_reader(bytes),
            options: options.clone(),
            headers: header,
            record: ByteRecord::new(),
            fields: None,
            base,
            begin,
            reread,
            lines_before: progress.lines.map(|lines| lines.saturating_sub(reread)),
            end,
            target: PhantomData,
        };
        if options.header && is_first && parser.advance()? {
            parser.headers = Some(parser.record.clone());
        }
        let noted = progress.fields.map(|fields| fields as usize);
        parser.fields = parser.headers.as_ref().map(ByteRecord::len).or(noted);
        Ok(parser)
    }

    /// Goes to the next record that begins in the split.
    fn advance(&mut self) -> Result<bool, BoxError> {
        let offset = self.base + self.reader.position().byte();
        if offset >= self.end {
            return Ok(false);
        }
        self.reader.get_mut().begin_record(offset);
        self.reader.read_byte_record(&mut self.record).map_err(read_error)
    }

    fn decode(&mut self) -> Result<T, String> {
        let fields = *self.fields.get_or_insert(self.record.len());
        if self.record.len() != fields && !self.options.flexible {
            let other = if self.headers.is_some() { "the header" } else { "the first record" };
            return Err(format!("it has {} fields, but {other} has {fields}", self.record.len()));
        }
        self.record.deserialize(self.headers.as_ref()).map_err(|error| self.reason(&error))
    }

    fn reason(&self, error: &csv::Error) -> String {
        let ErrorKind::Deserialize { err, .. } = error.kind() else { return error.to_string() };
        let Some(field) = err.field() else { return err.kind().to_string() };
        let name = self.headers.as_ref().and_then(|headers| headers.get(field as usize));
        let name = name.map_or(String::new(), |name| format!(" (\"{}\")", String::from_utf8_lossy(name)));
        format!("field {}{name}: {}", field + 1, err.kind())
    }

    fn malformed(&self, reason: String) -> Malformed {
        let split = self.reader.get_ref().split();
        let (offset, line) = self.place();
        let fields: Vec<_> = self.record.iter().map(String::from_utf8_lossy).collect();
        Malformed {
            file: split.path().display().to_string(),
            offset,
            line: self.lines_before.map(|before| before + line),
            reason,
            record: fields.join(&char::from(self.options.delimiter).to_string()),
        }
    }

    /// Offset in the file and line in the split where the current record begins. The reader knows where the one before
    /// ended, maybe between `\r` and `\n`; between them there may also be empty lines and comments.
    fn place(&self) -> (u64, u64) {
        let position = self.record.position().expect("a record that was read has a position");
        let offset = (self.base + position.byte()).max(self.begin);
        let text = self.reader.get_ref().look_again(offset);
        let (mut skipped, mut lines) = (0, if position.byte() == 0 { self.reread } else { 0 });
        while let Some(&byte) = text.get(skipped) {
            let comment = Some(byte) == self.options.comment;
            match memchr(b'\n', &text[skipped..]) {
                Some(length) if comment || length == 0 || (length, byte) == (1, b'\r') => {
                    skipped += length + 1;
                    lines += 1;
                }
                _ => break,
            }
        }
        (offset + skipped as u64, position.line() + lines)
    }
}

/// The header of a file, if it has one, and where it ends.
fn read_header(options: &Options, path: &Path) -> Result<(Option<ByteRecord>, u64), BoxError> {
    let bytes = SplitBytes::open(FileSplit::new(path, 0, 1), false, options.max_record_bytes)?;
    let (mut reader, mut header) = (options.reader().from_reader(bytes), ByteRecord::new());
    let is_there = reader.read_byte_record(&mut header).map_err(read_error)?;
    Ok((is_there.then_some(header), reader.position().byte()))
}

/// Our own error, if it is one.
fn read_error(error: csv::Error) -> BoxError {
    match error.into_kind() {
        ErrorKind::Io(error) => match error.downcast::<crate::file_source::error::Error>() {
            Ok(error) => error.into(),
            Err(error) => error.into(),
        },
        kind => io::Error::other(format!("{kind:?}")).into(),
    }
}

impl<T: Record> Parse for CsvParser<T> {
    type Record = T;

    fn parse(&mut self) -> Result<Option<Result<T, Malformed>>, BoxError> {
        if !self.advance()? {
            return Ok(None);
        }
        Ok(Some(self.decode().map_err(|reason| self.malformed(reason))))
    }

    fn rest(&self) -> FileSplit {
        let position = self.reader.position();
        let lines = self.lines_before.map(|before| before + position.line() - 1);
        let fields = self.fields.map(|fields| fields as u64);
        Progress { lines, fields }.rest(self.reader.get_ref().split(), self.base + position.byte())
    }

    fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::{
        CsvFormat, OnMalformed,
        testing::{read_file, read_file_in_splits},
    };

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Country {
        name: String,
        year: i32,
        #[serde(default)]
        expectancy: Option<f64>,
    }

    fn country(name: &str, year: i32, expectancy: Option<f64>) -> Country {
        Country { name: name.to_owned(), year, expectancy }
    }

    fn format() -> CsvFormat<Country> {
        CsvFormat::new()
    }

    #[test]
    fn the_header_says_which_field_is_which() {
        let text = "\u{feff}year,note,name,expectancy\r\n2000,x,\"Korea, Republic of\",75.9\r\n\r\n1999,,\"a\n\"\"b\"\"\",\n";
        let expected = [country("Korea, Republic of", 2000, Some(75.9)), country("a\n\"b\"", 1999, None)];
        assert_eq!(read_file(format(), text.as_bytes()).unwrap(), expected);
        assert_eq!(read_file(format(), b"").unwrap(), []);
        assert_eq!(read_file(format(), b"name,year\n").unwrap(), []);
    }

    #[test]
    fn without_header_fields_have_positions() {
        let text = b"# a comment\nA ; 1 ;\nB;2; 3.5";
        let format =
            CsvFormat::<(String, u8, Option<f64>)>::new().no_header().delimiter(b';').comment(b'#').trim();
        assert_eq!(
            read_file(format, text).unwrap(),
            [("A".to_owned(), 1, None), ("B".to_owned(), 2, Some(3.5))]
        );
        let by_position = CsvFormat::<Country>::new().no_header();
        assert_eq!(read_file(by_position, b"X,1,2\n").unwrap(), [country("X", 1, Some(2.0))]);
    }

    #[test]
    fn quotes_are_what_the_program_says() {
        let lines = |format: CsvFormat<(String, String)>, text: &str| {
            read_file(format.no_header(), text.as_bytes()).unwrap()
        };
        let pair = |a: &str, b: &str| [(a.to_owned(), b.to_owned())];
        assert_eq!(lines(CsvFormat::new().quote(None), "\"a,b\"\n"), pair("\"a", "b\""));
        assert_eq!(lines(CsvFormat::new().quote(Some(b'\'')), "'a,1',b\n"), pair("a,1", "b"));
        assert_eq!(lines(CsvFormat::new().escape(b'\\'), "\"a\\\"\",b\n"), pair("a\"", "b"));
    }

    #[test]
    fn a_bad_record_is_named_with_its_field() {
        let reason = |record: &[u8]| {
            let text = [b"name,year,expectancy\nA,1,\n", record, b"\n"].concat();
            let error = read_file(format(), &text).unwrap_err();
            assert!(error.contains("line 3 (byte 26): "), "{error}");
            error.split_once("): ").unwrap().1.to_owned()
        };
        assert_eq!(reason(b"B,x,"), "field 2 (\"year\"): invalid digit found in string; it is: B,x,");
        assert!(reason(b"B,99999999999,").contains("field 2 (\"year\"): number too large"));
        assert_eq!(reason(b"B,1"), "it has 2 fields, but the header has 3; it is: B,1");
        assert_eq!(reason(b"B,1,2,"), "it has 4 fields, but the header has 3; it is: B,1,2,");
        assert!(reason(b"\xff,1,2").starts_with("field 1 (\"name\"): invalid utf-8"));
        let place = |text: &str| read_file(format().comment(b'#'), text.as_bytes()).unwrap_err();
        let crlf = place("name,year\r\nA,1\r\n\r\n#\r\n\nB,x\r\n");
        assert!(crlf.contains("line 6 (byte 22)"), "{crlf}");
        let missing = read_file(format(), b"name\nA\n").unwrap_err();
        assert!(missing.contains("missing field `year`"), "{missing}");
    }

    #[test]
    fn bad_records_are_left_out_or_emitted_as_the_program_wants() {
        let text = b"name,year\nA,1\nB\nC,3,\nD,4\n";
        let good = [country("A", 1, None), country("D", 4, None)];
        assert_eq!(read_file(format().on_malformed(OnMalformed::Skip), text).unwrap(), good);
        let results = read_file(format().results(), text).unwrap();
        let bad: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        assert_eq!(
            bad.iter().map(|bad| (bad.line, &*bad.record)).collect::<Vec<_>>(),
            [(Some(3), "B"), (Some(4), "C,3,")]
        );
        let flexible = read_file(format().flexible().on_malformed(OnMalformed::Skip), text).unwrap();
        assert_eq!(flexible.len(), 3, "one field is still too few");
    }

    #[test]
    fn a_file_without_line_ends_in_quotes_can_be_cut_anywhere() {
        let mut text = "name,year,expectancy\r\n".to_owned();
        let expected: Vec<_> = (0..20).map(|n| country(&"x".repeat(n), n as i32, None)).collect();
        for Country { name, year, .. } in &expected {
            text += &format!("\"{name}\",{year},\r\n");
        }
        for length in [1, 2, 7, 21, 22, 23, 100, 10_000] {
            let read = read_file_in_splits(format().no_quoted_newlines(), text.as_bytes(), length);
            assert_eq!(read.unwrap(), expected, "splits of {length} bytes");
        }
        let bad = format!("{text}bad,x,\r\n");
        let error = read_file_in_splits(format().no_quoted_newlines(), bad.as_bytes(), 100).unwrap_err();
        assert!(error.contains(&format!("the record at byte {}: field 2 (\"year\")", text.len())), "{error}");
    }

    #[test]
    fn a_quote_that_is_never_closed_is_refused_before_it_fills_the_memory() {
        let text = ["name,year\n\"", &"x".repeat(10_000)].concat();
        let error = read_file(format().max_record_bytes(5_000), text.as_bytes()).unwrap_err();
        assert!(error.contains("the record at byte 10 is longer than 5000 bytes"), "{error}");
    }
}
