use std::{fmt::Display, io::Write};

use flott_runtime::{Batch, BoxError, ReadStatus, RuntimeContext};

use super::{FileFormat, FormatReader, RowEncoder, RowFormat, lines::SplitLines};
use crate::FileSplit;

/// Lines of text. To read: without their line ends (`\n` or `\r\n`), with U+FFFD for bytes that are no UTF-8. To write:
/// what records display as, each followed by `\n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextFormat;

/// Lines of bytes, which need not be UTF-8: without their line ends (`\n` or `\r\n`) to read, each followed by `\n` to
/// write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BytesFormat;

/// Reads lines, and makes records of them.
pub struct LineReader<T> {
    lines: SplitLines,
    decode: fn(&[u8]) -> T,
}

impl FileFormat for TextFormat {
    type Record = String;
    type Reader = LineReader<String>;

    fn is_splittable(&self) -> bool {
        true
    }

    fn open(&self, split: FileSplit, _: &RuntimeContext) -> Result<LineReader<String>, BoxError> {
        let decode = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        Ok(LineReader { lines: SplitLines::open(split)?, decode })
    }
}

impl FileFormat for BytesFormat {
    type Record = Vec<u8>;
    type Reader = LineReader<Vec<u8>>;

    fn is_splittable(&self) -> bool {
        true
    }

    fn open(&self, split: FileSplit, _: &RuntimeContext) -> Result<LineReader<Vec<u8>>, BoxError> {
        Ok(LineReader { lines: SplitLines::open(split)?, decode: <[u8]>::to_vec })
    }
}

impl<T> FormatReader for LineReader<T> {
    type Record = T;

    fn read(&mut self, batch: &mut Batch<T>) -> Result<ReadStatus, BoxError> {
        let more = self.lines.read(batch, self.decode)?;
        Ok(if more { ReadStatus::More } else { ReadStatus::SplitEnded })
    }

    fn snapshot(&mut self) -> Result<FileSplit, BoxError> {
        Ok(self.lines.rest())
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

impl<T: Display> RowFormat<T> for TextFormat {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        *self
    }
}

impl<T: Display> RowEncoder<T> for TextFormat {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(writeln!(out, "{record}")?)
    }
}

impl<T: AsRef<[u8]>> RowFormat<T> for BytesFormat {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        *self
    }
}

impl<T: AsRef<[u8]>> RowEncoder<T> for BytesFormat {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(record.as_ref());
        out.push(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{encode, read_file};

    #[test]
    fn text_becomes_utf8_and_bytes_stay_what_they_are() {
        let content = b"a\r\nb\xff\n\nc";
        assert_eq!(read_file(TextFormat, content).unwrap(), ["a", "b\u{fffd}", "", "c"]);
        let lines: [&[u8]; 4] = [b"a", b"b\xff", b"", b"c"];
        assert_eq!(read_file(BytesFormat, content).unwrap(), lines);
    }

    #[test]
    fn records_become_lines() {
        assert_eq!(encode(&TextFormat, &[1.5, 2.0]), b"1.5\n2\n");
        assert_eq!(encode(&BytesFormat, &[b"a\xff".to_vec(), Vec::new()]), b"a\xff\n\n");
    }
}
