//! Profiles of daemons, taken because somebody wants one.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use flott_core::{
    TaskManagerId,
    profile::{JobSamples, MAX_SAMPLES, MAX_STACK_DEPTH, TaskSampling},
};
use flott_profiling::{
    flame::FlameNode,
    own::{self, OwnSampling},
};
use flott_rpc::SampleTasks;
use jiff::{Timestamp, tz::TimeZone};
use tokio::task::spawn_blocking;

use super::{Inner, Profiles, Selection, State};
use crate::{Error, clock::unix_ms, task_manager_client::TaskManagerClient};

/// Time between two looks at subtasks.
const DELAY: Duration = Duration::from_millis(10);

/// What to look for, by the names that Flink gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileMode {
    /// What subtasks use the CPU for.
    Cpu,
    /// The same.
    Itimer,
    /// What subtasks spend their time with.
    Wall,
}

impl ProfileMode {
    /// Flink's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Itimer => "ITIMER",
            Self::Wall => "WALL",
        }
    }

    fn selection(self) -> Selection {
        match self {
            Self::Cpu | Self::Itimer => Selection::OnCpu,
            Self::Wall => Selection::Full,
        }
    }
}

/// How far a profile is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileStatus {
    /// It is being taken.
    Running,
    /// It was taken, and this is the name of its page.
    Finished {
        /// Ends with `.html`; with `.json` or `.txt` instead it is the same in other forms.
        file: String,
        /// Why functions are not known everywhere, if so.
        problem: Option<String>,
    },
    /// It could not be taken, for this reason.
    Failed(String),
}

/// Whose profiles there are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profiled {
    /// The threads of the JobManager that leads.
    JobManager,
    /// The task hosts of a TaskManager.
    TaskManager(TaskManagerId),
}

impl std::fmt::Display for Profiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::JobManager => f.write_str("JobManager"),
            Self::TaskManager(id) => id.fmt(f),
        }
    }
}

/// A profile of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRun {
    /// What it looks for.
    pub mode: ProfileMode,
    /// When it was begun, in milliseconds since 1970.
    pub triggered_unix_ms: i64,
    /// When it ended, in milliseconds since 1970.
    pub finished_unix_ms: Option<i64>,
    /// For how many seconds it was to be taken.
    pub seconds: u64,
    /// How far it is.
    pub status: ProfileStatus,
}

/// What a profile shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it is of, for people.
    pub title: String,
    /// Jobs, their vertices, and the functions of these; or threads and theirs.
    pub tree: FlameNode,
}

/// Those of each daemon, newest first.
pub(super) type Runs = BTreeMap<Profiled, VecDeque<Run>>;

#[derive(Debug)]
pub(super) struct Run {
    run: ProfileRun,
    report: Option<Arc<Report>>,
}

impl Profiles {
    /// The profiles of a daemon, newest first.
    pub(crate) fn runs(&self, of: &Profiled) -> Vec<ProfileRun> {
        self.0.lock().runs.get(of).into_iter().flatten().map(|run| run.run.clone()).collect()
    }

    /// What a profile shows, by the name of its page.
    pub(crate) fn report(&self, of: &Profiled, file: &str) -> Option<Arc<Report>> {
        let state = self.0.lock();
        let mut runs = state.runs.get(of).into_iter().flatten();
        let of_file =
            |run: &&Run| matches!(&run.run.status, ProfileStatus::Finished { file: own, .. } if own == file);
        runs.find(of_file)?.report.clone()
    }

    /// Begins to take a profile of a TaskManager.
    ///
    /// # Errors
    /// [`Error::ProfileUnderway`].
    pub(crate) fn take(
        &self,
        id: &TaskManagerId,
        client: TaskManagerClient,
        mode: ProfileMode,
        seconds: u64,
    ) -> Result<ProfileRun, Error> {
        let of = Profiled::TaskManager(id.clone());
        let mut state = self.0.lock();
        let run = self.begin(&mut state, &of, mode, seconds)?;
        let sampling = TaskSampling {
            vertices: Vec::new(),
            samples: samples(seconds),
            delay: DELAY,
            max_depth: MAX_STACK_DEPTH,
        };
        let weak = Arc::downgrade(&self.0);
        state.spawn(async move {
            let sampled = client.sample(SampleTasks { job_id: None, sampling }).await;
            if let Some(inner) = weak.upgrade() {
                let taken = sampled.map(|jobs| inner.taken(mode, &jobs)).map_err(|error| error.to_string());
                inner.end(&of, taken);
            }
        });
        Ok(run)
    }

