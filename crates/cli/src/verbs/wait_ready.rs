//! `flott wait-ready`: how the start script knows that a cluster is complete.

use std::time::Duration;

use flott_client::{Client, ClientOptions, Error, RetryPolicy};
use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use tokio::time::{sleep, timeout};

use crate::{args::WaitReadyArgs, clock, failure::Failure};

/// Pause between two looks: a cluster is up within some hundred milliseconds, and who started it is waiting.
const PAUSE: Duration = Duration::from_millis(15);

/// Longest wait for one answer: meanwhile nobody looks whether the processes live.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) async fn execute(args: WaitReadyArgs) -> Result<(), Failure> {
    let limit = Duration::from_secs(args.timeout.into());
    let options = ClientOptions {
        timeout: ANSWER_TIMEOUT,
        connect_timeout: ANSWER_TIMEOUT,
        retry: RetryPolicy::NONE,
        await_leader: Duration::ZERO,
    };
    let client = Client::new(&args.rest, options)?;
    let deadline = clock::now() + limit;
    let mut seen = Seen::Nothing;
    loop {
        let left = deadline.saturating_duration_since(clock::now());
        match timeout(left, client.overview()).await {
            Ok(Ok(overview)) if overview.taskmanagers >= args.taskmanagers => return Ok(()),
            Ok(Err(error)) if args.serving && is_answer(&error) => return Ok(()),
            Ok(Ok(overview)) => seen = Seen::TaskManagers(overview.taskmanagers),
            Ok(Err(Error::Timeout { .. })) => seen = Seen::Nothing,
            Ok(Err(error)) => seen = Seen::Error(error),
            Err(_) => {}
        }
        if let Some(pid) = args.pids.iter().find(|&&pid| !is_alive(pid)) {
            return Err(Failure::failed(format!(
                "process {pid} ended before the cluster was ready; see its log"
            )));
        }
        if clock::now() >= deadline {
            return Err(Failure::failed(format!(
                "the cluster at {} was not ready within {} s: {}",
                args.rest,
                args.timeout,
                seen.describe(args.taskmanagers)
            )));
        }
        sleep(PAUSE).await;
    }
}

/// Whether an error shows that a JobManager serves which knows no leader yet.
fn is_answer(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => *status == 503,
        Error::NoLeader { failures, .. } => failures.iter().any(|(_, error)| is_answer(error)),
        _ => false,
    }
}

/// What was seen last.
enum Seen {
    Nothing,
    TaskManagers(u32),
    Error(Error),
}

impl Seen {
    fn describe(&self, needed: u32) -> String {
        match self {
            Self::Nothing => "the JobManager does not answer".to_owned(),
            Self::TaskManagers(count) => format!("{count} of {needed} TaskManagers have registered"),
            Self::Error(error) => describe(error),
        }
    }
}

/// An error without its advice to start a cluster.
fn describe(error: &Error) -> String {
    match error {
        Error::Unreachable { source, .. } => {
            format!("cannot connect to the JobManager: {}", crate::failure::chain(source))
        }
        Error::NoLeader { failures, .. } => {
            let each = failures.iter().map(|(address, error)| format!("{address}: {}", describe(error)));
            each.collect::<Vec<_>>().join("; ")
        }
        error => crate::failure::chain(error),
    }
}

/// Whether a process runs. One that has ended but that its parent has not taken note of does not.
fn is_alive(pid: i32) -> bool {
    match kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => !is_zombie(pid),
        Err(_) => false,
    }
}

fn is_zombie(pid: i32) -> bool {
    // `4711 (a name) Z 1 …`; the name may hold anything.
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}
