//! `GET /jobs/:jobid/exceptions`: what failed, the root cause first.

use std::collections::BTreeMap;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    rest::{
        Api,
        error::ApiError,
        json::Json,
        params::{PathParams, Query},
    },
    view::ExceptionView,
};

/// How many are answered if the client does not say.
const DEFAULT_MAX_EXCEPTIONS: usize = 20;

/// Answer of `GET /jobs/:jobid/exceptions`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobExceptionsInfoWithHistory")]
pub(crate) struct Exceptions {
    exception_history: History,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobExceptionHistory")]
pub(crate) struct History {
    entries: Vec<Entry>,
    truncated: bool,
}

/// Flink's `RootExceptionInfo`, and its cause by parts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RootExceptionInfo")]
pub(crate) struct Entry {
    exception_name: &'static str,
    stacktrace: String,
    timestamp: i64,
    failure_labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_manager_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent_exceptions: Option<Vec<Entry>>,
    root_cause: RootCause,
}

/// A cause by its parts, for clients that show them apart.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RootCause {
    kind: &'static str,
    message: String,
    context: Vec<String>,
    operator: Option<String>,
    subtask: Option<String>,
    host: Option<String>,
    location: Option<String>,
    stderr_tail: Option<String>,
}

impl RootCause {
    /// The parts of what failed.
    pub(crate) fn new(exception: &ExceptionView) -> Self {
        let cause = &exception.cause;
        Self {
            kind: cause.kind.as_str(),
            message: cause.message.clone(),
            context: cause.context.clone(),
            operator: cause.operator.clone(),
            subtask: exception.task_name.clone(),
            host: exception.host(),
            location: cause.location.clone(),
            stderr_tail: cause.stderr_tail.clone(),
        }
    }
}

impl Entry {
    fn root(exception: &ExceptionView) -> Self {
        let concurrent = exception.concurrent.iter().map(Self::leaf).collect();
        Self { concurrent_exceptions: Some(concurrent), ..Self::leaf(exception) }
    }

    fn leaf(exception: &ExceptionView) -> Self {
        Self {
            exception_name: exception.cause.kind.as_str(),
            stacktrace: exception.report(),
            timestamp: exception.unix_ms,
            failure_labels: BTreeMap::new(),
            task_name: exception.task_name.clone(),
            endpoint: exception.location.as_ref().map(|location| location.endpoint.clone()),
            task_manager_id: exception.location.as_ref().map(|location| location.task_manager_id.to_string()),
            concurrent_exceptions: None,
            root_cause: RootCause::new(exception),
        }
    }
}

/// The exceptions of a job, newest first.
pub(crate) async fn exceptions(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Exceptions>, ApiError> {
    let max = query.parse::<u32>("maxExceptions")?.map_or(DEFAULT_MAX_EXCEPTIONS, |max| max as usize);
    let filters = query.list("failureLabelFilter");
    let is_label = |filter: &str| filter.split_once(':').is_some_and(|(_, value)| !value.is_empty());
    if let Some(filter) = filters.iter().find(|filter| !is_label(filter)) {
        return Err(ApiError::query_parameter("failureLabelFilter", filter));
    }
    let job = api.job(&params).await?;
    // Failures have no labels yet, so none passes a filter.
    let all: &[ExceptionView] = if filters.is_empty() { &job.exceptions } else { &[] };
    let truncated = all.len() > max || (filters.is_empty() && job.exceptions_dropped > 0);
    let entries = all.iter().take(max).map(Entry::root).collect();
    Ok(Json(Exceptions { exception_history: History { entries, truncated } }))
}
