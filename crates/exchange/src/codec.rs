//! Buffers as bytes: a header with the number of records, then the barrier at its end, marks, timestamps (each as its
//! difference to the one before) and records, in postcard's compact form. The barrier comes first so that it is found, and
//! can be left out, without reading records.

use std::sync::Arc;

use flott_core::{ChannelId, checkpoint::Barrier, time::Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::{BATCH_RECORDS, Buffer, Error, MAX_BATCH_BYTES, Mark};

/// Bytes of a buffer's header.
pub(crate) const HEADER_LEN: usize = 4;

/// Set in the header if timestamps follow it.
const TIMESTAMPED: u32 = 1 << 31;
/// Set in the header if marks follow it.
const MARKED: u32 = 1 << 30;
/// Set in the header if a barrier follows it.
const BARRIER: u32 = 1 << 29;
/// What is left of the header is the number of records.
const COUNT: u32 = BARRIER - 1;

/// What can travel between subtasks: data that serde can write and read back.
pub trait Record: Clone + Send + Serialize + DeserializeOwned + 'static {}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Record for T {}

/// Appends the encoded buffer to `bytes`.
pub(crate) fn encode<T: Serialize>(
    buffer: &Buffer<T>,
    channel: ChannelId,
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let Buffer { batch, marks, barrier, .. } = buffer;
    debug_assert!(batch.len() <= BATCH_RECORDS, "the receiver takes no larger batches");
    let failed = |error: postcard::Error| Error::Encode { channel, reason: error.to_string().into() };
    let start = bytes.len();
    let timestamped = if batch.is_timestamped() { TIMESTAMPED } else { 0 };
    let marked = if marks.is_empty() { 0 } else { MARKED };
    let ends_with_barrier = if barrier.is_some() { BARRIER } else { 0 };
    let header = batch.len() as u32 | timestamped | marked | ends_with_barrier;
    bytes.extend_from_slice(&header.to_le_bytes());
    if let Some(barrier) = barrier {
        bytes = postcard::to_extend(&**barrier, bytes).map_err(failed)?;
    }
    if marked != 0 {
        bytes = postcard::to_extend(marks, bytes).map_err(failed)?;
    }
    // Neighbors are near each other in time, and small numbers take few bytes.
    let mut previous = 0i64;
    for timestamp in &batch.timestamps {
        let millis = timestamp.as_millis();
        bytes = postcard::to_extend(&millis.wrapping_sub(previous), bytes).map_err(failed)?;
        previous = millis;
    }
    for record in &batch.records {
        bytes = postcard::to_extend(record, bytes).map_err(failed)?;
    }
    let size = bytes.len() - start;
    if size > MAX_BATCH_BYTES { Err(Error::TooLarge { channel, size }) } else { Ok(bytes) }
}

/// Adds what an encoded buffer holds to `buffer`, which is empty.
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    channel: ChannelId,
    buffer: &mut Buffer<T>,
) -> Result<(), Error> {
    let failed = |record: u32, reason: String| Error::Decode { channel, record, reason: reason.into() };
    let (header, mut rest) =
        bytes.split_first_chunk().ok_or_else(|| failed(0, "the batch has no header".to_owned()))?;
    let header = u32::from_le_bytes(*header);
    let count = header & COUNT;
    // Records may take no bytes at all, so the number of bytes does not bound them.
    if count as usize > BATCH_RECORDS {
        return Err(failed(
            0,
            format!("{count} records are announced, at most {BATCH_RECORDS} make a batch"),
        ));
    }
    if header & BARRIER != 0 {
        let barrier: Barrier = take(&mut rest).map_err(|error| failed(0, error))?;
        buffer.barrier = Some(Arc::new(barrier));
    }
    if header & MARKED != 0 {
        let marks: Vec<(u32, Mark)> = take(&mut rest).map_err(|error| failed(0, error))?;
        let ascend = marks.is_sorted_by_key(|(at, _)| *at) && marks.last().is_none_or(|(at, _)| *at <= count);
        if !ascend {
            return Err(failed(0, "the marks are not where records are".to_owned()));
        }
        buffer.marks = marks;
    }
    if header & TIMESTAMPED != 0 {
        let mut millis = 0i64;
        for position in 0..count {
            let delta: i64 = take(&mut rest).map_err(|error| failed(position, error))?;
            millis = millis.wrapping_add(delta);
            buffer.batch.timestamps.push(Timestamp::from_millis(millis));
        }
    }
    for position in 0..count {
        let record = take(&mut rest).map_err(|error| failed(position, error))?;
        buffer.batch.records.push(record);
    }
    if rest.is_empty() { Ok(()) } else { Err(failed(count, format!("{} bytes are left over", rest.len()))) }
}

