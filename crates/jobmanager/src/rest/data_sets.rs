//! `/datasets`: cached intermediate results, which jobs cannot make. There are none, and to delete one succeeds at once, as it
//! does in Flink for one that is gone.

use axum::extract::State;
use flott_core::TriggerId;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Api,
    error::ApiError,
    json::{Accepted, Empty, Json},
    operations::{Operation, Triggered, accepted, trigger_id, unknown},
    params::PathParams,
};

/// Flink's `ClusterDataSetListResponseBody`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ClusterDataSetListResponseBody")]
pub(crate) struct DataSets {
    data_sets: Vec<DataSet>,
}

/// Flink's `ClusterDataSetEntry`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ClusterDataSetEntry")]
struct DataSet {
    id: String,
    is_complete: bool,
}

/// All of them.
pub(crate) async fn list() -> Json<DataSets> {
    Json(DataSets { data_sets: Vec::new() })
}

/// Deletes one.
pub(crate) async fn delete(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Accepted<Triggered>, ApiError> {
    let data_set: TriggerId = params.parse("datasetid")?;
    let id = TriggerId::from_bytes(rand::random());
    api.data_set_deletions.start((None, id), data_set.to_string(), async { Ok(()) })?;
    Ok(accepted(id))
}

/// How far that is.
pub(crate) async fn status(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Operation<Empty>>, ApiError> {
    let id = trigger_id(&params)?;
    let status = api.data_set_deletions.status(&(None, id));
    let status = status.ok_or_else(|| unknown("data set deletion", id, None))?;
    Ok(Json(Operation::new(status, |()| Empty {})))
}
