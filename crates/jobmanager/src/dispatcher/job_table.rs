//! Which jobs there are.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use flott_core::JobId;

use crate::{job_master::JobMasterHandle, view::JobView};

/// Jobs that run and jobs that have ended. Cheap to clone: the views are shared.
#[derive(Clone, Default)]
pub(super) struct JobTable {
    pub(super) running: BTreeMap<JobId, JobMasterHandle>,
    /// Oldest first.
    ended: VecDeque<Arc<JobView>>,
}

impl JobTable {
    /// Newest first.
    pub(super) fn views(&self) -> Vec<Arc<JobView>> {
        let running = self.running.values().map(JobMasterHandle::view);
        let mut views: Vec<_> = running.chain(self.ended.iter().cloned()).collect();
        views.sort_by(|a, b| b.started_unix_ms.cmp(&a.started_unix_ms).then_with(|| a.job_id.cmp(&b.job_id)));
        views
    }

    pub(super) fn view(&self, job_id: JobId) -> Option<Arc<JobView>> {
        match self.running.get(&job_id) {
            Some(job_master) => Some(job_master.view()),
            None => self.ended.iter().rev().find(|view| view.job_id == job_id).cloned(),
        }
    }

    /// Moves a job to those that have ended, of which at most `history` are kept. Returns those that are forgotten.
    pub(super) fn archive(&mut self, view: Arc<JobView>, history: usize) -> Vec<JobId> {
        self.running.remove(&view.job_id);
        self.ended.push_back(view);
        let superfluous = self.ended.len().saturating_sub(history);
        self.ended.drain(..superfluous).map(|view| view.job_id).collect()
    }
}