    /// Begins to take a profile of this JobManager.
    ///
    /// # Errors
    /// [`Error::ProfileUnderway`].
    pub(crate) fn take_own(&self, mode: ProfileMode, seconds: u64) -> Result<ProfileRun, Error> {
        let of = Profiled::JobManager;
        let mut state = self.0.lock();
        let run = self.begin(&mut state, &of, mode, seconds)?;
        let sampling = OwnSampling {
            with_waiting: mode.selection() == Selection::Full,
            samples: samples(seconds),
            delay: DELAY,
        };
        let weak = Arc::downgrade(&self.0);
        let leads = weak.clone();
        // It ends soon after leadership: nobody keeps the profiles then.
        let sample = spawn_blocking(move || own::sample(sampling, &|| leads.strong_count() > 0));
        state.spawn(async move {
            let sampled = sample.await.unwrap_or_else(|crash| Err(std::io::Error::other(crash)));
            if let Some(inner) = weak.upgrade() {
                let taken = sampled.map(|own| (own.tree, own.problem)).map_err(|error| error.to_string());
                inner.end(&of, taken);
            }
        });
        Ok(run)
    }

    /// Notes that a profile is being taken.
    fn begin(
        &self,
        state: &mut State,
        of: &Profiled,
        mode: ProfileMode,
        seconds: u64,
    ) -> Result<ProfileRun, Error> {
        let inner = &self.0;
        let registered: Vec<_> =
            inner.resource_manager.task_managers().iter().map(|view| view.id.clone()).collect();
        // Those of TaskManagers that are gone go when others are wanted.
        state.runs.retain(|known, _| match known {
            Profiled::JobManager => true,
            Profiled::TaskManager(id) => known == of || registered.contains(id),
        });
        let runs = state.runs.entry(of.clone()).or_default();
        if runs.front().is_some_and(|run| run.run.status == ProfileStatus::Running) {
            return Err(Error::ProfileUnderway(of.clone()));
        }
        let run = ProfileRun {
            mode,
            triggered_unix_ms: unix_ms(),
            finished_unix_ms: None,
            seconds,
            status: ProfileStatus::Running,
        };
        runs.truncate(inner.options.history_size - 1);
        runs.push_front(Run { run: run.clone(), report: None });
        Ok(run)
    }
}

/// How often to look in so many seconds.
fn samples(seconds: u64) -> u32 {
    let samples = seconds.saturating_mul(1000) / DELAY.as_millis() as u64;
    u32::try_from(samples).unwrap_or(u32::MAX).clamp(1, MAX_SAMPLES)
}

/// What was seen, and why functions are not known everywhere, if so.
type Taken = (FlameNode, Option<String>);

impl Inner {
    /// What was seen in task hosts as one tree.
    fn taken(&self, mode: ProfileMode, jobs: &[JobSamples]) -> Taken {
        let mut tree = FlameNode::root();
        for samples in jobs {
            let (job, vertices) = self.names(samples);
            let vertex = |index: u32| vertices.get(index as usize).map_or("unknown vertex", String::as_str);
            mode.selection()
                .add_to(&mut tree, samples, None, |stack| vec![job.as_str(), vertex(stack.subtask.vertex.0)]);
        }
        (tree, jobs.iter().find_map(|samples| samples.problem.clone()))
    }

    /// Notes what has become of the profile that was being taken.
    fn end(&self, of: &Profiled, taken: Result<Taken, String>) {
        let mut state = self.lock();
        // Only the newest can be under way.
        let Some(Run { run, report }) = state.runs.get_mut(of).and_then(VecDeque::front_mut) else { return };
        run.finished_unix_ms = Some(unix_ms());
        run.status = match taken {
            Ok((tree, problem)) => {
                let began = Timestamp::from_millisecond(run.triggered_unix_ms).unwrap_or_default();
                let began = began.to_zoned(TimeZone::system());
                let title =
                    format!("{} of {of} at {}", run.mode.as_str(), began.strftime("%Y-%m-%d %H:%M:%S"));
                *report = Some(Arc::new(Report { title, tree }));
                let time = format!("{}-{:03}", began.strftime("%Y-%m-%d_%H_%M_%S"), began.millisecond());
                let file = format!("{}_{}_{time}.html", file_name(of), run.mode.as_str());
                ProfileStatus::Finished { file, problem }
            }
            Err(error) => {
                tracing::warn!(of = %of, error, "cannot take a profile");
                ProfileStatus::Failed(error)
            }
        };
    }

    /// What people call a job and its vertices.
    fn names(&self, samples: &JobSamples) -> (String, Vec<String>) {
        match self.dispatcher.job(samples.job_id) {
            Some(job) => {
                let vertices = job.graph.vertices.iter().map(|vertex| vertex.name.clone()).collect();
                (format!("{} ({})", job.graph.name, samples.job_id), vertices)
            }
            None => (samples.job_id.to_string(), Vec::new()),
        }
    }
}

/// A daemon's name as part of a file's.
fn file_name(of: &Profiled) -> String {
    of.to_string()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' })
        .collect()
}
