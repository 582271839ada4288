//! Identities. Each is a newtype, so that one can't be passed for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not an id of the named kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot parse {kind} from \"{text}\": expected 32 hexadecimal digits")]
pub struct ParseIdError {
    /// What was to be parsed, such as `JobID`.
    pub kind: &'static str,
    /// The text as given.
    pub text: String,
}

/// Declares a 16-byte id that is written as 32 hexadecimal digits, as Flink's are.
macro_rules! id128 {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes the id of these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id's bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| ParseIdError { kind: $label, text: text.to_owned() })?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;

            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                let bytes = bytes
                    .try_into()
                    .map_err(|_| ParseIdError { kind: $label, text: hex::encode(bytes) })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F]{32}$" })
            }
        }
    };
}

id128!(
    /// A job, from its submission to its archive.
    JobId, "JobID"
);
id128!(
    /// A vertex of a JobGraph, derived from the uids of the operators chained in it. Unique within its job.
    VertexId, "JobVertexID"
);
id128!(
    /// An operator within a vertex, Flink's `OperatorID`. The head of a chain has the id of its vertex, as in Flink.
    OperatorId, "OperatorID"
);
id128!(
    /// One allocation of a slot to a job. Chosen by the ResourceManager; a slot that is given again has a new one.
    AllocationId, "AllocationID"
);
id128!(
    /// One registration of a TaskManager with one leader. A TaskManager that registers again gets a new one, so
    /// that messages of the old one can be told apart.
    RegistrationId, "RegistrationID"
);
id128!(
    /// A user's wish for something that takes its time, such as a savepoint. Chosen by the client or by the JobManager.
    TriggerId, "TriggerId"
);

/// A TaskManager process, as it names itself: `host:port-suffix`. Free text, as in Flink.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskManagerId(String);

impl TaskManagerId {
    /// Wraps the name that a TaskManager gave itself.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskManagerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares a number that counts or indexes something.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Position of a vertex in `JobGraph::vertices`.
    VertexIndex(u32)
);
number!(
    /// Position of an edge in `JobGraph::edges`.
    EdgeIndex(u32)
);
number!(
    /// A parallel instance of a vertex, from 0 to parallelism - 1.
    SubtaskIndex(u32)
);
number!(
    /// Which execution of a subtask this is, from 0.
    AttemptNumber(u32)
);
number!(
    /// One start of a task host of a job. Unique within the job and never used again, so that a task host that was started
    /// anew is another one to its peers.
    HostId(u32)
);
number!(
    /// A slot of a TaskManager, from 0 to the number of slots - 1.
    SlotIndex(u32)
);
number!(
    /// Leadership number of a JobManager. Rises with every new leader; the fencing token of the control plane.
    LeaderEpoch(u64)
);

number!(
    /// Number of a checkpoint or savepoint of a job, from 1. Rises over the whole life of the job and is never used again.
    CheckpointId(u64)
);

/// A parallel instance of a vertex of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubtaskId {
    /// The vertex.
    pub vertex: VertexIndex,
    /// The parallel instance.
    pub subtask: SubtaskIndex,
}

impl SubtaskId {
    /// The subtask `subtask` of vertex `vertex`.
    pub const fn new(vertex: u32, subtask: u32) -> Self {
        Self { vertex: VertexIndex(vertex), subtask: SubtaskIndex(subtask) }
    }
}

/// A channel of a job: the way from one producing subtask to one consuming subtask over one edge, in one attempt of both.
/// The two always belong to one pipelined region and are restarted together, so they have the same attempt number; what an
/// earlier attempt has sent can't be taken for this one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelId {
    /// The edge whose records the channel carries.
    pub edge: EdgeIndex,
    /// The subtask of the edge's source vertex.
    pub producer: SubtaskIndex,
    /// The subtask of the edge's target vertex.
    pub consumer: SubtaskIndex,
    /// The attempt of both.
    pub attempt: AttemptNumber,
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edge, producer, consumer, attempt } = self;
        write!(f, "edge {edge} from subtask {producer} to subtask {consumer} in attempt {attempt}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_as_32_hex_digits() {
        let id: JobId = "00112233445566778899aabbccddeeff".parse().unwrap();
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"00112233445566778899aabbccddeeff\"");
        assert_eq!(JobId::try_from(&id.as_bytes()[..]).unwrap(), id);
    }

    #[test]
    fn malformed_ids_name_what_was_expected() {
        let error = "xyz".parse::<JobId>().unwrap_err();
        assert_eq!(error.to_string(), "cannot parse JobID from \"xyz\": expected 32 hexadecimal digits");
        assert!(JobId::try_from(&[1, 2, 3][..]).is_err());
    }
}
