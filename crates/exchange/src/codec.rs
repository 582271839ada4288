//! Batches as bytes: a count, then each record in postcard's compact form.

use flott_core::ChannelId;
use serde::{Serialize, de::DeserializeOwned};

use crate::{BATCH_RECORDS, Error, MAX_BATCH_BYTES};

/// Bytes of a batch's count of records.
pub(crate) const COUNT_LEN: usize = 4;

/// What can travel between subtasks: data that serde can write and read back.
pub trait Record: Clone + Send + Serialize + DeserializeOwned + 'static {}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Record for T {}

/// Appends the encoded batch to `bytes`.
pub(crate) fn encode<T: Serialize>(
    records: &[T],
    channel: ChannelId,
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    debug_assert!(records.len() <= BATCH_RECORDS, "the receiver takes no larger batches");
    let start = bytes.len();
    bytes.extend_from_slice(&(records.len() as u32).to_le_bytes());
    for record in records {
        bytes = postcard::to_extend(record, bytes)
            .map_err(|error| Error::Encode { channel, reason: error.to_string().into() })?;
    }
    let size = bytes.len() - start;
    if size > MAX_BATCH_BYTES { Err(Error::TooLarge { channel, size }) } else { Ok(bytes) }
}

/// Appends the records of an encoded batch to `records`.
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    channel: ChannelId,
    records: &mut Vec<T>,
) -> Result<(), Error> {
    let failed = |record: u32, reason: String| Error::Decode { channel, record, reason: reason.into() };
    let (count, mut rest) =
        bytes.split_first_chunk().ok_or_else(|| failed(0, "the batch has no count".to_owned()))?;
    let count = u32::from_le_bytes(*count);
    // Records may take no bytes at all, so the number of bytes does not bound them.
    if count as usize > BATCH_RECORDS {
        return Err(failed(
            0,
            format!("{count} records are announced, at most {BATCH_RECORDS} make a batch"),
        ));
    }
    for position in 0..count {
        let (record, remaining) =
            postcard::take_from_bytes(rest).map_err(|error| failed(position, error.to_string()))?;
        records.push(record);
        rest = remaining;
    }
    if rest.is_empty() { Ok(()) } else { Err(failed(count, format!("{} bytes are left over", rest.len()))) }
}

/// Size of a record on the wire, in bytes; its size in memory if it can't be serialized.
#[inline]
pub(crate) fn encoded_size<T: Serialize>(record: &T) -> usize {
    postcard::experimental::serialized_size(record).unwrap_or_else(|_| size_of_val(record))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHANNEL: ChannelId = ChannelId {
        edge: flott_core::EdgeIndex(0),
        producer: flott_core::SubtaskIndex(1),
        consumer: flott_core::SubtaskIndex(2),
    };

    proptest! {
        #[test]
        fn batches_round_trip(records: Vec<(String, u64, Option<i32>)>) {
            let bytes = encode(&records, CHANNEL, Vec::new()).unwrap();
            let mut decoded: Vec<(String, u64, Option<i32>)> = Vec::new();
            decode(&bytes, CHANNEL, &mut decoded).unwrap();
            prop_assert_eq!(decoded, records);
        }

        #[test]
        fn batches_of_records_without_bytes_are_bounded(count in BATCH_RECORDS as u32 + 1..) {
            let error = decode::<()>(&count.to_le_bytes(), CHANNEL, &mut Vec::new()).unwrap_err();
            prop_assert!(error.to_string().contains("at most 1024"));
        }

        #[test]
        fn any_bytes_give_records_or_an_error(bytes: Vec<u8>) {
            let _ = decode::<(String, u64)>(&bytes, CHANNEL, &mut Vec::new());
        }

        #[test]
        fn truncated_batches_are_refused(records: Vec<String>, cut in 1usize..50) {
            prop_assume!(!records.is_empty());
            let bytes = encode(&records, CHANNEL, Vec::new()).unwrap();
            let short = &bytes[..bytes.len().saturating_sub(cut)];
            prop_assert!(decode::<String>(short, CHANNEL, &mut Vec::new()).is_err());
        }
    }
}
