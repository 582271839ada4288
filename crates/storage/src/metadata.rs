use std::fmt;

use bytes::Bytes;
use flott_core::{
    JobEdge,
    checkpoint::{CheckpointMetadata, StateFile},
};

use crate::{
    Error, FileInfo, Result, Storage, StorageUri,
    envelope::{self, FileKind, HEADER_LENGTH},
};

/// Name of the file that makes a directory a checkpoint or savepoint.
pub const METADATA_FILE: &str = "_metadata";

/// A checkpoint or savepoint that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// What it is made of.
    pub metadata: CheckpointMetadata,
    /// The edges of the graph that it was taken of, by whose indices records are known that were on their way. Empty if that
    /// is not written there.
    pub edges: Vec<JobEdge>,
    /// Its directory, from which its files are referred to.
    pub directory: StorageUri,
    /// The `_metadata` file itself.
    pub file: StorageUri,
    /// Size of that file in bytes.
    pub size: u64,
}

/// Writes `_metadata` of a snapshot without records that were on their way. See [`store_checkpoint`].
///
/// # Errors
/// As [`store_checkpoint`].
pub async fn store_metadata(
    storage: &Storage,
    directory: &StorageUri,
    metadata: &CheckpointMetadata,
) -> Result<StateFile> {
    store_checkpoint(storage, directory, metadata, &[]).await
}

/// Writes `_metadata` into the directory of a snapshot, where there must be none, reads it back and compares. When this returns
/// the snapshot can be restored, whatever happens to this process. Gives back the file, by its name in the directory. `edges`:
/// those of the graph that it was taken of.
///
/// # Errors
/// If it can't be written or is not what was written. Whether there is a file then is not known.
pub async fn store_checkpoint(
    storage: &Storage,
    directory: &StorageUri,
    metadata: &CheckpointMetadata,
    edges: &[JobEdge],
) -> Result<StateFile> {
    let file = directory.join(METADATA_FILE);
    let bytes = encode(&file, metadata, edges)?;
    storage.put_new(&file, bytes.clone()).await?;
    let stored = storage.get(&file).await?;
    let (read, read_edges) = decode(&file, &stored)?;
    if read != *metadata || read_edges != edges {
        return Err(Error::damaged(&file, 0, "what was read back is not what was written"));
    }
    Ok(StateFile { path: METADATA_FILE.to_owned(), size: stored.len() as u64 })
}

/// Reads the `_metadata` of a snapshot. `uri` is its directory or the file itself.
///
/// # Errors
/// [`Error::NoSnapshot`] if there is none, saying what is there; [`Error::Damaged`], [`Error::NewerFormat`] or
/// [`Error::Failed`] if it can't be read.
pub async fn load_metadata(storage: &Storage, uri: &StorageUri) -> Result<StoredSnapshot> {
    let in_directory = uri.join(METADATA_FILE);
    // What is named like the file is most likely the file. Below a file there is nothing, which is not the same as missing.
    let order = if uri.name() == METADATA_FILE { [uri, &in_directory] } else { [&in_directory, uri] };
    let mut first_error = None;
    for file in order.into_iter().filter(|file| !file.is_root()) {
        match storage.get(file).await {
            Ok(bytes) => {
                let (metadata, edges) = decode(file, &bytes)?;
                let directory = file.parent().unwrap_or_else(|| uri.clone());
                return Ok(StoredSnapshot {
                    metadata,
                    edges,
                    directory,
                    file: file.clone(),
                    size: bytes.len() as u64,
                });
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match first_error {
        Some(error) if !error.is_missing() => Err(error),
        _ => Err(Error::NoSnapshot { uri: uri.clone(), found: what_is_there(storage, uri).await }),
    }
}

/// The file for a checkpoint's metadata.
///
/// # Errors
/// If it can't be encoded, which would be a bug.
pub(crate) fn encode(
    file: &dyn fmt::Display,
    metadata: &CheckpointMetadata,
    edges: &[JobEdge],
) -> Result<Bytes> {
    let payload = postcard::to_stdvec(&(metadata, edges));
    let payload =
        payload.map_err(|error| Error::damaged(file, 0, format_args!("it cannot be encoded: {error}")))?;
    Ok(envelope::seal(FileKind::Metadata, &payload))
}

pub(crate) fn decode(file: &dyn fmt::Display, bytes: &Bytes) -> Result<(CheckpointMetadata, Vec<JobEdge>)> {
    let (version, payload) = envelope::open(FileKind::Metadata, file, bytes)?;
    let undecodable = |error: postcard::Error| {
        Error::damaged(file, HEADER_LENGTH as u64, format_args!("it cannot be decoded: {error}"))
    };
    // Lengths in the payload are not believed: collections grow as their elements are read.
    let (metadata, rest) = postcard::take_from_bytes(&payload).map_err(undecodable)?;
    let (edges, rest) = match version {
        // In which nothing is behind the metadata.
        1 => (Vec::new(), rest),
        _ => postcard::take_from_bytes(rest).map_err(undecodable)?,
    };
    if !rest.is_empty() {
        let offset = (bytes.len() - rest.len()) as u64;
        return Err(Error::damaged(file, offset, format_args!("{} bytes too many", rest.len())));
    }
    Ok((metadata, edges))
}

/// For people who gave the wrong path: what is there instead.
async fn what_is_there(storage: &Storage, uri: &StorageUri) -> String {
    const SHOWN: usize = 5;
    let looked_for = format!("looked for {}", uri.join(METADATA_FILE));
    if uri.is_root() {
        return looked_for;
    }
    let files = match storage.list(uri).await {
        Ok(files) => files,
        Err(_) => return looked_for,
    };
    if files.is_empty() {
        return format!("{looked_for}, but there is no such directory, or nothing in it");
    }
    let snapshots: Vec<_> = files.iter().filter(|file| file.uri.name() == METADATA_FILE).collect();
    let place = |file: &&FileInfo| file.uri.parent().unwrap_or_else(|| file.uri.clone()).to_string();
    if snapshots.is_empty() {
        let names: Vec<_> = files.iter().take(SHOWN).map(|file| file.uri.relative_to(uri)).collect();
        let more = if files.len() > SHOWN { ", …" } else { "" };
        return format!("{looked_for}, but the directory has only {}{more}", names.join(", "));
    }
    let places: Vec<_> = snapshots.iter().rev().take(SHOWN).map(place).collect();
    format!("{looked_for}; there is one in {}", places.join(", "))
}

#[cfg(test)]
mod tests;
