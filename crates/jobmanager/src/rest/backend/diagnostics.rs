//! What REST needs to tell what daemons log and what threads and subtasks do.

use std::sync::Arc;

use flott_core::{JobId, VertexIndex, logs::LogQuery, profile::ThreadInfo};

use super::{Answer, Daemon};
use crate::{
    ClusterHandle,
    handle::JobLogs,
    profiles::{ProfileMode, ProfileRun, Profiled, Report, VertexProfile},
};

/// The methods of [`ClusterHandle`], which says what each does.
pub(crate) trait Diagnostics: Send + Sync + 'static {
    fn search_logs(&self, query: LogQuery) -> Answer<'_, JobLogs>;
    fn log_filter<'a>(&'a self, of: &'a Daemon) -> Answer<'a, String>;
    fn set_log_filter<'a>(&'a self, of: &'a Daemon, filter: &'a str) -> Answer<'a, String>;
    fn threads<'a>(&'a self, of: &'a Daemon) -> Answer<'a, Vec<ThreadInfo>>;
    fn vertex_profile(&self, job_id: JobId, vertex: VertexIndex) -> Answer<'_, Option<Arc<VertexProfile>>>;
    fn profiles<'a>(&'a self, of: &'a Profiled) -> Answer<'a, Vec<ProfileRun>>;
    fn take_profile<'a>(
        &'a self,
        of: &'a Profiled,
        mode: ProfileMode,
        seconds: u64,
    ) -> Answer<'a, ProfileRun>;
    fn profile<'a>(&'a self, of: &'a Profiled, file: &'a str) -> Answer<'a, Option<Arc<Report>>>;
}

impl Diagnostics for ClusterHandle {
    fn search_logs(&self, query: LogQuery) -> Answer<'_, JobLogs> {
        Box::pin(self.search_logs(query))
    }

    fn log_filter<'a>(&'a self, of: &'a Daemon) -> Answer<'a, String> {
        match of {
            Daemon::JobManager => Box::pin(std::future::ready(self.log_filter())),
            Daemon::TaskManager(id) => Box::pin(self.task_manager_log_filter(id)),
        }
    }

    fn set_log_filter<'a>(&'a self, of: &'a Daemon, filter: &'a str) -> Answer<'a, String> {
        match of {
            Daemon::JobManager => Box::pin(std::future::ready(self.set_log_filter(filter))),
            Daemon::TaskManager(id) => Box::pin(self.set_task_manager_log_filter(id, filter)),
        }
    }

    fn threads<'a>(&'a self, of: &'a Daemon) -> Answer<'a, Vec<ThreadInfo>> {
        match of {
            Daemon::JobManager => Box::pin(self.threads()),
            Daemon::TaskManager(id) => Box::pin(self.task_manager_threads(id)),
        }
    }

    fn vertex_profile(&self, job_id: JobId, vertex: VertexIndex) -> Answer<'_, Option<Arc<VertexProfile>>> {
        Box::pin(self.vertex_profile(job_id, vertex))
    }

    fn profiles<'a>(&'a self, of: &'a Profiled) -> Answer<'a, Vec<ProfileRun>> {
        Box::pin(self.profiles(of))
    }

    fn take_profile<'a>(
        &'a self,
        of: &'a Profiled,
        mode: ProfileMode,
        seconds: u64,
    ) -> Answer<'a, ProfileRun> {
        Box::pin(self.take_profile(of, mode, seconds))
    }

    fn profile<'a>(&'a self, of: &'a Profiled, file: &'a str) -> Answer<'a, Option<Arc<Report>>> {
        Box::pin(self.profile(of, file))
    }
}
