//! What users have asked for that takes its time, and what came of it.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flott_core::{FailureCause, FailureKind, JobId, MonoTime, TriggerId};
use futures::FutureExt;
use tokio::task::JoinSet;

use crate::{Error, clock::Clock};

/// How long results are kept, as in Flink.
const KEPT: Duration = Duration::from_secs(300);
/// Most operations that are remembered, those under way among them.
const OPERATIONS: usize = 10_000;

/// How far an operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationStatus<T> {
    /// It is under way.
    InProgress,
    /// It has ended, with this result or for this reason without one. This stays known for five minutes, also if the job has
    /// ended.
    Completed(Result<T, FailureCause>),
}

/// Which operation: those on jobs are looked up by both ids.
pub(crate) type Key = (Option<JobId>, TriggerId);

/// Operations of one kind. They run on when their callers have gone, and end with this. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Operations<T>(Arc<Inner<T>>);

struct Inner<T> {
    clock: Clock,
    state: Mutex<State<T>>,
}

struct State<T> {
    entries: BTreeMap<Key, Entry<T>>,
    work: JoinSet<()>,
}

struct Entry<T> {
    /// What was asked for, to tell a repetition from another wish with the same id.
    request: String,
    /// With the time at which it ended.
    result: Option<(MonoTime, Result<T, FailureCause>)>,
}

impl<T: Clone + Send + 'static> Operations<T> {
    pub(crate) fn new(clock: Clock) -> Self {
        let state = State { entries: BTreeMap::new(), work: JoinSet::new() };
        Self(Arc::new(Inner { clock, state: Mutex::new(state) }))
    }

    /// Begins an operation, unless it was begun before. `request` is what is asked for, in any form.
    ///
    /// # Errors
    /// [`Error::TriggerIdInUse`] if the id stands for another request, [`Error::Overloaded`] if too many are under way.
    pub(crate) fn start<W>(&self, key: Key, request: String, work: W) -> Result<(), Error>
    where
        W: Future<Output = Result<T, FailureCause>> + Send + 'static,
    {
        let mut state = self.0.lock();
        state.forget(self.0.clock.now());
        if let Some(known) = state.entries.get(&key) {
            return if known.request == request { Ok(()) } else { Err(Error::TriggerIdInUse(key.1)) };
        }
        if state.entries.len() >= OPERATIONS && !state.forget_oldest() {
            return Err(Error::Overloaded("JobManager"));
        }
        state.entries.insert(key, Entry { request, result: None });
        // The tasks belong to what they report to, so they may not keep it alive.
        let inner = Arc::downgrade(&self.0);
        state.work.spawn(async move {
            let result = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
                Err(FailureCause::new(
                    FailureKind::Internal,
                    "the operation crashed: see the JobManager's log",
                ))
            });
            if let Some(inner) = inner.upgrade() {
                inner.ended(&key, result);
            }
        });
        Ok(())
    }

    /// How far an operation is; `None` if it is not known, or not any more.
    pub(crate) fn status(&self, key: &Key) -> Option<OperationStatus<T>> {
        let mut state = self.0.lock();
        state.forget(self.0.clock.now());
        let entry = state.entries.get(key)?;
        Some(match &entry.result {
            None => OperationStatus::InProgress,
            Some((_, result)) => OperationStatus::Completed(result.clone()),
        })
    }
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nobody panics while holding it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, key: &Key, result: Result<T, FailureCause>) {
        let now = self.clock.now();
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry.result = Some((now, result));
        }
    }
}

impl<T> State<T> {
    fn forget(&mut self, now: MonoTime) {
        while self.work.try_join_next().is_some() {}
        self.entries.retain(|_, entry| entry.result.as_ref().is_none_or(|(ended, _)| now - *ended < KEPT));
    }

    fn forget_oldest(&mut self) -> bool {
        let ended = self.entries.iter().filter_map(|(key, entry)| Some((entry.result.as_ref()?.0, *key)));
        let Some((_, oldest)) = ended.min() else { return false };
        self.entries.remove(&oldest).is_some()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const KEY: Key = (Some(JobId::from_bytes([1; 16])), TriggerId::from_bytes([2; 16]));

    fn operations() -> Operations<u32> {
        Operations::new(Clock::start())
    }

    async fn ended(operations: &Operations<u32>) -> Result<u32, FailureCause> {
        loop {
            match operations.status(&KEY) {
                Some(OperationStatus::Completed(result)) => return result,
                Some(OperationStatus::InProgress) => tokio::task::yield_now().await,
                None => panic!("it is forgotten"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn results_are_kept_for_some_time() {
        let operations = operations();
        assert_eq!(operations.status(&KEY), None);
        let (finish, finished) = oneshot::channel();
        operations.start(KEY, "savepoint".to_owned(), async { Ok(finished.await.unwrap()) }).unwrap();
        tokio::time::advance(KEPT * 3).await;
        assert_eq!(operations.status(&KEY), Some(OperationStatus::InProgress));
        finish.send(7).unwrap();
        assert_eq!(ended(&operations).await, Ok(7));
        tokio::time::advance(KEPT - Duration::from_secs(1)).await;
        assert_eq!(operations.status(&KEY), Some(OperationStatus::Completed(Ok(7))));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(operations.status(&KEY), None);
    }

    #[tokio::test]
    async fn a_repeated_wish_is_granted_once() {
        let operations = operations();
        let start =
            |request: &str, result: u32| operations.start(KEY, request.to_owned(), async move { Ok(result) });
        start("to /a", 1).unwrap();
        start("to /a", 2).unwrap();
        assert_eq!(ended(&operations).await, Ok(1));
        start("to /a", 3).unwrap();
        assert_eq!(ended(&operations).await, Ok(1));
        let error = start("to /b", 4).unwrap_err();
        assert!(matches!(error, Error::TriggerIdInUse(id) if id == KEY.1));
    }

    #[tokio::test]
    async fn a_crash_is_a_failure() {
        let operations = operations();
        operations.start(KEY, String::new(), async { panic!("boom") }).unwrap();
        assert_eq!(ended(&operations).await.unwrap_err().kind, FailureKind::Internal);
    }

    #[tokio::test]
    async fn there_is_a_bound() {
        let operations = operations();
        let key = |number: usize| (None, TriggerId::from_bytes((number as u128).to_be_bytes()));
        let forever = || std::future::pending::<Result<u32, FailureCause>>();
        for number in 0..OPERATIONS - 1 {
            operations.start(key(number), String::new(), forever()).unwrap();
        }
        operations.start(KEY, String::new(), async { Ok(1) }).unwrap();
        ended(&operations).await.unwrap();
        operations.start(key(OPERATIONS), String::new(), forever()).unwrap();
        assert_eq!(operations.status(&KEY), None, "the one that had ended made room");
        let error = operations.start(key(OPERATIONS + 1), String::new(), forever()).unwrap_err();
        assert!(matches!(error, Error::Overloaded(_)), "{error}");
    }
}
