use std::marker::PhantomData;

use flott_core::{FailureKind, hash::stable_hash, time::Timestamp};
use flott_state::{Key, KeyedState};

use super::{Times, WindowContext, WindowFunction, WindowOpenContext};
use crate::{
    BoxError, CheckpointEvent, OutputTag, Record, Result, RuntimeContext, TaskEnd, functions::Opened,
    metrics::Counter, output::Downstream, windowing::Window,
};

/// The name of the function's state in checkpoints.
const STATE: &str = "state";

/// The window function of a subtask with its state and its outputs.
pub(crate) struct Firing<V, K, W, F>
where
    K: Key,
    W: Window,
    F: WindowFunction<V, K, W>,
{
    pub(crate) next: Downstream<F::Record>,
    function: Opened<F>,
    operator: RuntimeContext,
    state: KeyedState<K>,
    /// Whether the function has state, for which key and window must be set.
    is_stateful: bool,
    pub(crate) wants_clear: bool,
    /// The function's first error, after which it is not called any more.
    error: Option<BoxError>,
    types: PhantomData<fn(V) -> W>,
}

impl<V, K: Key, W: Window, F: WindowFunction<V, K, W>> Firing<V, K, W, F> {
    /// Opens the function and puts back what a checkpoint has of its state.
    pub(crate) fn open(
        operator: &RuntimeContext,
        function: F,
        is_merging: bool,
        next: Downstream<F::Record>,
    ) -> Result<Self> {
        let task = &operator.task;
        let mut state = KeyedState::new(task.subtask, task.parallelism, task.max_parallelism);
        let open = |function: &mut F| {
            let state = &mut state;
            function.open(&mut WindowOpenContext { operator, state, is_merging, window: PhantomData })
        };
        let function = Opened::open(operator, function, open, F::close)?;
        let is_stateful = state.states().next().is_some();
        operator.restored().keyed(STATE, &mut state)?;
        Ok(Self {
            next,
            operator: operator.clone(),
            is_stateful,
            state,
            wants_clear: function.wants_clear(),
            function,
            error: None,
            types: PhantomData,
        })
    }

    /// Tells the processing time, on which the expiry of state depends. To be called before each batch.
    pub(crate) fn set_time(&mut self, now: Timestamp) {
        if self.is_stateful {
            self.state.set_time(now);
        }
    }

    /// Gives the window function the value of a key's window.
    #[inline]
    pub(crate) fn fire(&mut self, key: &K, window: &W, value: V, times: Times) {
        self.call(key, window, times, |function, context| function.process(value, context));
    }

    /// Tells the window function that a key's window is over.
    pub(crate) fn clear(&mut self, key: &K, window: &W, times: Times) {
        if self.wants_clear {
            self.call(key, window, times, F::clear);
            if self.is_stateful {
                self.state.clear_namespace::<W>();
            }
        }
    }

    #[inline]
    fn call(
        &mut self,
        key: &K,
        window: &W,
        times: Times,
        call: impl FnOnce(&mut F, &mut WindowContext<'_, K, W, F::Record>) -> Result<(), BoxError>,
    ) {
        if self.is_stateful {
            self.state.set_key(stable_hash(key), key);
            self.state.set_namespace(window);
        }
        if self.error.is_some() {
            return;
        }
        let context = &mut WindowContext {
            key,
            window,
            state: &mut self.state,
            times,
            operator: &self.operator,
            next: &mut self.next,
            timestamp: window.max_timestamp(),
        };
        if let Err(error) = call(&mut self.function, context) {
            self.error = Some(error);
        }
    }

    /// To be called when windows may have fired, before anything is handed on.
    ///
    /// # Errors
    /// The function's.
    #[inline]
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.error.take() {
            None => Ok(()),
            Some(error) => Err(user_failure(&self.operator, &error)),
        }
    }

    pub(crate) fn end(&mut self) -> Result<()> {
        self.function.close()?;
        self.next.end()
    }

    /// Adds the function's state to a checkpoint, and hands that on.
    pub(crate) fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        event.operator(&self.operator).keyed(STATE, &mut self.state)?;
        self.next.checkpoint(event)
    }
}

/// The failure of a task whose function, or assigner, has returned an error.
pub(in super::super) fn user_failure(operator: &RuntimeContext, error: &BoxError) -> TaskEnd {
    match TaskEnd::from_user(FailureKind::UserError, error.as_ref()) {
        TaskEnd::Failed(cause) => cause.in_operator(&*operator.name).into(),
        end @ TaskEnd::Canceled => end,
    }
}

/// What becomes of records that are too late for all their windows.
pub(crate) struct Late<T> {
    tag: Option<OutputTag<T>>,
    dropped: Counter,
}

impl<T: Record> Late<T> {
    pub(crate) fn new(operator: &RuntimeContext, tag: Option<OutputTag<T>>) -> Self {
        Self { tag, dropped: operator.metrics().counter("numLateRecordsDropped") }
    }

    #[cold]
    pub(crate) fn take<U>(&mut self, record: T, timestamp: Timestamp, next: &mut Downstream<U>) {
        match &self.tag {
            Some(tag) => next.emit_to(tag, record, timestamp),
            None => self.dropped.inc(),
        }
    }
}
