use std::{
    cell::Cell,
    io::{self, Write},
    mem,
};

use csv::{Writer, WriterBuilder};
use flott_runtime::BoxError;
use serde::Serialize;

use super::Options;
use crate::format::RowEncoder;

/// Writes [`CsvFormat`](super::CsvFormat): first a header if records are structs, unless it was switched off.
pub struct CsvEncoder {
    options: Options,
    writer: Option<Writer<Target>>,
}

/// The caller's buffer for as long as a record is written; the csv writer lends its target only for reading.
struct Target(Cell<Vec<u8>>);

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl CsvEncoder {
    pub(super) fn new(options: Options) -> Self {
        Self { options, writer: None }
    }

    fn open(options: &Options) -> Result<Writer<Target>, BoxError> {
        options.check()?;
        let mut builder = WriterBuilder::new();
        builder
            .delimiter(options.delimiter)
            .quote(options.quote.unwrap_or(b'"'))
            .double_quote(options.escape.is_none())
            .escape(options.escape.unwrap_or(b'\\'))
            .comment(options.comment)
            .has_headers(options.header)
            .flexible(options.flexible);
        if options.quote.is_none() {
            builder.quote_style(csv::QuoteStyle::Never);
        }
        Ok(builder.from_writer(Target(Cell::default())))
    }
}

impl<T: Serialize> RowEncoder<T> for CsvEncoder {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(Self::open(&self.options)?),
        };
        writer.get_ref().0.set(mem::take(out));
        let written = writer.serialize(record).and_then(|()| Ok(writer.flush()?));
        *out = writer.get_ref().0.take();
        written.map_err(|error| format!("cannot write a record as CSV: {error}").into())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{
        CsvFormat,
        testing::{encode, read_file},
    };

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        name: String,
        value: Option<i64>,
    }

    fn rows() -> [Row; 3] {
        let row = |name: &str, value| Row { name: name.to_owned(), value };
        [row("plain", Some(-1)), row("a \"quoted\",\nlong one", None), row("", Some(i64::MAX))]
    }

    #[test]
    fn what_is_written_can_be_read() {
        for format in [
            CsvFormat::new(),
            CsvFormat::new().no_header(),
            CsvFormat::new().delimiter(b'\t').quote(Some(b'\'')),
            CsvFormat::new().escape(b'\\'),
        ] {
            assert_eq!(read_file(format.clone(), &encode(&format, &rows())).unwrap(), rows(), "{format:?}");
        }
    }

    #[test]
    fn structs_have_a_header_and_tuples_have_none() {
        assert_eq!(encode(&CsvFormat::new(), &rows()[..1]), b"name,value\nplain,-1\n");
        assert_eq!(encode(&CsvFormat::new().no_header(), &rows()[..1]), b"plain,-1\n");
        assert_eq!(encode(&CsvFormat::new(), &[("a", 1.5)]), b"a,1.5\n");
    }

    #[test]
    fn what_csv_cannot_express_is_an_error() {
        let mut encoder = CsvEncoder::new(CsvFormat::<()>::new().options);
        let error = encoder.encode(&std::collections::BTreeMap::from([(1, 2)]), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("cannot write a record as CSV"), "{error}");
    }
}
