use std::{fmt, marker::PhantomData};

use super::OpenContext;
use crate::{BoxError, Record};

/// A function that asks another system about each record, and does not stop the stream while it waits for the answer.
/// As Flink's `AsyncFunction`.
///
/// ```
/// # use flott_runtime::{BoxError, functions::{AsyncFunction, OpenContext}};
/// # #[derive(Clone)]
/// # struct Client;
/// # impl Client {
/// #     fn connect(_: &str) -> Result<Self, BoxError> { Ok(Self) }
/// #     async fn name_of(&self, id: u64) -> Result<Option<String>, BoxError> { Ok(Some(id.to_string())) }
/// # }
/// /// Looks up the names of users.
/// #[derive(Clone, Default)]
/// struct Names {
///     client: Option<Client>,
/// }
///
/// impl AsyncFunction<u64> for Names {
///     type Out = (u64, String);
///
///     fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
///         let address = context.runtime().job_parameter("users").unwrap_or("localhost:8000");
///         self.client = Some(Client::connect(address)?);
///         Ok(())
///     }
///
///     fn invoke(&self, id: u64) -> impl Future<Output = Result<Vec<(u64, String)>, BoxError>> + Send + 'static {
///         let client = self.client.clone();
///         async move {
///             let client = client.ok_or("the function is not open")?;
///             Ok(client.name_of(id).await?.map(|name| (id, name)).into_iter().collect())
///         }
///     }
///
///     fn timeout(&self, id: u64) -> Result<Vec<(u64, String)>, BoxError> {
///         Ok(vec![(id, "unknown".to_owned())])
///     }
/// }
/// ```
pub trait AsyncFunction<T>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called once, before the first record.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Makes the request for a record; called again for each retry. The future runs beside those of other records, on
    /// the threads that run the job's subtasks, and within their tokio runtime: it must not block. If the request times
    /// out, or the task ends before it, the future is dropped where it stands.
    ///
    /// # Errors
    /// The future's error fails the job, unless it is retried.
    fn invoke(&self, record: T) -> impl Future<Output = Result<Vec<Self::Out>, BoxError>> + Send + 'static;

    /// What becomes of a record whose request has timed out.
    ///
    /// # Errors
    /// Whatever shall fail the job; that it timed out, unless this is overridden.
    fn timeout(&self, record: T) -> Result<Vec<Self::Out>, BoxError> {
        let _ = record;
        Err(TimedOut.into())
    }

    /// Called once at the end of the input, when all requests are answered; as well as possible also if the task fails
    /// or is canceled, then its error is ignored.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Says that a request has timed out. The operator that fails for it tells after what time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request has timed out")
    }
}

impl std::error::Error for TimedOut {}

/// A closure that makes requests.
pub struct AsyncClosure<F, R> {
    function: F,
    results: PhantomData<fn() -> R>,
}

impl<F, R> AsyncClosure<F, R> {
    /// The closure as an [`AsyncFunction`].
    pub fn new(function: F) -> Self {
        Self { function, results: PhantomData }
    }
}

impl<F: Clone, R> Clone for AsyncClosure<F, R> {
    fn clone(&self) -> Self {
        Self::new(self.function.clone())
    }
}

impl<T, F, Fut, R> AsyncFunction<T> for AsyncClosure<F, R>
where
    F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<R, BoxError>> + Send + 'static,
    R: IntoIterator<Item: Record> + 'static,
{
    type Out = R::Item;

    fn invoke(&self, record: T) -> impl Future<Output = Result<Vec<R::Item>, BoxError>> + Send + 'static {
        let request = (self.function)(record);
        async move { Ok(request.await?.into_iter().collect()) }
    }
}
