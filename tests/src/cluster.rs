//! A cluster of real processes.

mod builder;
mod hosts;
mod jobs;
mod masters;
mod snapshots;

use std::{
    cell::{Cell, OnceCell},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    Binaries, Ended, Rest, clock, eventually_within,
    processes::{self, Process},
    run,
};
pub use builder::ClusterBuilder;
pub use masters::Master;
pub use snapshots::{ORACLE_KEYS, files_below, local_path};

/// How long a script may take.
const SCRIPT_LIMIT: Duration = Duration::from_secs(90);

/// How long after `stop-cluster.sh` a process may be on its way out.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// A cluster with a directory, ports and an identity of its own. It is stopped when it is dropped, and then nothing of
/// it may be left.
pub struct Cluster {
    dir: TempDir,
    home: PathBuf,
    ident: String,
    masters: Vec<Master>,
    binaries: Binaries,
    /// That of each JobManager.
    rests: Vec<Rest>,
    /// Which of them is asked.
    asked: Cell<usize>,
    test_jobs: OnceCell<String>,
}

impl Cluster {
    /// Starts a cluster of two TaskManagers with two slots each.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// For clusters that are to be otherwise.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// Everything that this cluster writes lies here, unless a job writes elsewhere.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the cluster's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text, for programs' arguments.
    pub fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The port of REST.
    pub fn rest_port(&self) -> u16 {
        self.masters[self.asked.get()].rest_port
    }

    /// Its REST API.
    pub fn rest(&self) -> &Rest {
        &self.rests[self.asked.get()]
    }

    /// The programs that are run.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// A script of the cluster's `bin` with the cluster's environment.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.home.join("bin").join(name));
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"FLOTT_") {
                command.env_remove(variable);
            }
        }
        command
            .current_dir("/")
            .env("FLOTT_CONF_DIR", self.path("conf"))
            .env("FLOTT_LOG_DIR", self.path("log"))
            .env("FLOTT_PID_DIR", self.path("pids"))
            .env("FLOTT_IDENT_STRING", &self.ident)
            // The tests run what is there, even while somebody edits the sources.
            .env("FLOTT_BUILD_CHECKED", "1");
        #[cfg(feature = "sabotage")]
        if let Some(name) = std::env::var_os(flott_core::sabotage::VARIABLE) {
            command.env(flott_core::sabotage::VARIABLE, name);
        }
        command
    }

    /// Runs a script to its end.
    #[track_caller]
    pub fn run_script(&self, name: &str, args: &[&str]) -> Ended {
        run(self.script(name).args(args), SCRIPT_LIMIT)
    }

    /// Runs `bin/flott` to its end.
    #[track_caller]
    pub fn flott(&self, args: &[&str]) -> Ended {
        self.run_script("flott", args)
    }

    /// All processes of this cluster.
    pub fn processes(&self) -> Vec<Process> {
        processes::in_dir(self.dir())
    }

    fn named(&self, name: &str) -> Vec<Process> {
        self.processes().into_iter().filter(|process| process.name() == name).collect()
    }

    /// The JobManager's process.
    ///
    /// # Panics
    /// If there is none or more than one.
    #[track_caller]
    pub fn job_manager(&self) -> Process {
        let mut found = self.named("jobmanager");
        assert_eq!(found.len(), 1, "JobManagers: {found:?}");
        found.remove(0)
    }

    /// The TaskManagers' processes.
    pub fn task_managers(&self) -> Vec<Process> {
        self.named("taskmanager")
    }

    /// The task hosts of a TaskManager.
    pub fn task_hosts_of(&self, task_manager: &Process) -> Vec<Process> {
        processes::children_of(task_manager.pid)
    }

    /// All task hosts.
    pub fn task_hosts(&self) -> Vec<Process> {
        self.task_managers().iter().flat_map(|task_manager| self.task_hosts_of(task_manager)).collect()
    }

    /// The processes whose programs were fetched as artifacts, task hosts without a TaskManager among them.
    pub fn artifact_processes(&self) -> Vec<Process> {
        let daemons = ["jobmanager", "taskmanager", "bash", "flott"];
        self.processes().into_iter().filter(|process| !daemons.contains(&process.name())).collect()
    }

    /// All that JobManagers have logged.
    pub fn job_manager_log(&self) -> String {
        let entries = fs::read_dir(self.path("log")).into_iter().flatten().flatten();
        let logs = entries.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.contains("standalonesession") && name.contains(".log")
        });
        logs.map(|entry| String::from_utf8_lossy(&fs::read(entry.path()).unwrap_or_default()).into_owned())
            .collect()
    }

    /// The end of each log, for messages of failed tests.
    fn logs(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(self.path("log")).into_iter().flatten().flatten() {
            let log = String::from_utf8_lossy(&fs::read(entry.path()).unwrap_or_default()).into_owned();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            text += &format!("--- {}\n{}\n", entry.path().display(), tail.join("\n"));
        }
        text
    }

    /// Stops the cluster by its script.
    pub fn stop(&self) -> Ended {
        self.run_script("stop-cluster.sh", &[])
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            eprintln!("{}", self.logs());
        }
        let stopped = run(&mut self.script("stop-cluster.sh"), SCRIPT_LIMIT);
        let deadline = clock::now() + LAST_BREATH;
        let mut left = self.processes();
        while !left.is_empty() && clock::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            left = self.processes();
        }
        for process in &left {
            process.signal(Signal::SIGKILL);
        }
        if !failed {
            assert_eq!(stopped.code, Some(0), "stop-cluster.sh failed:\n{}", stopped.output());
            assert!(left.is_empty(), "left behind by the cluster: {left:#?}");
        }
    }
}

impl Cluster {
    /// Waits until as many TaskManagers as given are registered and all their slots are free.
    #[track_caller]
    pub fn wait_until_idle(&self, task_managers: u32) {
        eventually_within(crate::PATIENCE, "all TaskManagers are registered and idle", || {
            let overview = self.rest().try_overview()?;
            let idle =
                overview.taskmanagers == task_managers && overview.slots_available == overview.slots_total;
            idle.then_some(())
        });
    }
}
