//! The threads of a task host's slots, and which subtask each of them runs.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use flott_core::SubtaskId;

use flott_stacks::thread_id;

/// Stands for: the thread runs no subtask. No graph has so many vertices.
const NONE: u64 = u64::MAX;

thread_local! {
    /// The calling thread, if it is one of a task host's slots.
    static OWN: OnceCell<Arc<SlotThread>> = const { OnceCell::new() };
}

/// A thread of the slots.
#[derive(Debug)]
pub(crate) struct SlotThread {
    /// As the operating system numbers it.
    pub(crate) id: u32,
    running: AtomicU64,
}

impl SlotThread {
    /// The subtask that it runs now.
    pub(crate) fn running(&self) -> Option<SubtaskId> {
        unpack(self.running.load(Relaxed))
    }

    /// Where that is written, for the thread's own signal handler.
    pub(super) fn cell(&self) -> &AtomicU64 {
        &self.running
    }
}

fn pack(subtask: SubtaskId) -> u64 {
    u64::from(subtask.vertex.0) << 32 | u64::from(subtask.subtask.0)
}

/// The subtask that a cell of a thread names.
pub(super) fn unpack(packed: u64) -> Option<SubtaskId> {
    (packed != NONE).then_some(SubtaskId::new((packed >> 32) as u32, packed as u32))
}

/// The threads of one task host's slots. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlotThreads(Arc<Mutex<BTreeMap<u32, Arc<SlotThread>>>>);

impl SlotThreads {
    /// The calling thread has begun to be one of them.
    pub(crate) fn enter(&self) {
        let id = thread_id();
        let thread = Arc::new(SlotThread { id, running: AtomicU64::new(NONE) });
        if OWN.with(|own| own.set(thread.clone())).is_ok() {
            self.lock().insert(id, thread);
        }
    }

    /// The calling thread is about to end.
    pub(crate) fn leave(&self) {
        self.lock().remove(&thread_id());
    }

    /// Those that there are now.
    pub(crate) fn all(&self) -> Vec<Arc<SlotThread>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<SlotThread>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A subtask's work, which tells its thread whose it is whenever that turns to it.
pub(crate) fn marked(subtask: SubtaskId, work: impl Future<Output = ()> + Send + 'static) -> Marked {
    Marked { subtask: pack(subtask), work: Box::pin(work) }
}

/// See [`marked`].
pub(crate) struct Marked {
    subtask: u64,
    work: Work,
}

impl Future for Marked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let subtask = self.subtask;
        run_subtask(subtask, &mut self.work, context)
    }
}

/// Profiles show what is called from here on; they find this function by its name. It has work left to do when the subtask
/// returns, so that its frame is there as long as that runs.
#[inline(never)]
fn run_subtask(subtask: u64, work: &mut Work, context: &mut Context<'_>) -> Poll<()> {
    let _mark = Mark::set(subtask);
    work.as_mut().poll(context)
}

/// Says which subtask the calling thread runs, until it is dropped.
struct Mark;

impl Mark {
    fn set(subtask: u64) -> Self {
        write(subtask);
        Self
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        write(NONE);
    }
}

fn write(subtask: u64) {
    // Other threads than the slots' run subtasks in tests only.
    let _ = OWN.try_with(|own| {
        if let Some(thread) = own.get() {
            thread.running.store(subtask, Relaxed);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use super::*;

    #[test]
    fn a_thread_says_which_subtask_it_runs_only_while_it_does() {
        let threads = SlotThreads::default();
        let seen = threads.clone();
        let running = move || seen.all()[0].running();
        let subtask = SubtaskId::new(3, 5);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                threads.enter();
                assert_eq!(running(), None);
                let inside = running.clone();
                let mut polls = 0;
                let work = poll_fn(move |_| {
                    assert_eq!(inside(), Some(subtask));
                    polls += 1;
                    if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
                });
                let mut work = marked(subtask, work);
                let mut context = Context::from_waker(Waker::noop());
                assert!(Pin::new(&mut work).poll(&mut context).is_pending());
                assert_eq!(running(), None);
                assert!(Pin::new(&mut work).poll(&mut context).is_ready());
                threads.leave();
            });
        });
        assert!(threads.all().is_empty());
    }

    #[test]
    fn a_thread_that_is_none_of_them_can_run_subtasks() {
        let mut work = marked(SubtaskId::new(0, 0), async {});
        assert!(Pin::new(&mut work).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}
