//! The lines that begin within a byte range of a file.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use flott_runtime::{BATCH_RECORDS, Batch};
use memchr::memchr;

use super::progress::Progress;
use crate::{
    FileSplit,
    file_source::error::{Error, io_error},
};

/// Bytes that are read at a time, in the middle of a large split and at its end.
const CHUNK: usize = 256 << 10;
const SMALL_CHUNK: usize = 4 << 10;
/// Text of a batch should not exceed this, so that batches of long lines stay small.
const BATCH_BYTES: u64 = 128 << 10;
/// Longest line that is read: what can travel between subtasks, less what a record may have around it.
pub(crate) const LINE_LIMIT: usize = 60 << 20;

pub(super) struct SplitLines {
    file: File,
    split: FileSplit,
    /// Bytes read but not yet taken are `buffer[next..]`.
    buffer: Vec<u8>,
    next: usize,
    /// Offset in the file of `buffer[next]`.
    offset: u64,
    at_end_of_file: bool,
    /// Number of the line that was taken last; only known if the file is read from its start.
    line: Option<u64>,
    /// Where the first line began.
    first: u64,
}

/// A line without its line end.
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// Of its first byte in the file.
    pub(super) offset: u64,
}

impl SplitLines {
    /// Goes to the first line that begins in the split. A line that begins before it belongs to the split before, so the
    /// byte before the split decides whether the split begins with a line.
    pub(super) fn open(split: FileSplit) -> Result<Self, Error> {
        let mut file = File::open(split.path()).map_err(io_error(split.path()))?;
        let is_rest = split.progress().is_some();
        let offset = if is_rest { split.start() } else { split.start().saturating_sub(1) };
        file.seek(SeekFrom::Start(offset)).map_err(io_error(split.path()))?;
        let mut lines = Self {
            file,
            buffer: Vec::new(),
            next: 0,
            offset,
            at_end_of_file: false,
            line: Progress::of(&split)?.lines,
            first: offset,
            split,
        };
        if lines.split.start() > 0 && !is_rest {
            lines.skip_line()?;
        }
        lines.first = lines.offset;
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
                return if self.offset < self.split.end() { Err(self.cut_off()) } else { Ok(()) };
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
        // A small file does not need a large buffer; a long line behind the split needs larger and larger ones.
        let expected = self.split.end().saturating_sub(self.offset).max(filled as u64);
        self.buffer.resize(filled + SMALL_CHUNK + CHUNK.min(expected as usize), 0);
        let read = loop {
            match self.file.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(io_error(self.split.path()))?,
            }
        };
        self.buffer.truncate(filled + read);
        self.at_end_of_file = read == 0;
        Ok(())
    }

    /// The next line, if it begins in the split.
    #[inline]
    pub(super) fn next_line(&mut self) -> Result<Option<Line<'_>>, Error> {
        if self.offset >= self.split.end() {
            return Ok(None);
        }
        let mut searched = 0;
        let (length, with_line_end) = loop {
            let rest = &self.buffer[self.next..];
            if let Some(found) = memchr(b'\n', &rest[searched..]) {
                break (searched + found, searched + found + 1);
            }
            if self.at_end_of_file {
                if rest.is_empty() {
                    // The split ends where the file did when it was listed.
                    return Err(self.cut_off());
                }
                break (rest.len(), rest.len());
            }
            searched = rest.len();
            self.check_length(searched)?;
            self.fill()?;
        };
        self.check_length(length)?;
        let (start, offset) = (self.next, self.offset);
        self.advance(with_line_end);
        self.line = self.line.map(|line| line + 1);
        let line = &self.buffer[start..start + length];
        Ok(Some(Line { bytes: line.strip_suffix(b"\r").unwrap_or(line), offset }))
    }

    /// Appends about a batch of what `decode` makes of the lines. Returns whether there is more.
    pub(super) fn read<T>(
        &mut self,
        batch: &mut Batch<T>,
        mut decode: impl FnMut(&[u8]) -> T,
    ) -> Result<bool, Error> {
        let limit = self.offset + BATCH_BYTES;
        while batch.len() < BATCH_RECORDS && self.offset < limit {
            match self.next_line()? {
                Some(line) => batch.records.push(decode(line.bytes)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Bytes of the lines taken so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.offset - self.first
    }

    /// Number of the line that was taken last, the first being 1. Only known if the file is read from its start.
    pub(super) fn line_number(&self) -> Option<u64> {
        self.line
    }

    /// The lines of the split that have not been taken.
    pub(super) fn rest(&self) -> FileSplit {
        Progress { lines: self.line, fields: None }.rest(&self.split, self.offset)
    }

    pub(super) fn split(&self) -> &FileSplit {
        &self.split
    }

    fn cut_off(&self) -> Error {
        Error::CutOff { path: self.split.path().display().to_string(), at: self.offset }
    }

    fn check_length(&self, length: usize) -> Result<(), Error> {
        if length <= LINE_LIMIT {
            return Ok(());
        }
        let path = self.split.path().display().to_string();
        Err(Error::LineTooLong { path, offset: self.offset, limit: LINE_LIMIT })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::file_source::split::cut;

    fn lines_of(content: &[u8], split_length: u64) -> Vec<Vec<u8>> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for split in cut(file.path(), content.len() as u64, split_length) {
            let mut reader = SplitLines::open(split).unwrap();
            loop {
                let mut batch = Batch::new();
                let more = reader.read(&mut batch, <[u8]>::to_vec).unwrap();
                lines.extend(batch.records);
                if !more {
                    break;
                }
            }
            bytes += reader.bytes_read();
        }
        assert_eq!(bytes, content.len() as u64, "each byte is counted once");
        lines
    }

    #[test]
    fn line_ends_and_strange_bytes_are_handled() {
        let lines: [&[u8]; 4] = [b"a", b"", b"b\xff", b"last"];
        assert_eq!(lines_of(b"a\r\n\r\nb\xff\nlast", 100), lines);
        assert_eq!(lines_of(b"", 100), Vec::<Vec<u8>>::new());
        assert_eq!(lines_of(b"\n", 100), [b""]);
    }

    #[test]
    fn a_file_that_shrinks_meanwhile_is_noticed() {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), "one\ntwo\n").unwrap();
        for start in [0, 6] {
            let read = || {
                let mut lines = SplitLines::open(FileSplit::new(file.path(), start, 100))?;
                while lines.next_line()?.is_some() {}
                Ok::<_, Error>(())
            };
            let error = read().unwrap_err().to_string();
            assert!(error.contains("nothing at byte 8"), "{error}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let file = NamedTempFile::new().unwrap();
        let size = LINE_LIMIT as u64 + 2;
        file.as_file().set_len(size).unwrap();
        let mut lines = SplitLines::open(FileSplit::new(file.path(), 0, size)).unwrap();
        let error = lines.next_line().err().unwrap().to_string();
        assert!(error.contains("the line at byte 0 is longer than"), "{error}");
    }

    #[test]
    fn lines_are_numbered_if_that_is_possible() {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), "one\ntwo\n").unwrap();
        let mut all = SplitLines::open(FileSplit::new(file.path(), 0, 8)).unwrap();
        let offsets: Vec<_> =
            std::iter::from_fn(|| all.next_line().unwrap().map(|line| line.offset)).collect();
        assert_eq!((offsets, all.line_number()), (vec![0, 4], Some(2)));
        let second = SplitLines::open(FileSplit::new(file.path(), 1, 8)).unwrap();
        assert_eq!(second.line_number(), None);
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
            let expected: Vec<Vec<u8>> =
                std::str::from_utf8(&content).unwrap().lines().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(lines_of(&content, split_length), expected);
        }
    }
}
