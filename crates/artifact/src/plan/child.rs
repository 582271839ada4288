//! The process of a program in plan mode, and everything that it started.

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use flott_core::sdk::{ENV_ENTRY, ENV_JOB_CONFIG, ENV_MODE, ENV_PLAN_FILE, MODE_PLAN};
use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, getrlimit, rlim_t, setrlimit},
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::{Pid, getpid, getppid, setsid},
};
use tokio::{
    process::{Child, ChildStderr, ChildStdout, Command},
    time::sleep,
};

use super::{FILE_LIMIT_BYTES, PlanRequest};
use crate::Error;

/// What of our environment a program sees: what it needs to start and to print well. Anything else would make its plan
/// depend on who asks for it, and may be a secret.
const KEPT_VARIABLES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "RUST_BACKTRACE", "RUST_LOG"];

/// A file that is being written by a process forked meanwhile cannot be run ("text file busy"). The other process closes
/// it within moments, when it runs its own program.
const BUSY_RETRIES: u32 = 50;
const BUSY_DELAY: Duration = Duration::from_millis(10);

/// How often we look for processes that were started while others were being killed.
const SWEEPS: u32 = 3;

/// A running program, killed with all that it started when this is dropped.
pub(super) struct PlanProcess {
    child: Child,
    /// Also the id of its session and process group; `None` once it is reaped and the number may be another's.
    pid: Option<Pid>,
    /// Where its plan goes. Stands in the environment of all its offspring and in no other, and so tells who they are.
    plan_file: PathBuf,
}

impl PlanProcess {
    pub(super) async fn spawn(
        artifact: &Path,
        request: &PlanRequest,
        dir: &Path,
        plan_file: &Path,
    ) -> Result<Self, Error> {
        let mut command = command(artifact, request, dir, plan_file);
        let mut retries = BUSY_RETRIES;
        let child = loop {
            match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && retries > 0 => {
                    retries -= 1;
                    sleep(BUSY_DELAY).await;
                }
                spawned => {
                    break spawned.map_err(|source| Error::PlanSetup { action: "start it", source })?;
                }
            }
        };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        Ok(Self { child, pid, plan_file: plan_file.to_owned() })
    }

    pub(super) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(super) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until the program has ended, but leaves it unreaped, so that its process group can still be named.
    pub(super) async fn exited(&self) -> io::Result<()> {
        let Some(pid) = self.pid else { return Ok(()) };
        let wait = move || {
            loop {
                match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                    Err(Errno::EINTR) => {}
                    // Reaped by whoever dropped us: it has ended.
                    Ok(_) | Err(Errno::ECHILD) => return Ok(()),
                    Err(error) => return Err(io::Error::from(error)),
                }
            }
        };
        tokio::task::spawn_blocking(wait).await.map_err(io::Error::other)?
    }

    /// Kills the program and all that it started and that still runs.
    pub(super) async fn kill_all(&self) {
        self.kill_group();
        let plan_file = self.plan_file.clone();
        // A failure here means that the runtime is going down; dropping does it again then.
        let _ = tokio::task::spawn_blocking(move || kill_offspring(&plan_file)).await;
    }

    /// Takes note of the program's end, after which nothing of it is left.
    pub(super) async fn reap(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.pid = None;
        Ok(status)
    }

    fn kill_group(&self) {
        if let Some(pid) = self.pid {
            // Fails only if nothing is left of it.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

impl Drop for PlanProcess {
    fn drop(&mut self) {
        if self.pid.is_some() {
            self.kill_group();
            kill_offspring(&self.plan_file);
        }
    }
}

fn command(artifact: &Path, request: &PlanRequest, dir: &Path, plan_file: &Path) -> Command {
    let mut command = Command::new(artifact);
    if let Some(name) = &request.program_name {
        command.arg0(name);
    }
    command
        .args(&request.args)
        .current_dir(dir)
        .env_clear()
        .envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env(ENV_MODE, MODE_PLAN)
        .env(ENV_PLAN_FILE, plan_file)
        .env(ENV_JOB_CONFIG, &request.job_config_json)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(entry) = &request.entry {
        command.env(ENV_ENTRY, entry);
    }
    let parent = getpid();
    let prepare = move || {
        setsid()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            return Err(Errno::ESRCH.into()); // the parent died before it could be watched
        }
        limit(Resource::RLIMIT_FSIZE, FILE_LIMIT_BYTES)?;
        limit(Resource::RLIMIT_CORE, 0)?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called. `prepare` makes plain system calls,
    // and neither allocates nor locks.
    #[expect(unsafe_code, reason = "there is no safe way to set limits and the death signal of a child")]
    unsafe {
        command.pre_exec(prepare);
    }
    command
}

/// Lowers a limit to `value`, never raising what we were given ourselves.
fn limit(resource: Resource, value: rlim_t) -> nix::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    setrlimit(resource, value.min(hard), value.min(hard))
}

/// Kills processes that left the program's process group, as daemons do.
fn kill_offspring(plan_file: &Path) {
    for _ in 0..SWEEPS {
        let found = offspring(plan_file);
        for &pid in &found {
            let _ = kill(pid, Signal::SIGKILL); // may have ended meanwhile
        }
        if found.is_empty() {
            return;
        }
    }
}

/// The processes that have `plan_file` in their environment. Those that we may not look at are not ours.
fn offspring(plan_file: &Path) -> Vec<Pid> {
    let mut variable = OsString::from(format!("{ENV_PLAN_FILE}="));
    variable.push(plan_file);
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_offspring = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment.split(|&byte| byte == 0).any(|item| item == variable.as_bytes())
        })
    };
    pids.filter(is_offspring).map(Pid::from_raw).collect()
}
