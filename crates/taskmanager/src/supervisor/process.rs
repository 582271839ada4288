//! Task hosts as processes of their own.

#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    fs, io,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use flott_artifact::ArtifactDigest;
use flott_core::{FailureCause, FailureKind, deployment::TaskHostSpec, sdk};
use futures::{FutureExt, future::BoxFuture};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{process::Child, runtime::Handle, task::JoinHandle, time::timeout};

use super::{
    LaunchRequest, LaunchedTaskHost, OutputWriter, TaskHostLauncher,
    exit::{OutOfMemoryKills, exit_cause},
    output::{self, Stream, TailHandle},
    spawner::Spawner,
};
use crate::{
    ArtifactCache, CachedArtifact, Error, MAX_CACHE_BYTES, TaskManagerConfig,
    work_dir::{WorkDir, make_private, private_dir},
};

/// What of our environment user code sees: what it needs to start and to print well. Anything else would make a job
/// depend on which TaskManager it runs on, and may be a secret.
const KEPT_VARIABLES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "RUST_BACKTRACE", "RUST_LOG"];

/// How long we wait for the end of the output of a process that has ended. Only a process that escaped being killed can
/// hold it open.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);

/// How often we look for processes that were started while others were being killed.
const SWEEPS: u32 = 3;

/// Runs each task host as a process of its own, from the job's artifact, which it fetches from the JobManager.
#[derive(Clone, Debug)]
pub struct ProcessLauncher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    artifacts: ArtifactCache,
    spawner: Spawner,
    output: OutputWriter,
    hosts_dir: PathBuf,
    _work_dir: WorkDir,
}

impl ProcessLauncher {
    /// Keeps its files where `config` says, and copies what task hosts print to `output`. To be called within the runtime that
    /// is to watch the processes.
    ///
    /// # Errors
    ///
    /// If there is no place for files, or no thread can be started.
    pub fn new(config: &TaskManagerConfig, output: OutputWriter) -> Result<Self, Error> {
        let work_dir = WorkDir::create(&config.tmp_dir)?;
        let make = |name| {
            make_private(work_dir.path(), name)
                .map_err(|source| Error::WorkDir { path: work_dir.path().to_owned(), source })
        };
        let (artifacts_dir, hosts_dir) = (make("artifacts")?, make("hosts")?);
        Ok(Self(Arc::new(Inner {
            artifacts: ArtifactCache::new(artifacts_dir, MAX_CACHE_BYTES),
            spawner: Spawner::start(Handle::current()).map_err(Error::Spawner)?,
            output,
            hosts_dir,
            _work_dir: work_dir,
        })))
    }
}

impl TaskHostLauncher for ProcessLauncher {
    fn launch(
        &self,
        request: LaunchRequest,
    ) -> BoxFuture<'static, Result<Box<dyn LaunchedTaskHost>, FailureCause>> {
        let launcher = self.clone();
        async move {
            let digest: ArtifactDigest =
                request.spec.artifact.parse().map_err(|error: flott_artifact::ParseDigestError| {
                    FailureCause::new(FailureKind::TaskHostStart, error.to_string())
                })?;
            let artifact = launcher
                .0
                .artifacts
                .get(digest, &request.leader)
                .await
                .map_err(|error| FailureCause::new(FailureKind::TaskHostStart, error.to_string()))?;
            let program = artifact.path().to_owned();
            let host = launcher.0.spawn(&program, &request, Some(artifact)).await.map_err(|error| {
                FailureCause::new(
                    FailureKind::TaskHostStart,
                    format!("cannot start artifact {digest}: {error}"),
                )
            })?;
            Ok(Box::new(host) as Box<dyn LaunchedTaskHost>)
        }
        .boxed()
    }
}

impl Inner {
    async fn spawn(
        &self,
        program: &Path,
        request: &LaunchRequest,
        artifact: Option<CachedArtifact>,
    ) -> io::Result<HostProcess> {
        let dir = private_dir(&self.hosts_dir)?;
        let (stdout, stdout_end) = output::pipe()?;
        let (stderr, stderr_end) = output::pipe()?;
        let mut command = command(program, request, dir.path());
        command.stdout(stdout_end).stderr(stderr_end);
        let out_of_memory_kills = OutOfMemoryKills::count();
        // Consumes the command, and with it our copies of the pipes' other ends.
        let child = self.spawner.spawn(command).await?;
        let (tail, tail_requests) = TailHandle::new();
        let (_, no_requests) = TailHandle::new();
        let pid = child.id().ok_or_else(|| io::Error::other("the process has no id"))?;
        let copy_out = output::copy(stdout, Stream::Stdout, self.output.clone(), no_requests);
        let copy_err = output::copy(stderr, Stream::Stderr, self.output.clone(), tail_requests);
        #[expect(
            clippy::disallowed_methods,
            reason = "both end with their stream, which ends with the process"
        )]
        let outputs = Outputs { stdout: tokio::spawn(copy_out), stderr: tokio::spawn(copy_err) };
        Ok(HostProcess {
            child,
            pid,
            reaped: false,
            sweep: None,
            outputs: Some(outputs),
            final_tail: None,
            tail,
            token: request.token.clone(),
            out_of_memory_kills,
            killed: false,
            _dir: dir,
            _artifact: artifact,
        })
    }
}

