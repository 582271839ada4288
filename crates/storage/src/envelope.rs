//! What stands around the content of each file: enough to refuse, with the place, one that is truncated, changed, something
//! else, or from a later version.
//!
//! ```text
//! header, 32 bytes                      sealed file      streamed file
//!  0  "FLOT"                            header           header with 0 as length and checksum
//!  4  kind: "META", "MANI", …           payload          payload: segments, one after the other
//!  8  version of the payload's format                    footer, 32 bytes:
//! 12  form: 0 sealed, 1 streamed                          0  "FLOTEND\0"
//! 16  length of the payload, 8 bytes                      8  length of the payload, 8 bytes
//! 24  CRC-32C of the payload                             16  CRC-32C of the payload
//! 28  CRC-32C of bytes 0 to 27                           20  8 zeros
//!                                                        28  CRC-32C of bytes 0 to 27
//! ```
//! Numbers are little-endian. The layout of header and footer holds for all versions. In streamed files each segment is
//! known by its offset, length and checksum, and read without the rest of the file.

use std::fmt;

use bytes::Bytes;

use crate::{Error, Result};

/// Length of the header in bytes: the offset of the payload.
pub const HEADER_LENGTH: usize = 32;
/// Length of the footer of streamed files in bytes.
pub const FOOTER_LENGTH: usize = 32;

const MAGIC: &[u8; 4] = b"FLOT";
const END_MAGIC: &[u8; 8] = b"FLOTEND\0";
const SEALED: u32 = 0;
const STREAMED: u32 = 1;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `_metadata`: a checkpoint or savepoint as a whole.
    Metadata,
    /// What one operator of one subtask has in a snapshot.
    Manifest,
    /// Segments of keyed state; streamed.
    State,
    /// Records that barriers have overtaken.
    Channels,
    /// What a JobManager keeps for the next one, under one key.
    Record,
}

impl FileKind {
    /// The version in which files of this kind are written, and the highest that is read. It rises with every change that
    /// older programs could not read; what was written before stays readable.
    pub const fn version(self) -> u32 {
        match self {
            // 2: the edges of the graph stand behind the metadata.
            Self::Metadata => 2,
            Self::Manifest | Self::State | Self::Channels | Self::Record => 1,
        }
    }

    const fn tag(self) -> &'static [u8; 4] {
        match self {
            Self::Metadata => b"META",
            Self::Manifest => b"MANI",
            Self::State => b"STAT",
            Self::Channels => b"CHAN",
            Self::Record => b"RECO",
        }
    }
}

/// Puts a payload into a file.
pub fn seal(kind: FileKind, payload: &[u8]) -> Bytes {
    let mut file = Vec::with_capacity(HEADER_LENGTH + payload.len());
    file.extend_from_slice(&header(kind, SEALED, payload.len() as u64, crc32c::crc32c(payload)));
    file.extend_from_slice(payload);
    file.into()
}

/// Takes the payload out of a file, with the version of its format. `file` is its name, for errors.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::NewerFormat`].
pub fn open(kind: FileKind, file: &dyn fmt::Display, bytes: &Bytes) -> Result<(u32, Bytes)> {
    let header = Header::read(kind, SEALED, file, bytes)?;
    let payload = bytes.slice(HEADER_LENGTH..);
    if payload.len() as u64 != header.length {
        let expected = header.length.saturating_add(HEADER_LENGTH as u64);
        let problem = format!("the file has {} bytes, but should have {expected}", bytes.len());
        return Err(Error::damaged(file, (bytes.len() as u64).min(expected), problem));
    }
    check(file, HEADER_LENGTH as u64, &payload, header.checksum)?;
    Ok((header.version, payload))
}

/// The beginning of a streamed file.
pub fn stream_header(kind: FileKind) -> [u8; HEADER_LENGTH] {
    header(kind, STREAMED, 0, 0)
}

