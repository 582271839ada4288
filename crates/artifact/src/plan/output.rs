//! Reads what a program prints, and keeps the end of it.

use std::time::Duration;

use flott_core::output_tail::OutputTail;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{ChildStderr, ChildStdout},
    time::{Instant, sleep_until, timeout},
};

const CHUNK_BYTES: usize = 16 * 1024;

/// How long we wait for the end of the streams after all known processes are dead.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// The two streams of a program. They are read all the time, so that the program never blocks on them.
pub(super) struct Outputs {
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
}

impl Outputs {
    pub(super) fn new(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
        Self { stdout: Stream::new(stdout), stderr: Stream::new(stderr) }
    }

    /// Reads until `deadline`, also beyond the end of both streams: they may be closed long before the program ends.
    pub(super) async fn drain_until(&mut self, deadline: Instant) {
        let drain = async {
            tokio::join!(self.stdout.drain(), self.stderr.drain());
            std::future::pending().await
        };
        tokio::select! {
            () = drain => {}
            () = sleep_until(deadline) => {}
        }
    }

    /// Reads what is left. Only a process that escaped being killed can hold the streams open; it is not waited for.
    pub(super) async fn finish(&mut self) {
        let rest = async { tokio::join!(self.stdout.drain(), self.stderr.drain()) };
        if timeout(END_TIMEOUT, rest).await.is_err() {
            tracing::warn!("a process started by an artifact in plan mode still holds its output open");
        }
    }

    /// The end of stderr.
    pub(super) fn stderr_text(&self) -> String {
        self.stderr.tail.text()
    }

    /// The end of stderr, or of stdout if nothing came there: what a person needs to see.
    pub(super) fn text(&self) -> String {
        let text = self.stderr.tail.text();
        if text.trim().is_empty() { self.stdout.tail.text() } else { text }
    }
}

struct Stream<R> {
    reader: Option<R>,
    tail: OutputTail,
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, tail: OutputTail::default() }
    }

    /// Reads to the end of the stream. Can be dropped and called again at any time.
    async fn drain(&mut self) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(reader) = &mut self.reader {
            match reader.read(&mut chunk).await {
                Ok(0) | Err(_) => self.reader = None,
                Ok(read) => self.tail.push(&chunk[..read]),
            }
        }
    }
}
