use serde::{Deserialize, Serialize};

use crate::{StateKind, schema::Schema};

/// What a table of a snapshot is: stored in the snapshot, and compared when it is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDescription {
    /// Name of the state, unique among those of its operator's part.
    pub name: String,
    /// The kind of state.
    pub kind: StateKind,
    /// Of the keys.
    pub key: Schema,
    /// Of the namespaces; that of `()` without.
    pub namespace: Schema,
    /// Of the keys inside the maps of a [map state](StateKind::Map); else `None`.
    pub map_key: Option<Schema>,
    /// Of a single value: the value, the element of a list, the value in a map, the accumulator.
    pub value: Schema,
    /// Whether the entries carry the time at which their lives began.
    pub ttl: bool,
}
