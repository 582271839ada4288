use std::sync::Arc;

use flott_core::ChannelId;

/// What can go wrong between two subtasks. Cheap to clone, because one broken connection fails many channels.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The data plane can't listen.
    #[error("cannot listen on {address} for other task hosts: {cause}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        cause: Arc<std::io::Error>,
    },
    /// A peer can't be reached, or its connection broke.
    #[error("lost the data connection to the task host on {peer}: {reason}")]
    ConnectionLost {
        /// The peer's TaskManager and address.
        peer: Arc<str>,
        /// What happened.
        reason: Arc<str>,
    },
    /// A record can't be encoded.
    #[error("cannot serialize a record for {channel}: {reason}")]
    Encode {
        /// Where it was to go.
        channel: ChannelId,
        /// What the serializer said.
        reason: Arc<str>,
    },
    /// An encoded record is too large.
    #[error("a record for {channel} takes {size} bytes, at most {} are allowed", crate::MAX_BATCH_BYTES)]
    TooLarge {
        /// Where it was to go.
        channel: ChannelId,
        /// Its size.
        size: usize,
    },
    /// A batch can't be decoded.
    #[error("cannot deserialize record {record} of a batch from {channel}: {reason}")]
    Decode {
        /// Where it came from.
        channel: ChannelId,
        /// Position of the record in the batch.
        record: u32,
        /// What the deserializer said.
        reason: Arc<str>,
    },
    /// The same channel was asked for with two types of records: the two ends run different graphs.
    #[error("the two ends of {channel} disagree about the type of its records")]
    TypeMismatch {
        /// The channel.
        channel: ChannelId,
    },
}
