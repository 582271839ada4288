//! `GET …/watermarks`. Jobs have no event time yet, so no subtask has a watermark and the list is empty, as Flink's is
//! for sources.

use axum::extract::State;

use super::Vertex;
use crate::rest::{Api, error::ApiError, json::Json, metrics::Metric, params::PathParams};

/// The watermarks of a vertex.
pub(crate) async fn watermarks(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Vec<Metric>>, ApiError> {
    Vertex::find(&api, &params).await?;
    Ok(Json(Vec::new()))
}