/// Takes the barrier out of an encoded buffer. If the bytes are damaged there is none; reading the rest will tell.
pub(crate) fn take_barrier(bytes: &mut Vec<u8>) -> Option<Barrier> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let header = u32::from_le_bytes(*header);
    if header & BARRIER == 0 {
        return None;
    }
    let (barrier, behind) = postcard::take_from_bytes(rest).ok()?;
    let from = bytes.len() - behind.len();
    bytes.drain(HEADER_LEN..from);
    bytes[..HEADER_LEN].copy_from_slice(&(header & !BARRIER).to_le_bytes());
    Some(barrier)
}

/// The barrier of an encoded buffer, if it has one and is not damaged.
pub(crate) fn barrier(bytes: &[u8]) -> Option<Barrier> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let has_barrier = u32::from_le_bytes(*header) & BARRIER != 0;
    has_barrier.then(|| postcard::take_from_bytes(rest).ok()).flatten().map(|(barrier, _)| barrier)
}

/// Takes out of an encoded buffer without a barrier what is for this run of the job only: marks of latency, which would
/// tell for how long the job was down. Damaged bytes are left alone; reading them will tell.
pub(crate) fn drop_latency_markers(bytes: &mut Vec<u8>) {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else { return };
    let header = u32::from_le_bytes(*header);
    if header & MARKED == 0 || header & BARRIER != 0 {
        return;
    }
    let Ok((mut marks, behind)) = postcard::take_from_bytes::<Vec<(u32, Mark)>>(rest) else { return };
    let count = marks.len();
    marks.retain(|(_, mark)| !matches!(mark, Mark::Latency(_)));
    if marks.len() == count {
        return;
    }
    let marked = if marks.is_empty() { 0 } else { MARKED };
    let mut kept = ((header & !MARKED) | marked).to_le_bytes().to_vec();
    if marked != 0 {
        let Ok(extended) = postcard::to_extend(&marks, kept) else { return };
        kept = extended;
    }
    kept.extend_from_slice(behind);
    *bytes = kept;
}

/// Whether an encoded buffer holds nothing but perhaps a barrier.
pub(crate) fn is_empty(bytes: &[u8]) -> bool {
    bytes
        .first_chunk::<HEADER_LEN>()
        .is_none_or(|header| u32::from_le_bytes(*header) & (COUNT | MARKED | TIMESTAMPED) == 0)
}

#[inline]
fn take<V: DeserializeOwned>(bytes: &mut &[u8]) -> Result<V, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| error.to_string())?;
    *bytes = rest;
    Ok(value)
}

/// Size of a record on the wire, in bytes; its size in memory if it can't be serialized.
#[inline]
pub(crate) fn encoded_size<T: Serialize>(record: &T) -> usize {
    postcard::experimental::serialized_size(record).unwrap_or_else(|_| size_of_val(record))
}

#[cfg(test)]
mod tests {
    use flott_core::{
        CheckpointId,
        checkpoint::{Alignment, SnapshotKind},
    };
    use proptest::prelude::*;

    use super::*;

    const CHANNEL: ChannelId = ChannelId {
        edge: flott_core::EdgeIndex(0),
        producer: flott_core::SubtaskIndex(1),
        consumer: flott_core::SubtaskIndex(2),
        attempt: flott_core::AttemptNumber(3),
    };

    type Row = (String, u64, Option<i32>);

    fn buffer(records: Vec<(Row, Option<i64>, Option<i64>)>) -> Buffer<Row> {
        let mut buffer = Buffer::default();
        for (record, timestamp, watermark) in records {
            buffer.batch.push(record, timestamp.map_or(Timestamp::MIN, Timestamp::from_millis));
            if let Some(watermark) = watermark {
                buffer.mark(Mark::Watermark(Timestamp::from_millis(watermark)));
            }
        }
        buffer
    }

    fn barrier(id: u64) -> Arc<Barrier> {
        Arc::new(Barrier {
            id: CheckpointId(id),
            triggered_at: 1_700_000_000_000,
            kind: SnapshotKind::Checkpoint { full: true },
            alignment: Alignment::Aligned { timeout_ms: Some(300) },
        })
    }

