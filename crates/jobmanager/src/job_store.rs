//! What is kept of jobs for the next leader.
//!
//! ```text
//! jobs/<id>/spec           what was submitted: the job is to run for as long as this is there
//! jobs/<id>/run            numbers that may have been used
//! jobs/<id>/checkpoints    what it recovers from, and what it keeps
//! jobs/<id>/cancel         a user has canceled it
//! jobs/<id>/result         how it has ended; takes the place of all others
//! jobs/<id>/cleanup        what it has left in storage that is to be deleted, until that is done
//! ```
//!
//! Records are JSON. What is large lies in a file of the store, to which the record refers.

mod codec;
mod record;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flott_control::job_master::{CheckpointPointer, RunRecord};
use flott_core::JobId;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

pub(crate) use record::{Cleanup, JobRecord, RecordedSettings};
pub(crate) use writer::{JobWriter, Write};

use crate::{
    ha::{Op, Store, StoreError},
    view::JobView,
};
use codec::Encoded;

/// Under which all records of jobs are.
const JOBS: &str = "jobs/";
/// How the names of their files begin.
const FILE_PREFIX: &str = "job-";
/// How many records are changed at a time; a store may take no more than a hundred.
const OPS: usize = 64;
/// How long to wait before something is stored again that could not be, at first; doubled with each try.
const RETRY: Duration = Duration::from_secs(2);
/// Longest wait between two tries.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How often records are read before this process gives up to lead with them.
const LOAD_TRIES: u32 = 7;
/// How long to wait before they are read again, at first; doubled with each try, which makes half a minute.
const FIRST_LOAD_RETRY: Duration = Duration::from_millis(500);

/// A record of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Spec,
    Run,
    Checkpoints,
    Cancel,
    Result,
    Cleanup,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Spec, Self::Run, Self::Checkpoints, Self::Cancel, Self::Result, Self::Cleanup];

    const fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Run => "run",
            Self::Checkpoints => "checkpoints",
            Self::Cancel => "cancel",
            Self::Result => "result",
            Self::Cleanup => "cleanup",
        }
    }

    fn key(self, job_id: JobId) -> String {
        format!("{JOBS}{job_id}/{}", self.name())
    }

    fn parse(key: &str) -> Option<(JobId, Self)> {
        let (job_id, name) = key.strip_prefix(JOBS)?.split_once('/')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some((job_id.parse().ok()?, kind))
    }
}

/// A job as an earlier leader has left it.
pub(crate) enum StoredJob {
    /// It is to go on.
    Live(Box<LiveJob>),
    /// It has ended.
    Ended(Box<JobView>),
    /// Its records can't be read, which are left as they are.
    Damaged {
        /// What is wrong.
        problem: String,
    },
}

/// What earlier leaders have left.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) jobs: BTreeMap<JobId, StoredJob>,
    /// What jobs that have ended have left in storage.
    pub(crate) cleanups: BTreeMap<JobId, Cleanup>,
}

/// A job that is to go on.
pub(crate) struct LiveJob {
    pub(crate) record: JobRecord,
    pub(crate) run: RunRecord,
    pub(crate) checkpoints: CheckpointPointer,
    pub(crate) is_canceled: bool,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct JobStore {
    store: Store,
}

impl JobStore {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// All jobs. Clears away what earlier leaders have not come to. What can't be read at present is tried again.
    ///
    /// # Errors
    /// [`StoreError`], also if a record can't be read for so long that another process had better try.
    pub(crate) async fn load(&self) -> Result<Stored, StoreError> {
        let (mut pause, mut tries) = (FIRST_LOAD_RETRY, 1);
        loop {
            match self.try_load().await {
                Err(error) if !error.is_lost() && tries < LOAD_TRIES => {
                    warn!(%error, "cannot read the records of jobs: trying again");
                    tokio::time::sleep(pause).await;
                    (pause, tries) = (pause * 2, tries + 1);
                }
                result => return result,
            }
        }
    }

    async fn try_load(&self) -> Result<Stored, StoreError> {
        let mut records: BTreeMap<JobId, BTreeMap<Kind, bytes::Bytes>> = BTreeMap::new();
        for (key, value) in self.store.list(JOBS).await? {
            match Kind::parse(&key) {
                Some((job_id, kind)) => drop(records.entry(job_id).or_default().insert(kind, value)),
                None => warn!(key, "skipped a record of jobs that is not known here"),
            }
        }
        let (mut stored, mut garbage, mut files) = (Stored::default(), Vec::new(), BTreeSet::new());
        for (job_id, mut records) in records {
            files.extend(records.values().filter_map(|value| codec::file_of(value)));
            if let Some(value) = records.remove(&Kind::Cleanup) {
                match codec::decode(&self.store, &value).await? {
                    Ok(cleanup) => drop(stored.cleanups.insert(job_id, cleanup)),
                    Err(problem) => warn!(%job_id, problem, "what a job has left in storage stays there"),
                }
            }
            if records.is_empty() {
                continue;
            }
            let (job, superfluous) = self.read(job_id, &records).await?;
            garbage.extend(superfluous.into_iter().map(|kind| Op::delete(kind.key(job_id))));
            stored.jobs.extend(job.map(|job| (job_id, job)));
        }
        for garbage in garbage.chunks(OPS) {
            debug!(records = garbage.len(), "clearing away what an earlier leader has left");
            self.store.commit(garbage.to_vec()).await?;
        }
        for name in self.store.list_blobs(FILE_PREFIX).await? {
            if !files.contains(&name) {
                self.delete_file(Some(name)).await;
            }
        }
        Ok(stored)
    }

