//! The lines that begin within a byte range of a file.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use flott_runtime::BATCH_RECORDS;
use memchr::memchr;

use super::{Error, TextFileSplit, io_error};

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;
/// Text of a batch should not exceed this, so that batches of long lines stay small.
const BATCH_TEXT: usize = 128 << 10;
/// Longest line that is read.
const LINE_LIMIT: usize = 60 << 20;

pub(super) struct SplitLines {
    file: File,
    split: TextFileSplit,
    /// Bytes read but not yet emitted are `buffer[next..]`.
    buffer: Vec<u8>,
    next: usize,
    /// Offset in the file of `buffer[next]`.
    offset: u64,
    at_end_of_file: bool,
}

impl SplitLines {
    /// Goes to the first line that begins in the split. A line that begins before it belongs to the split before, so the
    /// byte before the split decides whether the split begins with a line.
    pub(super) fn open(split: TextFileSplit) -> Result<Self, Error> {
        let mut file = File::open(&split.path).map_err(io_error(&split.path))?;
        let offset = split.start.saturating_sub(1);
        file.seek(SeekFrom::Start(offset)).map_err(io_error(&split.path))?;
        let mut lines = Self { file, buffer: Vec::new(), next: 0, offset, at_end_of_file: false, split };
        if lines.split.start > 0 {
            lines.skip_line()?;
        }
        Ok(lines)
    }

    fn skip_line(&mut self) -> Result<(), Error> {
        loop {
            let rest = &self.buffer[self.next..];
            if let Some(end) = memchr(b'\n', rest) {
                self.advance(end + 1);
                return Ok(());
            }
            self.advance(rest.len());
            if self.at_end_of_file {
                // Else the rest of the split is the end of a line that began before it.
                return if self.offset < self.split.end { Err(self.cut_off()) } else { Ok(()) };
            }
            self.fill()?;
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.next += bytes;
        self.offset += bytes as u64;
    }

    /// Reads a further chunk behind what is left.
    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.next);
        self.next = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK, 0);
        let read = loop {
            match self.file.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(io_error(&self.split.path))?,
            }
        };
        self.buffer.truncate(filled + read);
        self.at_end_of_file = read == 0;
        Ok(())
    }

    /// Appends about a batch of lines. Returns how many bytes they took and whether the split has ended.
    pub(super) fn read(&mut self, batch: &mut Vec<String>) -> Result<(u64, bool), Error> {
        let start = self.offset;
        let mut text = 0;
        loop {
            if self.offset >= self.split.end {
                return Ok((self.offset - start, true));
            }
            if batch.len() >= BATCH_RECORDS || text >= BATCH_TEXT {
                return Ok((self.offset - start, false));
            }
            let rest = &self.buffer[self.next..];
            let line = match memchr(b'\n', rest) {
                Some(end) => &rest[..end],
                None if !self.at_end_of_file => {
                    self.check_length(rest.len())?;
                    self.fill()?;
                    continue;
                }
                // The split ends where the file did when it was listed.
                None if rest.is_empty() => return Err(self.cut_off()),
                None => rest,
            };
            self.check_length(line.len())?;
            batch.push(decode(line));
            text += line.len();
            let with_line_end = (line.len() + 1).min(rest.len());
            self.advance(with_line_end);
        }
    }

    fn cut_off(&self) -> Error {
        Error::CutOff { path: self.split.path.display().to_string(), at: self.offset }
    }

    fn check_length(&self, length: usize) -> Result<(), Error> {
        if length <= LINE_LIMIT {
            return Ok(());
        }
        Err(Error::LineTooLong {
            path: self.split.path.display().to_string(),
            offset: self.offset,
            limit: LINE_LIMIT,
        })
    }
}

fn decode(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(content: &[u8], split_length: u64) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut lines = Vec::new();
        for split in super::super::cut(file.path(), content.len() as u64, split_length) {
            let mut reader = SplitLines::open(split).unwrap();
            while !reader.read(&mut lines).unwrap().1 {}
        }
        lines
    }

    #[test]
    fn line_ends_and_strange_bytes_are_handled() {
        assert_eq!(lines_of(b"a\r\n\r\nb\xff\nlast", 100), ["a", "", "b\u{fffd}", "last"]);
        assert_eq!(lines_of(b"", 100), Vec::<String>::new());
        assert_eq!(lines_of(b"\n", 100), [""]);
    }

    proptest! {
        #[test]
        fn splits_of_any_length_give_each_line_once(
            lines in prop::collection::vec("[a-z]{0,20}", 0..50),
            ends_with_newline: bool,
            split_length in 1u64..100,
        ) {
            let mut content = lines.join("\n").into_bytes();
            if ends_with_newline && !content.is_empty() {
                content.push(b'\n');
            }
            let expected: Vec<&str> = std::str::from_utf8(&content).unwrap().lines().collect();
            prop_assert_eq!(lines_of(&content, split_length), expected);
        }
    }
}
