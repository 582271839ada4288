//! The one thread that starts processes.
//!
//! A process that asked for a signal at its parent's death gets it when the *thread* that started it ends. A runtime's
//! worker threads come and go, so task hosts are started by a thread that lives as long as the TaskManager.

use std::{
    io,
    os::fd::RawFd,
    process::Command as StdCommand,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::Duration,
};

use nix::{
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::{getpid, getppid, setsid},
};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

/// Most processes that wait to be started.
const QUEUE: usize = 256;

/// A file that is being written by a process forked meanwhile cannot be run ("text file busy"). The other process closes
/// it within moments, when it runs its own program.
const BUSY_RETRIES: u32 = 50;
const BUSY_DELAY: Duration = Duration::from_millis(10);

/// How much more readily the kernel kills a task host than the TaskManager when memory is short.
const OUT_OF_MEMORY_SCORE: &[u8] = b"500";

/// First descriptor after stdin, stdout and stderr.
const FIRST_OTHER_FD: RawFd = 3;

struct Job {
    command: StdCommand,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Starts processes, each in a session of its own, that die with this process.
#[derive(Clone, Debug)]
pub(super) struct Spawner {
    jobs: SyncSender<Job>,
}

impl Spawner {
    /// Starts the thread. It ends with the last copy of this.
    pub(super) fn start(runtime: Handle) -> io::Result<Self> {
        let (jobs, inbox) = sync_channel::<Job>(QUEUE);
        thread::Builder::new().name("task-host-spawner".to_owned()).spawn(move || {
            let _runtime = runtime.enter();
            for job in inbox {
                // A child that nobody waits for any more is killed when it is dropped.
                let _ = job.reply.send(spawn(job.command));
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts `command`. The child is killed when it is dropped.
    pub(super) async fn spawn(&self, command: StdCommand) -> io::Result<Child> {
        let (reply, child) = oneshot::channel();
        self.jobs
            .try_send(Job { command, reply })
            .map_err(|_| io::Error::other("too many task hosts are being started"))?;
        child.await.unwrap_or_else(|_| Err(io::Error::other("the thread that starts task hosts has ended")))
    }
}

fn spawn(command: StdCommand) -> io::Result<Child> {
    let mut command = Command::from(prepared(command));
    command.kill_on_drop(true);
    let mut retries = BUSY_RETRIES;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && retries > 0 => {
                retries -= 1;
                thread::sleep(BUSY_DELAY);
            }
            outcome => return outcome,
        }
    }
}

fn prepared(mut command: StdCommand) -> StdCommand {
    use std::os::unix::process::CommandExt;
    let parent = getpid();
    let prepare = move || {
        setsid()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH)); // the parent died before it could be watched
        }
        prctl::set_no_new_privs()?;
        let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
        setrlimit(Resource::RLIMIT_CORE, 0, hard)?;
        volunteer_for_out_of_memory();
        close_others_on_exec();
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called. `prepare` makes plain system calls,
    // and neither allocates nor locks.
    #[expect(unsafe_code, reason = "there is no safe way to set a child's session, limits and death signal")]
    unsafe {
        command.pre_exec(prepare);
    }
    command
}

/// Best effort: without it the kernel's choice is only less good.
fn volunteer_for_out_of_memory() {
    // SAFETY: plain system calls on a constant path and buffer; the descriptor is this function's own.
    #[expect(unsafe_code, reason = "std's files allocate, which is not allowed between fork and exec")]
    unsafe {
        let fd = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd >= 0 {
            libc::write(fd, OUT_OF_MEMORY_SCORE.as_ptr().cast(), OUT_OF_MEMORY_SCORE.len());
            libc::close(fd);
        }
    }
}

/// Our own descriptors are all marked already; this one is for those of the libraries that we use. Best effort:
/// kernels before 5.11 can't.
fn close_others_on_exec() {
    // SAFETY: a plain system call that touches no memory. Nothing is closed before exec, which std needs to report
    // errors on its own descriptor.
    #[expect(unsafe_code, reason = "the call has no safe form")]
    unsafe {
        libc::syscall(libc::SYS_close_range, FIRST_OTHER_FD, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}
