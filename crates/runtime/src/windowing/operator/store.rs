use flott_core::time::Timestamp;
use flott_state::StateValue;

use super::super::{Contents, Evictor, EvictorContext, Timestamped, Window};

/// How the contents of a window are kept and given to its function.
pub trait Store<T, W: Window>: Clone + Send + Sync + 'static {
    /// What is kept.
    type State: StateValue;
    /// What the window function gets.
    type Value;

    /// Adds a record, the first one to nothing.
    fn add(&mut self, state: &mut Option<Self::State>, record: T, timestamp: Timestamp, arrival: u64);

    /// Adds all records of a window with which another has merged.
    fn merge(&mut self, state: &mut Self::State, other: Self::State);

    /// Gives the value to `function`. If it `is_last`, nothing needs to be left.
    fn fire(
        &mut self,
        state: &mut Option<Self::State>,
        is_last: bool,
        window: &W,
        context: &EvictorContext,
        function: impl FnOnce(Self::Value),
    );
}

/// Keeps what is asked for and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Kept<C>(pub C);

impl<T, W: Window, C: Contents<T>> Store<T, W> for Kept<C> {
    type State = C::State;
    type Value = C::Value;

    #[inline]
    fn add(&mut self, state: &mut Option<C::State>, record: T, _: Timestamp, arrival: u64) {
        match state {
            Some(state) => self.0.add(state, record, arrival),
            none => *none = Some(self.0.first(record, arrival)),
        }
    }

    fn merge(&mut self, state: &mut C::State, other: C::State) {
        self.0.merge(state, other);
    }

    fn fire(
        &mut self,
        state: &mut Option<C::State>,
        is_last: bool,
        _: &W,
        _: &EvictorContext,
        function: impl FnOnce(C::Value),
    ) {
        if !is_last {
            if let Some(state) = state {
                function(self.0.value(state));
            }
        } else if let Some(state) = state.take() {
            function(self.0.finish(state));
        }
    }
}

/// Keeps all records with their timestamps, so that an evictor can remove some: Flink's `EvictingWindowOperator`.
#[derive(Clone, Copy, Debug)]
pub struct Evicting<C, E> {
    /// What the window function gets of the records that are left.
    pub contents: C,
    /// What removes the others.
    pub evictor: E,
}

impl<T, W, C, E> Store<T, W> for Evicting<C, E>
where
    T: StateValue + Clone,
    W: Window,
    C: Contents<T>,
    E: Evictor<T, W>,
{
    type State = Vec<Timestamped<T>>;
    type Value = C::Value;

    fn add(&mut self, state: &mut Option<Self::State>, record: T, timestamp: Timestamp, _: u64) {
        state.get_or_insert_default().push(Timestamped { record, timestamp });
    }

    fn merge(&mut self, state: &mut Self::State, other: Self::State) {
        state.extend(other);
    }

    fn fire(
        &mut self,
        state: &mut Option<Self::State>,
        _: bool,
        window: &W,
        context: &EvictorContext,
        function: impl FnOnce(C::Value),
    ) {
        let Some(records) = state else { return };
        self.evictor.evict_before(records, window, context);
        let mut left = (0u64..).zip(records.iter().map(|timestamped| timestamped.record.clone()));
        let value = match left.next() {
            None => self.contents.empty(),
            Some((arrival, record)) => {
                let mut contents = self.contents.first(record, arrival);
                for (arrival, record) in left {
                    self.contents.add(&mut contents, record, arrival);
                }
                Some(self.contents.finish(contents))
            }
        };
        if let Some(value) = value {
            function(value);
        }
        self.evictor.evict_after(records, window, context);
        if records.is_empty() {
            *state = None;
        }
    }
}

/// How windows with or without an evictor are kept.
pub trait Storing<T, W: Window>: Clone + Send + Sync + 'static {
    /// The store of windows that give these contents.
    type Store<C: Contents<T>>: Store<T, W, Value = C::Value>;

    /// Whether all records are kept whatever is asked for.
    const KEEPS_ALL: bool;

    /// The store of windows that give these contents.
    fn store<C: Contents<T>>(&self, contents: C) -> Self::Store<C>;

    /// What is wrong with the settings.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// Nothing leaves a window.
#[derive(Clone, Copy, Debug)]
pub struct NoEvictor;

impl<T, W: Window> Storing<T, W> for NoEvictor {
    type Store<C: Contents<T>> = Kept<C>;

    const KEEPS_ALL: bool = false;

    fn store<C: Contents<T>>(&self, contents: C) -> Kept<C> {
        Kept(contents)
    }
}

/// An evictor decides what leaves a window.
#[derive(Clone, Copy, Debug)]
pub struct WithEvictor<E>(pub E);

impl<T: StateValue + Clone, W: Window, E: Evictor<T, W>> Storing<T, W> for WithEvictor<E> {
    type Store<C: Contents<T>> = Evicting<C, E>;

    const KEEPS_ALL: bool = true;

    fn store<C: Contents<T>>(&self, contents: C) -> Evicting<C, E> {
        Evicting { contents, evictor: self.0.clone() }
    }

    fn problem(&self) -> Option<String> {
        self.0.problem()
    }
}
