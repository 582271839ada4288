//! What task hosts write to stdout and stderr: copied line by line to the TaskManager's own, and the end of it kept.

use std::{
    fmt,
    io::{self, Write},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use flott_core::output_tail::OutputTail;
use nix::{
    fcntl::OFlag,
    unistd::{pipe2, read},
};
use tokio::{
    net::unix::pipe,
    sync::{mpsc, oneshot},
    time::sleep,
};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Longest line that is kept in one piece.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Most pieces of output that wait to be written.
const QUEUE: usize = 64;

/// How long a task host may be held up because our own stdout is stuck. A file never is for so long; a terminal or a
/// pipe that nobody reads may be for ever, and then lines are dropped rather than user code blocked.
const MAX_WAIT: Duration = Duration::from_millis(200);
const WAIT_STEP: Duration = Duration::from_millis(5);

/// Most wishes to see the tail that wait.
const TAIL_REQUESTS: usize = 4;

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// Writes what task hosts print, from a thread of its own: our stdout may block.
#[derive(Clone)]
pub struct OutputWriter(Arc<Shared>);

struct Shared {
    queue: SyncSender<(Stream, Vec<u8>)>,
    dropped_lines: AtomicU64,
}

impl fmt::Debug for OutputWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputWriter").field("dropped_lines", &self.dropped_lines()).finish_non_exhaustive()
    }
}

impl OutputWriter {
    /// Writes to this process's own stdout and stderr.
    ///
    /// # Errors
    ///
    /// If the thread can't be started.
    pub fn to_own_output() -> io::Result<Self> {
        Self::new(io::stdout(), io::stderr())
    }

    /// Writes to `stdout` and `stderr`. The thread ends with the last copy of this.
    ///
    /// # Errors
    ///
    /// If the thread can't be started.
    pub fn new(
        mut stdout: impl Write + Send + 'static,
        mut stderr: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, pieces) = sync_channel::<(Stream, Vec<u8>)>(QUEUE);
        thread::Builder::new().name("task-host-output".to_owned()).spawn(move || {
            for (stream, piece) in pieces {
                // Where our output can't be written there is nobody to tell.
                let _ = match stream {
                    Stream::Stdout => stdout.write_all(&piece).and_then(|()| stdout.flush()),
                    Stream::Stderr => stderr.write_all(&piece).and_then(|()| stderr.flush()),
                };
            }
        })?;
        Ok(Self(Arc::new(Shared { queue, dropped_lines: AtomicU64::new(0) })))
    }

    /// How many lines were dropped because our own output was stuck.
    pub fn dropped_lines(&self) -> u64 {
        self.0.dropped_lines.load(Ordering::Relaxed)
    }

    /// Hands on whole lines, waiting a little for room.
    async fn write(&self, stream: Stream, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let mut message = (stream, lines);
        let mut waited = Duration::ZERO;
        loop {
            match self.0.queue.try_send(message) {
                Ok(()) => return,
                Err(TrySendError::Full(back)) if waited < MAX_WAIT => {
                    message = back;
                    sleep(WAIT_STEP).await;
                    waited += WAIT_STEP;
                }
                Err(TrySendError::Full((_, lines)) | TrySendError::Disconnected((_, lines))) => {
                    let count = lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
                    let before = self.0.dropped_lines.fetch_add(count, Ordering::Relaxed);
                    if before == 0 {
                        tracing::warn!("own stdout or stderr is stuck: dropping lines that task hosts print");
                    }
                    return;
                }
            }
        }
    }
}

/// A pipe of which the child gets the writing end.
pub(super) fn pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    // Makes our end non-blocking, and only ours: a program need not expect that its stdout can be full.
    Ok((pipe::Receiver::from_owned_fd(read)?, write))
}

/// Asks a [`copy`] for the end of what it has read.
#[derive(Clone, Debug)]
pub(super) struct TailHandle(mpsc::Sender<oneshot::Sender<String>>);

