//! The last of a subtask's checkpoint: what is beside the files of keyed state, and the answer to the JobMaster.

use std::collections::BTreeMap;

use flott_core::{
    FailureCause,
    checkpoint::{Blob, CheckpointStats, OperatorSubtaskState, StateFile, SubtaskSnapshot},
};
use flott_exchange::ChannelCapture;
use flott_storage::{
    StorageUri,
    envelope::{FileKind, seal},
    manifest::{KeyedPart, ListState, OperatorManifest, Redistribution, SegmentEntry},
};

use super::{
    CheckpointStorage,
    files::{FileTable, NumberedFiles},
    snapshot::{OperatorSnapshot, TaskSnapshot},
    storage::write_failure,
};
use crate::counters::now;

/// What a subtask hands in for a checkpoint.
pub(super) struct Finished {
    pub(super) snapshot: SubtaskSnapshot,
    pub(super) stats: CheckpointStats,
    /// The files that were written for it alone, in case nobody wants it any more.
    pub(super) written: Vec<StorageUri>,
}

/// Why there is nothing to hand in.
pub(super) struct Failed {
    pub(super) cause: FailureCause,
    /// The files that were written for it all the same.
    pub(super) written: Vec<StorageUri>,
}

impl From<FailureCause> for Failed {
    fn from(cause: FailureCause) -> Self {
        Self { cause, written: Vec::new() }
    }
}

/// Waits until all that was written has arrived, then writes the rest. `files` are those of earlier checkpoints to which this
/// one refers; if later ones may refer to its own, they come into the `table`.
pub(super) async fn finish(
    snapshot: TaskSnapshot,
    storage: &CheckpointStorage,
    mut files: NumberedFiles,
    table: &FileTable,
) -> Result<Finished, Failed> {
    let TaskSnapshot { barrier, operators, source, watermark, finished, channels, files: own, .. } = snapshot;
    let directory = storage.directory_of(&barrier)?;
    // What has failed there leaves no files.
    let stored = own.finish().await?;
    let written = stored.files.uris().cloned().collect();
    let mut writer = Writer { storage, directory: &directory, written, bytes: stored.bytes };
    if snapshot.incremental {
        table.extend(stored.files.clone());
    }
    files.extend(stored.files);
    let persisted = channels.size();
    let (operators, channels) = match writer.rest(operators, &channels, &files).await {
        Ok(rest) => rest,
        Err(cause) => return Err(Failed { cause, written: writer.written }),
    };
    let stats = CheckpointStats {
        written: writer.bytes,
        sync_ms: millis(snapshot.sync),
        async_ms: millis(now() - snapshot.began),
        alignment_ms: millis(snapshot.alignment.duration),
        start_delay_ms: snapshot.start_delay_ms,
        processed: snapshot.alignment.processed,
        persisted,
        unaligned: snapshot.alignment.unaligned || persisted > 0,
    };
    let snapshot = SubtaskSnapshot { operators, channels, source, finished, watermark };
    Ok(Finished { snapshot, stats, written: writer.written })
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

struct Writer<'a> {
    storage: &'a CheckpointStorage,
    directory: &'a StorageUri,
    written: Vec<StorageUri>,
    bytes: u64,
}

