use crate::StateValue;

/// How values of a key (and of a window) are aggregated: into an accumulator, from which the result is made when it is
/// asked for. As Flink's `AggregateFunction`.
///
/// ```
/// use flott_state::AggregateFunction;
///
/// struct Average;
///
/// impl AggregateFunction<f64> for Average {
///     type Accumulator = (f64, u64);
///     type Output = f64;
///
///     fn create(&self) -> (f64, u64) {
///         (0.0, 0)
///     }
///
///     fn add(&self, (sum, count): &mut (f64, u64), value: f64) {
///         *sum += value;
///         *count += 1;
///     }
///
///     fn result(&self, (sum, count): &(f64, u64)) -> f64 {
///         sum / *count as f64
///     }
///
///     fn merge(&self, (sum, count): &mut (f64, u64), other: (f64, u64)) {
///         *sum += other.0;
///         *count += other.1;
///     }
/// }
/// ```
pub trait AggregateFunction<In> {
    /// What values are added to.
    type Accumulator: StateValue;
    /// What comes out.
    type Output;

    /// An accumulator without values.
    fn create(&self) -> Self::Accumulator;

    /// Adds a value.
    fn add(&self, accumulator: &mut Self::Accumulator, value: In);

    /// The result for the values so far; more may be added after it.
    fn result(&self, accumulator: &Self::Accumulator) -> Self::Output;

    /// Adds all values of another accumulator, as when windows merge.
    fn merge(&self, accumulator: &mut Self::Accumulator, other: Self::Accumulator);
}
