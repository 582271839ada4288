//! What subtasks begin with when they begin from a checkpoint.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{
    FailureKind, SubtaskId, SubtaskIndex,
    checkpoint::{
        Blob, CheckpointMetadata, OperatorState, OperatorSubtaskState, RestorePoint, StateFile, VertexState,
    },
    key_group::groups_of_subtask,
    time::Timestamp,
};
use flott_exchange::ChannelCapture;
use flott_state::{
    KeyedSnapshot, RestoredSegment, SegmentLocation, TableDescription,
    schema::{Evolution, Schema},
};
use flott_storage::{
    SegmentRequest, StateFileReader, StateFileReaderOptions, StorageUri, StoredSnapshot, UriError,
    envelope::{self, FileKind},
    load_metadata,
    manifest::{OperatorManifest, Redistribution, SegmentEntry},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::OnceCell, task::JoinSet};

use super::{
    CheckpointStorage, TaskCheckpoints,
    dealing::{Dealing, Part},
    files::FileTable,
};
use crate::{Result, RuntimeContext, TaskContext, TaskEnd, operators::restore_failure, program::TaskBuilder};

/// What a subtask begins with.
#[derive(Default)]
pub struct RestoredTask {
    watermark: Option<Timestamp>,
    finished: bool,
    operators: BTreeMap<String, OperatorShare>,
    channels: ChannelCapture,
}

/// What it has of one operator.
#[derive(Default)]
struct OperatorShare {
    keyed: Vec<KeyedShare>,
    lists: Vec<ListShare>,
}

/// State by key that one subtask of then had, some of which may be this one's now.
struct KeyedShare {
    manifest: OperatorManifest,
    /// Against what the manifest's paths are relative.
    directory: StorageUri,
    /// Numbers of the manifest's files, if later checkpoints may refer to them.
    numbers: Option<Vec<u32>>,
    storage: CheckpointStorage,
}

/// The elements of a list that are this subtask's now.
struct ListShare {
    name: String,
    schema: Schema,
    elements: Vec<Vec<u8>>,
    part: Part,
}

impl fmt::Debug for RestoredTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestoredTask")
            .field("watermark", &self.watermark)
            .field("finished", &self.finished)
            .field("operators", &self.operators.keys())
            .finish()
    }
}

impl RestoredTask {
    /// The watermark of the subtask's input; [`Timestamp::MIN`] if there was none.
    pub fn watermark(&self) -> Timestamp {
        self.watermark.unwrap_or(Timestamp::MIN)
    }

    /// Records that the checkpoint's barrier had overtaken on their way to and from the subtask.
    pub fn channels(&self) -> &ChannelCapture {
        &self.channels
    }

    /// Whether all the subtask's input had been processed.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// That of a subtask all of whose input had been processed.
    #[cfg(test)]
    pub(crate) fn of_finished() -> Self {
        Self { finished: true, ..Self::default() }
    }

    /// With the elements of a list of one operator.
    #[cfg(test)]
    pub(crate) fn with_list<T: Serialize + DeserializeOwned + 'static>(
        uid: &str,
        name: &str,
        elements: &[T],
    ) -> Self {
        let elements = elements.iter().map(|element| postcard::to_stdvec(element).unwrap()).collect();
        let list =
            ListShare { name: name.to_owned(), schema: Schema::of::<T>(), elements, part: Part::WHOLE };
        let share = OperatorShare { keyed: Vec::new(), lists: vec![list] };
        Self { operators: BTreeMap::from([(uid.to_owned(), share)]), ..Self::default() }
    }

    pub(crate) fn operator<'a>(&'a self, context: &'a RuntimeContext) -> RestoredOperator<'a> {
        RestoredOperator { share: self.operators.get(&*context.uid), context }
    }
}

/// What one operator begins with. Every state that it puts into checkpoints is to be taken out of here when it is made.
pub struct RestoredOperator<'a> {
    share: Option<&'a OperatorShare>,
    context: &'a RuntimeContext,
}

