//! Frames: the units that cross a data connection.
//!
//! ```text
//! edge u32 | producer u32 | consumer u32 | attempt u32 | sequence u32 | length u32 | kind u8 | flags u8 | 0 u16 | crc32c u32
//! payload
//! ```
//! All little-endian. The checksum covers the header before it and the payload. A batch larger than [`MAX_PAYLOAD`]
//! spans frames, all but the last with [`MORE`], so that channels of a connection take turns. The sequence number counts
//! the data frames of a channel: a gap means that something was lost. A frame without data tells how many came before it.

use bytes::Bytes;
use flott_core::{AttemptNumber, ChannelId, EdgeIndex, SubtaskIndex};

/// Bytes of a frame's header.
pub(crate) const HEADER_LEN: usize = 32;
/// Most bytes of a frame's payload.
pub(crate) const MAX_PAYLOAD: usize = 64 << 10;
/// Flag of a data frame: the batch goes on in the next one.
pub(crate) const MORE: u8 = 1;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// A batch or a part of one.
    Data,
    /// The producer has sent everything.
    EndOfPartition,
    /// The consumer grants as many credits as the sequence field says.
    Credit,
    /// The sender is alive.
    Ping,
    /// A barrier that waits for no credit, and not for what waits in front of it at the consumer.
    Barrier,
}

impl FrameKind {
    const fn code(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::EndOfPartition => 2,
            Self::Credit => 3,
            Self::Ping => 4,
            Self::Barrier => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Data),
            2 => Some(Self::EndOfPartition),
            3 => Some(Self::Credit),
            4 => Some(Self::Ping),
            5 => Some(Self::Barrier),
            _ => None,
        }
    }
}

/// Everything of a frame but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) channel: ChannelId,
    pub(crate) sequence: u32,
    pub(crate) length: u32,
    pub(crate) kind: FrameKind,
    pub(crate) flags: u8,
    crc: u32,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("frame of unknown kind {0}")]
    UnknownKind(u8),
    #[error("frame with a payload of {0} bytes, at most {MAX_PAYLOAD} are allowed")]
    TooLong(u32),
    #[error("control frame with a payload of {0} bytes")]
    Payload(u32),
    #[error("frame with a wrong checksum")]
    Checksum,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// If it is no header of ours. The checksum is checked by [`verify`](Self::verify).
    pub(crate) fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, FrameError> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let length = word(20);
        if length as usize > MAX_PAYLOAD {
            return Err(FrameError::TooLong(length));
        }
        let kind = FrameKind::from_code(bytes[24]).ok_or(FrameError::UnknownKind(bytes[24]))?;
        if length > 0 && !matches!(kind, FrameKind::Data | FrameKind::Barrier) {
            return Err(FrameError::Payload(length));
        }
        Ok(Self {
            channel: ChannelId {
                edge: EdgeIndex(word(0)),
                producer: SubtaskIndex(word(4)),
                consumer: SubtaskIndex(word(8)),
                attempt: AttemptNumber(word(12)),
            },
            sequence: word(16),
            length,
            kind,
            flags: bytes[25],
            crc: word(28),
        })
    }

    /// Checks the checksum.
    ///
    /// # Errors
    /// If header or payload were changed underway.
    pub(crate) fn verify(&self, header: &[u8; HEADER_LEN], payload: &[u8]) -> Result<(), FrameError> {
        if checksum(header, payload) == self.crc { Ok(()) } else { Err(FrameError::Checksum) }
    }
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER_LEN - 4]), payload)
}

/// Fills the header of `frame`, whose payload follows the place reserved for it.
fn seal(frame: &mut [u8], channel: ChannelId, sequence: u32, kind: FrameKind, flags: u8) {
    let length = (frame.len() - HEADER_LEN) as u32;
    let (header, payload) = frame.split_at_mut(HEADER_LEN);
    let ChannelId { edge, producer, consumer, attempt } = channel;
    let words = [edge.0, producer.0, consumer.0, attempt.0, sequence, length];
    for (slot, word) in header.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    header[24..28].copy_from_slice(&[kind.code(), flags, 0, 0]);
    let crc = checksum(header, payload);
    header[28..].copy_from_slice(&crc.to_le_bytes());
}

/// A frame without payload.
pub(crate) fn control(channel: ChannelId, kind: FrameKind, sequence: u32) -> Bytes {
    let mut frame = vec![0; HEADER_LEN];
    seal(&mut frame, channel, sequence, kind, 0);
    frame.into()
}

/// A frame of a barrier. `payload` is at most [`MAX_PAYLOAD`] long.
pub(crate) fn barrier(channel: ChannelId, sequence: u32, payload: &[u8]) -> Bytes {
    frame(channel, FrameKind::Barrier, sequence, payload, 0)
}

