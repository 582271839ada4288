//! Which path leads where, and what happens to every request on its way.

use std::panic::AssertUnwindSafe;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Extension, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post},
};
use futures::FutureExt;
use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{
    Api, applications, cluster, dashboard,
    error::ApiError,
    guard, jars, job_manager, jobs, leader,
    path::{OriginalPath, normalize},
    proxy, savepoint_disposal, task_managers, unread, vertices,
};

/// The whole of REST as one service.
pub(crate) type RestService = BoxCloneSyncService<Request, Response, std::convert::Infallible>;

/// Everything that is served, ready for connections.
pub(crate) fn service(api: Api) -> RestService {
    let routes = Router::new()
        .route("/config", get(cluster::config))
        .route("/overview", get(cluster::overview))
        .route("/datasets", get(cluster::data_sets))
        .route("/cluster", delete(cluster::shut_down))
        .route("/savepoint-disposal", post(savepoint_disposal::trigger))
        .route("/savepoint-disposal/{triggerid}", get(savepoint_disposal::status))
        .merge(of_jobs())
        .merge(of_vertices())
        .merge(of_applications())
        .merge(of_task_managers())
        .merge(of_job_manager())
        .merge(of_jars(&api))
        .route_layer(middleware::from_fn_with_state(api.clone(), proxy::to_leader))
        // What follows is answered by every JobManager itself: who leads, and the files of the dashboard.
        .route("/leader", get(leader::leader))
        .method_not_allowed_fallback(wrong_method)
        .fallback(dashboard::serve)
        .layer(DefaultBodyLimit::disable()) // each body is limited where it is read
        .layer(middleware::from_fn_with_state(api.clone(), guard::guard))
        .layer(middleware::from_fn_with_state(api.clone(), limit_requests))
        // After the layers, so that neither applies to it.
        .route("/health", get(cluster::health).fallback(wrong_method))
        .layer(middleware::from_fn(finish))
        .layer(middleware::from_fn(unread::read_past))
        .with_state(api);
    BoxCloneSyncService::new(routes.map_request(normalize))
}

fn of_jobs() -> Router<Api> {
    Router::new()
        .route("/jobs", get(jobs::overview::ids).post(jobs::submit::submit))
        .route("/jobs/overview", get(jobs::overview::overview))
        .route("/jobs/metrics", get(jobs::metrics::over_jobs))
        .route("/jobs/{jobid}", get(jobs::detail::detail).merge(patch(jobs::cancel::cancel)))
        .route("/jobs/{jobid}/yarn-cancel", get(jobs::cancel::yarn_cancel))
        .route("/jobs/{jobid}/plan", get(jobs::plan::plan))
        .route("/jobs/{jobid}/config", get(jobs::config::config))
        .route("/jobs/{jobid}/status", get(jobs::result::status))
        .route("/jobs/{jobid}/execution-result", get(jobs::result::execution_result))
        .route("/jobs/{jobid}/exceptions", get(jobs::exceptions::exceptions))
        .route("/jobs/{jobid}/accumulators", get(jobs::accumulators::accumulators))
        .route("/jobs/{jobid}/metrics", get(jobs::metrics::of_job))
        .route("/jobs/{jobid}/stop", post(jobs::savepoints::stop))
        .route("/jobs/{jobid}/savepoints", post(jobs::savepoints::trigger))
        .route("/jobs/{jobid}/savepoints/{triggerid}", get(jobs::savepoints::status))
        .merge(of_checkpoints())
        .route("/jobs/{jobid}/jobmanager/config", get(job_manager::config::of_job))
        .route("/jobs/{jobid}/jobmanager/environment", get(job_manager::environment::of_job))
        .route("/jobs/{jobid}/jobmanager/log-url", get(job_manager::log_url::of_job_manager))
        .route(
            "/jobs/{jobid}/taskmanagers/{taskmanagerid}/log-url",
            get(job_manager::log_url::of_task_manager),
        )
}

fn of_checkpoints() -> Router<Api> {
    use jobs::checkpoints::{config, history, subtasks, trigger};
    Router::new()
        .route("/jobs/{jobid}/checkpoints", get(history::checkpoints).post(trigger::trigger))
        .route("/jobs/{jobid}/checkpoints/{triggerid}", get(trigger::status))
        .route("/jobs/{jobid}/checkpoints/config", get(config::config))
        .route("/jobs/{jobid}/checkpoints/details/{checkpointid}", get(history::detail))
        .route(
            "/jobs/{jobid}/checkpoints/details/{checkpointid}/subtasks/{vertexid}",
            get(subtasks::subtasks),
        )
}

