//! `PATCH /jobs/:jobid?mode=cancel`, and the same as `GET /jobs/:jobid/yarn-cancel` and as an application.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use flott_core::{JobId, JobStatus};

use crate::{
    Error,
    rest::{
        Api,
        error::ApiError,
        guard::SEC_FETCH_SITE,
        json::{Accepted, Empty},
        params::{PathParams, Query},
    },
};

/// Asks a job to stop. That it is canceled already is no error, that it has ended otherwise is one.
pub(crate) async fn cancel(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
    headers: HeaderMap,
) -> Result<Accepted<Empty>, ApiError> {
    match query.one("mode") {
        None | Some("cancel") => {}
        Some("stop") => return Err(stop_removed()),
        Some(other) => return Err(ApiError::query_parameter("mode", other)),
    }
    let id = params.job_id()?;
    check_may_end(&api, &headers)?;
    cancel_job(&api, id, "Job could not be found.").await
}

/// The same as a GET, which web pages use that cannot send PATCH.
pub(crate) async fn yarn_cancel(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Accepted<Empty>, ApiError> {
    let id = params.job_id()?;
    check_enabled(&api, true)?;
    cancel_job(&api, id, "Job could not be found.").await
}

/// `GET /jobs/:jobid/yarn-stop`, which is `PATCH /jobs/:jobid?mode=stop` as a GET.
pub(crate) async fn yarn_stop(params: PathParams) -> Result<ApiError, ApiError> {
    params.job_id()?;
    Ok(stop_removed())
}

fn stop_removed() -> ApiError {
    ApiError::new(
        StatusCode::PERMANENT_REDIRECT,
        "The termination mode \"stop\" has been removed. For an ungraceful shutdown, please use \"cancel\" \
         instead. For a graceful shutdown, please use \"jobs/:jobid/stop\" instead.",
    )
}

/// Cancels the application that a job is.
pub(crate) async fn cancel_application(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
) -> Result<Accepted<Empty>, ApiError> {
    let id = params.parse("applicationid")?;
    check_may_end(&api, &headers)?;
    cancel_job(&api, id, "Application could not be found.").await
}

/// Whether a browser sent the request for a page. Browsers say so with every request that is more than a plain read.
pub(super) fn is_from_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE)
}

/// Whether a request may end a job.
///
/// # Errors
/// 403 if it is the dashboard's and that is not to.
pub(super) fn check_may_end(api: &Api, headers: &HeaderMap) -> Result<(), ApiError> {
    check_enabled(api, is_from_page(headers))
}

/// `web.cancel.enable` is about the dashboard alone, as in Flink: the command line and other tools may always cancel.
fn check_enabled(api: &Api, from_page: bool) -> Result<(), ApiError> {
    if api.options.cancel_enabled || !from_page {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "Canceling and stopping jobs from the dashboard is switched off (web.cancel.enable: false).",
    ))
}

async fn cancel_job(api: &Api, id: JobId, not_found: &str) -> Result<Accepted<Empty>, ApiError> {
    if let Some(job) = api.backend.job(id).await?
        && matches!(job.status, JobStatus::Finished | JobStatus::Failed)
    {
        let text = format!(
            "Job cancellation failed because the job has already reached another terminal state ({}).",
            job.status
        );
        return Err(ApiError::new(StatusCode::CONFLICT, text));
    }
    match api.backend.cancel(id).await {
        Ok(()) => Ok(Accepted(Empty {})),
        Err(Error::JobNotFound(_)) => Err(ApiError::not_found(not_found)),
        Err(error) => Err(error.into()),
    }
}
