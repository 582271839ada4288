//! `GET /metrics`: what Prometheus is told. Every JobManager tells it of its own process, the one that leads of the cluster and
//! the jobs, too.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use flott_core::metrics::Reading;
use flott_reporter::{CONTENT_TYPE, Exposition, Render, Scope, process_readings};
use futures::FutureExt;

use super::{Api, backend::Backend, job_manager, jobs, metrics::Values};
use crate::clock::unix_ms;

/// Everything, on the port of REST.
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    let text = exposition(&*api.backend).await.text();
    ([(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))], text).into_response()
}

/// The same, for a port of its own.
pub(crate) fn render(backend: impl Backend) -> Render {
    let backend = Arc::new(backend);
    Arc::new(move || {
        let backend = backend.clone();
        async move { exposition(&*backend).await }.boxed()
    })
}

async fn exposition(backend: &dyn Backend) -> Exposition {
    let own = backend.leadership().own.rpc_address;
    let job_manager = Scope::job_manager(own.rsplit_once(':').map_or(&*own, |(host, _)| host));
    let mut exposition = Exposition::default();
    let process = job_manager::metrics::process(backend).with_own_files();
    exposition.add_all(&job_manager, process_readings(&process));
    // Whoever does not lead knows nothing of the cluster.
    if let (Ok(overview), Ok(jobs)) = (backend.overview().await, backend.jobs().await) {
        add(&mut exposition, &job_manager, job_manager::metrics::of_cluster(&overview));
        let now = unix_ms();
        // Those that have ended are told no more, as in Flink.
        for job in jobs.iter().filter(|job| !job.status.is_terminal()) {
            let scope = job_manager.job(&job.job_id.to_string(), &job.graph.name);
            add(&mut exposition, &scope, jobs::metrics::values(job, now));
        }
    }
    exposition
}

/// Adds what is a number.
fn add(exposition: &mut Exposition, scope: &Scope, values: Values) {
    for (name, value) in values {
        let number = value.as_f64();
        if !number.is_nan() {
            exposition.add(scope, name, Reading::Gauge(number));
        }
    }
}