/// Frames a batch. `message` starts with [`HEADER_LEN`] reserved bytes, so that the usual batch of one frame is not
/// copied. Advances `sequence` by the number of frames.
pub(crate) fn data(channel: ChannelId, mut message: Vec<u8>, sequence: &mut u32) -> Vec<Bytes> {
    let mut next = || {
        let current = *sequence;
        *sequence = sequence.wrapping_add(1);
        current
    };
    if message.len() <= HEADER_LEN + MAX_PAYLOAD {
        seal(&mut message, channel, next(), FrameKind::Data, 0);
        return vec![message.into()];
    }
    let payload = &message[HEADER_LEN..];
    let parts = payload.len().div_ceil(MAX_PAYLOAD);
    payload
        .chunks(MAX_PAYLOAD)
        .enumerate()
        .map(|(part, chunk)| data_frame(channel, next(), chunk, if part + 1 < parts { MORE } else { 0 }))
        .collect()
}

/// One frame of a batch.
pub(crate) fn data_frame(channel: ChannelId, sequence: u32, payload: &[u8], flags: u8) -> Bytes {
    frame(channel, FrameKind::Data, sequence, payload, flags)
}

fn frame(channel: ChannelId, kind: FrameKind, sequence: u32, payload: &[u8], flags: u8) -> Bytes {
    let mut frame = vec![0; HEADER_LEN + payload.len()];
    frame[HEADER_LEN..].copy_from_slice(payload);
    seal(&mut frame, channel, sequence, kind, flags);
    frame.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHANNEL: ChannelId = ChannelId {
        edge: EdgeIndex(3),
        producer: SubtaskIndex(1),
        consumer: SubtaskIndex(2),
        attempt: AttemptNumber(9),
    };

    fn parse(frame: &[u8]) -> Result<(Header, Vec<u8>), FrameError> {
        let (bytes, payload) = frame.split_first_chunk().expect("a frame has a header");
        let header = Header::parse(bytes)?;
        header.verify(bytes, payload)?;
        Ok((header, payload.to_vec()))
    }

    fn message(payload: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER_LEN];
        message.extend_from_slice(payload);
        message
    }

    #[test]
    fn large_batches_span_frames_with_rising_sequence() {
        let payload: Vec<u8> = (0..MAX_PAYLOAD * 2 + 5).map(|i| i as u8).collect();
        let mut sequence = u32::MAX;
        let frames = data(CHANNEL, message(&payload), &mut sequence);
        let parsed: Vec<_> = frames.iter().map(|frame| parse(frame).unwrap()).collect();
        assert_eq!(parsed.iter().map(|(h, _)| h.sequence).collect::<Vec<_>>(), [u32::MAX, 0, 1]);
        assert_eq!(parsed.iter().map(|(h, _)| h.flags).collect::<Vec<_>>(), [MORE, MORE, 0]);
        assert_eq!(parsed.concat_payloads(), payload);
        assert_eq!(sequence, 2);
    }

    trait ConcatPayloads {
        fn concat_payloads(&self) -> Vec<u8>;
    }

    impl ConcatPayloads for Vec<(Header, Vec<u8>)> {
        fn concat_payloads(&self) -> Vec<u8> {
            self.iter().flat_map(|(_, payload)| payload.clone()).collect()
        }
    }

    #[test]
    fn oversized_lengths_are_refused_before_any_allocation() {
        let mut frame = control(CHANNEL, FrameKind::Credit, 7).to_vec();
        frame[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(parse(&frame), Err(FrameError::TooLong(u32::MAX)));
    }

    #[test]
    fn control_frames_have_no_payload() {
        let mut frame = control(CHANNEL, FrameKind::Ping, 0).to_vec();
        frame[20] = 1;
        assert_eq!(parse(&frame), Err(FrameError::Payload(1)));
    }

    #[test]
    fn the_bytes_of_a_frame_stay_as_they_are() {
        let frame = barrier(CHANNEL, 0x0102_0304, b"xy");
        let header: [u8; 28] =
            [3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4, 3, 2, 1, 2, 0, 0, 0, 5, 0, 0, 0];
        assert_eq!(frame[..28], header);
        assert_eq!(&frame[HEADER_LEN..], b"xy");
        let (parsed, payload) = parse(&frame).unwrap();
        assert_eq!(
            (parsed.channel, parsed.kind, parsed.sequence),
            (CHANNEL, FrameKind::Barrier, 0x0102_0304)
        );
        assert_eq!(payload, b"xy");
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_noticed(payload: Vec<u8>, position: prop::sample::Index, bit in 0u8..8) {
            let mut frame = data(CHANNEL, message(&payload), &mut 5)[0].to_vec();
            let position = position.index(frame.len());
            frame[position] ^= 1 << bit;
            prop_assert!(parse(&frame).is_err());
        }

        #[test]
        fn any_header_is_parsed_or_refused(bytes: [u8; HEADER_LEN]) {
            let _ = Header::parse(&bytes);
        }
    }
}