impl RestoredOperator<'_> {
    /// Whether the operator begins with nothing.
    pub fn is_empty(&self) -> bool {
        self.share.is_none()
    }

    /// Puts back what was kept by key under `name`.
    ///
    /// # Errors
    /// If it is damaged, can't be read, or its types are not those of now.
    pub fn keyed(&self, name: &str, state: &mut dyn KeyedSnapshot) -> Result<()> {
        let groups = self.context.key_groups();
        for share in self.share.iter().flat_map(|share| &share.keyed) {
            share.restore(name, &groups, state, self.context)?;
        }
        Ok(())
    }

    /// The elements of the list `name` that are this subtask's now.
    ///
    /// # Errors
    /// If they are damaged, or their type is not the one of now.
    pub fn list<T: Serialize + DeserializeOwned>(&self, name: &str) -> Result<Vec<T>> {
        let parts = self.list_in_parts(name)?.into_iter();
        Ok(parts.filter(|(_, part)| part.number == 0).map(|(element, _)| element).collect())
    }

    /// The elements of the list `name` that are this subtask's now, some of which it shares with others.
    ///
    /// # Errors
    /// As those of [`list`](Self::list).
    pub fn list_in_parts<T: Serialize + DeserializeOwned>(&self, name: &str) -> Result<Vec<(T, Part)>> {
        let mut all = Vec::new();
        for list in self.share.iter().flat_map(|share| &share.lists).filter(|list| list.name == name) {
            let mut elements = Vec::new();
            list.decode_into(&mut elements).map_err(|reason| {
                restore_failure(self.context, &format_args!("the list \"{name}\": {reason}"))
            })?;
            all.extend(elements.into_iter().map(|element| (element, list.part)));
        }
        Ok(all)
    }
}

impl KeyedShare {
    /// Puts the part `name` back into `state`, as far as its key groups are among `groups`.
    fn restore(
        &self,
        name: &str,
        groups: &Range<u32>,
        state: &mut dyn KeyedSnapshot,
        context: &RuntimeContext,
    ) -> Result<()> {
        let Some(part) = self.manifest.keyed.iter().find(|part| part.name == name) else { return Ok(()) };
        let tables = part.tables.iter().map(|table| postcard::from_bytes(table));
        let tables: Vec<TableDescription> =
            tables.collect::<Result<_, _>>().map_err(|error| unreadable(&self.directory, &error))?;
        let wanted: Vec<_> = part.segments.iter().filter(|entry| groups.contains(&entry.group)).collect();
        let mut put = |entry: &SegmentEntry, bytes: &[u8]| {
            let number =
                self.numbers.as_ref().and_then(|numbers| numbers.get((entry.file as usize).checked_sub(1)?));
            let segment = RestoredSegment {
                table: &tables[usize::from(entry.table)],
                group: entry.group,
                segment: entry.segment,
                bytes,
                location: number.map(|number| SegmentLocation {
                    file: *number,
                    offset: entry.offset,
                    length: entry.length,
                    checksum: entry.checksum,
                }),
            };
            state.restore(&segment).map_err(|error| restore_failure(context, &error))
        };
        for entry in wanted.iter().filter(|entry| entry.file == 0) {
            let end = entry.offset as usize + entry.length as usize;
            put(entry, &self.manifest.inline[entry.offset as usize..end])?;
        }
        let stored: Vec<_> = wanted.into_iter().filter(|entry| entry.file > 0).collect();
        if stored.is_empty() {
            return Ok(());
        }
        let mut reader = self.reader(&stored).map_err(|error| unreadable(&self.directory, &error))?;
        // Reading goes on ahead while segments are put back; this thread's other subtasks move to another one meanwhile.
        while let Some(segment) = tokio::task::block_in_place(|| reader.blocking_next())
            .map_err(|error| unread(&self.directory, &error))?
        {
            put(stored[segment.request], &segment.bytes)?;
        }
        Ok(())
    }

