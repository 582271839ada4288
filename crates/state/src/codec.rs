//! The format of segments and of lists in snapshots.
//!
//! A segment is a version byte, the number of its entries and the entries one after the other, each in postcard's format:
//! key, namespace, and what is kept. Nothing in it says what types these are; the table's description does.

mod serializer;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result, schema::Plan, snapshot::RestoredSegment};
use serializer::{Serializer, put_number};

/// The format of what is written now.
const VERSION: u8 = 1;

/// Appends a value to `out`, in postcard's format.
#[inline]
pub(crate) fn put<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    value
        .serialize(&mut Serializer(out))
        .map_err(|error| Error::Encode { what: std::any::type_name::<T>(), reason: error.to_string() })
}

/// Appends a number of what follows.
pub(crate) fn put_count(count: usize, out: &mut Vec<u8>) {
    put_number(count as u64, out);
}

/// Begins a segment with so many entries.
pub(crate) fn begin_segment(entries: usize, out: &mut Vec<u8>) {
    out.push(VERSION);
    put_count(entries, out);
}

/// Where bytes come from, for errors.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Segment { table: &'a str, group: u32, segment: u32 },
    OperatorState { state: &'a str },
}

/// Reads values one after the other.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    source: Source<'a>,
    /// What becomes of a value that is not read as it is.
    rewritten: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], source: Source<'a>) -> Self {
        Self { bytes, at: 0, source, rewritten: Vec::new() }
    }

    /// Begins to read the entries of a state that does not depend on keys.
    pub(crate) fn of_operator_state(bytes: &'a [u8], state: &'a str) -> Self {
        Self::new(bytes, Source::OperatorState { state })
    }

    /// Begins to read a segment; also returns how many entries it has.
    pub(crate) fn of_segment(segment: &RestoredSegment<'a>) -> Result<(Self, usize)> {
        let RestoredSegment { table, group, segment, bytes, .. } = *segment;
        let mut reader = Self::new(bytes, Source::Segment { table: &table.name, group, segment });
        match reader.get::<u8>()? {
            VERSION => {}
            other => {
                let reason = format!("it has format version {other}, but only {VERSION} can be read");
                return Err(reader.damaged_at(0, reason));
            }
        }
        let entries = reader.count()?;
        Ok((reader, entries))
    }

    /// The next value.
    pub(crate) fn get<T: DeserializeOwned>(&mut self) -> Result<T> {
        let (value, rest) = postcard::take_from_bytes(&self.bytes[self.at..]).map_err(|error| {
            self.damaged(format!("cannot read a value of type {}: {error}", std::any::type_name::<T>()))
        })?;
        self.at = self.bytes.len() - rest.len();
        Ok(value)
    }

    /// The next value, which may have been one of another type.
    pub(crate) fn get_as<T: DeserializeOwned>(&mut self, plan: &Plan) -> Result<T> {
        if plan.is_same() {
            return self.get();
        }
        self.rewritten.clear();
        let length = plan
            .apply(&self.bytes[self.at..], &mut self.rewritten)
            .map_err(|error| self.damaged(error.to_string()))?;
        let value = postcard::from_bytes(&self.rewritten).map_err(|error| {
            self.damaged(format!("cannot make a value of type {} of it: {error}", std::any::type_name::<T>()))
        })?;
        self.at += length;
        Ok(value)
    }

    /// The number of what follows. At least one byte follows for each, unless it is a type without content, of which
    /// there are not many.
    pub(crate) fn count(&mut self) -> Result<usize> {
        const MOST_WITHOUT_CONTENT: usize = 1 << 24;
        let start = self.at;
        let count: usize = self.get()?;
        if count > (self.bytes.len() - self.at).max(MOST_WITHOUT_CONTENT) {
            return Err(self.damaged_at(start, format!("it says that {count} values follow")));
        }
        Ok(count)
    }

    /// How much memory to reserve for `count` values, which may be wrong.
    pub(crate) fn reserve(&self, count: usize) -> usize {
        count.min(self.bytes.len() - self.at).min(4096)
    }

    /// To be called when all is read that should be there.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            rest => Err(self.damaged(format!("{rest} bytes are left"))),
        }
    }

    /// Where the next value begins.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    #[cold]
    pub(crate) fn damaged(&self, reason: impl Into<String>) -> Error {
        self.damaged_at(self.at, reason)
    }

    #[cold]
    pub(crate) fn damaged_at(&self, offset: usize, reason: impl Into<String>) -> Error {
        let reason = reason.into();
        match self.source {
            Source::Segment { table, group, segment } => {
                Error::DamagedSegment { state: table.to_owned(), group, segment, offset, reason }
            }
            Source::OperatorState { state } => {
                Error::DamagedOperatorState { state: state.to_owned(), offset, reason }
            }
        }
    }
}
