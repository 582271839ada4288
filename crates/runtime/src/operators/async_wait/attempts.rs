use std::{
    any::Any,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use flott_core::{FailureKind, time::Timestamp};
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};

use crate::{BoxError, Result, RuntimeContext, TaskEnd, TaskSignals, scope};

/// What has come of one attempt.
pub(super) struct Completion<U> {
    pub(super) request: u64,
    /// Counted from 1.
    pub(super) attempt: u32,
    /// The outer error is a panic.
    pub(super) outcome: Result<Result<Vec<U>, BoxError>>,
}

/// An attempt under way. It ends when this is dropped.
pub(super) struct Running {
    task: AbortHandle,
    signals: Arc<TaskSignals>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        self.signals.request_ended();
    }
}

/// The attempts of one operator, each a task of its own on the threads that run the subtasks.
pub(super) struct Attempts<U> {
    operator: RuntimeContext,
    runtime: Handle,
    /// They end with the operator.
    tasks: JoinSet<()>,
    done: Arc<Mutex<Vec<Completion<U>>>>,
    /// Wakes the subtask at this time.
    alarm: Option<(Timestamp, AbortHandle)>,
}

impl<U: Send + 'static> Attempts<U> {
    /// # Errors
    /// If this is not the thread of a runtime.
    pub(super) fn new(operator: &RuntimeContext) -> Result<Self> {
        let runtime = Handle::try_current().map_err(|error| {
            TaskEnd::failed(FailureKind::Internal, format!("async I/O needs a runtime: {error}"))
        })?;
        let (tasks, done) = (JoinSet::new(), Arc::default());
        Ok(Self { operator: operator.clone(), runtime, tasks, done, alarm: None })
    }

    /// Begins an attempt. When it has ended the subtask is woken.
    pub(super) fn begin(
        &mut self,
        request: u64,
        attempt: u32,
        future: impl Future<Output = Result<Vec<U>, BoxError>> + Send + 'static,
    ) -> Running {
        let position = self.operator.position;
        let signals = self.operator.task.signals.clone();
        let (done, wake) = (self.done.clone(), signals.wake.clone());
        signals.request_begun();
        let task = self.tasks.spawn_on(
            async move {
                let outcome = guarded(position, future).await;
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push(Completion { request, attempt, outcome });
                let is_first = done.len() == 1;
                drop(done);
                // Whoever takes the first one takes all.
                if is_first {
                    wake.notify_one();
                }
            },
            &self.runtime,
        );
        Running { task, signals }
    }

    /// Takes what has ended since the last time.
    ///
    /// # Errors
    /// If a future has panicked when it was dropped.
    pub(super) fn take(&mut self, completions: &mut Vec<Completion<U>>) -> Result<()> {
        {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *done, completions);
        }
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                let message = panic_message(&*error.into_panic());
                return Err(TaskEnd::failed(FailureKind::Panic, message));
            }
        }
        Ok(())
    }

    /// Wakes the subtask again if something has ended since the last [`take`](Self::take): who has waited for credit
    /// meanwhile may have used up the wake.
    pub(super) fn wake_again(&self) {
        if !self.done.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.operator.task.signals.wake.notify_one();
        }
    }

    /// Wakes the subtask at `time`, if not before.
    pub(super) fn wake_at(&mut self, time: Timestamp) {
        if let Some((set, alarm)) = &self.alarm {
            if *set <= time && !alarm.is_finished() {
                return;
            }
            alarm.abort();
        }
        let delay = time.since(self.operator.clock().now());
        let wake = self.operator.task.signals.wake.clone();
        let alarm = async move {
            tokio::time::sleep(delay).await;
            wake.notify_one();
        };
        self.alarm = Some((time, self.tasks.spawn_on(alarm, &self.runtime)));
    }
}

/// Polls user code as the operator at `position`.
async fn guarded<R>(position: u32, future: impl Future<Output = R>) -> Result<R> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let polled = scope::catch(&[], || {
            let _scope = scope::enter(position);
            Ok(future.as_mut().poll(context))
        });
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(end) => Err(end).into(),
        }
    })
    .await
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic with a payload that is no text").to_owned()
}