    fn reader(&self, entries: &[&SegmentEntry]) -> Result<StateFileReader, UriError> {
        let files = self.manifest.files.iter().map(|file| self.directory.resolve(&file.path));
        let requests = entries.iter().map(|entry| SegmentRequest {
            file: entry.file as usize - 1,
            offset: entry.offset,
            length: entry.length,
            checksum: entry.checksum,
        });
        Ok(StateFileReader::start(
            &self.storage.storage,
            files.collect::<Result<_, _>>()?,
            requests.collect(),
            StateFileReaderOptions::default(),
            &self.storage.io,
        ))
    }
}

impl ListShare {
    fn decode_into<T: Serialize + DeserializeOwned>(&self, all: &mut Vec<T>) -> Result<(), String> {
        let plan = Evolution::plan(&self.schema, &Schema::of::<T>(), &[])?;
        let mut rewritten = Vec::new();
        for element in &self.elements {
            let bytes = if plan.is_same() {
                element
            } else {
                rewritten.clear();
                plan.apply(element, &mut rewritten).map_err(|error| error.to_string())?;
                &rewritten
            };
            let value =
                postcard::from_bytes(bytes).map_err(|error| format!("an element is damaged: {error}"))?;
            all.push(value);
        }
        Ok(())
    }
}

/// The metadata of a snapshot, once somebody has read it.
type Loaded = Arc<OnceCell<Arc<StoredSnapshot>>>;

/// The metadata of checkpoints that subtasks of this task host begin with, read once.
#[derive(Clone)]
pub(crate) struct RestoreCache {
    storage: CheckpointStorage,
    snapshots: Arc<Mutex<BTreeMap<String, Loaded>>>,
}

impl RestoreCache {
    pub(crate) fn new(storage: CheckpointStorage) -> Self {
        Self { storage, snapshots: Arc::default() }
    }

    /// What `subtask` is to begin with.
    pub(crate) fn of(&self, subtask: SubtaskId, point: Option<RestorePoint>) -> Restores {
        Restores { cache: self.clone(), subtask: subtask.subtask, point }
    }

    async fn snapshot(&self, uri: &str) -> Result<Arc<StoredSnapshot>> {
        let cell = {
            let mut cells = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
            // Only the latest is asked for again.
            cells.retain(|known, _| known == uri);
            cells.entry(uri.to_owned()).or_default().clone()
        };
        let load = || async {
            let place: StorageUri = uri.parse().map_err(|error: UriError| unreadable(&uri, &error))?;
            let snapshot = load_metadata(&self.storage.storage, &place).await;
            snapshot.map(Arc::new).map_err(|error| unread(&uri, &error))
        };
        cell.get_or_try_init(load).await.cloned()
    }
}

/// What is there is not what can be restored, and never will be.
fn unreadable(what: &dyn fmt::Display, error: &dyn fmt::Display) -> TaskEnd {
    TaskEnd::failed(FailureKind::CheckpointUnreadable, format!("cannot restore from {what}: {error}"))
}

/// The storage did not give it: if that may pass, another attempt may restore it.
fn unread(what: &dyn fmt::Display, error: &flott_storage::Error) -> TaskEnd {
    if error.is_transient() {
        return TaskEnd::failed(FailureKind::External, format!("cannot restore from {what}: {error}"));
    }
    unreadable(what, error)
}

/// What one subtask is to begin with, before it is read.
pub(crate) struct Restores {
    cache: RestoreCache,
    subtask: SubtaskIndex,
    point: Option<RestorePoint>,
}

impl Restores {
    /// Reads what the subtask of `builder` begins with, but for its state by key, which is read when it is put back.
    pub(crate) fn load(
        self,
        builder: &TaskBuilder,
        checkpoints: &TaskCheckpoints,
    ) -> impl Future<Output = Result<RestoredTask>> + Send + use<> {
        let (uids, files) = (builder.uids().to_vec(), checkpoints.files().clone());
        let TaskContext { parallelism, max_parallelism, takes_checkpoints, .. } = *builder.task();
        let io = self.cache.storage.io.clone();
        let read = async move {
            if takes_checkpoints {
                self.cache.storage.check_shared().await?;
            }
            self.read(uids, parallelism, max_parallelism, files).await
        };
        // The storage's connections belong to that runtime. If this subtask is dropped meanwhile, so is what it wanted.
        async move {
            let mut reading = JoinSet::new();
            reading.spawn_on(read, &io);
            match reading.join_next().await {
                Some(Ok(restored)) => restored,
                _ => Err(TaskEnd::failed(FailureKind::Internal, "what was to be restored could not be read")),
            }
        }
    }

