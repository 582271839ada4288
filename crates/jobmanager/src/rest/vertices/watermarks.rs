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

/// The input watermarks of a vertex, none for a source. `-9223372036854775808` says that there is none yet. Subtasks that have
/// ended have none, as in Flink, whose dashboard has no date for the end of all time.
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
    let running = vertex.subtasks().filter(|(_, subtask)| !subtask.state.is_terminal());
    Ok(Json(running.map(of_subtask).collect()))
}
