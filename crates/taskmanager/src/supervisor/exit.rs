//! Tells why a process has ended.

use std::{fs, os::unix::process::ExitStatusExt, process::ExitStatus};

use flott_core::{FailureCause, FailureKind};
use nix::sys::signal::Signal;

/// Exit code of a Rust program whose `main` panicked.
const PANICKED: i32 = 101;

/// How often the kernel had killed for want of memory when a task host was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfMemoryKills(Option<u64>);

impl OutOfMemoryKills {
    /// Reads the count of this process's control group, or else that of the machine.
    pub(super) fn count() -> Self {
        let in_group = flott_reporter::cgroup_dir()
            .and_then(|dir| fs::read_to_string(dir.join("memory.events")).ok())
            .and_then(|text| field(&text, "oom_kill"));
        let on_machine = || fs::read_to_string("/proc/vmstat").ok().and_then(|text| field(&text, "oom_kill"));
        Self(in_group.or_else(on_machine))
    }

    /// Whether there were any since.
    pub(super) fn any_since(self) -> bool {
        self.0.is_some() && Self::count() != self
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().filter_map(|line| line.split_once(' '));
    fields.find(|(key, _)| *key == name)?.1.trim().parse().ok()
}

/// The cause of an end that nobody asked for. `out_of_memory`: whether the kernel has killed a process for want of
/// memory meanwhile.
pub fn exit_cause(status: ExitStatus, out_of_memory: bool, stderr_tail: Option<String>) -> FailureCause {
    let mut cause = match (status.code(), status.signal()) {
        (Some(0), _) => FailureCause::new(
            FailureKind::TaskHostExit,
            "the program ended by itself with exit code 0: its main returned or it called exit",
        ),
        (Some(PANICKED), _) => {
            let panic = stderr_tail.as_deref().and_then(panic_in).unwrap_or_default();
            FailureCause::new(
                FailureKind::TaskHostExit,
                format!("the task host panicked and ended with exit code {PANICKED}{panic}"),
            )
        }
        (Some(code), _) => {
            FailureCause::new(FailureKind::TaskHostExit, format!("the task host ended with exit code {code}"))
        }
        (None, Some(libc::SIGKILL)) if out_of_memory => FailureCause::new(
            FailureKind::TaskHostOutOfMemory,
            "the task host was killed by the kernel for want of memory",
        ),
        (None, Some(signal)) => {
            let name = Signal::try_from(signal).map_or("unknown", Signal::as_str);
            FailureCause::new(
                FailureKind::TaskHostSignal,
                format!("the task host was killed by signal {signal} ({name})"),
            )
        }
        (None, None) => {
            FailureCause::new(FailureKind::TaskHostExit, format!("the task host ended: {status}"))
        }
    };
    cause.stderr_tail = stderr_tail.filter(|tail| !tail.trim().is_empty());
    cause
}

/// The last panic in a program's stderr, as `: where: what`.
fn panic_in(stderr: &str) -> Option<String> {
    let (_, after) = stderr.rsplit_once("panicked at ")?;
    let mut lines = after.lines();
    let place = lines.next()?.trim_end_matches(':');
    Some(format!(": {place}: {}", lines.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(raw: i32, out_of_memory: bool, stderr: &str) -> FailureCause {
        exit_cause(ExitStatus::from_raw(raw), out_of_memory, Some(stderr.to_owned()))
    }

    #[test]
    fn ends_are_told_apart() {
        let exit = cause(3 << 8, false, "");
        assert_eq!(exit.kind, FailureKind::TaskHostExit);
        assert_eq!(exit.message, "the task host ended with exit code 3");
        assert_eq!(exit.stderr_tail, None);

        let killed = cause(9, false, "last words\n");
        assert_eq!(killed.kind, FailureKind::TaskHostSignal);
        assert_eq!(killed.message, "the task host was killed by signal 9 (SIGKILL)");
        assert_eq!(killed.stderr_tail.as_deref(), Some("last words\n"));

        assert_eq!(cause(9, true, "").kind, FailureKind::TaskHostOutOfMemory);
        assert_eq!(cause(11, true, "").message, "the task host was killed by signal 11 (SIGSEGV)");
        assert!(cause(0, false, "").message.contains("its main returned"));
    }

    #[test]
    fn a_panic_is_quoted() {
        let stderr = "hello\nthread 'main' (7) panicked at src/main.rs:3:5:\nboom\nnote: run with\n";
        assert_eq!(
            cause(101 << 8, false, stderr).message,
            "the task host panicked and ended with exit code 101: src/main.rs:3:5: boom"
        );
    }

    #[test]
    fn counts_are_found_by_their_exact_name() {
        assert_eq!(field("oom 3\noom_kill 5\noom_group_kill 7\n", "oom_kill"), Some(5));
        assert_eq!(field("", "oom_kill"), None);
        assert!(!OutOfMemoryKills(None).any_since());
        assert!(!OutOfMemoryKills::count().any_since());
    }
}
