use crate::{StateKind, StateTtl};

/// What can go wrong with the state of an operator. Each is a mistake in a job, and none goes away by trying again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name stands for two different states.
    #[error(
        "state `{name}` is already registered as a {registered} and cannot also be a {requested}: give one of them \
         another name"
    )]
    TypeMismatch {
        /// The state's name.
        name: String,
        /// What was registered first.
        registered: Box<StateType>,
        /// What was asked for now.
        requested: Box<StateType>,
    },
    /// A name stands for two states that live for different times.
    #[error(
        "state `{name}` is already registered {} and cannot also be registered {}: give both the same time to live, or \
         one of them another name",
        TtlText(.registered.as_deref()),
        TtlText(.requested.as_deref())
    )]
    TtlMismatch {
        /// The state's name.
        name: String,
        /// The time to live that was registered first.
        registered: Option<Box<StateTtl>>,
        /// The time to live that was asked for now.
        requested: Option<Box<StateTtl>>,
    },
    /// A time to live in which nothing could live.
    #[error("state `{name}` has a time to live below one millisecond: give it a longer one, or none")]
    TtlTooShort {
        /// The state's name.
        name: String,
    },
    /// A value cannot be serialized.
    #[error("cannot serialize {what}: {reason}")]
    Encode {
        /// The type of the value.
        what: &'static str,
        /// What the serializer said.
        reason: String,
    },
    /// What a snapshot has of a state cannot become what the job has of it now.
    #[error("state `{state}` cannot be restored: {reason}")]
    Incompatible {
        /// The state's name.
        state: String,
        /// What is stored, what is wanted, and what can be done.
        reason: String,
    },
    /// A piece of a snapshot is not what was once written.
    #[error(
        "segment {segment} of key group {group} of state `{state}` is damaged at byte {offset} of it: {reason}"
    )]
    DamagedSegment {
        /// The state's name.
        state: String,
        /// The key group.
        group: u32,
        /// Which one of the group.
        segment: u32,
        /// Where in the segment, in bytes.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// Operator state in a snapshot is not what was once written.
    #[error("state `{state}` is damaged at byte {offset} of its entries: {reason}")]
    DamagedOperatorState {
        /// The state's name.
        state: String,
        /// Where in the entries, in bytes.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot cannot be written.
    #[error("cannot write a segment: {reason}")]
    Write {
        /// What the sink said.
        reason: String,
    },
}

/// The outcome of what can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kind and types of a state, as errors and snapshots name it: `value state of u64`, `list state of u64 by TimeWindow`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateType {
    /// The kind.
    pub kind: StateKind,
    /// The Rust types of what is kept.
    pub values: String,
    /// The Rust type of the namespace, if the state is kept by key and namespace.
    pub namespace: Option<&'static str>,
}

impl std::fmt::Display for StateType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} state of {}", self.kind, self.values)?;
        match self.namespace {
            Some(namespace) => write!(f, " by {namespace}"),
            None => Ok(()),
        }
    }
}

struct TtlText<'a>(Option<&'a StateTtl>);

impl std::fmt::Display for TtlText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(ttl) => write!(f, "with {ttl}"),
            None => f.write_str("without a time to live"),
        }
    }
}
