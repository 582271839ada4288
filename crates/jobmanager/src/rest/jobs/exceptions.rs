//! `GET /jobs/:jobid/exceptions`: what failed, the root cause first.

use std::{collections::BTreeMap, fmt::Write};

use axum::extract::State;
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
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exceptions {
    exception_history: History,
}

#[derive(Serialize)]
pub(crate) struct History {
    entries: Vec<Entry>,
    truncated: bool,
}

/// Flink's `RootExceptionInfo`, and its cause by parts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Serialize)]
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
            host: host(exception),
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
            stacktrace: stacktrace(exception),
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

/// The TaskManager, with its address if its name does not tell it.
fn host(exception: &ExceptionView) -> Option<String> {
    exception.location.as_ref().map(|location| {
        let id = location.task_manager_id.as_str();
        if id.starts_with(&location.endpoint) {
            id.to_owned()
        } else {
            format!("{id} ({})", location.endpoint)
        }
    })
}

/// What failed as text: the message, then where, then what led to it, then what the process wrote last.
pub(crate) fn stacktrace(exception: &ExceptionView) -> String {
    let cause = &exception.cause;
    let mut text = cause.message.clone();
    let mut line = |label: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(text, "\n  {label}{value}"); // writing to a String cannot fail
        }
    };
    line("operator: ", cause.operator.as_deref());
    line("subtask: ", exception.task_name.as_deref().map(readable_task_name).as_deref());
    line("host: ", host(exception).as_deref());
    line("at ", cause.location.as_deref());
    for context in &cause.context {
        line("", Some(context));
    }
    if let Some(tail) = cause.stderr_tail.as_deref().map(str::trim_end).filter(|tail| !tail.is_empty()) {
        line("last lines of stderr:", Some(""));
        for tail_line in tail.lines() {
            line("  ", Some(tail_line));
        }
    }
    text
}

/// `map (2/4), attempt 0` for `map (2/4) - execution #0`.
fn readable_task_name(name: &str) -> String {
    name.replace(" - execution #", ", attempt ")
}

/// The exceptions of a job, newest first.
pub(crate) async fn exceptions(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Exceptions>, ApiError> {
    let max: usize = query.parse("maxExceptions")?.unwrap_or(DEFAULT_MAX_EXCEPTIONS);
    let filters = query.list("failureLabelFilter");
    if let Some(filter) = filters.iter().find(|filter| !filter.contains(':')) {
        return Err(ApiError::query_parameter("failureLabelFilter", filter));
    }
    let job = api.job(&params).await?;
    // Failures have no labels yet, so none passes a filter.
    let all: &[ExceptionView] = if filters.is_empty() { &job.exceptions } else { &[] };
    let truncated = all.len() > max || (filters.is_empty() && job.exceptions_dropped > 0);
    let entries = all.iter().take(max).map(Entry::root).collect();
    Ok(Json(Exceptions { exception_history: History { entries, truncated } }))
}

#[cfg(test)]
mod tests {
    use flott_core::{FailureCause, FailureKind, TaskManagerId};

    use super::*;
    use crate::view::TaskLocation;

    #[test]
    fn the_text_tells_the_root_cause_first() {
        let mut cause = FailureCause::new(FailureKind::Panic, "index out of bounds")
            .context("while processing a record")
            .in_operator("parse");
        cause.location = Some("src/main.rs:12:5".to_owned());
        cause.stderr_tail = Some("one\ntwo\n".to_owned());
        let exception = ExceptionView {
            cause,
            unix_ms: 1,
            task_name: Some("Source: text -> parse (2/4) - execution #0".to_owned()),
            location: Some(TaskLocation {
                task_manager_id: TaskManagerId::new("h1:6122-ab12"),
                endpoint: "h1:4000".to_owned(),
            }),
            concurrent: Vec::new(),
        };
        assert_eq!(
            stacktrace(&exception),
            "index out of bounds\n  operator: parse\n  subtask: Source: text -> parse (2/4), attempt 0\n  \
             host: h1:6122-ab12 (h1:4000)\n  at src/main.rs:12:5\n  while processing a record\n  \
             last lines of stderr:\n    one\n    two"
        );
    }
}
