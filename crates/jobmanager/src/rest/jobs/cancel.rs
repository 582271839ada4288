//! `PATCH /jobs/:jobid?mode=cancel`, and the same as `GET /jobs/:jobid/yarn-cancel` and as an application.

use axum::{extract::State, http::StatusCode};

use crate::{
    Error,
    rest::{
        Api,
        error::ApiError,
        json::{Empty, Json},
        params::{PathParams, Query},
    },
};

/// Asks a job to stop. A job that has ended already is no error.
pub(crate) async fn cancel(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<(StatusCode, Json<Empty>), ApiError> {
    match query.one("mode") {
        None | Some("cancel") => {}
        Some("stop") => {
            return Err(ApiError::new(
                StatusCode::PERMANENT_REDIRECT,
                "The termination mode \"stop\" has been removed. For an ungraceful shutdown, please use \"cancel\" \
                 instead. For a graceful shutdown, please use \"jobs/:jobid/stop\" instead.",
            ));
        }
        Some(other) => return Err(ApiError::query_parameter("mode", other)),
    }
    cancel_job(&api, params.job_id()?).await
}

/// The same as a GET, which clients use that cannot send PATCH.
pub(crate) async fn yarn_cancel(
    State(api): State<Api>,
    params: PathParams,
) -> Result<(StatusCode, Json<Empty>), ApiError> {
    cancel_job(&api, params.job_id()?).await
}

/// The same for the application that a job is.
pub(crate) async fn cancel_application(
    State(api): State<Api>,
    params: PathParams,
) -> Result<(StatusCode, Json<Empty>), ApiError> {
    cancel_job(&api, params.parse("applicationid")?).await
}

async fn cancel_job(api: &Api, id: flott_core::JobId) -> Result<(StatusCode, Json<Empty>), ApiError> {
    if !api.options.cancel_enabled {
        return Err(ApiError::forbidden(
            "Canceling jobs over REST is switched off (web.cancel.enable: false).",
        ));
    }
    match api.backend.cancel(id).await {
        Ok(()) => Ok((StatusCode::ACCEPTED, Json(Empty {}))),
        Err(Error::JobNotFound(_)) => Err(ApiError::not_found("Job could not be found.")),
        Err(error) => Err(error.into()),
    }
}
