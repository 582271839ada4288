//! What was measured in the last hour: `GET /history`, `/jobs/:jobid/history`, `/taskmanagers/:taskmanagerid/history`,
//! `/jobmanager/history`.
//!
//! `?get=a,b` asks for series by their ids, `vertices=a,b` for those of some vertices, `own=true` for those of the job itself
//! without its vertices (or with those that are named, too), `from=ms` for values that are later
//! than that, and `list=true` for the names of all there are.

use axum::extract::State;
use flott_core::VertexId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::{
    Api,
    error::ApiError,
    json::Json,
    params::{PathParams, Query},
    task_managers::list::find,
};
use crate::history::{INTERVAL, SeriesView, Subject, Wanted};

/// Series that all have values for the same times; or the names of series.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct History {
    /// Milliseconds between two values.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    /// Time of the last value of each series, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<i64>,
    series: Vec<Series>,
}

/// One series.
#[derive(Debug, Serialize, JsonSchema)]
struct Series {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vertex: Option<VertexId>,
    unit: &'static str,
    aggregation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Point>>,
}

/// A value; `null` if it is not known.
#[derive(Clone, Copy, Debug)]
struct Point(f32);

impl Serialize for Point {
    /// Whole numbers without a fraction: most are, and there are many.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Up to here an `f32` tells whole numbers apart.
        const WHOLE: f32 = 16_777_216.0;
        if self.0.fract() == 0.0 && self.0.abs() <= WHOLE {
            serializer.serialize_i32(self.0 as i32)
        } else {
            serializer.serialize_f32(self.0)
        }
    }
}

impl JsonSchema for Point {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Point".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "null"] })
    }
}

/// Of the cluster.
pub(crate) async fn of_cluster(State(api): State<Api>, query: Query) -> Result<Json<History>, ApiError> {
    read(&api, Subject::Cluster, &query).await
}

/// Of the JobManager that leads.
pub(crate) async fn of_job_manager(State(api): State<Api>, query: Query) -> Result<Json<History>, ApiError> {
    read(&api, Subject::JobManager, &query).await
}

/// Of one TaskManager.
pub(crate) async fn of_task_manager(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<History>, ApiError> {
    let id = find(&api, &params).await?.id.clone();
    read(&api, Subject::TaskManager(id), &query).await
}

/// Of one job and its vertices.
pub(crate) async fn of_job(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<History>, ApiError> {
    let id = api.job(&params).await?.job_id;
    read(&api, Subject::Job(id), &query).await
}

async fn read(api: &Api, of: Subject, query: &Query) -> Result<Json<History>, ApiError> {
    let wanted = wanted(query)?;
    let view = api.backend.history(&of, &wanted).await?;
    let (interval, end) = match wanted.is_list {
        true => (None, None),
        false => (Some(INTERVAL.as_millis() as u64), Some(view.end)),
    };
    let series = view.series.into_iter().map(|series| {
        let SeriesView { id, vertex, unit, aggregation, values } = series;
        let values = (!wanted.is_list).then(|| values.into_iter().map(Point).collect());
        Series { id, vertex, unit, aggregation: aggregation.as_str(), values }
    });
    Ok(Json(History { interval, end, series: series.collect() }))
}

fn wanted(query: &Query) -> Result<Wanted, ApiError> {
    Ok(Wanted {
        ids: query.list("get").into_iter().map(str::to_owned).collect(),
        vertices: query.parse_list("vertices")?,
        own: query.parse("own")?.unwrap_or(false),
        from: query.parse("from")?,
        is_list: query.parse("list")?.unwrap_or(false),
    })
}
