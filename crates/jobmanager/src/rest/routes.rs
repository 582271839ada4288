//! Which path leads where, and what happens to every request on its way.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::{DefaultBodyLimit, Extension, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{
    Api, applications, cluster, dashboard, data_sets,
    error::ApiError,
    guard, history, jars, job_manager, jobs, leader, log_level,
    openapi::{self, Operation, Routes, delete, get, parameters as query, patch, post},
    path::{OriginalPath, normalize},
    profiler, prometheus, proxy, savepoint_disposal, task_managers, thread_dump, unread, vertices,
};

/// The whole of REST as one service.
pub(crate) type RestService = BoxCloneSyncService<Request, Response, std::convert::Infallible>;

/// Everything that is served, ready for connections.
pub(crate) fn service(api: Api) -> RestService {
    let routes = of_cluster()
        .merge(of_jars().route_layer(middleware::from_fn_with_state(api.clone(), jars::gate)))
        .merge(of_profiles().route_layer(middleware::from_fn_with_state(api.clone(), profiler::gate)))
        .route_layer(middleware::from_fn_with_state(api.clone(), proxy::to_leader))
        .merge(of_process())
        .into_router()
        .method_not_allowed_fallback(wrong_method)
        .fallback(dashboard::serve)
        .layer(DefaultBodyLimit::disable()) // each body is limited where it is read
        .layer(middleware::from_fn_with_state(api.clone(), guard::guard))
        .layer(middleware::from_fn_with_state(api.clone(), limit_requests))
        // After the layers, so that neither applies to it.
        .merge(of_health().into_router())
        .layer(middleware::from_fn_with_state(api.clone(), guard::open_to_readers))
        .layer(middleware::from_fn(finish))
        .layer(middleware::from_fn(unread::read_past))
        .with_state(api);
    BoxCloneSyncService::new(routes.map_request(normalize))
}

/// All operations, as they stand in the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    of_cluster()
        .merge(of_jars())
        .merge(of_profiles())
        .merge(of_process())
        .merge(of_health())
        .into_operations()
}

/// What the leader answers, for whichever JobManager is asked.
fn of_cluster() -> Routes {
    Routes::new()
        .route("/config", get(cluster::config).about("What a dashboard has to know first."))
        .route("/overview", get(cluster::overview).about("The cluster in numbers."))
        .route("/cluster", delete(cluster::shut_down).about("Stops the cluster."))
        .route("/datasets", get(data_sets::list).about("Cached intermediate results: none."))
        .route("/datasets/{datasetid}", delete(data_sets::delete).about("Begins to delete a data set."))
        .route("/datasets/delete/{triggerid}", get(data_sets::status).about("How far a deletion is."))
        .route(
            "/savepoint-disposal",
            post(savepoint_disposal::trigger).about("Begins to delete a savepoint."),
        )
        .route(
            "/savepoint-disposal/{triggerid}",
            get(savepoint_disposal::status).about("How far the deletion of a savepoint is."),
        )
        .merge(of_jobs())
        .merge(of_vertices())
        .merge(of_applications())
        .merge(of_task_managers())
        .merge(of_job_manager())
        .merge(of_history())
        .merge(of_diagnostics())
        .merge(of_rescales())
}

/// What every JobManager answers itself.
fn of_process() -> Routes {
    Routes::new()
        .route("/leader", get(leader::leader).about("Who leads, told by the JobManager that is asked."))
        .route("/metrics", get(prometheus::metrics).about("What Prometheus reads, as text."))
        .route("/openapi.json", get(openapi::serve).about("This document."))
}

/// What is answered to everybody, however much there is to do.
fn of_health() -> Routes {
    Routes::new().route(
        "/health",
        get(cluster::health).about("Whether this process serves requests.").fallback(wrong_method),
    )
}

