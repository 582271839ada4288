//! `PATCH /jobs/:jobid/rescaling` and `GET /jobs/:jobid/rescaling/:triggerid`, which Flink has switched off for good.

use axum::http::StatusCode;

use crate::rest::{
    error::ApiError,
    operations::trigger_id,
    params::{PathParams, Query},
};

/// Says so, as Flink does, and what to use instead.
pub(crate) async fn trigger(params: PathParams, query: Query) -> Result<ApiError, ApiError> {
    params.job_id()?;
    query.parse::<i32>("parallelism")?;
    Ok(switched_off())
}

/// The same.
pub(crate) async fn status(params: PathParams) -> Result<ApiError, ApiError> {
    params.job_id()?;
    trigger_id(&params)?;
    Ok(switched_off())
}

fn switched_off() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Rescaling is temporarily disabled. See FLINK-12312.")
        .and("Use PUT /jobs/:jobid/resource-requirements instead.")
}