fn command(program: &Path, request: &LaunchRequest, dir: &Path) -> Command {
    let spec = &request.spec;
    let config = serde_json::to_string(&spec.config)
        .expect("numbers, texts and maps with text keys always have a JSON form");
    let mut command = Command::new(program);
    command
        .arg0(title(spec))
        .args(&spec.arguments)
        .current_dir(dir)
        .env_clear()
        .envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env(sdk::ENV_MODE, sdk::MODE_TASK_HOST)
        .env(sdk::ENV_SOCKET, &request.socket)
        .env(sdk::ENV_HOST_TOKEN, &request.token)
        .env(sdk::ENV_JOB_CONFIG, config)
        .stdin(Stdio::null());
    #[cfg(feature = "sabotage")]
    if let Some(name) = std::env::var_os(flott_core::sabotage::VARIABLE) {
        command.env(flott_core::sabotage::VARIABLE, name);
    }
    if let Some(entry) = &spec.entry {
        command.env(sdk::ENV_ENTRY, entry);
    }
    command
}

/// What the list of processes shows in place of the program, which has a hash for a name.
fn title(spec: &TaskHostSpec) -> String {
    let name = spec.job_name.replace(char::is_control, " ");
    format!("flott-task-host {} {name}", spec.job_id)
}

/// A task host's process.
struct HostProcess {
    child: Child,
    /// Also the id of its session and process group.
    pid: u32,
    /// Whether `pid` may be another's by now.
    reaped: bool,
    /// Kills what it has started and what left its process group, once it is reaped.
    sweep: Option<JoinHandle<()>>,
    /// Its output, until it has ended.
    outputs: Option<Outputs>,
    /// The end of stderr once its output has ended.
    final_tail: Option<String>,
    tail: TailHandle,
    /// Stands in the environment of all its offspring and in no other, and so tells who they are.
    token: String,
    out_of_memory_kills: OutOfMemoryKills,
    killed: bool,
    _dir: TempDir,
    _artifact: Option<CachedArtifact>,
}

impl HostProcess {
    fn kill_group(&self) {
        if let (false, Ok(pid)) = (self.reaped, i32::try_from(self.pid)) {
            // Fails only if nothing is left of it.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Each step may be interrupted and begun again.
    async fn wait(&mut self) -> FailureCause {
        let status = self.child.wait().await;
        if !self.reaped {
            // What else is in the group keeps its number from being given away; if nothing is, nothing happens.
            self.kill_group();
            self.reaped = true;
            let token = self.token.clone();
            self.sweep = Some(tokio::task::spawn_blocking(move || kill_offspring(&token)));
        }
        if let Some(sweep) = &mut self.sweep {
            let _ = sweep.await; // fails only if the runtime is going down
            self.sweep = None;
        }
        if let Some(outputs) = &mut self.outputs {
            let tail = match timeout(OUTPUT_TIMEOUT, outputs.finish()).await {
                Ok(tail) => tail,
                Err(_) => self.tail.get().await,
            };
            (self.outputs, self.final_tail) = (None, tail);
        }
        match status {
            Ok(status) => {
                let out_of_memory = !self.killed && self.out_of_memory_kills.any_since();
                exit_cause(status, out_of_memory, self.final_tail.clone())
            }
            Err(error) => FailureCause::new(
                FailureKind::Internal,
                format!("cannot tell how the task host ended: {error}"),
            ),
        }
    }
}

/// The tasks that copy a process's output.
struct Outputs {
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Outputs {
    /// Waits until both have ended, and returns the end of stderr. Can be interrupted.
    async fn finish(&mut self) -> Option<String> {
        if !self.stdout.is_finished() {
            let _ = (&mut self.stdout).await; // its text is of no interest
        }
        (&mut self.stderr).await.ok()
    }
}

impl LaunchedTaskHost for HostProcess {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn exited(&mut self) -> BoxFuture<'_, FailureCause> {
        self.wait().boxed()
    }

    fn kill(&mut self) {
        self.killed = true;
        self.kill_group();
    }

    fn stderr_tail(&self) -> BoxFuture<'_, Option<String>> {
        self.tail.get().boxed()
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_group();
            kill_offspring(&self.token);
        }
    }
}

/// Kills processes that left the task host's process group, as daemons do.
fn kill_offspring(token: &str) {
    for _ in 0..SWEEPS {
        let found = offspring(token);
        for &pid in &found {
            let _ = kill(pid, Signal::SIGKILL); // may have ended meanwhile
        }
        if found.is_empty() {
            return;
        }
    }
}

/// The processes that have `token` in their environment. Those that we may not look at are not ours.
fn offspring(token: &str) -> Vec<Pid> {
    let variable = OsString::from(format!("{}={token}", sdk::ENV_HOST_TOKEN));
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_offspring = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment.split(|&byte| byte == 0).any(|item| item == variable.as_bytes())
        })
    };
    pids.filter(is_offspring).map(Pid::from_raw).collect()
}
