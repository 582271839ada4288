//! The queue through which batches get into a gate.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use flott_core::checkpoint::{Alignment, Barrier};
use tokio::sync::Notify;

use crate::{Buffer, Error, codec};

/// What lies in a gate's queue.
pub(crate) enum Queued<T> {
    /// From a producer in this process.
    Buffer(Buffer<T>),
    /// From another process; decoded by the consumer, so that the network thread runs no user code.
    Encoded(Vec<Bytes>),
    /// From an earlier attempt, which had not processed it; encoded. No credit was spent for it.
    Restored(Vec<u8>),
    /// A barrier that does not wait for its turn. Its place tells what was sent before it.
    Barrier(Arc<Barrier>),
    /// The producer has sent everything.
    End,
    /// The channel broke.
    Failed(Error),
}

impl<T> Queued<T> {
    /// The barrier of which the consumer is to know before its turn: since it does not wait for that at all, or only for a
    /// while.
    pub(super) fn news(&self) -> Option<News> {
        match self {
            Self::Barrier(barrier) => Some(News::Arrived(barrier.clone())),
            Self::Buffer(buffer) => {
                buffer.barrier().filter(|barrier| is_impatient(barrier)).map(|b| News::Announced(b.clone()))
            }
            Self::Encoded(frames) => {
                let barrier = frames.first().and_then(|frame| codec::barrier(frame));
                barrier.filter(is_impatient).map(|barrier| News::Announced(Arc::new(barrier)))
            }
            Self::Restored(_) | Self::End | Self::Failed(_) => None,
        }
    }
}

/// Whether it overtakes after a while.
fn is_impatient(barrier: &Barrier) -> bool {
    matches!(barrier.alignment, Alignment::Aligned { timeout_ms: Some(_) })
}

/// What the consumer is to know before its turn.
#[derive(Debug)]
pub(super) enum News {
    /// This barrier does not wait for its turn.
    Arrived(Arc<Barrier>),
    /// This one waits for it, but perhaps not for ever.
    Announced(Arc<Barrier>),
}

/// Entries, each with the position of its channel.
pub(super) type Entries<T> = VecDeque<(u32, Queued<T>)>;

/// The queue of a gate, shared with its producers.
pub(crate) struct GateQueue<T> {
    shared: Mutex<Shared<T>>,
    /// Whether there are barriers of which the consumer is to know before their turn: asked between all batches.
    urgent: AtomicBool,
    consumer: Arc<Notify>,
}

struct Shared<T> {
    entries: Entries<T>,
    /// Set when the gate is gone.
    closed: bool,
}

impl<T> GateQueue<T> {
    pub(super) fn new(consumer: Arc<Notify>) -> Self {
        let shared = Mutex::new(Shared { entries: VecDeque::new(), closed: false });
        Self { shared, urgent: AtomicBool::new(false), consumer }
    }

    fn shared(&self) -> MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an entry; drops it if the gate is gone.
    pub(crate) fn push(&self, channel: u32, entry: Queued<T>) {
        let is_urgent = entry.news().is_some();
        let was_empty = {
            let mut shared = self.shared();
            if shared.closed {
                drop(shared);
                return; // the entry is dropped outside the lock
            }
            shared.entries.push_back((channel, entry));
            if is_urgent {
                self.urgent.store(true, Ordering::Release);
            }
            shared.entries.len() == 1
        };
        // The consumer takes all entries at once, so it can only be waiting if there were none. If it waits for credit itself,
        // it still has to hear of what is urgent.
        if was_empty || is_urgent {
            self.consumer.notify_one();
        }
    }

    /// Whether there are barriers of which the consumer is to know before their turn.
    #[inline]
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire)
    }

    /// Moves all entries behind those of `taken`. Returns whether there are barriers among them of which the consumer is to
    /// know before their turn.
    pub(super) fn take_all(&self, taken: &mut Entries<T>) -> bool {
        let mut shared = self.shared();
        if taken.is_empty() {
            std::mem::swap(&mut shared.entries, taken);
        } else {
            taken.append(&mut shared.entries);
        }
        self.urgent.swap(false, Ordering::AcqRel)
    }

    /// Drops what is there and what still comes.
    pub(super) fn close(&self) {
        let entries = {
            let mut shared = self.shared();
            shared.closed = true;
            std::mem::take(&mut shared.entries)
        };
        drop(entries);
    }
}

/// What the network knows of a gate: it neither knows nor decodes the records.
pub(crate) trait RemoteConsumer: Send + Sync {
    fn push_encoded(&self, channel: u32, frames: Vec<Bytes>);
    fn push_barrier(&self, channel: u32, barrier: Barrier);
    fn push_end(&self, channel: u32);
    fn push_failure(&self, channel: u32, error: Error);
}

impl<T: Send> RemoteConsumer for GateQueue<T> {
    fn push_encoded(&self, channel: u32, frames: Vec<Bytes>) {
        self.push(channel, Queued::Encoded(frames));
    }

    fn push_barrier(&self, channel: u32, barrier: Barrier) {
        self.push(channel, Queued::Barrier(Arc::new(barrier)));
    }

    fn push_end(&self, channel: u32) {
        self.push(channel, Queued::End);
    }

    fn push_failure(&self, channel: u32, error: Error) {
        self.push(channel, Queued::Failed(error));
    }
}
