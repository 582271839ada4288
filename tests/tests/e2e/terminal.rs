//! `flott run` on a terminal: Ctrl-C asks what to do.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, eventually};
use nix::{
    pty::openpty,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// `flott run` of an endless job, with a terminal of its own.
struct OnTerminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    job: JobId,
}

impl OnTerminal {
    fn start(cluster: &Cluster) -> Self {
        let terminal = openpty(None, None).unwrap();
        let user_side = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let child = cluster
            .script("flott")
            .args(["run", "-p", "2", "-c", "endless"])
            .arg(cluster.binaries().test_jobs())
            .stdin(user_side(&terminal.slave))
            .stdout(user_side(&terminal.slave))
            .stderr(user_side(&terminal.slave))
            .spawn()
            .unwrap();
        drop(terminal.slave);
        let keyboard = File::from(terminal.master);
        let screen = watch(keyboard.try_clone().unwrap());
        let job = eventually("the job is there", || cluster.rest().jobs().first().map(|job| job.jid));
        cluster.wait_for_records(job);
        Self { child, keyboard, screen, job }
    }

    #[track_caller]
    fn reads(&self, text: &str) {
        eventually(&format!("{text:?} is on the screen"), || {
            self.screen.lock().unwrap().contains(text).then_some(())
        });
    }

    /// Presses Ctrl-C, waits for the question and answers it.
    #[track_caller]
    fn interrupt(&mut self, answer: &str) {
        self.screen.lock().unwrap().clear();
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        self.reads("cancel the job (c), detach (d) or continue");
        self.screen.lock().unwrap().clear();
        self.keyboard.write_all(answer.as_bytes()).unwrap();
    }

    #[track_caller]
    fn expect_code(&mut self, code: i32) {
        let status = eventually("flott ends", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(code), "{}", self.screen.lock().unwrap());
    }
}

/// Collects what is written to the terminal.
fn watch(mut terminal: File) -> Arc<Mutex<String>> {
    let screen = Arc::new(Mutex::new(String::new()));
    let shared = screen.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Reading fails when nobody has the other side open any more.
        while let Ok(count @ 1..) = terminal.read(&mut buffer) {
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    screen
}

#[test]
fn an_interrupt_may_cancel_the_job() {
    let cluster = Cluster::start();
    let mut run = OnTerminal::start(&cluster);
    run.interrupt("c\n");
    run.reads("was canceled");
    run.expect_code(1);
    assert_eq!(cluster.rest().status(run.job).unwrap(), JobStatus::Canceled);
}

#[test]
fn an_interrupt_may_continue_and_then_detach() {
    let cluster = Cluster::start();
    let mut run = OnTerminal::start(&cluster);
    run.interrupt("\n");
    run.reads("RUNNING");
    run.interrupt("what?\n");
    run.reads("cancel the job (c), detach (d) or continue");
    run.keyboard.write_all(b"d\n").unwrap();
    run.reads("Detached from job");
    run.expect_code(130);
    assert_eq!(cluster.rest().status(run.job).unwrap(), JobStatus::Running);
}
