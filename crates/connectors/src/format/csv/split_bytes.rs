use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

use memchr::memchr;

use crate::{
    FileSplit,
    file_source::error::{Error, io_error},
};

/// Bytes that are searched at a time for the beginning of a line.
const CHUNK: usize = 16 << 10;

/// The bytes of a split's records.
pub(super) struct SplitBytes {
    file: File,
    split: FileSplit,
    /// Whether only lines that begin in the split are read; else all from its start.
    lines_only: bool,
    /// Offset in the file of the next byte.
    offset: u64,
    at_end: bool,
    /// Where the current record began, and how far it may go on from the bytes that have been read.
    record: u64,
    budget: usize,
    max_record_bytes: usize,
}

impl SplitBytes {
    pub(super) fn open(split: FileSplit, lines_only: bool, max_record_bytes: usize) -> Result<Self, Error> {
        let mut file = File::open(split.path()).map_err(io_error(split.path()))?;
        let offset = if split.progress().is_some() {
            // The line end before a record is read again: what follows it is never taken for a byte order mark.
            split.start().saturating_sub(u64::from(split.start() < split.end()))
        } else if lines_only && split.start() > 0 {
            first_line(&mut file, &split).map_err(io_error(split.path()))?
        } else {
            split.start()
        };
        file.seek(SeekFrom::Start(offset)).map_err(io_error(split.path()))?;
        let at_end = lines_only && offset >= split.end();
        Ok(Self {
            file,
            split,
            lines_only,
            offset,
            at_end,
            record: offset,
            budget: max_record_bytes,
            max_record_bytes,
        })
    }

    /// Offset in the file of the next byte; of the first one, if nothing has been read yet.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn split(&self) -> &FileSplit {
        &self.split
    }

    /// What can be read again behind an offset in the file; a look at what was read before, for messages.
    pub(super) fn look_again(&self, offset: u64) -> Vec<u8> {
        let mut bytes = vec![0; CHUNK];
        let read = self.file.read_at(&mut bytes, offset).unwrap_or(0);
        bytes.truncate(read);
        bytes
    }

    /// A record begins there, which is not longer than the limit.
    #[inline]
    pub(super) fn begin_record(&mut self, offset: u64) {
        self.record = offset;
        self.budget = self.max_record_bytes;
    }
}

/// Where the first line begins after the byte before the split.
fn first_line(file: &mut File, split: &FileSplit) -> io::Result<u64> {
    let mut offset = split.start() - 1;
    file.seek(SeekFrom::Start(offset))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => return Ok(offset),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match memchr(b'\n', &chunk[..read]) {
            Some(end) => return Ok(offset + end as u64 + 1),
            None => offset += read as u64,
        }
    }
}

impl Read for SplitBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at_end || buffer.is_empty() {
            return Ok(0);
        }
        let path = || self.split.path().display().to_string();
        if self.budget == 0 {
            let error =
                Error::RecordTooLong { path: path(), offset: self.record, limit: self.max_record_bytes };
            return Err(io::Error::other(error));
        }
        let most = buffer.len().min(self.budget);
        let mut read = self.file.read(&mut buffer[..most]).map_err(|cause| match cause.kind() {
            io::ErrorKind::Interrupted => cause,
            _ => io::Error::other(Error::Io { path: path(), cause }),
        })?;
        if read == 0 {
            if self.offset < self.split.end() {
                return Err(io::Error::other(Error::CutOff { path: path(), at: self.offset }));
            }
            self.at_end = true;
            return Ok(0);
        }
        if self.lines_only {
            // The last line is the one that the split's last byte belongs to.
            let last_byte = (self.split.end() - 1).saturating_sub(self.offset);
            let from = (last_byte as usize).min(read);
            if let Some(end) = memchr(b'\n', &buffer[from..read]) {
                read = from + end + 1;
                self.at_end = true;
            }
        }
        self.offset += read as u64;
        self.budget -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::file_source::split::cut;

    proptest! {
        #[test]
        fn splits_of_any_length_give_each_line_once(text in "[a\n]{0,50}", split_length in 1u64..20) {
            let file = NamedTempFile::new().unwrap();
            fs::write(file.path(), &text).unwrap();
            let mut all = String::new();
            for split in cut(file.path(), text.len() as u64, split_length) {
                let (start, before) = (split.start() as usize, all.len());
                SplitBytes::open(split, true, usize::MAX).unwrap().read_to_string(&mut all).unwrap();
                if all.len() > before {
                    prop_assert!(before >= start, "what begins before a split belongs to the one before");
                    prop_assert!(before == 0 || all.as_bytes()[before - 1] == b'\n');
                }
            }
            prop_assert_eq!(all, text);
        }
    }
}
