//! `GET, POST /taskmanagers/:taskmanagerid/profiler`, `GET, POST /jobmanager/profiler` and `GET …/profiler/:file`: CPU profiles of
//! a TaskManager's task hosts, and of the JobManager.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Api,
    error::ApiError,
    json::{Json, JsonBody, RequestBody},
    lenient, logs,
    params::PathParams,
};
use crate::profiles::{ProfileMode, ProfileRun, ProfileStatus, Profiled};

/// How many seconds a profile takes if nothing else is asked for, as in Flink's dashboard.
const DEFAULT_SECONDS: u64 = 30;

/// Flink's `ProfilingInfoList`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profiles {
    profiling_list: Vec<Profile>,
}

/// Flink's `ProfilingInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    status: &'static str,
    mode: &'static str,
    profiling_mode: &'static str,
    trigger_time: i64,
    finished_time: Option<i64>,
    duration: u64,
    message: Option<String>,
    output_file: Option<String>,
}

fn profile(run: ProfileRun) -> Profile {
    let mode = run.mode.as_str();
    let (status, message, output_file) = match run.status {
        ProfileStatus::Running => ("RUNNING", None, None),
        ProfileStatus::Finished { file, problem } => {
            let message = problem.unwrap_or_else(|| "Profiling Successful".to_owned());
            ("FINISHED", Some(message), Some(file))
        }
        ProfileStatus::Failed(reason) => ("FAILED", Some(reason), None),
    };
    Profile {
        status,
        mode,
        profiling_mode: mode,
        trigger_time: run.triggered_unix_ms,
        finished_time: run.finished_unix_ms,
        duration: run.seconds,
        message,
        output_file,
    }
}

/// Flink's `ProfilingRequestBody`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Wish {
    mode: Option<String>,
    #[serde(deserialize_with = "lenient::number")]
    duration: Option<u64>,
}

impl RequestBody for Wish {
    const FORM: &'static str = "ProfilingRequestBody";
}

/// Without profiles there are no such paths, as in Flink.
pub(crate) async fn gate(State(api): State<Api>, request: Request, next: Next) -> Response {
    if api.options.longest_profile.is_some() {
        return next.run(request).await;
    }
    ApiError::not_found(format!("Not found: {} (rest.profiling.enabled is false)", request.uri().path()))
        .into_response()
}

/// The TaskManager that the path names, or the JobManager if it names none.
fn profiled(params: &PathParams) -> Profiled {
    if params.text("taskmanagerid").is_empty() {
        Profiled::JobManager
    } else {
        Profiled::TaskManager(params.task_manager_id())
    }
}

/// Those that are kept, newest first.
pub(crate) async fn list(State(api): State<Api>, params: PathParams) -> Result<Json<Profiles>, ApiError> {
    let runs = api.backend.profiles(&profiled(&params)).await.map_err(logs::no_list)?;
    Ok(Json(Profiles { profiling_list: runs.into_iter().map(profile).collect() }))
}

/// Begins one.
pub(crate) async fn take(
    State(api): State<Api>,
    params: PathParams,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Json<Profile>, ApiError> {
    let mode = match wish.mode.as_deref() {
        None | Some("ITIMER") => ProfileMode::Itimer,
        Some("CPU") => ProfileMode::Cpu,
        Some("WALL") => ProfileMode::Wall,
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "The profiling mode \"{other}\" is not available; allowed: CPU, ITIMER (what uses the CPU), WALL (what \
                 takes time)."
            )));
        }
    };
    let seconds = wish.duration.unwrap_or(DEFAULT_SECONDS);
    let longest = api.options.longest_profile.unwrap_or_default().as_secs();
    if !(1..=longest).contains(&seconds) {
        return Err(ApiError::bad_request(format!(
            "`duration` must be between 1 and {longest} seconds (rest.profiling.duration-max)."
        )));
    }
    Ok(Json(profile(api.backend.take_profile(&profiled(&params), mode, seconds).await?)))
}

/// The result as a page; with the ending `.json` as the tree, with `.txt` as lines for other tools.
pub(crate) async fn file(State(api): State<Api>, params: PathParams) -> Result<Response, ApiError> {
    let name = params.text("file");
    let not_found = || ApiError::not_found(format!("Profiling file \"{name}\" does not exist."));
    let (stem, ending) = name.rsplit_once('.').ok_or_else(not_found)?;
    let report = api.backend.profile(&profiled(&params), &format!("{stem}.html")).await;
    let report = report.map_err(logs::refused)?.ok_or_else(not_found)?;
    let typed = |kind, text: String| {
        let mut response = text.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    match ending {
        "html" => Ok(typed("text/html; charset=UTF-8", report.tree.to_html(&report.title))),
        "txt" => Ok(typed("text/plain; charset=UTF-8", report.tree.collapsed())),
        "json" => Ok(Json(&report.tree).into_response()),
        _ => Err(not_found()),
    }
}
