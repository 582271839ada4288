//! What daemons log of a job, and what their threads and subtasks do.

use std::sync::Arc;

use flott_core::{
    JobId, TaskManagerId, VertexIndex,
    logs::{FoundLines, LogLine, LogQuery},
    profile::ThreadInfo,
};
use flott_profiling::threads;
use futures::StreamExt;
use tokio::task::spawn_blocking;

use crate::{
    ClusterHandle, Error,
    profiles::{ProfileMode, ProfileRun, Profiled, Report, VertexProfile},
};

/// TaskManagers that are asked for their logs at the same time.
const SEARCHES: usize = 16;

/// What the daemons have logged of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLogs {
    /// Oldest first.
    pub lines: Vec<JobLogLine>,
    /// Whether there are older ones, or may be.
    pub truncated: bool,
    /// TaskManagers that did not tell.
    pub unavailable: Vec<TaskManagerId>,
}

/// An event in the log of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLogLine {
    /// Whose log; `None` = the JobManager's.
    pub source: Option<TaskManagerId>,
    /// The event.
    pub line: LogLine,
}

impl ClusterHandle {
    /// The newest events of the logs of all daemons that match, in the order of their times.
    ///
    /// # Errors
    /// [`Error::File`] if our own log can't be read.
    pub async fn search_logs(&self, query: LogQuery) -> Result<JobLogs, Error> {
        let scope = self.scope()?;
        let ids: Vec<_> = scope.resource_manager.task_managers().iter().map(|view| view.id.clone()).collect();
        let ask = |id: TaskManagerId| {
            let (resource_manager, query) = (&scope.resource_manager, query.clone());
            async move {
                let found = match resource_manager.client(&id) {
                    Ok(client) => client.search_log(query).await.ok(),
                    Err(_) => None,
                };
                (id, found)
            }
        };
        let searches = futures::stream::iter(ids).map(ask).buffer_unordered(SEARCHES).collect::<Vec<_>>();
        let (own, found) = futures::future::join(self.search_own_log(query.clone()), searches).await;
        let mut logs = JobLogs::default();
        logs.add(None, own?);
        for (id, found) in found {
            match found {
                Some(found) => logs.add(Some(&id), found),
                None => logs.unavailable.push(id),
            }
        }
        logs.unavailable.sort();
        logs.keep_newest(query.lines);
        Ok(logs)
    }

    async fn search_own_log(&self, query: LogQuery) -> Result<FoundLines, Error> {
        let Some(path) = self.inner.logs.log.clone() else { return Ok(FoundLines::default()) };
        let file = path.clone();
        let found = spawn_blocking(move || flott_logging::search(&path, &query)).await;
        let found = found.unwrap_or_else(|crash| Err(std::io::Error::other(crash)));
        found.map_err(|source| Error::File { action: "search", path: file, source })
    }

    /// Which events this JobManager logs.
    ///
    /// # Errors
    /// [`Error::NoLogFilter`].
    pub fn log_filter(&self) -> Result<String, Error> {
        let filter = self.inner.log_filter.as_ref().ok_or(Error::NoLogFilter("JobManager"))?;
        Ok(filter.text())
    }

    /// Changes which events this JobManager logs, until it ends. Returns the filter as it is understood.
    ///
    /// # Errors
    /// [`Error::NoLogFilter`], [`Error::BadLogFilter`].
    pub fn set_log_filter(&self, filter: &str) -> Result<String, Error> {
        let own = self.inner.log_filter.as_ref().ok_or(Error::NoLogFilter("JobManager"))?;
        own.set(filter).map_err(|error| Error::BadLogFilter(error.to_string()))?;
        Ok(own.text())
    }

    /// Which events a TaskManager logs.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`], [`Error::TaskManagerUnreachable`], [`Error::NoLogFilter`].
    pub async fn task_manager_log_filter(&self, id: &TaskManagerId) -> Result<String, Error> {
        self.scope()?.resource_manager.client(id)?.log_filter().await
    }

    /// Changes which events a TaskManager logs, until it ends. Returns the filter as it is understood.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`], [`Error::TaskManagerUnreachable`], [`Error::NoLogFilter`],
    /// [`Error::BadLogFilter`].
    pub async fn set_task_manager_log_filter(
        &self,
        id: &TaskManagerId,
        filter: &str,
    ) -> Result<String, Error> {
        self.scope()?.resource_manager.client(id)?.set_log_filter(filter).await
    }

