//! Looks whether all files are there, and whole.

use std::{collections::BTreeMap, io::IsTerminal};

use flott_core::checkpoint::{Blob, StateFile};
use flott_storage::{
    Storage, StorageUri, StoredSnapshot,
    envelope::{self, FileKind},
    verify_state_file,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::chain;

/// What was found of a snapshot's files, apart from `_metadata`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Files {
    /// How many there are.
    pub(super) count: u64,
    /// Their size together, in bytes.
    pub(super) size: u64,
    /// How many of them are not in the snapshot's own directory.
    pub(super) elsewhere: u64,
    /// Whether they were read as a whole.
    pub(super) verified: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    State,
    Manifest,
    Channels,
}

/// Looks at each file, and with `verify` into it.
pub(super) async fn check(
    storage: &Storage,
    snapshot: &StoredSnapshot,
    verify: bool,
    problems: &mut Vec<String>,
) -> Files {
    let files = all(snapshot, problems);
    let progress = progress(files.len() as u64);
    let mut found = Files { verified: verify, ..Files::default() };
    for (uri, (kind, size)) in &files {
        found.count += 1;
        found.size += size;
        let is_own = uri.parent().as_ref() == Some(&snapshot.directory);
        found.elsewhere += u64::from(!is_own);
        let checked = match (verify, kind) {
            // It was read already.
            (_, Kind::Manifest) => Ok(()),
            (false, _) => is_there(storage, uri, *size).await,
            (true, Kind::State) => match verify_state_file(storage, uri).await {
                Ok(real) => same_size(uri, *size, real),
                Err(error) => Err(chain(&error)),
            },
            (true, Kind::Channels) => match storage.get(uri).await {
                Ok(bytes) => envelope::open(FileKind::Channels, uri, &bytes)
                    .map_err(|error| chain(&error))
                    .and_then(|_| same_size(uri, *size, bytes.len() as u64)),
                Err(error) => Err(chain(&error)),
            },
        };
        problems.extend(checked.err());
        progress.inc(1);
    }
    progress.finish_and_clear();
    found
}

/// The files by their places: subtasks may share one.
fn all(snapshot: &StoredSnapshot, problems: &mut Vec<String>) -> BTreeMap<StorageUri, (Kind, u64)> {
    let metadata = &snapshot.metadata;
    let subtasks = || metadata.operators.iter().flat_map(|operator| &operator.subtasks).flatten();
    let state = subtasks().flat_map(|subtask| &subtask.files).map(|file| (Kind::State, file));
    let manifests = subtasks().filter_map(|subtask| Some((Kind::Manifest, file_of(&subtask.manifest)?)));
    let channels = metadata.vertices.iter().flat_map(|vertex| &vertex.channels).flatten();
    let channels = channels.filter_map(|blob| Some((Kind::Channels, file_of(blob)?)));
    let mut files = BTreeMap::new();
    for (kind, file) in state.chain(manifests).chain(channels) {
        match snapshot.directory.resolve(&file.path) {
            Ok(uri) => drop(files.insert(uri, (kind, file.size))),
            // Told when it was to be read.
            Err(_) if kind == Kind::Manifest => {}
            Err(error) => problems.push(format!("{}: {}", snapshot.file, chain(&error))),
        }
    }
    files
}

fn file_of(blob: &Blob) -> Option<&StateFile> {
    match blob {
        Blob::File(file) => Some(file),
        Blob::Inline(_) => None,
    }
}

async fn is_there(storage: &Storage, uri: &StorageUri, size: u64) -> Result<(), String> {
    match storage.size(uri).await {
        Ok(Some(real)) => same_size(uri, size, real),
        Ok(None) => Err(format!("{uri} is missing")),
        Err(error) => Err(chain(&error)),
    }
}

fn same_size(uri: &StorageUri, expected: u64, real: u64) -> Result<(), String> {
    if real == expected { Ok(()) } else { Err(format!("{uri} has {real} bytes, not {expected}")) }
}

fn progress(count: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("Checking files {wide_bar} {pos}/{len}");
    ProgressBar::new(count).with_style(style.expect("the template is valid"))
}
