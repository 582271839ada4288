//! How an operation is carried out: with a limit of time, again if that may help, and by the right client.

use std::{
    future::Future,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use object_store::{ObjectStore, aws::AmazonS3, path::Path};

use super::{Storage, classify, object_path, s3};
use crate::{FailureKind, Operation, Result, StorageUri, error::Failure, uri::Root};

/// The bytes for which an attempt gets one second more.
const SLOWEST_BYTES_PER_SECOND: u64 = 1 << 20;

impl Storage {
    /// Runs an operation of the store until it succeeds, fails for good, or has been tried often enough. `bytes`: how many are
    /// transferred, as far as is known.
    pub(super) async fn run<T, F>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        bytes: u64,
        call: impl Fn(Arc<dyn ObjectStore>, Path) -> F,
    ) -> Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        self.retrying(operation, uri, || self.attempt(operation, uri, bytes, &call)).await
    }

    pub(super) async fn attempt<T, F>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        bytes: u64,
        call: &impl Fn(Arc<dyn ObjectStore>, Path) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let (store, path) = self.store(uri)?;
        let call = async { call(store, path).await.map_err(classify::failure) };
        self.bounded(operation, uri, bytes, call).await
    }

    /// Runs what blocks on a thread of its own.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        bytes: u64,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let work = async {
            match tokio::task::spawn_blocking(work).await {
                Ok(result) => result.map_err(|error| classify::io_failure(&error)),
                Err(_) => Err(Failure::new(FailureKind::Unknown, "the runtime has ended")),
            }
        };
        self.bounded(operation, uri, bytes, work).await
    }

    /// Carries out one attempt, which may take as long as the transfer of so many bytes.
    pub(super) async fn bounded<T>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        bytes: u64,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.faulty(operation, uri, self.limited(bytes, work)).await
    }

    pub(super) async fn limited<T>(
        &self,
        bytes: u64,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit =
            self.inner.options.request_timeout + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
        match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => Err(Failure::timed_out(limit)),
        }
    }

    /// Runs work as the rules of a test say.
    #[cfg(any(test, feature = "testing"))]
    async fn faulty<T>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let options = &self.inner.options;
        match &options.faults {
            Some(faults) => faults.around(operation, uri, options.request_timeout, work).await,
            None => work.await,
        }
    }

    #[cfg(not(any(test, feature = "testing")))]
    async fn faulty<T>(
        &self,
        _: Operation,
        _: &StorageUri,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        work.await
    }

    /// Collects what comes bit by bit, which may take long as long as something comes.
    pub(super) async fn each<T, U>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        begin: impl Fn(Arc<dyn ObjectStore>, Path) -> BoxStream<'static, object_store::Result<T>>,
        convert: impl Fn(T) -> U,
    ) -> Result<Vec<U>> {
        let (begin, convert) = (&begin, &convert);
        let collect = || async move {
            let (store, path) = self.store(uri)?;
            let mut stream = begin(store, path);
            let mut all = Vec::new();
            while let Some(item) = self.limited(0, async { Ok(stream.next().await) }).await? {
                all.push(convert(item.map_err(classify::failure)?));
            }
            Ok(all)
        };
        self.retrying(operation, uri, || self.faulty(operation, uri, collect())).await
    }

    /// Tries until it succeeds, fails for good, or has been tried often enough.
    pub(super) async fn retrying<T, F>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        attempt: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let options = &self.inner.options;
        let mut pause = options.backoff;
        let mut attempts = 1;
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) if attempts < options.attempts && failure.kind.is_transient() => {
                    // Many tasks fail together: spread over time they come back better.
                    tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
                    pause *= 4;
                    attempts += 1;
                }
                Err(failure) => return Err(failure.at(operation, uri, attempts)),
            }
        }
    }

    fn store(&self, uri: &StorageUri) -> Result<(Arc<dyn ObjectStore>, Path), Failure> {
        let path = object_path(uri)?;
        let store: Arc<dyn ObjectStore> = match uri.root() {
            Root::Local => self.inner.local.clone(),
            Root::Bucket(bucket) => self.bucket(bucket)?,
        };
        Ok((store, path))
    }

    pub(super) fn bucket(&self, name: &str) -> Result<Arc<AmazonS3>, Failure> {
        let mut buckets = self.inner.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = buckets.get(name) {
            return Ok(client.clone());
        }
        let client = s3::client(name, &self.inner.options.s3).map_err(classify::failure)?;
        let client = Arc::new(client);
        buckets.insert(name.to_owned(), client.clone());
        Ok(client)
    }
}
