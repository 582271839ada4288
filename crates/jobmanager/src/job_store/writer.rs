//! A job's changes, one after the other.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use flott_control::job_master::{CheckpointPointer, RunRecord};
use flott_core::{CheckpointId, JobId};
use tokio::{sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Cleanup, JobStore, Kind, codec};
use crate::view::JobView;

/// A change of what is kept of a job.
#[derive(Debug)]
pub(crate) enum Write {
    /// Numbers that may be used from then on.
    Run(RunRecord),
    /// What the job recovers from then on.
    Pointer { checkpoint_id: CheckpointId, pointer: CheckpointPointer },
    /// A user has canceled it, and is told when that is certain.
    Cancel { reply: oneshot::Sender<()> },
}

impl Write {
    fn record(&self) -> (Kind, Bytes) {
        let (kind, json) = match self {
            Self::Run(run) => (Kind::Run, codec::to_json(run)),
            Self::Pointer { pointer, .. } => (Kind::Checkpoints, codec::to_json(pointer)),
            Self::Cancel { .. } => (Kind::Cancel, codec::to_json(&true)),
        };
        (kind, codec::inline(json))
    }
}

/// Makes a job's changes durable, in their order. How many wait is bounded by the machine, which has one of each kind under
/// way, and by the users who cancel at the same time.
pub(crate) struct JobWriter {
    store: JobStore,
    job_id: JobId,
    waiting: VecDeque<Write>,
    under_way: JoinSet<Vec<Write>>,
    /// The job has ended: what the store does not take needs not be stored any more.
    is_ending: CancellationToken,
}

impl JobWriter {
    pub(crate) fn new(store: JobStore, job_id: JobId) -> Self {
        Self {
            store,
            job_id,
            waiting: VecDeque::new(),
            under_way: JoinSet::new(),
            is_ending: CancellationToken::new(),
        }
    }

    /// Begins a change.
    pub(crate) fn push(&mut self, write: Write) {
        self.waiting.push_back(write);
        self.go_on();
    }

    /// All that waits goes into one change; of several records of a kind the last counts.
    fn go_on(&mut self) {
        if !self.under_way.is_empty() || self.waiting.is_empty() {
            return;
        }
        let writes: Vec<Write> = self.waiting.drain(..).collect();
        let records: BTreeMap<Kind, Bytes> = writes.iter().map(Write::record).collect();
        let (store, job_id, is_ending) = (self.store.clone(), self.job_id, self.is_ending.clone());
        self.under_way.spawn(async move {
            store.write_for_certain(job_id, &records, &is_ending).await;
            writes
        });
    }

    /// The next changes that are durable; `None` if none is under way. Never if this process does not lead any more.
    pub(crate) async fn written(&mut self) -> Option<Vec<Write>> {
        let written = self.under_way.join_next().await?;
        match written {
            Ok(writes) => {
                self.go_on();
                Some(writes)
            }
            Err(crash) => {
                error!(error = %crash, "storing a job's records crashed");
                std::future::pending().await
            }
        }
    }

    /// Makes the job's end durable, after all that was begun before. Gives back those who have canceled it meanwhile. Never
    /// returns if this process does not lead any more.
    pub(crate) async fn end(
        &mut self,
        view: &JobView,
        cleanup: Option<&Cleanup>,
    ) -> Vec<oneshot::Sender<()>> {
        let mut canceled = Vec::new();
        self.is_ending.cancel();
        while let Some(written) = self.written().await {
            canceled.extend(written.into_iter().filter_map(|write| match write {
                Write::Cancel { reply } => Some(reply),
                Write::Run(_) | Write::Pointer { .. } => None,
            }));
        }
        self.store.end_for_certain(view, cleanup).await;
        canceled
    }

    /// What the job has left in storage is gone.
    pub(crate) async fn cleaned_up(&self) {
        self.store.cleaned_up(self.job_id).await;
    }
}
