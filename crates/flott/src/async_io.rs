//! Asynchronous requests to other systems; Flink's `AsyncDataStream`.

use flott_runtime::{
    BoxError, Record,
    functions::{AsyncClosure, AsyncFunction},
    operators::{AsyncOptions, AsyncWait, OutputOrder},
};

use crate::{DataStream, Error, SingleOutputStream};

impl<T: Record> DataStream<T> {
    /// Makes an asynchronous request for each record and emits its results, in the order of the records.
    ///
    /// Requests of many records are under way at once, as many as [`AsyncOptions::capacity`] says, so a slow answer
    /// costs time but not throughput. Results have the timestamp of their record. A watermark never passes a record nor
    /// a record a watermark. At the end of the input all requests are waited for.
    ///
    /// `function` gives a future for a record. What comes of it is an `Option`, a `Vec` or anything else that can be
    /// iterated over: all of it is emitted. An error fails the job, unless [`AsyncOptions::retry`] says to try again. A
    /// request that takes longer than the timeout, its retries included, fails the job too; a function that shall go on
    /// with something else is an [`AsyncFunction`] and goes to [`ordered_wait_with`](Self::ordered_wait_with).
    ///
    /// The futures run in the subtasks' tokio runtime, on their threads, and must not block.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use flott::{prelude::*, testing::TestHarness};
    ///
    /// # async fn lookup(id: u64) -> Result<String, BoxError> { tokio::time::sleep(Duration::from_millis(id)).await; Ok(format!("user {id}")) }
    /// let harness = TestHarness::new();
    /// let ids = harness.input::<u64>();
    /// let options = AsyncOptions::new(Duration::from_secs(5))
    ///     .capacity(100)
    ///     .retry(RetryStrategy::fixed_delay(3, Duration::from_millis(100)));
    /// let users = ids.stream().ordered_wait(options, |id| async move { Ok(Some(lookup(id).await?)) });
    /// let users = harness.output(&users);
    ///
    /// ids.push(7);
    /// ids.push(3);
    /// harness.wait_for_async(Duration::from_secs(10));
    /// assert_eq!(users.records(), ["user 7", "user 3"]);
    /// ```
    ///
    /// A capacity of 0 and a retry strategy without a timeout are errors when the job is executed.
    pub fn ordered_wait<F, Fut, R>(
        &self,
        options: AsyncOptions<R::Item>,
        function: F,
    ) -> SingleOutputStream<R::Item>
    where
        F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, BoxError>> + Send + 'static,
        R: IntoIterator<Item: Record> + 'static,
    {
        self.async_wait(OutputOrder::Ordered, options, AsyncClosure::new(function))
    }

    /// As [`ordered_wait`](Self::ordered_wait), but results are emitted as they come: one that is late holds no others
    /// up. The order is free only between two watermarks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// # async fn lookup(id: u64) -> Result<String, BoxError> { tokio::time::sleep(Duration::from_millis(50 * id)).await; Ok(format!("user {id}")) }
    /// let harness = TestHarness::new();
    /// let ids = harness.input::<u64>();
    /// let options = AsyncOptions::new(Duration::from_secs(5));
    /// let users = ids.stream().unordered_wait(options, |id| async move { Ok([lookup(id).await?]) });
    /// let users = harness.output(&users);
    ///
    /// ids.push(7);
    /// ids.push(3);
    /// ids.watermark(1_000);
    /// ids.push(0);
    /// harness.wait_for_async(Duration::from_secs(10));
    /// assert_eq!(users.records(), ["user 3", "user 7", "user 0"]);
    /// ```
    pub fn unordered_wait<F, Fut, R>(
        &self,
        options: AsyncOptions<R::Item>,
        function: F,
    ) -> SingleOutputStream<R::Item>
    where
        F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, BoxError>> + Send + 'static,
        R: IntoIterator<Item: Record> + 'static,
    {
        self.async_wait(OutputOrder::Unordered, options, AsyncClosure::new(function))
    }

