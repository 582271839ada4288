//! Event time of a stream.

use flott_runtime::{
    Record,
    watermark::{TimestampAssigner, TimestampsAndWatermarks, WatermarkGenerator, WatermarkStrategy},
};

use super::DataStream;
use crate::{Error, SingleOutputStream};

impl<T: Record> DataStream<T> {
    /// Gives records timestamps and makes watermarks; those of before are forgotten.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let clicks = env.from_collection([("home".to_owned(), 1_000i64), ("shop".to_owned(), 3_000)]);
    /// clicks.assign_timestamps_and_watermarks(
    ///     WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_secs(5))
    ///         .with_timestamp_assigner(|(_, time_ms): &(String, i64), _| *time_ms),
    /// );
    /// ```
    pub fn assign_timestamps_and_watermarks<G, A>(
        &self,
        strategy: WatermarkStrategy<G, A>,
    ) -> SingleOutputStream<T>
    where
        G: WatermarkGenerator<T> + Clone + Sync + 'static,
        A: TimestampAssigner<T> + Clone + Sync + 'static,
    {
        if let Some(problem) = strategy.problem() {
            self.env.graph.borrow_mut().problems.push(Error::Setting(problem.to_owned()));
        }
        self.operator("Timestamps/Watermarks", move |context, next| {
            Ok(Box::new(TimestampsAndWatermarks::new(context, strategy.clone(), next)?))
        })
    }
}
