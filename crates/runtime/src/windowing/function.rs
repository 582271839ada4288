//! What is done with the contents of a window.

mod firing;

use std::marker::PhantomData;

use flott_core::time::Timestamp;
use flott_state::{InNamespace, Key, KeyedState, StateContext};

pub(super) use firing::{Firing, Late, user_failure};

use super::Window;
use crate::{BoxError, OutputTag, Record, Result, RuntimeContext, output::Downstream};

/// What is done with a window that fires. `I` is what is known of its records: all of them in the order in which they came
/// (`Vec<T>`), or what they were reduced or aggregated to.
///
/// State is registered in [`open`](Self::open): by key, or by key and window.
///
/// ```
/// use flott_runtime::{
///     BoxError,
///     windowing::{ProcessWindowFunction, TimeWindow, WindowContext, WindowOpenContext},
/// };
/// use flott_state::ValueState;
///
/// /// How often the windows of a key have fired, and how often this one.
/// #[derive(Clone, Default)]
/// struct Firings {
///     of_key: ValueState<u64>,
///     of_window: ValueState<u64, TimeWindow>,
/// }
///
/// impl<I> ProcessWindowFunction<I, u32, TimeWindow> for Firings {
///     type Out = (u64, u64);
///
///     fn open(&mut self, context: &mut WindowOpenContext<'_, u32, TimeWindow>) -> Result<(), BoxError> {
///         self.of_key = context.global_state().value("of key")?;
///         self.of_window = context.window_state()?.value("of window")?;
///         Ok(())
///     }
///
///     fn process(
///         &mut self,
///         _: I,
///         context: &mut WindowContext<'_, u32, TimeWindow, (u64, u64)>,
///     ) -> Result<(), BoxError> {
///         *self.of_key.get_or_default(context) += 1;
///         *self.of_window.get_or_default(context) += 1;
///         let counts = (*self.of_key.get_or_default(context), *self.of_window.get_or_default(context));
///         context.emit(counts);
///         Ok(())
///     }
/// }
/// ```
pub trait ProcessWindowFunction<I, K: Key, W: Window>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called once in each subtask, before all else.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn open(&mut self, _context: &mut WindowOpenContext<'_, K, W>) -> Result<(), BoxError> {
        Ok(())
    }

    /// A window of a key has fired. Records that are emitted have the window's greatest timestamp.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process(&mut self, input: I, context: &mut WindowContext<'_, K, W, Self::Out>)
    -> Result<(), BoxError>;

    /// A window of a key is over and fires no more. What state has of this key in this window is dropped afterwards.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn clear(&mut self, _context: &mut WindowContext<'_, K, W, Self::Out>) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called after the last window.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What a window function sees when it is opened, and where it registers its state.
pub struct WindowOpenContext<'a, K, W> {
    operator: &'a RuntimeContext,
    state: &'a mut KeyedState<K>,
    is_merging: bool,
    window: PhantomData<fn() -> W>,
}

impl<K: Key, W: Window> WindowOpenContext<'_, K, W> {
    /// What the operator knows of itself and of its surroundings.
    pub fn runtime(&self) -> &RuntimeContext {
        self.operator
    }

    /// State by key, for all its windows.
    pub fn global_state(&mut self) -> &mut KeyedState<K> {
        self.state
    }

    /// State by key and window.
    ///
    /// # Errors
    /// If windows can merge: nobody could say then what becomes of their state.
    pub fn window_state(&mut self) -> Result<InNamespace<'_, K, W>, BoxError> {
        if self.is_merging {
            return Err("windows that merge can have no state of their own: use global_state()".into());
        }
        Ok(self.state.in_namespace())
    }
}

/// What a window function sees of the window, where its state is, and what it emits into. The handles of state take it as
/// their argument: `self.count.get(context)`.
pub struct WindowContext<'a, K, W, O> {
    key: &'a K,
    window: &'a W,
    state: &'a mut KeyedState<K>,
    times: Times,
    operator: &'a RuntimeContext,
    next: &'a mut Downstream<O>,
    timestamp: Timestamp,
}

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) watermark: Timestamp,
    pub(crate) processing_time: Timestamp,
}

