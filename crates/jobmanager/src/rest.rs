//! REST: the cluster over HTTP, in Flink's v1 shapes, and the dashboard on the same port.
//!
//! Handlers are one file each (or one small family), with the types of their answers beside them. They read published
//! views through a [`Backend`] and decide nothing; everything that all requests share is here and in `guard` (which
//! requests are ours to answer), `path`, `params` and `json` (what they say), `unread` (what is left of their bodies) and
//! `server` (connections and limits). `routes` says which path leads where, and by that what stands in the document that
//! `openapi` makes of it.

mod applications;
mod backend;
mod body;
mod cluster;
mod dashboard;
mod data_sets;
mod error;
mod guard;
mod history;
mod io_metrics;
mod jars;
mod job_manager;
mod jobs;
mod json;
mod leader;
mod lenient;
mod log_level;
mod logs;
mod metrics;
mod openapi;
mod operations;
mod options;
mod params;
mod path;
mod profiler;
mod prometheus;
mod proxy;
mod range;
mod routes;
mod savepoint_disposal;
mod secrets;
mod server;
mod task_managers;
mod thread_dump;
mod throwable;
mod unread;
mod vertices;

#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

pub use options::RestOptions;

use crate::{ClusterHandle, clock::Clock, handle::Operations, view::JobView};
use backend::Backend;
use error::ApiError;
use params::PathParams;

/// Most requests that are answered at a time; more get 429, but for `/health`.
const MAX_REQUESTS: usize = 256;

/// Most uploads at a time; more get 429.
const MAX_UPLOADS: usize = 8;

/// Serves REST and the dashboard until `shutdown` is cancelled and the requests under way are answered.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    cluster: ClusterHandle,
    options: RestOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    server::serve(listener, routes::service(Api::new(cluster, options)), shutdown).await
}

/// What Prometheus is told at a port of its own.
pub(crate) fn reporter(cluster: ClusterHandle) -> flott_reporter::Render {
    prometheus::render(cluster)
}

/// What every handler has at hand.
#[derive(Clone)]
struct Api {
    backend: Arc<dyn Backend>,
    options: Arc<RestOptions>,
    requests: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    /// Of data sets, of which there are none.
    data_set_deletions: Operations<()>,
}

impl Api {
    fn new(backend: impl Backend, options: RestOptions) -> Self {
        Self {
            backend: Arc::new(backend),
            options: Arc::new(options),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
            data_set_deletions: Operations::new(Clock::start()),
        }
    }

    /// The job that the path names.
    ///
    /// # Errors
    /// 400 for a malformed id, 404 for an unknown one.
    async fn job(&self, params: &PathParams) -> Result<Arc<JobView>, ApiError> {
        let id = params.job_id()?;
        self.backend.job(id).await?.ok_or_else(|| ApiError::job_not_found(id))
    }

    /// The job that is the application that the path names.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    async fn application(&self, params: &PathParams) -> Result<Arc<JobView>, ApiError> {
        let id = params.parse("applicationid")?;
        let job = self.backend.job(id).await?;
        job.ok_or_else(|| ApiError::not_found(format!("Application {id} not found")))
    }
}