impl TailHandle {
    pub(super) fn new() -> (Self, mpsc::Receiver<oneshot::Sender<String>>) {
        let (requests, inbox) = mpsc::channel(TAIL_REQUESTS);
        (Self(requests), inbox)
    }

    /// All that the process has written by now is in it.
    pub(super) async fn get(&self) -> Option<String> {
        let (reply, tail) = oneshot::channel();
        self.0.send(reply).await.ok()?;
        tail.await.ok()
    }
}

/// Reads a stream to its end, whatever becomes of what is read, and returns its tail.
pub(super) async fn copy(
    pipe: pipe::Receiver,
    stream: Stream,
    writer: OutputWriter,
    mut tail_requests: mpsc::Receiver<oneshot::Sender<String>>,
) -> String {
    let mut copy = Copy { stream, writer, tail: OutputTail::default(), lines: Lines::default() };
    loop {
        tokio::select! {
            ready = pipe.readable() => {
                // An error means that the runtime is going down.
                if ready.is_err() || copy.drain(|chunk| pipe.try_read(chunk)).await {
                    break;
                }
            }
            Some(reply) = tail_requests.recv() => {
                // What was written just now may not have been announced yet: ask the pipe itself.
                let at_end = copy.drain(|chunk| Ok(read(&pipe, chunk)?)).await;
                let _ = reply.send(copy.tail.text()); // who asked may be gone
                if at_end {
                    break;
                }
            }
        }
    }
    let rest = copy.lines.rest();
    copy.writer.write(stream, rest).await;
    copy.tail.text()
}

/// What becomes of a stream.
struct Copy {
    stream: Stream,
    writer: OutputWriter,
    tail: OutputTail,
    lines: Lines,
}

impl Copy {
    /// Takes in what can be read. Returns whether the stream has ended.
    async fn drain(&mut self, read: impl Fn(&mut [u8]) -> io::Result<usize>) -> bool {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match read(&mut chunk) {
                Ok(0) => return true,
                Ok(length) => {
                    self.tail.push(&chunk[..length]);
                    let whole = self.lines.push(&chunk[..length]);
                    self.writer.write(self.stream, whole).await;
                    // A process that floods its output must not keep a worker thread to itself.
                    tokio::task::yield_now().await;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
    }
}

/// Cuts a stream into whole lines.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// The lines that `piece` completes. One that is too long comes in pieces.
    fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.begun.extend_from_slice(piece);
        let end = self.begun.iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
        let rest = self.begun.split_off(end);
        let mut whole = std::mem::replace(&mut self.begun, rest);
        if self.begun.len() > MAX_LINE_BYTES {
            whole.append(&mut self.begun);
            whole.push(b'\n');
        }
        whole
    }

    /// What is left at the end of the stream, as a line.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.begun);
        if !rest.is_empty() {
            rest.push(b'\n');
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw"), b"one\n");
        assert_eq!(lines.push(b"o"), b"");
        assert_eq!(lines.push(b"\nthree\nfour"), b"two\nthree\n");
        assert_eq!(lines.rest(), b"four\n");
        assert_eq!(lines.rest(), b"");
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut lines = Lines::default();
        let cut = lines.push(&vec![b'x'; MAX_LINE_BYTES + 1]);
        assert_eq!(cut.len(), MAX_LINE_BYTES + 2);
        assert_eq!(lines.rest(), b"");
    }

    /// Takes nothing until it is dropped.
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_output_costs_lines_and_is_counted() {
        let (unblock, blocked) = sync_channel(0);
        let writer = OutputWriter::new(Stuck(blocked), io::sink()).unwrap();
        for _ in 0..QUEUE + 3 {
            writer.write(Stream::Stdout, b"a\nb\n".to_vec()).await;
        }
        // One piece is in the writer's hands or the queue's place for it was taken; the others beyond the queue went.
        assert!((4..=6).contains(&writer.dropped_lines()), "{}", writer.dropped_lines());
        drop(unblock);
    }
}
