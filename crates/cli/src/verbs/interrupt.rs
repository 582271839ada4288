//! Ctrl-C and SIGTERM, and the question that follows.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use crate::{console, failure::Failure};

/// What the person at the terminal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Cancel,
    Detach,
    Continue,
}

/// The signals that ask this command to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals do not end the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed(format!("cannot listen to signals: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for one.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Asks what to do, if there is somebody to be asked; else it is to detach. A further signal means that, too.
    pub(super) async fn ask(&mut self) -> Answer {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Answer::Detach;
        }
        loop {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\ncancel the job (c), detach (d) or continue (Enter)? ");
            let _ = stderr.flush();
            drop(stderr);
            let line = tokio::select! {
                line = read_line() => line,
                () = self.received() => {
                    console::error_line(""); // the line of the question is not ended yet
                    return Answer::Detach;
                }
            };
            if let Some(answer) = parse(line.as_deref()) {
                return answer;
            }
        }
    }
}

/// Reads a line from the terminal; `None` at its end. A thread of its own does it, because nothing can stop it: it may
/// wait there when the command ends.
async fn read_line() -> Option<String> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // Fails if nobody waits for the answer any more.
        let _ = sender.send(read.ok().filter(|&bytes| bytes > 0).map(|_| line));
    });
    receiver.await.ok().flatten()
}

/// `None` is to ask again.
fn parse(line: Option<&str>) -> Option<Answer> {
    match line.map(|line| line.trim().to_ascii_lowercase()).as_deref() {
        Some("") => Some(Answer::Continue),
        Some("c" | "cancel") => Some(Answer::Cancel),
        Some("d" | "detach") | None => Some(Answer::Detach),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        assert_eq!(parse(Some("\n")), Some(Answer::Continue));
        assert_eq!(parse(Some(" C\r\n")), Some(Answer::Cancel));
        assert_eq!(parse(Some("detach\n")), Some(Answer::Detach));
        assert_eq!(parse(None), Some(Answer::Detach), "the terminal is gone");
        assert_eq!(parse(Some("what?\n")), None);
    }
}
