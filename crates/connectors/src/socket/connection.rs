//! A thread that reads from a socket, because a subtask must not wait.

use std::{
    io::{self, Read},
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};

use flott_runtime::Waker;

use super::{
    error::Error,
    retries::{Attempts, Retries},
};

/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait for the subtask; then the socket, and so the other side, has to wait.
const CHUNKS: usize = 16;

/// What to connect to, and how often.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) retries: Retries,
    pub(super) pause: Duration,
}

/// What comes from the thread.
#[derive(Debug)]
pub(super) enum Event {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// The connection has ended; there may be another one.
    Disconnected,
    /// Nothing comes any more.
    Ended,
    /// It can't go on.
    Failed(Error),
}

/// The subtask's end of the thread. Dropping it ends the thread.
pub(super) struct Connection {
    events: Receiver<Event>,
    control: Arc<Control>,
}

/// What ends the thread wherever it waits.
#[derive(Default)]
struct Control {
    state: Mutex<State>,
    canceled: Condvar,
}

#[derive(Default)]
struct State {
    canceled: bool,
    /// Where the thread reads.
    stream: Option<TcpStream>,
}

impl Target {
    pub(super) fn address(&self) -> String {
        // An IPv6 address has colons itself.
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect((&*self.host, self.port))
    }
}

impl Connection {
    /// Starts the thread. `waker` is woken when there is something to take.
    pub(super) fn open(target: Target, waker: Waker) -> Result<Self, Error> {
        let (sender, events) = sync_channel(CHUNKS);
        let control = Arc::new(Control::default());
        let address = target.address();
        let attempts = Attempts::new(target.retries);
        let reader = Reader { target, attempts, sender, waker, control: control.clone() };
        // Nobody joins the thread: it may be waiting for a name server, which nothing can interrupt.
        thread::Builder::new()
            .name(format!("read {address}"))
            .spawn(move || reader.run())
            .map_err(|cause| Error::Thread { address, cause })?;
        Ok(Self { events, control })
    }

    /// What comes next, if it is there.
    pub(super) fn take(&self) -> Option<Event> {
        match self.events.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Empty) => None,
            // The thread's last event has been taken.
            Err(TryRecvError::Disconnected) => Some(Event::Ended),
        }
    }
}

#[cfg(test)]
impl Connection {
    /// What the thread holds for as long as it lives.
    pub(super) fn control(&self) -> std::sync::Weak<impl Sized + use<>> {
        Arc::downgrade(&self.control)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.control.lock();
        state.canceled = true;
        if let Some(stream) = &state.stream {
            // It may have been closed by the other side.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.control.canceled.notify_all();
    }
}

impl Control {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the stream known to who wants to end the thread; `false` if somebody has wanted it.
    fn reads(&self, stream: &TcpStream) -> io::Result<bool> {
        let mut state = self.lock();
        state.stream = Some(stream.try_clone()?);
        Ok(!state.canceled)
    }

    /// Waits. Returns whether to go on.
    fn pause(&self, pause: Duration) -> bool {
        let state = self.lock();
        let waited = self.canceled.wait_timeout_while(state, pause, |state| !state.canceled);
        !waited.unwrap_or_else(PoisonError::into_inner).0.canceled
    }
}

/// What runs in the thread.
struct Reader {
    target: Target,
    attempts: Attempts,
    sender: SyncSender<Event>,
    waker: Waker,
    control: Arc<Control>,
}

/// Nobody listens to the thread any more.
struct Canceled;

impl Reader {
    fn run(mut self) {
        let last = match self.read_connections() {
            Ok(()) => Event::Ended,
            Err(Some(error)) => Event::Failed(error),
            Err(None) => return,
        };
        let _ = self.send(last);
    }

    /// Reads from one connection after the other until there may be no more. `None` if canceled.
    fn read_connections(&mut self) -> Result<(), Option<Error>> {
        loop {
            let ended = self.read_connection()?;
            if !self.attempts.again() {
                return ended.map_err(Some);
            }
            if !self.control.pause(self.target.pause) {
                return Err(None);
            }
        }
    }

    /// Reads from a connection to its end. The outer error is for good.
    fn read_connection(&mut self) -> Result<Result<(), Error>, Option<Error>> {
        let address = self.target.address();
        let retried = self.attempts.in_words();
        let mut stream = match self.target.connect() {
            Ok(stream) => stream,
            Err(cause) => return Ok(Err(Error::Connect { address, retried, cause })),
        };
        match self.control.reads(&stream) {
            Ok(true) => {}
            Ok(false) => return Err(None),
            Err(cause) => return Err(Some(Error::Connect { address, retried, cause })),
        }
        let mut chunk = vec![0; CHUNK];
        let ended = loop {
            match stream.read(&mut chunk) {
                Ok(0) => break Ok(()),
                Ok(read) => self.send(Event::Bytes(chunk[..read].to_vec())).map_err(|Canceled| None)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => break Err(Error::Read { address, retried, cause }),
            }
        };
        self.send(Event::Disconnected).map_err(|Canceled| None)?;
        Ok(ended)
    }

    fn send(&self, event: Event) -> Result<(), Canceled> {
        self.sender.send(event).map_err(|_| Canceled)?;
        self.waker.wake();
        Ok(())
    }
}