    /// A job, and which of its records nobody needs.
    async fn read(
        &self,
        job_id: JobId,
        records: &BTreeMap<Kind, bytes::Bytes>,
    ) -> Result<(Option<StoredJob>, Vec<Kind>), StoreError> {
        let others = |kept: Kind| records.keys().copied().filter(|kind| *kind != kept).collect();
        if let Some(result) = records.get(&Kind::Result) {
            let job = match codec::decode::<JobView>(&self.store, result).await? {
                Ok(view) => Some(StoredJob::Ended(Box::new(view))),
                Err(problem) => {
                    warn!(%job_id, problem, "skipped the unreadable result of a job that has ended");
                    None
                }
            };
            return Ok((job, others(Kind::Result)));
        }
        let job = match self.read_live(records).await? {
            Ok(job) => StoredJob::Live(Box::new(job)),
            Err((kind, problem)) => {
                let key = kind.key(job_id);
                error!(%job_id, key, problem, "a job's record can't be read: the job is set aside");
                StoredJob::Damaged { problem: format!("the record {key} can't be read: {problem}") }
            }
        };
        Ok((Some(job), Vec::new()))
    }

    /// All of them were written with the first: one that is missing was damaged, and set aside by the store.
    async fn read_live(
        &self,
        records: &BTreeMap<Kind, bytes::Bytes>,
    ) -> Result<Result<LiveJob, (Kind, String)>, StoreError> {
        let record = match self.read_record(records, Kind::Spec).await? {
            Ok(record) => record,
            Err(problem) => return Ok(Err((Kind::Spec, problem))),
        };
        let run = match self.read_record(records, Kind::Run).await? {
            Ok(run) => run,
            Err(problem) => return Ok(Err((Kind::Run, problem))),
        };
        let checkpoints = match self.read_record(records, Kind::Checkpoints).await? {
            Ok(checkpoints) => checkpoints,
            Err(problem) => return Ok(Err((Kind::Checkpoints, problem))),
        };
        let is_canceled = records.contains_key(&Kind::Cancel);
        Ok(Ok(LiveJob { record, run, checkpoints, is_canceled }))
    }

    async fn read_record<T: serde::de::DeserializeOwned>(
        &self,
        records: &BTreeMap<Kind, bytes::Bytes>,
        kind: Kind,
    ) -> Result<Result<T, String>, StoreError> {
        match records.get(&kind) {
            Some(value) => codec::decode(&self.store, value).await,
            None => Ok(Err("it is missing".to_owned())),
        }
    }

    /// Makes a job durable: from then on it runs until it has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn submit(&self, job_id: JobId, record: &JobRecord) -> Result<(), StoreError> {
        let spec = self.encode(job_id, record).await?;
        let put = |kind: Kind, value| Op::put(kind.key(job_id), value);
        let run = codec::inline(codec::to_json(&RunRecord::default()));
        let checkpoints = codec::inline(codec::to_json(&CheckpointPointer::default()));
        let mut ops = vec![put(Kind::Run, run), put(Kind::Checkpoints, checkpoints), put(Kind::Spec, spec)];
        // Of an earlier job of this id that nobody remembers: the next leader would take its end for this one's.
        let of_earlier = [Kind::Cancel, Kind::Result, Kind::Cleanup];
        ops.extend(of_earlier.map(|kind| Op::delete(kind.key(job_id))));
        self.store.commit(ops).await
    }