const NO_JOB: &str = "There is no such job.";
const NO_TASK_MANAGER: &str = "There is no such TaskManager, or it does not answer.";
const NO_ARTIFACT: &str = "There is no such artifact.";
const STOP_REMOVED: &str = "The mode `stop` has been removed, as in Flink.";
const SWITCHED_OFF: &str = "Always: it is switched off, as in Flink.";

fn of_jobs() -> Routes {
    Routes::new()
        .route(
            "/jobs",
            get(jobs::overview::ids)
                .about("All jobs by id and status.")
                .post(jobs::submit::submit)
                .about("Refuses a serialized Java job graph, and says what to do instead."),
        )
        .route("/jobs/overview", get(jobs::overview::overview).about("All jobs, newest first."))
        .route(
            "/jobs/metrics",
            get(jobs::metrics::over_jobs).about("Metrics over jobs.").query(query::METRICS_OVER_JOBS),
        )
        .route(
            "/jobs/{jobid}",
            get(jobs::detail::detail)
                .about("One job with its vertices and its plan.")
                .patch(jobs::cancel::cancel)
                .about("Cancels a job.")
                .query(query::CANCEL)
                .fails(StatusCode::PERMANENT_REDIRECT, STOP_REMOVED),
        )
        .route("/jobs/{jobid}/yarn-cancel", get(jobs::cancel::yarn_cancel).about("Cancels a job, as a GET."))
        .route(
            "/jobs/{jobid}/yarn-stop",
            get(jobs::cancel::yarn_stop)
                .about("Has been removed.")
                .fails(StatusCode::PERMANENT_REDIRECT, STOP_REMOVED),
        )
        .route(
            "/jobs/{jobid}/clientHeartbeat",
            patch(jobs::heartbeat::heartbeat).about("Says that the client of an attached job is there."),
        )
        .route("/jobs/{jobid}/plan", get(jobs::plan::plan).about("The plan of a job."))
        .route("/jobs/{jobid}/config", get(jobs::config::config).about("With which settings a job runs."))
        .route(
            "/jobs/{jobid}/status",
            get(jobs::result::status)
                .about("The status of a job.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_JOB),
        )
        .route(
            "/jobs/{jobid}/execution-result",
            get(jobs::result::execution_result).about("The result of a job, once it has one."),
        )
        .route(
            "/jobs/{jobid}/exceptions",
            get(jobs::exceptions::exceptions)
                .about("What has failed, newest first.")
                .query(query::EXCEPTIONS),
        )
        .route(
            "/jobs/{jobid}/accumulators",
            get(jobs::accumulators::accumulators)
                .about("The accumulators of a job.")
                .query(query::ACCUMULATORS),
        )
        .route(
            "/jobs/{jobid}/metrics",
            get(jobs::metrics::of_job).about("Metrics of a job.").query(query::METRICS),
        )
        .route(
            "/jobs/{jobid}/stop",
            post(jobs::savepoints::stop).about("Begins a savepoint with which the job ends."),
        )
        .route("/jobs/{jobid}/savepoints", post(jobs::savepoints::trigger).about("Begins a savepoint."))
        .route(
            "/jobs/{jobid}/savepoints/{triggerid}",
            get(jobs::savepoints::status).about("How far a savepoint is."),
        )
        .merge(of_checkpoints())
        .route(
            "/jobs/{jobid}/coordinators/{operatoruid}",
            post(jobs::coordinators::request)
                .about("Speaks to the coordinator of an operator: none has one."),
        )
        .route(
            "/jobs/{jobid}/rescaling",
            patch(jobs::rescaling::trigger)
                .about("Is switched off: use resource-requirements.")
                .query(query::RESCALING)
                .fails(StatusCode::SERVICE_UNAVAILABLE, SWITCHED_OFF),
        )
        .route(
            "/jobs/{jobid}/rescaling/{triggerid}",
            get(jobs::rescaling::status)
                .about("Is switched off.")
                .fails(StatusCode::SERVICE_UNAVAILABLE, SWITCHED_OFF),
        )
        .route(
            "/jobs/{jobid}/jobmanager/config",
            get(job_manager::config::of_job).about("The configuration of the JobManager of a job."),
        )
        .route(
            "/jobs/{jobid}/jobmanager/environment",
            get(job_manager::environment::of_job).about("What the JobManager of a job runs on."),
        )
        .route(
            "/jobs/{jobid}/jobmanager/log-url",
            get(job_manager::log_url::of_job_manager).about("The page of the JobManager's log."),
        )
        .route(
            "/jobs/{jobid}/taskmanagers/{taskmanagerid}/log-url",
            get(job_manager::log_url::of_task_manager)
                .about("The page of a TaskManager's log.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER),
        )
}

fn of_checkpoints() -> Routes {
    use jobs::checkpoints::{config, history, subtasks, trigger};
    Routes::new()
        .route(
            "/jobs/{jobid}/checkpoints",
            get(history::checkpoints)
                .about("The checkpoints and savepoints of a job.")
                .post(trigger::trigger)
                .about("Begins a checkpoint."),
        )
        .route(
            "/jobs/{jobid}/checkpoints/{triggerid}",
            get(trigger::status).about("How far a checkpoint is."),
        )
        .route("/jobs/{jobid}/checkpoints/config", get(config::config).about("How a job takes checkpoints."))
        .route(
            "/jobs/{jobid}/checkpoints/details/{checkpointid}",
            get(history::detail).about("One checkpoint by vertex."),
        )
        .route(
            "/jobs/{jobid}/checkpoints/details/{checkpointid}/subtasks/{vertexid}",
            get(subtasks::subtasks).about("A vertex's part of a checkpoint by subtask."),
        )
}

fn of_vertices() -> Routes {
    use vertices::{accumulators, backpressure, detail, metrics, subtask, task_managers, times, watermarks};
    let vertex = Routes::new()
        .route("/", get(detail::detail).about("One vertex with its subtasks."))
        .route("/subtasktimes", get(times::subtask_times).about("When subtasks entered which state."))
        .route("/taskmanagers", get(task_managers::task_managers).about("A vertex by TaskManager."))
        .route("/watermarks", get(watermarks::watermarks).about("How far event time has come by subtask."))
        .route(
            "/backpressure",
            get(backpressure::backpressure).about("How long subtasks wait for consumers."),
        )
        .route("/accumulators", get(accumulators::of_vertex).about("The accumulators of a vertex."))
        .route("/metrics", get(metrics::of_vertex).about("Metrics of all subtasks.").query(query::METRICS))
        .route(
            "/jm-operator-metrics",
            get(metrics::of_coordinators).about("Metrics of coordinators: none.").query(query::METRICS),
        )
        .route("/subtasks/accumulators", get(accumulators::of_subtasks).about("Accumulators by subtask."))
        .route(
            "/subtasks/metrics",
            get(metrics::over_subtasks).about("Metrics over subtasks.").query(query::METRICS_OVER_SUBTASKS),
        )
        .route("/subtasks/{subtaskindex}", get(subtask::current).about("The latest attempt of a subtask."))
        .route(
            "/subtasks/{subtaskindex}/metrics",
            get(metrics::of_subtask).about("Metrics of a subtask.").query(query::METRICS),
        )
        .route(
            "/subtasks/{subtaskindex}/attempts/{attempt}",
            get(subtask::by_attempt).about("One attempt of a subtask."),
        )
        .route(
            "/subtasks/{subtaskindex}/attempts/{attempt}/accumulators",
            get(accumulators::of_attempt).about("The accumulators of an attempt."),
        );
    Routes::new().nest("/jobs/{jobid}/vertices/{vertexid}", vertex)
}

fn of_applications() -> Routes {
    Routes::new()
        .route("/applications/overview", get(applications::overview).about("All applications, newest first."))
        .route("/applications/{applicationid}", get(applications::detail).about("One application."))
        .route(
            "/applications/{applicationid}/exceptions",
            get(applications::exceptions).about("What has failed in an application."),
        )
        .route(
            "/applications/{applicationid}/cancel",
            post(jobs::cancel::cancel_application).about("Cancels an application."),
        )
        .route(
            "/applications/{applicationid}/jobmanager/config",
            get(job_manager::config::of_application).about("The configuration of its JobManager."),
        )
}

fn of_task_managers() -> Routes {
    use task_managers::{list, logs, metrics};
    let failure = StatusCode::INTERNAL_SERVER_ERROR;
    let task_manager = Routes::new()
        .route("/", get(list::detail).about("One TaskManager.").fails(failure, NO_TASK_MANAGER))
        .route(
            "/metrics",
            get(metrics::of_one)
                .about("Metrics of a TaskManager.")
                .query(query::METRICS)
                .fails(failure, NO_TASK_MANAGER),
        )
        .route("/log", get(logs::log).about("Its log.").fails(failure, NO_TASK_MANAGER))
        .route("/stdout", get(logs::stdout).about("What it has printed.").fails(failure, NO_TASK_MANAGER))
        .route("/logs", get(logs::list).about("Its log files.").fails(failure, NO_TASK_MANAGER))
        .route("/logs/{filename}", get(logs::named).about("One log file.").fails(failure, NO_TASK_MANAGER));
    Routes::new()
        .route("/taskmanagers", get(list::list).about("All TaskManagers."))
        .route(
            "/taskmanagers/metrics",
            get(metrics::over_all)
                .about("Metrics over TaskManagers.")
                .query(query::METRICS_OVER_TASK_MANAGERS),
        )
        .nest("/taskmanagers/{taskmanagerid}", task_manager)
}

fn of_job_manager() -> Routes {
    use job_manager::{config, environment, logs, metrics};
    Routes::new()
        .route("/jobmanager/config", get(config::config).about("The configuration of the JobManager."))
        .route("/jobmanager/environment", get(environment::environment).about("What it runs on."))
        .route(
            "/jobmanager/metrics",
            get(metrics::metrics).about("Metrics of the JobManager.").query(query::METRICS),
        )
        .route("/jobmanager/log", get(logs::log).about("Its log."))
        .route("/jobmanager/stdout", get(logs::stdout).about("What it has printed."))
        .route("/jobmanager/logs", get(logs::list).about("Its log files."))
        .route("/jobmanager/logs/{filename}", get(logs::named).about("One log file."))
}

/// Not there where submitting is switched off.
fn of_rescales() -> Routes {
    use jobs::{requirements, rescales};
    Routes::new()
        .route(
            "/jobs/{jobid}/resource-requirements",
            get(requirements::current)
                .about("How many subtasks each vertex may have.")
                .put(requirements::update)
                .about("Changes how many subtasks each vertex may have, and the parallelism with it."),
        )
        .route("/jobs/{jobid}/rescales/config", get(rescales::config).about("The settings of rescales."))
        .route(
            "/jobs/{jobid}/rescales/history",
            get(rescales::history).about("The last rescales, newest first."),
        )
        .route("/jobs/{jobid}/rescales/overview", get(rescales::overview).about("Rescales in numbers."))
        .route("/jobs/{jobid}/rescales/summary", get(rescales::summary).about("How long rescales took."))
        .route("/jobs/{jobid}/rescales/details/{rescaleuuid}", get(rescales::details).about("One rescale."))
}

fn of_diagnostics() -> Routes {
    Routes::new()
        .route(
            "/jobs/{jobid}/logs",
            get(jobs::logs::logs).about("What all daemons have logged of a job.").query(query::JOB_LOGS),
        )
        .route(
            "/jobs/{jobid}/vertices/{vertexid}/flamegraph",
            get(vertices::flamegraph::flame_graph)
                .about("What a vertex spends its time with.")
                .query(query::FLAME_GRAPH),
        )
        .route(
            "/jobmanager/thread-dump",
            get(thread_dump::of_job_manager).about("The threads of the JobManager."),
        )
        .route(
            "/taskmanagers/{taskmanagerid}/thread-dump",
            get(thread_dump::of_task_manager)
                .about("The threads of a TaskManager and its task hosts.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER),
        )
        .route(
            "/jobmanager/log-level",
            get(log_level::of_job_manager)
                .about("Which events the JobManager logs.")
                .put(log_level::set_of_job_manager)
                .about("Changes which events the JobManager logs."),
        )
        .route(
            "/taskmanagers/{taskmanagerid}/log-level",
            get(log_level::of_task_manager)
                .about("Which events a TaskManager logs.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER)
                .put(log_level::set_of_task_manager)
                .about("Changes which events a TaskManager logs.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER),
        )
}

/// Those that there are only with `rest.profiling.enabled`.
fn of_profiles() -> Routes {
    Routes::new()
        .route(
            "/taskmanagers/{taskmanagerid}/profiler",
            get(profiler::list)
                .about("The profiles of a TaskManager that are kept, newest first.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER)
                .post(profiler::take)
                .about("Begins a profile of a TaskManager and its task hosts.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER),
        )
        .route(
            "/taskmanagers/{taskmanagerid}/profiler/{file}",
            get(profiler::file)
                .about("The result of a profile: a page, or with another ending the tree or lines.")
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER),
        )
        .route(
            "/jobmanager/profiler",
            get(profiler::list)
                .about("The profiles of the JobManager that are kept, newest first.")
                .post(profiler::take)
                .about("Begins a profile of the JobManager's threads."),
        )
        .route(
            "/jobmanager/profiler/{file}",
            get(profiler::file)
                .about("The result of a profile: a page, or with another ending the tree or lines."),
        )
}

fn of_history() -> Routes {
    Routes::new()
        .route("/history", get(history::of_cluster).about("The cluster's last hour.").query(query::HISTORY))
        .route(
            "/jobs/{jobid}/history",
            get(history::of_job).about("The last hour of a job and its vertices.").query(query::HISTORY),
        )
        .route(
            "/taskmanagers/{taskmanagerid}/history",
            get(history::of_task_manager)
                .about("The last hour of a TaskManager.")
                .query(query::HISTORY)
                .fails(StatusCode::INTERNAL_SERVER_ERROR, NO_TASK_MANAGER),
        )
        .route(
            "/jobmanager/history",
            get(history::of_job_manager)
                .about("The last hour of the JobManager that leads.")
                .query(query::HISTORY),
        )
}

fn of_jars() -> Routes {
    let failure = StatusCode::INTERNAL_SERVER_ERROR;
    Routes::new()
        .route("/jars", get(jars::list::list).about("The uploaded artifacts, newest first."))
        .route("/jars/upload", post(jars::upload::upload).about("Uploads an artifact.").takes_file())
        .route("/jars/{jarid}", delete(jars::delete::delete).about("Forgets an artifact."))
        .route(
            "/jars/{jarid}/plan",
            get(jars::run::plan)
                .about("Plans an artifact without running it.")
                .query(query::PLAN)
                .fails(failure, NO_ARTIFACT)
                .post(jars::run::plan)
                .about("Plans an artifact without running it.")
                .query(query::PLAN)
                .fails(failure, NO_ARTIFACT),
        )
        .route(
            "/jars/{jarid}/run",
            post(jars::run::run)
                .about("Runs an artifact's job.")
                .query(query::RUN)
                .fails(failure, NO_ARTIFACT),
        )
        .route(
            "/jars/{jarid}/run-application",
            post(jars::run::run_application)
                .about("Runs an artifact's job as an application.")
                .query(query::RUN)
                .fails(failure, NO_ARTIFACT),
        )
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
