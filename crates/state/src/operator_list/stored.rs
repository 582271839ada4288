use serde::{Deserialize, Serialize};

use crate::{StateKind, TableDescription};

/// An element of a list, as it is in snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredElement {
    /// Name of its list.
    pub list: String,
    /// The element, in postcard's format.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// The lists of a subtask, as they are in snapshots: what each is, which all subtasks have alike, and the elements, which go
/// to the subtasks according to the kind of their list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredLists {
    /// What the lists are.
    pub descriptions: Vec<TableDescription>,
    /// Elements that are to be spread over the subtasks, list by list.
    pub elements: Vec<StoredElement>,
    /// Elements that all subtasks are to get, list by list.
    pub union_elements: Vec<StoredElement>,
}

impl StoredLists {
    pub(super) fn add(&mut self, description: &TableDescription, elements: Vec<Vec<u8>>) {
        let list = &description.name;
        let elements = elements.into_iter().map(|bytes| StoredElement { list: list.clone(), bytes });
        match description.kind {
            StateKind::UnionList => self.union_elements.extend(elements),
            _ => self.elements.extend(elements),
        }
        self.descriptions.push(description.clone());
    }
}