    /// Makes a job's end durable. What it has left in storage may be deleted from then on, and users may be told. Of a view that
    /// the store does not take only how the job has ended is kept, and what it has left is not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn end(&self, view: &JobView, cleanup: Option<&Cleanup>) -> Result<(), StoreError> {
        match self.try_end(view, cleanup).await {
            Err(error) if error.is_refused() => {
                error!(job_id = %view.job_id, %error, "the result of a job can't be stored: only how it has ended is kept");
                self.try_end(&record::brief(view), None).await
            }
            result => result,
        }
    }

    async fn try_end(&self, view: &JobView, cleanup: Option<&Cleanup>) -> Result<(), StoreError> {
        let job_id = view.job_id;
        let value = self.encode(job_id, &record::finite(view)).await?;
        let mut ops = vec![Op::put(Kind::Result.key(job_id), value)];
        let others = Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Result | Kind::Cleanup));
        if let Some(cleanup) = cleanup {
            ops.push(Op::put(Kind::Cleanup.key(job_id), self.encode(job_id, cleanup).await?));
        }
        ops.extend(others.map(|kind| Op::delete(kind.key(job_id))));
        let spec = self.file_of(&Kind::Spec.key(job_id)).await?;
        self.store.commit(ops).await?;
        self.delete_file(spec).await;
        Ok(())
    }

    /// Forgets what a job has left in storage, since it is gone.
    pub(crate) async fn cleaned_up(&self, job_id: JobId) {
        let key = Kind::Cleanup.key(job_id);
        let file = self.file_of(&key).await.unwrap_or_default();
        match self.store.commit(vec![Op::delete(key)]).await {
            Ok(()) => self.delete_file(file).await,
            Err(error) => debug!(%job_id, %error, "the next leader looks again for what a job has left"),
        }
    }

    /// Makes a job's end durable, however long that takes. Never returns if this process does not lead any more.
    pub(crate) async fn end_for_certain(&self, view: &JobView, cleanup: Option<&Cleanup>) {
        let (job_id, mut pause) = (view.job_id, RETRY);
        loop {
            match self.end(view, cleanup).await {
                Ok(()) => return,
                Err(error) if error.is_lost() => std::future::pending().await,
                // Also if somebody has to do something about it. Without its end stored, the job would run again under the next
                // leader, after users were told of the end and its files were deleted.
                Err(error) => {
                    warn!(%job_id, %error, "cannot store the result of a job: trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_RETRY);
                }
            }
        }
    }

    /// Forgets jobs that have ended. One that can't be forgotten keeps no other.
    ///
    /// # Errors
    /// The first [`StoreError`].
    pub(crate) async fn forget(&self, job_ids: &[JobId]) -> Result<(), StoreError> {
        let mut forgotten = Ok(());
        for job_id in job_ids {
            match self.forget_one(*job_id).await {
                Err(error) if error.is_lost() => return Err(error),
                result => forgotten = forgotten.and(result),
            }
        }
        forgotten
    }

    async fn forget_one(&self, job_id: JobId) -> Result<(), StoreError> {
        let key = Kind::Result.key(job_id);
        let file = self.file_of(&key).await?;
        self.store.commit(vec![Op::delete(key)]).await?;
        self.delete_file(file).await;
        Ok(())
    }

    async fn write(&self, job_id: JobId, records: &BTreeMap<Kind, bytes::Bytes>) -> Result<(), StoreError> {
        let put = |(kind, value): (&Kind, &bytes::Bytes)| Op::put(kind.key(job_id), value.clone());
        self.store.commit(records.iter().map(put).collect()).await
    }

    /// Writes records, however long that takes. Returns without that if the store does not take them and the job `is_ending`,
    /// since its result takes their place. Never returns if this process does not lead any more.
    async fn write_for_certain(
        &self,
        job_id: JobId,
        records: &BTreeMap<Kind, bytes::Bytes>,
        is_ending: &CancellationToken,
    ) {
        let mut pause = RETRY;
        loop {
            let refused = match self.write(job_id, records).await {
                Ok(()) => return,
                Err(error) if error.is_lost() => std::future::pending().await,
                Err(error) if error.is_refused() => {
                    error!(%job_id, %error, "a job's records can't be stored: until they can, it takes no checkpoints and does not restart");
                    true
                }
                Err(error) => {
                    warn!(%job_id, %error, "cannot store a job's records: trying again");
                    false
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
                () = is_ending.cancelled(), if refused => return,
            }
        }
    }

    async fn encode(
        &self,
        job_id: JobId,
        record: &impl serde::Serialize,
    ) -> Result<bytes::Bytes, StoreError> {
        match codec::encode(record) {
            Encoded::Inline(value) => Ok(value),
            Encoded::Large(content) => {
                // Never used again: a name stands for one content.
                let name = format!("{FILE_PREFIX}{job_id}-{:016x}", rand::random::<u64>());
                self.store.put_blob(&name, content).await?;
                Ok(codec::reference(&name))
            }
        }
    }

    /// The file that a record refers to.
    async fn file_of(&self, key: &str) -> Result<Option<String>, StoreError> {
        let found = self.store.list(key).await?;
        Ok(found.iter().find(|(found, _)| found == key).and_then(|(_, value)| codec::file_of(value)))
    }

    /// Deletes a file that nothing refers to any more. What stays is deleted by the next leader.
    async fn delete_file(&self, name: Option<String>) {
        if let Some(name) = name
            && let Err(error) = self.store.delete_blob(&name).await
        {
            debug!(name, %error, "a file stays behind");
        }
    }
}

#[cfg(test)]
mod tests;
