//! Reads what each subtask's operators have.

use std::{collections::BTreeMap, fmt};

use flott_core::checkpoint::{Blob, OperatorSubtaskState};
use flott_state::{TableDescription, schema::Schema};
use flott_storage::{
    Storage, StoredSnapshot, envelope,
    manifest::{OperatorManifest, Redistribution, SegmentEntry},
};

use crate::failure::chain;

/// What one operator of one subtask has.
pub(super) struct Manifest {
    pub(super) key_groups: std::ops::Range<u32>,
    pub(super) tables: Vec<Table>,
    pub(super) lists: Vec<List>,
}

/// A table of keyed state, as far as one subtask has it.
pub(super) struct Table {
    /// The container that it is in, such as `timers`.
    pub(super) part: String,
    pub(super) description: TableDescription,
    pub(super) segments: u64,
    pub(super) size: u64,
}

/// A list of one subtask.
pub(super) struct List {
    pub(super) name: String,
    pub(super) redistribution: Redistribution,
    pub(super) schema: Schema,
    pub(super) elements: u64,
    pub(super) size: u64,
}

/// By position of the operator and index of the subtask; those that can't be read are among the problems.
pub(super) type Manifests = BTreeMap<(usize, usize), Manifest>;

/// Reads all of them.
pub(super) async fn manifests(
    storage: &Storage,
    snapshot: &StoredSnapshot,
    problems: &mut Vec<String>,
) -> Manifests {
    let mut manifests = BTreeMap::new();
    for (position, operator) in snapshot.metadata.operators.iter().enumerate() {
        for (index, state) in operator.subtasks.iter().enumerate() {
            let Some(state) = state else { continue };
            match manifest(storage, snapshot, state, index).await {
                Ok(manifest) => drop(manifests.insert((position, index), manifest)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    manifests
}

async fn manifest(
    storage: &Storage,
    snapshot: &StoredSnapshot,
    state: &OperatorSubtaskState,
    index: usize,
) -> Result<Manifest, String> {
    let (place, bytes) = match &state.manifest {
        Blob::Inline(bytes) => {
            let place =
                format!("the manifest of operator {}, subtask {index}, in {}", state.uid, snapshot.file);
            (place, bytes.clone().into())
        }
        Blob::File(file) => {
            let uri = snapshot.directory.resolve(&file.path).map_err(|error| chain(&error))?;
            let bytes = storage.get(&uri).await.map_err(|error| chain(&error))?;
            if bytes.len() as u64 != file.size {
                return Err(format!("{uri} has {} bytes, not {}", bytes.len(), file.size));
            }
            (uri.to_string(), bytes)
        }
    };
    let manifest = OperatorManifest::decode(&place, &bytes).map_err(|error| chain(&error))?;
    understand(&place, manifest)
}

/// Decodes what only states know about themselves.
fn understand(place: &str, manifest: OperatorManifest) -> Result<Manifest, String> {
    let wrong = |what: fmt::Arguments<'_>, error: postcard::Error| {
        format!("{place} is damaged: {what} can't be decoded ({error})")
    };
    let mut tables = Vec::new();
    for part in manifest.keyed {
        for entry in part.segments.iter().filter(|entry| entry.file == 0) {
            check_inline(place, &manifest.inline, entry)?;
        }
        for (position, encoded) in part.tables.iter().enumerate() {
            let description = postcard::from_bytes(encoded)
                .map_err(|error| wrong(format_args!("table {position} of {}", part.name), error))?;
            let segments = || part.segments.iter().filter(|entry| usize::from(entry.table) == position);
            tables.push(Table {
                part: part.name.clone(),
                description,
                segments: segments().count() as u64,
                size: segments().map(|entry| u64::from(entry.length)).sum(),
            });
        }
    }
    let lists = manifest.lists.into_iter().map(|list| {
        let schema = postcard::from_bytes(&list.schema)
            .map_err(|error| wrong(format_args!("the schema of list {}", list.name), error))?;
        Ok(List {
            redistribution: list.redistribution,
            schema,
            elements: list.elements.len() as u64,
            size: list.elements.iter().map(|element| element.len() as u64).sum(),
            name: list.name,
        })
    });
    Ok(Manifest { key_groups: manifest.key_groups, tables, lists: lists.collect::<Result<_, String>>()? })
}

/// A segment that is in the manifest itself. Decoding has made sure that it lies within.
fn check_inline(place: &str, inline: &[u8], entry: &SegmentEntry) -> Result<(), String> {
    let bytes = usize::try_from(entry.offset).ok().and_then(|start| inline.get(start..)).unwrap_or_default();
    let bytes = bytes.get(..entry.length as usize).unwrap_or_default();
    envelope::check(&place, entry.offset, bytes, entry.checksum).map_err(|error| chain(&error))
}
