use serde::{Deserialize, Serialize};

use crate::TableDescription;

/// A state that does not depend on keys, as it is in snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredState {
    /// What it is.
    pub description: TableDescription,
    /// Its entries: their number, then one after the other in postcard's format.
    #[serde(with = "serde_bytes")]
    pub entries: Vec<u8>,
}