    async fn read(
        self,
        uids: Vec<String>,
        parallelism: u32,
        max_parallelism: u32,
        files: FileTable,
    ) -> Result<RestoredTask> {
        let Some(point) = self.point else { return Ok(RestoredTask::default()) };
        let snapshot = self.cache.snapshot(&point.metadata).await?;
        let metadata = &snapshot.metadata;
        let source = Source {
            storage: &self.cache.storage,
            directory: snapshot.directory.clone(),
            files: point.owned.then_some(&files),
            subtask: self.subtask.0,
            parallelism,
            max_parallelism,
        };
        let mut task = RestoredTask::default();
        source.vertex(metadata, &uids, &mut task);
        task.channels = source.channels(metadata, &uids).await?;
        for uid in uids {
            if let Some(operator) = metadata.operator(&uid) {
                task.operators.insert(uid, source.operator(operator).await?);
            }
        }
        Ok(task)
    }
}

/// Where a subtask's share comes from.
struct Source<'a> {
    storage: &'a CheckpointStorage,
    directory: StorageUri,
    /// Set if later checkpoints may refer to the files.
    files: Option<&'a FileTable>,
    subtask: u32,
    parallelism: u32,
    max_parallelism: u32,
}

impl Source<'_> {
    /// What belongs to the chain as a whole. It is found by its head, which has the input.
    fn vertex(&self, metadata: &CheckpointMetadata, uids: &[String], task: &mut RestoredTask) {
        let head = metadata.vertices.iter().find(|vertex| vertex.uids.first() == uids.first());
        let Some(vertex) = head else { return };
        let own = (vertex.watermarks.len() == self.parallelism as usize).then_some(self.subtask as usize);
        task.watermark = match own {
            Some(own) => vertex.watermarks.get(own).copied(),
            None => vertex.watermarks.iter().min().copied(),
        };
        #[cfg(feature = "sabotage")]
        task.watermark.take_if(|_| is(Sabotage::ForgetWatermarks));
        // A chain with another operator in it has never finished.
        task.finished = vertex.uids == uids
            && match own {
                Some(own) => vertex.finished.get(own).copied().unwrap_or(false),
                None => !vertex.finished.is_empty() && vertex.finished.iter().all(|finished| *finished),
            };
    }

    /// What was on its way to and from the subtask.
    async fn channels(&self, metadata: &CheckpointMetadata, uids: &[String]) -> Result<ChannelCapture> {
        let has_any = |vertex: &&VertexState| vertex.channels.iter().any(Option::is_some);
        let mut with_records = metadata.vertices.iter().filter(has_any);
        let Some(vertex) = with_records.find(|vertex| vertex.uids.iter().any(|uid| uids.contains(uid)))
        else {
            return Ok(ChannelCapture::default());
        };
        if vertex.uids != uids || vertex.channels.len() != self.parallelism as usize {
            let message = format!(
                "cannot restore from {}: its barriers have overtaken records, which only the same program at the same \
                 parallelism can take in; begin with a savepoint, or with a checkpoint that was aligned",
                self.directory
            );
            return Err(TaskEnd::failed(FailureKind::StateIncompatible, message));
        }
        let Some(blob) = &vertex.channels[self.subtask as usize] else {
            return Ok(ChannelCapture::default());
        };
        let (bytes, place) = match blob {
            Blob::Inline(bytes) => {
                (bytes.clone().into(), format!("the records of {} in its metadata", uids[0]))
            }
            Blob::File(file) => {
                let (uri, bytes) = self.file(file).await?;
                (bytes, uri.to_string())
            }
        };
        let opened = envelope::open(FileKind::Channels, &place, &bytes);
        let (_, payload) = opened.map_err(|error| unreadable(&self.directory, &error))?;
        postcard::from_bytes(&payload).map_err(|error| unreadable(&place, &error))
    }

    async fn operator(&self, operator: &OperatorState) -> Result<OperatorShare> {
        let mut share = OperatorShare::default();
        let same = operator.parallelism == self.parallelism;
        let groups = groups_of_subtask(SubtaskIndex(self.subtask), self.parallelism, self.max_parallelism);
        let has_union = operator.subtasks.iter().flatten().any(|state| state.has_union);
        // A subtask that had finished has no copy of what all others have.
        let present: Vec<_> =
            (0..operator.subtasks.len()).filter(|index| operator.subtasks[*index].is_some()).collect();
        let copied = present.get(self.subtask as usize % present.len().max(1));
        let mut dealings = BTreeMap::<String, Dealing>::new();
        for (index, state) in operator.subtasks.iter().enumerate() {
            let Some(state) = state else { continue };
            let own = same && index == self.subtask as usize;
            if same && !own && !has_union {
                continue;
            }
            let manifest = self.manifest(state).await?;
            for list in &manifest.lists {
                let ours: Vec<_> = match list.redistribution {
                    Redistribution::Union => list.elements.clone(),
                    _ if same => {
                        if own {
                            list.elements.clone()
                        } else {
                            Vec::new()
                        }
                    }
                    Redistribution::Broadcast if Some(&index) == copied => list.elements.clone(),
                    Redistribution::Broadcast => Vec::new(),
                    Redistribution::Split => {
                        let new = || Dealing::new(self.subtask, self.parallelism);
                        dealings.entry(list.name.clone()).or_insert_with(new).deal(list)
                    }
                };
                if !ours.is_empty() {
                    share.lists.push(self.list(&list.name, &list.schema, ours)?);
                }
            }
            let overlaps = manifest.key_groups.start < groups.end && groups.start < manifest.key_groups.end;
            if overlaps && !manifest.keyed.is_empty() {
                let directory = self.directory.clone();
                let numbers = match self.files {
                    Some(files) => Some(
                        files
                            .adopt(&manifest.files, &directory)
                            .map_err(|error| unreadable(&directory, &error))?,
                    ),
                    None => None,
                };
                share.keyed.push(KeyedShare { manifest, directory, numbers, storage: self.storage.clone() });
            }
        }
        for (name, dealing) in dealings {
            if let Some((schema, element)) = dealing.shared() {
                share.lists.push(self.list(&name, schema, vec![element.to_vec()])?);
            }
            let part = dealing.part();
            share.lists.iter_mut().filter(|list| list.name == name).for_each(|list| list.part = part);
        }
        Ok(share)
    }

    fn list(&self, name: &str, schema: &[u8], elements: Vec<Vec<u8>>) -> Result<ListShare> {
        let schema = postcard::from_bytes(schema)
            .map_err(|error| unreadable(&self.directory, &format!("the list \"{name}\": {error}")))?;
        Ok(ListShare { name: name.to_owned(), schema, elements, part: Part::WHOLE })
    }

    /// A file of the checkpoint, with the place where it is.
    async fn file(&self, file: &StateFile) -> Result<(StorageUri, Bytes)> {
        let place = self.directory.resolve(&file.path);
        let place = place.map_err(|error| unreadable(&self.directory, &error))?;
        let bytes = self.storage.storage.get(&place).await;
        let bytes = bytes.map_err(|error| unread(&self.directory, &error))?;
        Ok((place, bytes))
    }

    async fn manifest(&self, state: &OperatorSubtaskState) -> Result<OperatorManifest> {
        let decode = |bytes: &Bytes, place: &dyn fmt::Display| {
            OperatorManifest::decode(place, bytes).map_err(|error| unreadable(&self.directory, &error))
        };
        match &state.manifest {
            Blob::Inline(bytes) => {
                decode(&bytes.clone().into(), &format_args!("the manifest of {} in its metadata", state.uid))
            }
            Blob::File(file) => {
                let (uri, bytes) = self.file(file).await?;
                decode(&bytes, &uri)
            }
        }
    }
}

#[cfg(test)]
mod tests;