/// The end of a streamed file whose payload has this length and checksum.
pub fn stream_footer(length: u64, checksum: u32) -> [u8; FOOTER_LENGTH] {
    let mut bytes = [0; FOOTER_LENGTH];
    bytes[..8].copy_from_slice(END_MAGIC);
    bytes[8..16].copy_from_slice(&length.to_le_bytes());
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    let own = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&own.to_le_bytes());
    bytes
}

/// Checks the first [`HEADER_LENGTH`] bytes of a streamed file. Gives back the version of its format.
///
/// # Errors
/// As [`open`].
pub fn check_stream_header(kind: FileKind, file: &dyn fmt::Display, bytes: &[u8]) -> Result<u32> {
    Header::read(kind, STREAMED, file, bytes).map(|header| header.version)
}

/// Checks the last [`FOOTER_LENGTH`] bytes of a streamed file, which begin at `offset`, against what stands before them.
///
/// # Errors
/// [`Error::Damaged`].
pub fn check_stream_footer(file: &dyn fmt::Display, offset: u64, bytes: &[u8], checksum: u32) -> Result<()> {
    let length = offset.saturating_sub(HEADER_LENGTH as u64);
    if bytes == stream_footer(length, checksum) {
        return Ok(());
    }
    let own = |bytes: &[u8]| number(bytes, 28) == crc32c::crc32c(&bytes[..28]);
    if bytes.len() != FOOTER_LENGTH || !bytes.starts_with(END_MAGIC) || !own(bytes) {
        return Err(Error::damaged(
            file,
            offset,
            "the file has no end mark here: it is truncated or changed",
        ));
    }
    let found = u64::from_le_bytes(array(bytes, 8));
    if found != length {
        return Err(Error::damaged(
            file,
            offset,
            format_args!("the content has {length} bytes, but should have {found}"),
        ));
    }
    Err(wrong_checksum(file, HEADER_LENGTH as u64, checksum, number(bytes, 16)))
}

/// Checks a piece of a file that begins at `offset`.
///
/// # Errors
/// [`Error::Damaged`].
pub fn check(file: &dyn fmt::Display, offset: u64, bytes: &[u8], checksum: u32) -> Result<()> {
    match crc32c::crc32c(bytes) {
        found if found == checksum => Ok(()),
        found => Err(wrong_checksum(file, offset, found, checksum)),
    }
}

fn wrong_checksum(file: &dyn fmt::Display, offset: u64, found: u32, expected: u32) -> Error {
    let problem =
        format!("the content from here on has the checksum {found:08x}, but should have {expected:08x}");
    Error::damaged(file, offset, problem)
}

struct Header {
    version: u32,
    length: u64,
    checksum: u32,
}

impl Header {
    fn read(kind: FileKind, form: u32, file: &dyn fmt::Display, bytes: &[u8]) -> Result<Self> {
        let damaged = |offset: usize, problem: String| Err(Error::damaged(file, offset as u64, problem));
        let begins = &bytes[..bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(begins) {
            return damaged(
                0,
                format!("it begins with {begins:02x?}, not with \"FLOT\": it was not written by Flott"),
            );
        }
        let Some(header) = bytes.get(..HEADER_LENGTH) else {
            return damaged(bytes.len(), format!("the file ends within its header of {HEADER_LENGTH} bytes"));
        };
        let (found, expected) = (crc32c::crc32c(&header[..28]), number(header, 28));
        if found != expected {
            return damaged(
                0,
                format!("the header has the checksum {found:08x}, but should have {expected:08x}"),
            );
        }
        let tag = &header[4..8];
        if tag != kind.tag() {
            let (tag, expected) = (String::from_utf8_lossy(tag), String::from_utf8_lossy(kind.tag()));
            return damaged(
                4,
                format!("it is a file of the kind {tag:?}, but should be one of {expected:?}"),
            );
        }
        let version = number(header, 8);
        if version > kind.version() {
            return Err(Error::NewerFormat {
                file: file.to_string().into(),
                found: version,
                supported: kind.version(),
            });
        }
        if version == 0 || number(header, 12) != form {
            return damaged(8, "the header is not one that was ever written".to_owned());
        }
        Ok(Self { version, length: u64::from_le_bytes(array(header, 16)), checksum: number(header, 24) })
    }
}

fn header(kind: FileKind, form: u32, length: u64, checksum: u32) -> [u8; HEADER_LENGTH] {
    let mut bytes = [0; HEADER_LENGTH];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..8].copy_from_slice(kind.tag());
    bytes[8..12].copy_from_slice(&kind.version().to_le_bytes());
    bytes[12..16].copy_from_slice(&form.to_le_bytes());
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    bytes[24..28].copy_from_slice(&checksum.to_le_bytes());
    let own = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&own.to_le_bytes());
    bytes
}