impl Writer<'_> {
    /// What there is beside the files of keyed state: its index, and records that the barrier has overtaken.
    async fn rest(
        &mut self,
        operators: Vec<OperatorSnapshot>,
        channels: &ChannelCapture,
        files: &NumberedFiles,
    ) -> Result<(Vec<OperatorSubtaskState>, Option<Blob>), FailureCause> {
        let mut states = Vec::new();
        for operator in operators {
            states.extend(self.operator(operator, files).await?);
        }
        if channels.is_empty() {
            return Ok((states, None));
        }
        let bytes = postcard::to_stdvec(channels).map_err(|error| write_failure(&error))?;
        let channels = self.blob(seal(FileKind::Channels, &bytes).into()).await?;
        Ok((states, Some(channels)))
    }

    /// The state of an operator, if it has any.
    async fn operator(
        &mut self,
        operator: OperatorSnapshot,
        files: &NumberedFiles,
    ) -> Result<Option<OperatorSubtaskState>, FailureCause> {
        let (manifest, has_union) = manifest(&operator, files, self.directory)?;
        if manifest.is_empty() {
            operator.metrics.set_state(0, 0);
            return Ok(None);
        }
        let segments = manifest.keyed.iter().flat_map(|part| &part.segments);
        let elements = manifest.lists.iter().flat_map(|list| &list.elements);
        let state_size = segments.map(|segment| u64::from(segment.length)).sum::<u64>()
            + elements.map(|element| element.len() as u64).sum::<u64>();
        let elements = operator.lists.iter().map(|list| list.elements.len() as u64).sum::<u64>();
        operator.metrics.set_state(state_size, operator.entries + elements);
        let bytes = manifest.encode().map_err(|error| write_failure(&error))?;
        let uid = operator.uid.to_string();
        Ok(Some(OperatorSubtaskState {
            uid,
            manifest: self.blob(bytes.to_vec()).await?,
            files: manifest.files,
            has_union,
            state_size,
        }))
    }

    /// Keeps bytes in the metadata if they are few, else in a file of their own.
    async fn blob(&mut self, bytes: Vec<u8>) -> Result<Blob, FailureCause> {
        self.bytes += bytes.len() as u64;
        // Segments that are kept in a manifest may take up all of the threshold.
        if bytes.len() as u64 <= 2 * self.storage.settings.inline_threshold {
            return Ok(Blob::Inline(bytes));
        }
        let uri = self.directory.join(&uuid::Uuid::new_v4().to_string());
        let size = bytes.len() as u64;
        let path = uri.relative_to(self.directory);
        // Before the outcome is known: the file may be there although that is a failure.
        self.written.push(uri.clone());
        self.storage.put(&uri, bytes).await?;
        Ok(Blob::File(StateFile { path, size }))
    }
}

/// The index of what an operator has, and whether subtasks need that of others.
fn manifest(
    operator: &OperatorSnapshot,
    files: &NumberedFiles,
    directory: &StorageUri,
) -> Result<(OperatorManifest, bool), FailureCause> {
    let mut manifest =
        OperatorManifest { key_groups: operator.groups.clone(), ..OperatorManifest::default() };
    manifest.inline.clone_from(&operator.inline);
    let mut positions = BTreeMap::new();
    for part in &operator.keyed {
        let mut segments = Vec::with_capacity(part.segments.len());
        for (address, location) in &part.segments {
            let file = match (location.file, positions.get(&location.file)) {
                (0, _) => 0,
                (_, Some(position)) => *position,
                (number, None) => {
                    let file = files.reference(number, directory);
                    let file =
                        file.ok_or_else(|| write_failure(&format_args!("file {number} is not known")))?;
                    manifest.files.push(file);
                    positions.insert(number, manifest.files.len() as u32);
                    manifest.files.len() as u32
                }
            };
            segments.push(SegmentEntry {
                table: address.table,
                group: address.group,
                segment: address.segment,
                file,
                offset: location.offset,
                length: location.length,
                checksum: location.checksum,
            });
        }
        segments.sort_unstable();
        let tables = part.tables.iter().map(postcard::to_stdvec).collect::<Result<_, _>>();
        let tables = tables.map_err(|error| write_failure(&error))?;
        manifest.keyed.push(KeyedPart { name: part.name.to_owned(), tables, layout: Vec::new(), segments });
    }
    for list in &operator.lists {
        manifest.lists.push(ListState {
            name: list.name.to_owned(),
            redistribution: list.redistribution,
            schema: postcard::to_stdvec(&*list.schema).map_err(|error| write_failure(&error))?,
            elements: list.elements.clone(),
        });
    }
    let has_union = manifest.lists.iter().any(|list| list.redistribution == Redistribution::Union);
    Ok((manifest, has_union))
}