    /// As [`ordered_wait`](Self::ordered_wait), with a function that is opened and closed, and says what becomes of a
    /// record whose request has timed out.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use flott::{prelude::*, testing::TestHarness};
    ///
    /// /// Looks up the weather of a place; without an answer it is unknown.
    /// #[derive(Clone, Default)]
    /// struct Weather {
    ///     service: String,
    /// }
    ///
    /// impl AsyncFunction<String> for Weather {
    ///     type Out = (String, String);
    ///
    ///     fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
    ///         self.service = context.runtime().job_parameter("weather-service").unwrap_or("localhost").to_owned();
    ///         Ok(())
    ///     }
    ///
    ///     fn invoke(
    ///         &self,
    ///         place: String,
    ///     ) -> impl Future<Output = Result<Vec<(String, String)>, BoxError>> + Send + 'static {
    ///         let service = self.service.clone();
    ///         async move {
    ///             # let _ = service;
    ///             // .. asks the service, which answers only if it knows the place.
    ///             if place == "Atlantis" {
    ///                 std::future::pending::<()>().await;
    ///             }
    ///             Ok(vec![(place, "rain".to_owned())])
    ///         }
    ///     }
    ///
    ///     fn timeout(&self, place: String) -> Result<Vec<(String, String)>, BoxError> {
    ///         Ok(vec![(place, "unknown".to_owned())])
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let places = harness.input::<String>();
    /// let options = AsyncOptions::new(Duration::from_secs(5));
    /// let weather = harness.output(&places.stream().ordered_wait_with(options, Weather::default()));
    ///
    /// places.push("Atlantis".to_owned());
    /// places.push("Bergen".to_owned());
    /// assert!(weather.records().is_empty());
    /// harness.advance_processing_time(Duration::from_secs(5));
    /// let weather: Vec<_> = weather.records().into_iter().map(|(_, weather)| weather).collect();
    /// assert_eq!(weather, ["unknown", "rain"]);
    /// ```
    pub fn ordered_wait_with<F>(
        &self,
        options: AsyncOptions<F::Out>,
        function: F,
    ) -> SingleOutputStream<F::Out>
    where
        F: AsyncFunction<T>,
    {
        self.async_wait(OutputOrder::Ordered, options, function)
    }

    /// As [`ordered_wait_with`](Self::ordered_wait_with), but results are emitted as they come, as those of
    /// [`unordered_wait`](Self::unordered_wait) are.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// #[derive(Clone)]
    /// struct Squares;
    ///
    /// impl AsyncFunction<u64> for Squares {
    ///     type Out = u64;
    ///
    ///     fn invoke(&self, n: u64) -> impl Future<Output = Result<Vec<u64>, BoxError>> + Send + 'static {
    ///         async move { Ok(vec![n.checked_mul(n).ok_or("too large")?]) }
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let options = AsyncOptions::new(Duration::from_secs(1));
    /// let squares = harness.output(&numbers.stream().unordered_wait_with(options, Squares));
    /// numbers.push(12);
    /// assert_eq!(squares.records(), [144]);
    /// ```
    pub fn unordered_wait_with<F>(
        &self,
        options: AsyncOptions<F::Out>,
        function: F,
    ) -> SingleOutputStream<F::Out>
    where
        F: AsyncFunction<T>,
    {
        self.async_wait(OutputOrder::Unordered, options, function)
    }

    fn async_wait<F>(
        &self,
        order: OutputOrder,
        options: AsyncOptions<F::Out>,
        function: F,
    ) -> SingleOutputStream<F::Out>
    where
        F: AsyncFunction<T>,
    {
        if let Err(problem) = options.check() {
            self.env.graph.borrow_mut().problems.push(Error::Setting(problem));
        }
        self.operator("async wait operator", move |context, next| {
            Ok(Box::new(AsyncWait::new(context, order, options.clone(), function.clone(), next)?))
        })
    }
}
