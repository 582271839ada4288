use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use flott_core::checkpoint::Barrier;
use flott_rpc::protocol::CheckpointNotice;
use tokio::sync::Notify;

use crate::lanes::Lanes;

/// What the loop of a subtask shares with its operators and writers.
#[derive(Debug, Default)]
pub struct TaskSignals {
    /// Given when input, credit, a split or a cancellation has come.
    pub wake: Arc<Notify>,
    /// What keeps the subtask from taking input: batches without credit, requests under way.
    held: AtomicUsize,
    /// Operators that know of the end of the input and have not handed it on.
    ends_put_off: AtomicUsize,
    /// Attempts of asynchronous requests that have not ended.
    requests: AtomicUsize,
    canceled: AtomicBool,
    /// Set if the consumers run in the same thread, so that to wait for them would be to wait for ever.
    never_waits: AtomicBool,
    /// Which split the batch at hand is from.
    pub(crate) lanes: Lanes,
    /// What the JobMaster has ordered and the loop has not taken in.
    commands: Mutex<VecDeque<TaskCommand>>,
    /// Whether there are any: asked between all batches.
    commanded: AtomicBool,
    /// Whether an operator can't end before a checkpoint is complete that begins from now on.
    awaits_checkpoint: AtomicBool,
}

/// What a JobMaster orders a subtask to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskCommand {
    /// Begin a checkpoint here.
    Trigger(Arc<Barrier>),
    /// A checkpoint has ended.
    Notice(CheckpointNotice),
}

impl TaskSignals {
    /// Tells the subtask to stop.
    pub fn cancel(&self) {
        self.canceled.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Whether the subtask was told to stop.
    pub fn is_canceled(&self) -> bool {
        self.canceled.load(Relaxed)
    }

    /// Hands the loop an order.
    pub fn command(&self, command: TaskCommand) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push_back(command);
        self.commanded.store(true, Release);
        self.wake.notify_one();
    }

    /// The next order, if there is any.
    pub(crate) fn take_command(&self) -> Option<TaskCommand> {
        if !self.commanded.load(Acquire) {
            return None;
        }
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let command = commands.pop_front();
        if commands.is_empty() {
            self.commanded.store(false, Release);
        }
        command
    }

    /// Says that the subtask has processed all its input and can't end before a checkpoint is complete that begins from
    /// now on.
    pub fn await_checkpoint(&self) {
        self.awaits_checkpoint.store(true, Relaxed);
    }

    /// Whether that was said since the last call.
    pub(crate) fn take_awaits_checkpoint(&self) -> bool {
        self.awaits_checkpoint.swap(false, Relaxed)
    }

    /// Keeps the subtask from taking input until [`release`](Self::release) was called as often. Meanwhile it calls
    /// [`Output::flush`](crate::Output::flush) whenever it is woken, and who holds it back tries again.
    pub(crate) fn hold(&self) {
        self.held.fetch_add(1, Relaxed);
    }

    /// Takes back one [`hold`](Self::hold).
    pub(crate) fn release(&self) {
        self.held.fetch_sub(1, Relaxed);
    }

    /// Whether something keeps the subtask from taking input.
    pub fn is_held_back(&self) -> bool {
        self.held.load(Relaxed) > 0
    }

    /// Says that an operator hands the end of the input on later, with [`hand_on_end`](Self::hand_on_end).
    pub(crate) fn put_off_end(&self) {
        self.ends_put_off.fetch_add(1, Relaxed);
    }

    /// Takes back one [`put_off_end`](Self::put_off_end).
    pub(crate) fn hand_on_end(&self) {
        self.ends_put_off.fetch_sub(1, Relaxed);
    }

    /// Whether a part of the chain has not been told of the end of the input, though its head has.
    pub(crate) fn is_end_put_off(&self) -> bool {
        self.ends_put_off.load(Relaxed) > 0
    }

    /// Counts an attempt of an asynchronous request.
    pub(crate) fn request_begun(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Takes back one [`request_begun`](Self::request_begun).
    pub(crate) fn request_ended(&self) {
        self.requests.fetch_sub(1, Relaxed);
    }

    /// How many attempts of asynchronous requests are under way.
    pub(crate) fn requests_under_way(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Lets writers hold back any number of batches.
    pub(crate) fn never_wait(&self) {
        self.never_waits.store(true, Relaxed);
    }

    pub(crate) fn never_waits(&self) -> bool {
        self.never_waits.load(Relaxed)
    }
}