fn of_vertices() -> Router<Api> {
    let vertex = Router::new()
        .route("/", get(vertices::detail::detail))
        .route("/subtasktimes", get(vertices::times::subtask_times))
        .route("/taskmanagers", get(vertices::task_managers::task_managers))
        .route("/watermarks", get(vertices::watermarks::watermarks))
        .route("/backpressure", get(vertices::backpressure::backpressure))
        .route("/accumulators", get(vertices::accumulators::of_vertex))
        .route("/metrics", get(vertices::metrics::of_vertex))
        .route("/jm-operator-metrics", get(vertices::metrics::of_coordinators))
        .route("/subtasks/accumulators", get(vertices::accumulators::of_subtasks))
        .route("/subtasks/metrics", get(vertices::metrics::over_subtasks))
        .route("/subtasks/{subtaskindex}", get(vertices::subtask::current))
        .route("/subtasks/{subtaskindex}/metrics", get(vertices::metrics::of_subtask))
        .route("/subtasks/{subtaskindex}/attempts/{attempt}", get(vertices::subtask::by_attempt))
        .route(
            "/subtasks/{subtaskindex}/attempts/{attempt}/accumulators",
            get(vertices::accumulators::of_attempt),
        );
    Router::new().nest("/jobs/{jobid}/vertices/{vertexid}", vertex)
}

fn of_applications() -> Router<Api> {
    Router::new()
        .route("/applications/overview", get(applications::overview))
        .route("/applications/{applicationid}", get(applications::detail))
        .route("/applications/{applicationid}/exceptions", get(applications::exceptions))
        .route("/applications/{applicationid}/cancel", post(jobs::cancel::cancel_application))
        .route("/applications/{applicationid}/jobmanager/config", get(job_manager::config::of_application))
}

fn of_task_managers() -> Router<Api> {
    Router::new()
        .route("/taskmanagers", get(task_managers::list::list))
        .route("/taskmanagers/metrics", get(task_managers::metrics::over_all))
        .route("/taskmanagers/{taskmanagerid}", get(task_managers::list::detail))
        .route("/taskmanagers/{taskmanagerid}/metrics", get(task_managers::metrics::of_one))
        .route("/taskmanagers/{taskmanagerid}/log", get(task_managers::logs::log))
        .route("/taskmanagers/{taskmanagerid}/stdout", get(task_managers::logs::stdout))
        .route("/taskmanagers/{taskmanagerid}/logs", get(task_managers::logs::list))
        .route("/taskmanagers/{taskmanagerid}/logs/{filename}", get(task_managers::logs::named))
}

fn of_job_manager() -> Router<Api> {
    Router::new()
        .route("/jobmanager/config", get(job_manager::config::config))
        .route("/jobmanager/environment", get(job_manager::environment::environment))
        .route("/jobmanager/metrics", get(job_manager::metrics::metrics))
        .route("/jobmanager/log", get(job_manager::logs::log))
        .route("/jobmanager/stdout", get(job_manager::logs::stdout))
        .route("/jobmanager/logs", get(job_manager::logs::list))
        .route("/jobmanager/logs/{filename}", get(job_manager::logs::named))
}

fn of_jars(api: &Api) -> Router<Api> {
    Router::new()
        .route("/jars", get(jars::list::list))
        .route("/jars/upload", post(jars::upload::upload))
        .route("/jars/{jarid}", delete(jars::delete::delete))
        .route("/jars/{jarid}/plan", get(jars::run::plan).post(jars::run::plan))
        .route("/jars/{jarid}/run", post(jars::run::run))
        .route("/jars/{jarid}/run-application", post(jars::run::run_application))
        .route_layer(middleware::from_fn_with_state(api.clone(), jars::gate))
}

/// 404 and never 405, as Flink has it.
async fn wrong_method(Extension(OriginalPath(path)): Extension<OriginalPath>) -> ApiError {
    ApiError::not_found(format!("Not found: {path}"))
}

/// Refuses requests while too many are under way, rather than to let all become slow.
async fn limit_requests(State(api): State<Api>, request: Request, next: Next) -> Response {
    match api.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => {
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests are under way: try again later.")
                .into_response()
        }
    }
}

/// Headers that tell browsers to be careful with what we serve. The dashboard brings all it needs with it; only its
/// charts and graph set styles from scripts.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Answers HEAD, which Flink does not know, and requests whose handler panics; and completes the headers of every answer.
async fn finish(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::HEAD {
        StatusCode::NOT_FOUND.into_response()
    } else {
        // A panic is our own bug and concerns this request alone; its message is in the log by the panic hook.
        AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
            ApiError::internal("The JobManager failed to answer. Its log says why.").into_response()
        })
    };
    let headers = response.headers_mut();
    headers.remove(header::ALLOW); // belongs to 405
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