    /// What the threads of this JobManager do.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn threads(&self) -> Result<Vec<ThreadInfo>, Error> {
        let listed = spawn_blocking(|| threads::of_process(None, "JobManager")).await;
        let listed = listed.unwrap_or_else(|crash| Err(std::io::Error::other(crash)));
        listed.map_err(|source| Error::File { action: "list", path: "/proc/self/task".into(), source })
    }

    /// What the threads of a TaskManager and its task hosts do.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`], [`Error::TaskManagerUnreachable`].
    pub async fn task_manager_threads(&self, id: &TaskManagerId) -> Result<Vec<ThreadInfo>, Error> {
        self.scope()?.resource_manager.client(id)?.threads().await
    }

    /// What the subtasks of a vertex were doing when they were last looked at; `None` if they are being looked at for the first
    /// time. Asking is what makes that happen.
    ///
    /// # Errors
    /// [`Error::NoLeader`].
    pub async fn vertex_profile(
        &self,
        job_id: JobId,
        vertex: VertexIndex,
    ) -> Result<Option<Arc<VertexProfile>>, Error> {
        Ok(self.scope()?.profiles.of_vertex(job_id, vertex))
    }

    /// The profiles of a daemon that are kept, newest first, with those that are being taken.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`].
    pub async fn profiles(&self, of: &Profiled) -> Result<Vec<ProfileRun>, Error> {
        let scope = self.scope()?;
        if let Profiled::TaskManager(id) = of {
            scope.resource_manager.client(id)?;
        }
        Ok(scope.profiles.runs(of))
    }

    /// Begins to take a profile of a TaskManager's task hosts, or of this JobManager.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`], [`Error::ProfileUnderway`].
    pub async fn take_profile(
        &self,
        of: &Profiled,
        mode: ProfileMode,
        seconds: u64,
    ) -> Result<ProfileRun, Error> {
        let scope = self.scope()?;
        match of {
            Profiled::JobManager => scope.profiles.take_own(mode, seconds),
            Profiled::TaskManager(id) => {
                let client = scope.resource_manager.client(id)?;
                scope.profiles.take(id, client, mode, seconds)
            }
        }
    }

    /// A profile that was taken, by the name of its file; `None` if there is none of this name.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`].
    pub async fn profile(&self, of: &Profiled, file: &str) -> Result<Option<Arc<Report>>, Error> {
        let scope = self.scope()?;
        let found = scope.profiles.report(of, file);
        if let (None, Profiled::TaskManager(id)) = (&found, of) {
            scope.resource_manager.client(id)?;
        }
        Ok(found)
    }
}

impl JobLogs {
    fn add(&mut self, source: Option<&TaskManagerId>, found: FoundLines) {
        self.truncated |= found.truncated;
        let lines = found.lines.into_iter().map(|line| JobLogLine { source: source.cloned(), line });
        self.lines.extend(lines);
    }

    /// Brings lines into the order of their times, and leaves the oldest out if there are too many.
    fn keep_newest(&mut self, wanted: usize) {
        // Stable: what one daemon has logged in one millisecond keeps its order.
        self.lines.sort_by_key(|line| line.line.unix_ms);
        let surplus = self.lines.len().saturating_sub(wanted);
        self.truncated |= surplus > 0;
        self.lines.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use flott_core::config::LogLevel;

    use super::*;

    fn found(times: &[i64]) -> FoundLines {
        let line = |&unix_ms| LogLine { unix_ms, level: LogLevel::Info, text: String::new() };
        FoundLines { lines: times.iter().map(line).collect(), truncated: false }
    }

    #[test]
    fn logs_are_merged_by_their_times_and_the_newest_kept() {
        let id = TaskManagerId::new("tm");
        let mut logs = JobLogs::default();
        logs.add(None, found(&[1, 4, 5]));
        logs.add(Some(&id), found(&[2, 4]));
        let times = |logs: &JobLogs| {
            let shape = logs.lines.iter().map(|line| (line.line.unix_ms, line.source.is_some()));
            shape.collect::<Vec<_>>()
        };
        logs.keep_newest(5);
        assert_eq!(times(&logs), [(1, false), (2, true), (4, false), (4, true), (5, false)]);
        assert!(!logs.truncated);
        logs.keep_newest(2);
        assert_eq!(times(&logs), [(4, true), (5, false)]);
        assert!(logs.truncated);
    }
}
