//! Logs, threads and profiles of the made-up cluster.

use std::sync::Arc;

use flott_core::{
    JobId, SubtaskId, TaskManagerId, VertexIndex,
    config::LogLevel,
    logs::{LogLine, LogQuery},
    profile::{JobSamples, SampledStack, TaskActivity, ThreadInfo},
};
use flott_profiling::flame::FlameNode;

use super::{FakeCluster, RUNNING, START, TASK_MANAGER, ready};
use crate::{
    Error,
    handle::{JobLogLine, JobLogs},
    profiles::{ProfileMode, ProfileRun, ProfileStatus, Profiled, Report, VertexProfile},
    rest::backend::{Answer, Daemon, Diagnostics},
};

/// The page of the one profile that was taken.
pub(crate) const PROFILE: &str = "tm_ITIMER_2026.html";

fn known(id: &TaskManagerId) -> Result<(), Error> {
    if id.as_str() == TASK_MANAGER { Ok(()) } else { Err(Error::TaskManagerNotFound(id.clone())) }
}

fn profiled(of: &Profiled) -> Result<(), Error> {
    match of {
        Profiled::JobManager => Ok(()),
        Profiled::TaskManager(id) => known(id),
    }
}

fn check(of: &Daemon) -> Result<(), Error> {
    match of {
        Daemon::JobManager => Ok(()),
        Daemon::TaskManager(id) => known(id),
    }
}

fn run(mode: ProfileMode, seconds: u64, status: ProfileStatus) -> ProfileRun {
    let finished_unix_ms = (status != ProfileStatus::Running).then_some(START + 1);
    ProfileRun { mode, triggered_unix_ms: START, finished_unix_ms, seconds, status }
}

impl Diagnostics for Arc<FakeCluster> {
    fn search_logs(&self, query: LogQuery) -> Answer<'_, JobLogs> {
        let line = LogLine { unix_ms: START, level: LogLevel::Warn, text: format!("t [] - {}", query.about) };
        let line = |source| JobLogLine { source, line: line.clone() };
        let lines = vec![line(None), line(Some(TaskManagerId::new(TASK_MANAGER)))];
        self.searched.lock().unwrap().push(query);
        ready(Ok(JobLogs { lines, truncated: true, unavailable: vec![TaskManagerId::new("gone")] }))
    }

    fn log_filter<'a>(&'a self, of: &'a Daemon) -> Answer<'a, String> {
        ready(check(of).map(|()| "info".to_owned()))
    }

    fn set_log_filter<'a>(&'a self, of: &'a Daemon, filter: &'a str) -> Answer<'a, String> {
        ready(check(of).and_then(|()| match filter {
            "" | "loud" => Err(Error::BadLogFilter(format!("\"{filter}\" is no level"))),
            filter => Ok(filter.to_owned()),
        }))
    }

    fn threads<'a>(&'a self, of: &'a Daemon) -> Answer<'a, Vec<ThreadInfo>> {
        let thread = ThreadInfo {
            name: "flott-slot".to_owned(),
            id: 7,
            process: "task host".to_owned(),
            state: "S".to_owned(),
            cpu_ms: 12,
            waits_in: Some("futex_wait".to_owned()),
            task: Some("count (1/2)".to_owned()),
            frames: vec!["read".to_owned(), "map".to_owned()],
        };
        ready(check(of).map(|()| vec![thread]))
    }

    fn vertex_profile(&self, _: JobId, vertex: VertexIndex) -> Answer<'_, Option<Arc<VertexProfile>>> {
        let stack = |subtask, activity, count| SampledStack {
            subtask: SubtaskId::new(vertex.0, subtask),
            activity,
            frames: vec![0],
            count,
        };
        let samples = JobSamples {
            job_id: RUNNING.parse().unwrap(),
            functions: vec!["step".to_owned()],
            stacks: vec![stack(0, TaskActivity::OnCpu, 3), stack(1, TaskActivity::Blocked, 2)],
            problem: None,
        };
        let profile = VertexProfile { unix_ms: START, samples: vec![samples] };
        // The first vertex is being looked at.
        ready(Ok((vertex.0 > 0).then(|| Arc::new(profile))))
    }

    fn profiles<'a>(&'a self, of: &'a Profiled) -> Answer<'a, Vec<ProfileRun>> {
        let finished = ProfileStatus::Finished { file: PROFILE.to_owned(), problem: None };
        let failed = ProfileStatus::Failed("it was gone".to_owned());
        let runs = vec![run(ProfileMode::Itimer, 30, finished), run(ProfileMode::Wall, 5, failed)];
        ready(profiled(of).map(|()| runs))
    }

    fn take_profile<'a>(
        &'a self,
        of: &'a Profiled,
        mode: ProfileMode,
        seconds: u64,
    ) -> Answer<'a, ProfileRun> {
        let begun = self.fail().map(|()| run(mode, seconds, ProfileStatus::Running));
        ready(profiled(of).and(begun))
    }

    fn profile<'a>(&'a self, of: &'a Profiled, file: &'a str) -> Answer<'a, Option<Arc<Report>>> {
        let mut tree = FlameNode::root();
        tree.add(["job", "map"], 4);
        let report = Report { title: "a profile".to_owned(), tree };
        ready(profiled(of).map(|()| (file == PROFILE).then(|| Arc::new(report))))
    }
}
