//! `GET` and `PUT /jobs/:jobid/resource-requirements`: how many subtasks a job's vertices are to have.

use std::collections::BTreeMap;

use axum::{extract::State, http::HeaderMap};
use flott_core::VertexId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cancel::is_from_page;
use crate::rest::{
    Api,
    error::ApiError,
    json::{Empty, Json, JsonBody, RequestBody},
    params::PathParams,
};

/// Flink's `JobResourceRequirementsBody`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct JobResourceRequirementsBody(BTreeMap<VertexId, Requirements>);

impl RequestBody for JobResourceRequirementsBody {
    const FORM: &'static str = "JobResourceRequirementsBody";
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Requirements {
    parallelism: Parallelism,
}

/// With -1 it is what is possible.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Parallelism {
    lower_bound: i64,
    upper_bound: i64,
}

const UNSET: i64 = -1;

/// What is wanted now.
pub(crate) async fn current(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobResourceRequirementsBody>, ApiError> {
    let job = api.job(&params).await?;
    let of = |(index, vertex): (usize, &flott_core::JobVertex)| {
        let bounds = job.rescaling.bounds.get(index);
        // Of a job that an earlier release has run, only how it ran is known.
        let (lower, upper) = bounds.map_or((1, vertex.parallelism), |it| (it.lower, it.upper));
        let parallelism = Parallelism { lower_bound: lower.into(), upper_bound: upper.into() };
        (vertex.id, Requirements { parallelism })
    };
    Ok(Json(JobResourceRequirementsBody(job.graph.vertices.iter().enumerate().map(of).collect())))
}

/// Takes note of what is wanted; the job changes after that.
pub(crate) async fn update(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
    JsonBody(JobResourceRequirementsBody(body)): JsonBody<JobResourceRequirementsBody>,
) -> Result<Json<Empty>, ApiError> {
    let id = params.job_id()?;
    if !api.options.rescale_enabled && is_from_page(&headers) {
        return Err(ApiError::forbidden(
            "Rescaling jobs from the dashboard is switched off (web.rescale.enable: false).",
        ));
    }
    if body.is_empty() {
        return Err(ApiError::bad_request("Request body does not specify resource requirements."));
    }
    let wanted = body.into_iter().map(|(vertex, Requirements { parallelism })| {
        Ok((vertex, (bound(vertex, parallelism.lower_bound)?, bound(vertex, parallelism.upper_bound)?)))
    });
    api.backend.rescale(id, wanted.collect::<Result<_, ApiError>>()?).await?;
    Ok(Json(Empty {}))
}

fn bound(vertex: VertexId, bound: i64) -> Result<Option<u32>, ApiError> {
    match bound {
        UNSET => Ok(None),
        _ => u32::try_from(bound).map(Some).map_err(|_| {
            ApiError::bad_request(format!(
                "The requested bound [{bound}] for job vertex [{vertex}] is no possible parallelism."
            ))
        }),
    }
}