/// The bytes from `offset` on of a header or footer.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().expect("the range has this length")
}

fn number(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array(bytes, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &[u8] = b"some content";

    fn read(bytes: &[u8]) -> Result<(u32, Bytes)> {
        open(FileKind::Manifest, &"file:/m", &Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let file = seal(FileKind::Manifest, PAYLOAD);
        assert_eq!(read(&file).unwrap(), (1, PAYLOAD.into()));
        assert_eq!(read(&seal(FileKind::Manifest, b"")).unwrap(), (1, Bytes::new()));
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_refused() {
        let file = seal(FileKind::Manifest, PAYLOAD);
        for length in 0..file.len() {
            let error = read(&file[..length]).unwrap_err();
            assert!(
                matches!(error, Error::Damaged { offset, .. } if offset == length as u64),
                "{length}: {error}"
            );
        }
        for bit in 0..file.len() * 8 {
            let mut changed = file.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = read(&changed).unwrap_err();
            assert!(
                matches!(error, Error::Damaged { offset, .. } if offset as usize <= bit / 8),
                "{bit}: {error}"
            );
        }
        let longer = [&file[..], b"x"].concat();
        let error = read(&longer).unwrap_err();
        assert_eq!(
            error.to_string(),
            "file:/m is damaged at byte 44: the file has 45 bytes, but should have 44"
        );
    }

    #[test]
    fn files_of_others_are_told_apart() {
        let error = read(b"\x7fELF").unwrap_err().to_string();
        assert!(error.contains("begins with [7f, 45, 4c, 46], not with \"FLOT\""), "{error}");
        let error = read(&seal(FileKind::Metadata, PAYLOAD)).unwrap_err().to_string();
        assert!(error.contains("of the kind \"META\", but should be one of \"MANI\""), "{error}");
        let streamed = [&stream_header(FileKind::Manifest)[..], PAYLOAD].concat();
        assert!(matches!(read(&streamed), Err(Error::Damaged { offset: 8, .. })));
    }

    #[test]
    fn later_versions_are_named() {
        let mut file = seal(FileKind::Manifest, PAYLOAD).to_vec();
        file[8] = 9;
        let own = crc32c::crc32c(&file[..28]);
        file[28..32].copy_from_slice(&own.to_le_bytes());
        let error = read(&file).unwrap_err();
        assert_eq!(
            error.to_string(),
            "file:/m has format version 9, but this version of Flott reads only up to 1: use a newer one"
        );
    }

    #[test]
    fn footers_tell_what_is_wrong() {
        let checksum = crc32c::crc32c(PAYLOAD);
        let end = (HEADER_LENGTH + PAYLOAD.len()) as u64;
        let footer = stream_footer(PAYLOAD.len() as u64, checksum);
        check_stream_footer(&"f", end, &footer, checksum).unwrap();
        let problem = |offset, bytes: &[u8], checksum| {
            check_stream_footer(&"f", offset, bytes, checksum).unwrap_err().to_string()
        };
        assert!(problem(end, &footer[..31], checksum).contains("no end mark"));
        assert!(problem(end, &[0; FOOTER_LENGTH], checksum).contains("no end mark"));
        assert!(problem(end + 1, &footer, checksum).contains("has 13 bytes, but should have 12"));
        assert!(
            problem(end, &footer, checksum ^ 1)
                .contains("at byte 32: the content from here on has the checksum")
        );
    }
}
