//! `GET …/watermarks`: how far event time has come in each subtask.

use axum::extract::State;

use super::Vertex;
use crate::rest::{
    Api,
    error::ApiError,
    json::Json,
    metrics::{Metric, Value},
    params::PathParams,
};

/// The input watermarks of a vertex, none for a source. `-9223372036854775808` says that there is none yet.
pub(crate) async fn watermarks(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    if vertex.planned().is_source {
        return Ok(Json(Vec::new()));
    }
    let of_subtask = |(index, subtask): (u32, &crate::view::SubtaskView)| {
        let watermark = subtask.metrics.input_watermark.as_millis();
        Metric::new(format!("{index}.currentInputWatermark"), Value::Integer(watermark))
    };
    Ok(Json(vertex.subtasks().map(of_subtask).collect()))
}