impl<'a, K, W, O> WindowContext<'a, K, W, O> {
    /// The key. On a stream without keys all records have the same one.
    #[inline]
    pub fn key(&self) -> &'a K {
        self.key
    }

    /// The window.
    #[inline]
    pub fn window(&self) -> &'a W {
        self.window
    }

    /// The watermark that has come last, [`Timestamp::MIN`] before the first.
    pub fn current_watermark(&self) -> Timestamp {
        self.times.watermark
    }

    /// The time now.
    pub fn processing_time(&self) -> Timestamp {
        self.times.processing_time
    }

    /// Emits a record. It has the window's greatest timestamp.
    #[inline]
    pub fn emit(&mut self, record: O) {
        self.next.emit(record, self.timestamp);
    }

    /// Emits a record into a side output; it is dropped if nobody reads that. It has the window's greatest timestamp.
    ///
    /// # Panics
    /// If the side output is read with another type.
    pub fn output<X: Record>(&mut self, tag: &OutputTag<X>, record: X) {
        self.next.emit_to(tag, record, self.timestamp);
    }

    /// What the operator knows of itself and of its surroundings.
    pub fn runtime(&self) -> &'a RuntimeContext {
        self.operator
    }
}

impl<K: Key, W, O> StateContext for WindowContext<'_, K, W, O> {
    type Key = K;

    fn state(&self) -> &KeyedState<K> {
        self.state
    }

    fn state_mut(&mut self) -> &mut KeyedState<K> {
        self.state
    }
}

/// What is emitted for the value of a window. Methods are those of [`ProcessWindowFunction`].
#[expect(missing_docs, reason = "they are documented there")]
pub trait WindowFunction<V, K: Key, W: Window>: Clone + Send + Sync + 'static {
    /// The emitted records.
    type Record: Record;

    fn open(&mut self, _context: &mut WindowOpenContext<'_, K, W>) -> Result<(), BoxError> {
        Ok(())
    }

    #[expect(clippy::missing_errors_doc, reason = "they are documented there")]
    fn process(
        &mut self,
        value: V,
        context: &mut WindowContext<'_, K, W, Self::Record>,
    ) -> Result<(), BoxError>;

    fn clear(&mut self, _context: &mut WindowContext<'_, K, W, Self::Record>) -> Result<(), BoxError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Whether [`clear`](Self::clear) is to be called.
    fn wants_clear(&self) -> bool {
        false
    }
}

/// Emits the value.
#[derive(Clone, Copy, Debug)]
pub struct EmitValue;

impl<V: Record, K: Key, W: Window> WindowFunction<V, K, W> for EmitValue {
    type Record = V;

    #[inline]
    fn process(&mut self, value: V, context: &mut WindowContext<'_, K, W, V>) -> Result<(), BoxError> {
        context.emit(value);
        Ok(())
    }
}

/// Emits the key and the value.
#[derive(Clone, Copy, Debug)]
pub struct EmitKeyAndValue;

impl<V: Record, K: Key, W: Window> WindowFunction<V, K, W> for EmitKeyAndValue {
    type Record = (K, V);

    #[inline]
    fn process(&mut self, value: V, context: &mut WindowContext<'_, K, W, (K, V)>) -> Result<(), BoxError> {
        context.emit((context.key().clone(), value));
        Ok(())
    }
}

/// Calls a closure, which emits what it likes.
pub struct Applied<F, O> {
    function: F,
    record: PhantomData<fn() -> O>,
}

impl<F, O> Applied<F, O> {
    /// Calls `function`.
    pub const fn new(function: F) -> Self {
        Self { function, record: PhantomData }
    }
}

impl<F: Clone, O> Clone for Applied<F, O> {
    fn clone(&self) -> Self {
        Self::new(self.function.clone())
    }
}

impl<V, O, K, W, F> WindowFunction<V, K, W> for Applied<F, O>
where
    O: Record,
    K: Key,
    W: Window,
    F: FnMut(V, &mut WindowContext<'_, K, W, O>) + Clone + Send + Sync + 'static,
{
    type Record = O;

    #[inline]
    fn process(&mut self, value: V, context: &mut WindowContext<'_, K, W, O>) -> Result<(), BoxError> {
        (self.function)(value, context);
        Ok(())
    }
}

/// Calls a [`ProcessWindowFunction`].
#[derive(Clone, Copy, Debug)]
pub struct Processed<F>(pub F);

impl<V, K, W, F> WindowFunction<V, K, W> for Processed<F>
where
    K: Key,
    W: Window,
    F: ProcessWindowFunction<V, K, W>,
{
    type Record = F::Out;

    fn open(&mut self, context: &mut WindowOpenContext<'_, K, W>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    #[inline]
    fn process(&mut self, value: V, context: &mut WindowContext<'_, K, W, F::Out>) -> Result<(), BoxError> {
        self.0.process(value, context)
    }

    fn clear(&mut self, context: &mut WindowContext<'_, K, W, F::Out>) -> Result<(), BoxError> {
        self.0.clear(context)
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }

    fn wants_clear(&self) -> bool {
        true
    }
}