    #[test]
    fn the_bytes_of_a_buffer_stay_as_they_are() {
        let mut buffer = buffer(vec![(("a".to_owned(), 300, Some(-1)), Some(1_000), Some(1_001))]);
        buffer.set_barrier(barrier(5));
        let bytes = encode(&buffer, CHANNEL, Vec::new()).unwrap();
        let expected: Vec<u8> = [
            &[1, 0, 0, 0xe0][..], // one record; barrier, marks and timestamps
            &[5, 0x80, 0xa0, 0xab, 0xfe, 0xf9, 0x62, 0, 1, 0, 1, 0xac, 2], // id, time, a full checkpoint, aligned for 300 ms
            &[1, 1, 0, 0xd2, 0x0f],    // one mark behind one record: watermark 1001
            &[0xd0, 0x0f],             // timestamp 1000
            &[1, b'a', 0xac, 2, 1, 1], // "a", 300, Some(-1)
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    proptest! {
        #[test]
        fn buffers_round_trip(records: Vec<(Row, Option<i64>, Option<i64>)>, barriers: bool) {
            let mut buffer = buffer(records);
            if barriers {
                buffer.set_barrier(barrier(7));
            }
            let mut bytes = encode(&buffer, CHANNEL, Vec::new()).unwrap();
            let mut decoded = Buffer::default();
            decode(&bytes, CHANNEL, &mut decoded).unwrap();
            prop_assert_eq!(&decoded, &buffer);

            prop_assert_eq!(super::barrier(&bytes).map(Arc::new), buffer.barrier().cloned());
            let taken = buffer.take_barrier();
            prop_assert_eq!(take_barrier(&mut bytes), taken.map(|barrier| (*barrier).clone()));
            prop_assert_eq!(&bytes, &encode(&buffer, CHANNEL, Vec::new()).unwrap());
            prop_assert_eq!(is_empty(&bytes), buffer.is_empty());
        }

        #[test]
        fn only_marks_of_latency_are_dropped(records: Vec<(Row, Option<i64>, Option<i64>)>, at: Vec<prop::sample::Index>) {
            let plain = buffer(records);
            let mut marked = plain.clone();
            for at in at {
                let at = at.index(marked.batch.len() + 1) as u32;
                let position = marked.marks.partition_point(|(before, _)| *before < at);
                let (source, subtask) = (flott_core::VertexIndex(1), flott_core::SubtaskIndex(2));
                let marker = crate::LatencyMarker { marked_at_us: 1_700_000_000_000_000, source, subtask };
                marked.marks.insert(position, (at, Mark::Latency(marker)));
            }
            let mut bytes = encode(&marked, CHANNEL, Vec::new()).unwrap();
            drop_latency_markers(&mut bytes);
            prop_assert_eq!(&bytes, &encode(&plain, CHANNEL, Vec::new()).unwrap());
        }

        #[test]
        fn any_bytes_hold_a_barrier_or_none(mut bytes: Vec<u8>) {
            let _ = super::barrier(&bytes);
            drop_latency_markers(&mut bytes);
            let _ = take_barrier(&mut bytes);
            let _ = is_empty(&bytes);
        }

        #[test]
        fn batches_of_records_without_bytes_are_bounded(count in BATCH_RECORDS as u32 + 1..) {
            let count = count & COUNT;
            prop_assume!(count as usize > BATCH_RECORDS);
            let error = decode::<()>(&count.to_le_bytes(), CHANNEL, &mut Buffer::default()).unwrap_err();
            prop_assert!(error.to_string().contains("at most 1024"));
        }

        #[test]
        fn any_bytes_give_records_or_an_error(bytes: Vec<u8>) {
            let _ = decode::<(String, u64)>(&bytes, CHANNEL, &mut Buffer::default());
        }

        #[test]
        fn truncated_buffers_are_refused(records: Vec<(Row, Option<i64>, Option<i64>)>, cut in 1usize..50) {
            prop_assume!(!records.is_empty());
            let bytes = encode(&buffer(records), CHANNEL, Vec::new()).unwrap();
            let short = &bytes[..bytes.len().saturating_sub(cut)];
            prop_assert!(decode::<Row>(short, CHANNEL, &mut Buffer::default()).is_err());
        }
    }

    #[test]
    fn timestamps_of_neighbors_take_few_bytes() {
        let mut buffer = Buffer::default();
        for second in 0..1_000 {
            buffer.batch.push((), Timestamp::from_millis(1_700_000_000_000 + second * 20));
        }
        let bytes = encode(&buffer, CHANNEL, Vec::new()).unwrap();
        assert!(bytes.len() < 1_020, "{}", bytes.len());
    }
}
