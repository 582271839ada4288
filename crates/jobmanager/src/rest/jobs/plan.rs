//! `GET /jobs/:jobid/plan`, and the plan as it stands in other answers.

use axum::extract::State;
use flott_core::{JobGraph, JobId, JobType, JobVertex, VertexId, VertexIndex};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams};

/// Answer of `GET /jobs/:jobid/plan`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobPlanInfo")]
pub(crate) struct PlanAnswer {
    plan: Plan,
}

/// A job's dataflow, as the dashboard draws it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Plan {
    jid: JobId,
    name: String,
    #[serde(rename = "type")]
    job_type: JobType,
    nodes: Vec<Node>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlanNode")]
struct Node {
    id: VertexId,
    operator: &'static str,
    parallelism: u32,
    operator_strategy: &'static str,
    description: String,
    optimizer_properties: NoProperties,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Input>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NoProperties {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlanInput")]
struct Input {
    id: VertexId,
    num: usize,
    exchange: &'static str,
    ship_strategy: &'static str,
}

impl Plan {
    /// The plan of a job; the nodes sinks first, as Flink's.
    pub(crate) fn new(job_id: JobId, graph: &JobGraph) -> Self {
        let nodes =
            (0..graph.vertices.len() as u32).rev().map(|index| node(graph, VertexIndex(index))).collect();
        Self { jid: job_id, name: graph.name.clone(), job_type: graph.job_type, nodes }
    }
}

fn node(graph: &JobGraph, index: VertexIndex) -> Node {
    let vertex = graph.vertex(index);
    let inputs = graph.inputs_of(index).enumerate().map(|(num, (_, edge))| Input {
        id: graph.vertex(edge.source).id,
        num,
        exchange: "pipelined_bounded",
        ship_strategy: edge.partitioner.as_str(),
    });
    Node {
        id: vertex.id,
        operator: "",
        parallelism: vertex.parallelism,
        operator_strategy: "",
        description: description(vertex),
        optimizer_properties: NoProperties {},
        inputs: inputs.collect(),
    }
}

/// The chained operators as HTML lines, those after the head marked and indented by their depth.
fn description(vertex: &JobVertex) -> String {
    let mut html = String::new();
    for (depth, operator) in vertex.operators.iter().enumerate() {
        if depth > 0 {
            html.push_str(&"   ".repeat(depth - 1));
            html.push_str("+- ");
        }
        escape_html(&operator.name, &mut html);
        html.push_str("<br/>");
    }
    html
}

/// Names come from job authors and the description is HTML: no name may become markup.
fn escape_html(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// The plan of a job.
pub(crate) async fn plan(State(api): State<Api>, params: PathParams) -> Result<Json<PlanAnswer>, ApiError> {
    let job = api.job(&params).await?;
    Ok(Json(PlanAnswer { plan: Plan::new(job.job_id, &job.graph) }))
}

impl From<Plan> for PlanAnswer {
    fn from(plan: Plan) -> Self {
        Self { plan }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_become_markup() {
        let mut html = String::new();
        escape_html("<img src=x onerror='a(\"&\")'>", &mut html);
        assert_eq!(html, "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;");
    }
}
