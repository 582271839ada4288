//! Reads what a program prints, and keeps the end of it.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{ChildStderr, ChildStdout},
    time::{Instant, sleep_until, timeout},
};

/// How much of each stream is kept.
pub(super) const TAIL_BYTES: usize = 16 * 1024;

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
    tail: Tail,
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, tail: Tail::default() }
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

/// The last [`TAIL_BYTES`] of a stream.
#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend(piece);
        let excess = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.cut |= excess > 0;
        self.bytes.drain(..excess);
    }

    /// As text; a first line that was cut is left out, and what a terminal would act upon is replaced.
    fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        let text = String::from_utf8_lossy(&[front, back].concat()).into_owned();
        let whole_lines = match text.split_once('\n') {
            Some((_, rest)) if self.cut && !rest.is_empty() => rest,
            _ => &text,
        };
        whole_lines.chars().filter(|&c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_last_whole_lines() {
        let mut tail = Tail::default();
        tail.push(b"one\n");
        assert_eq!(tail.text(), "one\n");
        for line in 0..10_000 {
            tail.push(format!("line {line}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= TAIL_BYTES);
        assert!(text.starts_with("line "), "{:?}", &text[..20]);
        assert!(text.ends_with("\nline 9999\n"));
    }

    #[test]
    fn tail_of_one_endless_line_is_its_end() {
        let mut tail = Tail::default();
        tail.push(&[b'x'; 3 * TAIL_BYTES]);
        assert_eq!(tail.text(), "x".repeat(TAIL_BYTES));
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        let mut tail = Tail::default();
        tail.push(b"a\xff\x1b[2Jb\r\n");
        assert_eq!(tail.text(), "a\u{fffd}[2Jb\n");
    }
}
