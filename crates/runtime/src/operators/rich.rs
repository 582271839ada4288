//! Rich functions, run as process functions.

use flott_state::Key;

use super::Collector;
use crate::{
    BoxError, Record,
    functions::{
        KeyedContext, KeyedProcessFunction, NoKey, OpenContext, ProcessContext, ProcessFunction, RichContext,
        RichFilterFunction, RichFlatMapFunction, RichMapFunction,
    },
};

/// A [`RichMapFunction`].
#[derive(Clone)]
pub struct RichMap<F>(pub F);

/// A [`RichFlatMapFunction`].
#[derive(Clone)]
pub struct RichFlatMap<F>(pub F);

/// A [`RichFilterFunction`].
#[derive(Clone)]
pub struct RichFilter<F>(pub F);

/// What all rich functions have in common. `K` is the type of the keys, [`NoKey`] on streams without.
pub trait Rich<T, K>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called before the first record.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError>;

    /// Emits what a record becomes.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn process(
        &mut self,
        record: T,
        ctx: &mut RichContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called at the end.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError>;
}

impl<T, K, F: RichMapFunction<T, K>> Rich<T, K> for RichMap<F> {
    type Out = F::Out;

    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    #[inline]
    fn process(
        &mut self,
        record: T,
        ctx: &mut RichContext<'_, K>,
        out: &mut Collector<'_, F::Out>,
    ) -> Result<(), BoxError> {
        out.emit(self.0.map(record, ctx)?);
        Ok(())
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }
}

impl<T, K, F: RichFlatMapFunction<T, K>> Rich<T, K> for RichFlatMap<F> {
    type Out = F::Out;

    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    #[inline]
    fn process(
        &mut self,
        record: T,
        ctx: &mut RichContext<'_, K>,
        out: &mut Collector<'_, F::Out>,
    ) -> Result<(), BoxError> {
        self.0.flat_map(record, ctx, out)
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }
}

impl<T: Record, K, F: RichFilterFunction<T, K>> Rich<T, K> for RichFilter<F> {
    type Out = T;

    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    #[inline]
    fn process(
        &mut self,
        record: T,
        ctx: &mut RichContext<'_, K>,
        out: &mut Collector<'_, T>,
    ) -> Result<(), BoxError> {
        if self.0.filter(&record, ctx)? {
            out.emit(record);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }
}

/// A rich function as a process function.
#[derive(Clone)]
pub struct AsProcess<R>(pub R);

impl<T, R: Rich<T, NoKey>> ProcessFunction<T> for AsProcess<R> {
    type Out = R::Out;

    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    #[inline]
    fn process(&mut self, record: T, ctx: &mut ProcessContext<'_, R::Out>) -> Result<(), BoxError> {
        let (mut ctx, mut out) = RichContext::of(ctx);
        self.0.process(record, &mut ctx, &mut out)
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }
}

impl<T, K: Key, R: Rich<T, K>> KeyedProcessFunction<K, T> for AsProcess<R> {
    type Out = R::Out;

    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    #[inline]
    fn process(&mut self, record: T, ctx: &mut KeyedContext<'_, K, R::Out>) -> Result<(), BoxError> {
        let (mut ctx, mut out) = RichContext::keyed(ctx);
        self.0.process(record, &mut ctx, &mut out)
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests;
