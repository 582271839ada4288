//! Numbers of variable length (seven bits a byte, least first) and byte strings.

use std::fmt;

use crate::{Error, Result, envelope::HEADER_LENGTH};

#[derive(Default)]
pub(super) struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// A number that is mostly near 0, on either side.
    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(super) fn all_bytes(&mut self, all: &[Vec<u8>]) {
        self.number(all.len() as u64);
        for bytes in all {
            self.bytes(bytes);
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// Never believes a length: what is not there is not allocated.
pub(super) struct Decoder<'a> {
    file: &'a dyn fmt::Display,
    payload: &'a [u8],
    position: usize,
}

impl<'a> Decoder<'a> {
    pub(super) const fn new(file: &'a dyn fmt::Display, payload: &'a [u8]) -> Self {
        Self { file, payload, position: 0 }
    }

    pub(super) fn damaged(&self, problem: impl fmt::Display) -> Error {
        Error::damaged(self.file, (HEADER_LENGTH + self.position) as u64, problem)
    }

    pub(super) const fn left(&self) -> usize {
        self.payload.len() - self.position
    }

    pub(super) fn raw(&mut self, length: usize, what: &str) -> Result<&'a [u8]> {
        match self.payload.get(self.position..).and_then(|rest| rest.get(..length)) {
            Some(bytes) => {
                self.position += length;
                Ok(bytes)
            }
            None => {
                Err(self.damaged(format_args!("{what}: {length} bytes are needed, {} are left", self.left())))
            }
        }
    }

    pub(super) fn number(&mut self, what: &str) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.raw(1, what)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.damaged(format_args!("{what}: the number does not fit into 64 bits")))
    }

    pub(super) fn signed(&mut self, what: &str) -> Result<i64> {
        let number = self.number(what)?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn number32(&mut self, what: &str) -> Result<u32> {
        let number = self.number(what)?;
        number.try_into().map_err(|_| self.damaged(format_args!("{what}: {number} is too large")))
    }

    pub(super) fn bytes(&mut self, what: &str) -> Result<&'a [u8]> {
        let length = self.number(what)?;
        self.raw(usize::try_from(length).unwrap_or(usize::MAX), what)
    }

    pub(super) fn text(&mut self, what: &str) -> Result<String> {
        let bytes = self.bytes(what)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| self.damaged(format_args!("{what}: it is not UTF-8")))?;
        Ok(text.to_owned())
    }

    /// How many elements follow, each of which takes at least `least` bytes.
    pub(super) fn count(&mut self, what: &str, least: usize) -> Result<usize> {
        let count = self.number(what)?;
        match usize::try_from(count) {
            Ok(count) if count <= self.left() / least => Ok(count),
            _ => Err(self.damaged(format_args!(
                "{count} {what} cannot be in the {} bytes that are left",
                self.left()
            ))),
        }
    }

    pub(super) fn list<T>(
        &mut self,
        what: &str,
        least: usize,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(what, least)?;
        (0..count).map(|_| element(self)).collect()
    }

    pub(super) fn all_bytes(&mut self, what: &str) -> Result<Vec<Vec<u8>>> {
        self.list(what, 1, |input| Ok(input.bytes(what)?.to_vec()))
    }

    pub(super) fn end(&self) -> Result<()> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.damaged(format_args!("{left} bytes too many"))),
        }
    }
}
