use memchr::{memchr, memmem::Finder};

/// Cuts bytes that come piece by piece into records.
pub(super) struct LineBuffer {
    delimiter: Vec<u8>,
    finder: Finder<'static>,
    limit: usize,
    /// Bytes of records not yet taken are `bytes[next..]`.
    bytes: Vec<u8>,
    next: usize,
    /// Bytes behind `next` in which no delimiter begins.
    searched: usize,
}

/// A record is longer than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl LineBuffer {
    /// Cuts at this delimiter, which is not empty. If it is `\n`, a `\r` before it belongs to it.
    pub(super) fn new(delimiter: &[u8], limit: usize) -> Self {
        let finder = Finder::new(delimiter).into_owned();
        Self { delimiter: delimiter.to_vec(), finder, limit, bytes: Vec::new(), next: 0, searched: 0 }
    }

    /// Appends what has come.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.next);
        self.next = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next record, if it is complete.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let rest = &self.bytes[self.next..];
        let unknown = &rest[self.searched..];
        let found = match self.delimiter[..] {
            [byte] => memchr(byte, unknown),
            _ => self.finder.find(unknown),
        };
        let Some(found) = found else {
            // A delimiter may have begun in the last bytes.
            self.searched = rest.len().saturating_sub(self.delimiter.len() - 1);
            return if rest.len() > self.limit { Err(TooLong) } else { Ok(None) };
        };
        let (start, length) = (self.next, self.searched + found);
        self.searched = 0;
        self.next += length + self.delimiter.len();
        if length > self.limit {
            return Err(TooLong);
        }
        let record = &self.bytes[start..start + length];
        let with_return = (self.delimiter == b"\n").then(|| record.strip_suffix(b"\r")).flatten();
        Ok(Some(with_return.unwrap_or(record)))
    }

    /// What is left without a delimiter behind it; nothing if that is nothing.
    pub(super) fn take_rest(&mut self) -> Option<Vec<u8>> {
        let rest = self.bytes.split_off(self.next);
        (self.bytes, self.next, self.searched) = (Vec::new(), 0, 0);
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]], delimiter: &[u8]) -> Vec<Vec<u8>> {
        let mut buffer = LineBuffer::new(delimiter, 1_000);
        let mut records = Vec::new();
        for piece in pieces {
            buffer.feed(piece);
            while let Some(record) = buffer.next().unwrap() {
                records.push(record.to_vec());
            }
        }
        records.extend(buffer.take_rest());
        records
    }

    #[test]
    fn a_carriage_return_belongs_to_the_line_end_only() {
        assert_eq!(cut(&[b"a\r\nb\n\r", b"\nc\r"], b"\n"), [b"a".as_slice(), b"b", b"", b"c\r"]);
        assert_eq!(cut(&[b"a\r;b"], b";"), [b"a\r".as_slice(), b"b"]);
    }

    #[test]
    fn a_record_without_end_is_refused() {
        for pieces in [vec![b"abcd".as_slice()], vec![b"ab", b"cd"], vec![b"ab", b"cd\n"]] {
            let mut buffer = LineBuffer::new(b"\n", 3);
            let mut result = Ok(());
            for piece in pieces {
                buffer.feed(piece);
                result = buffer.next().map(|record| assert!(record.is_none()));
            }
            assert_eq!(result, Err(TooLong));
        }
        let mut buffer = LineBuffer::new(b"\n", 3);
        buffer.feed(b"abc\n");
        assert_eq!(buffer.next(), Ok(Some(b"abc".as_slice())));
    }

    proptest! {
        #[test]
        fn records_do_not_depend_on_how_they_come(
            text in "[ab]{0,40}",
            lengths in prop::collection::vec(1usize..6, 50),
            delimiter in "[ab]{1,3}",
        ) {
            let mut expected: Vec<_> = text.split(&delimiter).map(|part| part.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            let (mut rest, mut pieces) = (text.as_bytes(), Vec::new());
            for length in lengths {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(cut(&pieces, delimiter.as_bytes()), expected);
        }
    }
}
