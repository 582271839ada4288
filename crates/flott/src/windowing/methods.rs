//! What windows with and without keys have in common.

/// The methods that do not depend on whether there is a key. `$example` makes `windows` of `(u32, f64)` pairs.
macro_rules! window_methods {
    ($name:ident<$($parameter:ident $(: $bound:path)?),*>, $key:ty, $example:literal) => {
        /// Settings.
        impl<$($parameter $(: $bound)?,)* A, G, E> $name<$($parameter,)* A, G, E>
        where
            A: WindowAssigner<T>,
            G: Trigger<T, A::Window>,
            E: Storing<T, A::Window>,
        {
            /// Lets `trigger` decide when a window gives its contents.
            ///
            /// ```
            #[doc = $example]
            /// // A result for each hundred records, and one for the rest.
            /// windows.trigger(PurgingTrigger::of(CountTrigger::of(100)));
            /// ```
            pub fn trigger<H: Trigger<T, A::Window>>(self, trigger: H) -> $name<$($parameter,)* A, H, E> {
                $name { windows: self.windows.trigger(trigger) }
            }

            /// Lets `evictor` remove records before or after the window function sees them. All records are kept then, also
            /// if they are aggregated.
            ///
            /// ```
            #[doc = $example]
            /// windows.evictor(CountEvictor::of(10)).sum(|(_, value)| value);
            /// ```
            pub fn evictor<F: Evictor<T, A::Window>>(
                self,
                evictor: F,
            ) -> $name<$($parameter,)* A, G, WithEvictor<F>> {
                $name { windows: self.windows.evictor(evictor) }
            }

            /// For how long after the watermark has passed its end a window takes records, each of which makes it fire
            /// again. Without effect in processing time.
            ///
            /// ```
            #[doc = $example]
            /// # use std::time::Duration;
            /// windows.allowed_lateness(Duration::from_secs(60)).sum(|(_, value)| value);
            /// ```
            #[must_use]
            pub fn allowed_lateness(self, lateness: Duration) -> Self {
                Self { windows: self.windows.allowed_lateness(lateness) }
            }

            /// Sends records that are too late for all their windows to a side output of the operator. Without it they are
            /// dropped and counted.
            ///
            /// ```
            #[doc = $example]
            /// let late = OutputTag::<(u32, f64)>::new("late");
            /// let sums = windows.side_output_late_data(&late).sum(|(_, value)| value);
            /// sums.side_output(&late).map(|(sensor, _)| format!("{sensor} was late")).print();
            /// ```
            #[must_use]
            pub fn side_output_late_data(self, tag: &OutputTag<T>) -> Self {
                Self { windows: self.windows.side_output_late_data(tag) }
            }
        }

        /// Results.
        impl<$($parameter $(: $bound)?,)* A, G, E> $name<$($parameter,)* A, G, E>
        where
            A: WindowAssigner<T>,
            G: Trigger<T, A::Window>,
            E: Storing<T, A::Window>,
        {
            /// Combines the records of each window: `function` adds the second record to the first, which stands for all
            /// records so far. It may be called with two such records too, the one whose first record came first being the
            /// first.
            ///
            /// ```
            #[doc = $example]
            /// let last = windows.reduce(|last, reading| *last = reading);
            /// ```
            pub fn reduce<F>(&self, function: F) -> SingleOutputStream<T>
            where
                F: FnMut(&mut T, T) + Clone + Send + Sync + 'static,
            {
                self.windows.operator(Reduced(function), EmitValue)
            }

            /// Combines the records of each window and calls `function` with what they have become.
            ///
            /// ```
            #[doc = $example]
            /// let hottest = windows.reduce_with(
            ///     |hottest, reading| if reading.1 > hottest.1 { *hottest = reading },
            ///     |(sensor, value), context| {
            ///         let end = context.window().end();
            ///         context.emit((end, sensor, value));
            ///     },
            /// );
            /// ```
            pub fn reduce_with<U, R, F>(&self, reduce: R, function: F) -> SingleOutputStream<U>
            where
                U: Record,
                R: FnMut(&mut T, T) + Clone + Send + Sync + 'static,
                F: FnMut(T, &mut WindowContext<'_, $key, A::Window, U>) + Clone + Send + Sync + 'static,
            {
                self.windows.operator(Reduced(reduce), Applied::new(function))
            }

            /// Combines the records of each window and calls `function` with what they have become. For a closure there is
            /// [`reduce_with`](Self::reduce_with).
            pub fn reduce_process<R, F>(&self, reduce: R, function: F) -> SingleOutputStream<F::Out>
            where
                R: FnMut(&mut T, T) + Clone + Send + Sync + 'static,
                F: ProcessWindowFunction<T, $key, A::Window>,
            {
                self.windows.operator(Reduced(reduce), Processed(function))
            }

            /// Adds the records of each window to an accumulator and calls `function` with the result.
            ///
            /// ```
            #[doc = $example]
            /// # #[derive(Clone)]
            /// # struct Average;
            /// # impl AggregateFunction<(u32, f64)> for Average {
            /// #     type Accumulator = (f64, u64);
            /// #     type Output = f64;
            /// #     fn create(&self) -> (f64, u64) { (0.0, 0) }
            /// #     fn add(&self, a: &mut (f64, u64), (_, value): (u32, f64)) { a.0 += value; a.1 += 1; }
            /// #     fn result(&self, a: &(f64, u64)) -> f64 { a.0 / a.1 as f64 }
            /// #     fn merge(&self, a: &mut (f64, u64), b: (f64, u64)) { a.0 += b.0; a.1 += b.1; }
            /// # }
            /// let means = windows.aggregate_with(Average, |mean, context| {
            ///     let line = format!("{} {mean}", context.window());
            ///     context.emit(line);
            /// });
            /// ```
            pub fn aggregate_with<U, F, P>(&self, aggregate: F, function: P) -> SingleOutputStream<U>
            where
                U: Record,
                F: AggregateFunction<T, Accumulator: Clone> + Clone + Send + Sync + 'static,
                P: FnMut(F::Output, &mut WindowContext<'_, $key, A::Window, U>) + Clone + Send + Sync + 'static,
            {
                self.windows.operator(Aggregated(aggregate), Applied::new(function))
            }

            /// Adds the records of each window to an accumulator and calls `function` with the result. For a closure there is
            /// [`aggregate_with`](Self::aggregate_with).
            pub fn aggregate_process<F, P>(&self, aggregate: F, function: P) -> SingleOutputStream<P::Out>
            where
                F: AggregateFunction<T, Accumulator: Clone> + Clone + Send + Sync + 'static,
                P: ProcessWindowFunction<F::Output, $key, A::Window>,
            {
                self.windows.operator(Aggregated(aggregate), Processed(function))
            }

            /// Calls `function` with all records of each window, in the order in which they came. For a function with state
            /// there is [`process`](Self::process).
            ///
            /// ```
            #[doc = $example]
            /// let medians = windows.apply(|mut readings, context| {
            ///     readings.sort_by(|one, other| one.1.total_cmp(&other.1));
            ///     context.emit(readings.swap_remove(readings.len() / 2));
            /// });
            /// ```
            pub fn apply<U, F>(&self, function: F) -> SingleOutputStream<U>
            where
                U: Record,
                F: FnMut(Vec<T>, &mut WindowContext<'_, $key, A::Window, U>) + Clone + Send + Sync + 'static,
            {
                self.windows.operator(Listed, Applied::new(function))
            }

            /// Calls a function with all records of each window, in the order in which they came.
            ///
            /// ```
            #[doc = $example]
            /// /// How many records a window has, and how many windows there were before.
            /// #[derive(Clone, Default)]
            /// struct Numbered {
            ///     windows: ValueState<u64>,
            /// }
            ///
            /// impl<T, K: Key> ProcessWindowFunction<Vec<T>, K, TimeWindow> for Numbered {
            ///     type Out = (u64, usize);
            ///
            ///     fn open(&mut self, context: &mut WindowOpenContext<'_, K, TimeWindow>) -> Result<(), BoxError> {
            ///         self.windows = context.global_state().value("windows")?;
            ///         Ok(())
            ///     }
            ///
            ///     fn process(
            ///         &mut self,
            ///         records: Vec<T>,
            ///         context: &mut WindowContext<'_, K, TimeWindow, (u64, usize)>,
            ///     ) -> Result<(), BoxError> {
            ///         let windows = self.windows.get_or_default(context);
            ///         let number = *windows;
            ///         *windows += 1;
            ///         context.emit((number, records.len()));
            ///         Ok(())
            ///     }
            /// }
            /// # use flott::Key;
            ///
            /// windows.process(Numbered::default());
            /// ```
            pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
            where
                F: ProcessWindowFunction<Vec<T>, $key, A::Window>,
            {
                self.windows.operator(Listed, Processed(function))
            }

            /// Sums the field that `field` points to. The other fields are those of the window's first record. For
            /// overflows see [`KeyedStream::sum`](crate::KeyedStream::sum).
            ///
            /// ```
            #[doc = $example]
            /// windows.sum(|(_, value)| value);
            /// ```
            pub fn sum<V, F>(&self, field: F) -> SingleOutputStream<T>
            where
                V: Copy + AddAssign,
                F: Fn(&mut T) -> &mut V + Clone + Send + Sync + 'static,
            {
                self.reduce(move |total, mut record| {
                    let value = *field(&mut record);
                    *field(total) += value;
                })
            }

            /// Gives the smallest value of the field that `field` points to. The other fields are those of the window's first
            /// record; for the whole record see [`min_by`](Self::min_by). A value that can't be compared, such as NaN,
            /// replaces none; as the first one it stays.
            ///
            /// ```
            #[doc = $example]
            /// windows.min(|(_, value)| value);
            /// ```
            pub fn min<V, F>(&self, field: F) -> SingleOutputStream<T>
            where
                V: Copy + PartialOrd,
                F: Fn(&mut T) -> &mut V + Clone + Send + Sync + 'static,
            {
                self.reduce(move |least, mut record| {
                    let value = *field(&mut record);
                    let least = field(least);
                    if value < *least {
                        *least = value;
                    }
                })
            }

            /// Gives the largest value of the field that `field` points to. The other fields are those of the window's first
            /// record; for the whole record see [`max_by`](Self::max_by). A value that can't be compared, such as NaN,
            /// replaces none; as the first one it stays.
            ///
            /// ```
            #[doc = $example]
            /// windows.max(|(_, value)| value);
            /// ```
            pub fn max<V, F>(&self, field: F) -> SingleOutputStream<T>
            where
                V: Copy + PartialOrd,
                F: Fn(&mut T) -> &mut V + Clone + Send + Sync + 'static,
            {
                self.reduce(move |greatest, mut record| {
                    let value = *field(&mut record);
                    let greatest = field(greatest);
                    if value > *greatest {
                        *greatest = value;
                    }
                })
            }

            /// Gives the record for which `value` is the smallest, the one that came first if there are several. A value that
            /// can't be compared, such as NaN, replaces none; as the first one it stays.
            ///
            /// ```
            #[doc = $example]
            /// windows.min_by(|(_, value)| *value);
            /// ```
            pub fn min_by<V, F>(&self, value: F) -> SingleOutputStream<T>
            where
                V: PartialOrd,
                F: Fn(&T) -> V + Clone + Send + Sync + 'static,
            {
                self.windows.operator(Best(move |one: &T, other: &T| value(one) < value(other)), EmitValue)
            }

            /// Gives the record for which `value` is the largest, the one that came first if there are several. A value that
            /// can't be compared, such as NaN, replaces none; as the first one it stays.
            ///
            /// ```
            #[doc = $example]
            /// windows.max_by(|(_, value)| *value);
            /// ```
            pub fn max_by<V, F>(&self, value: F) -> SingleOutputStream<T>
            where
                V: PartialOrd,
                F: Fn(&T) -> V + Clone + Send + Sync + 'static,
            {
                self.windows.operator(Best(move |one: &T, other: &T| value(one) > value(other)), EmitValue)
            }
        }
    };
}
pub(super) use window_methods;
