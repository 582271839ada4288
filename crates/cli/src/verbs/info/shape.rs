//! A JobGraph in the shape that the REST API gives to plans.

use flott_core::{JobGraph, JobType, VertexIndex};
use serde_json::{Value, json};

/// The plan. As Flink's, it lists consumers before producers.
pub(super) fn plan(graph: &JobGraph) -> Value {
    let positions = (0..graph.vertices.len()).rev();
    let nodes: Vec<_> = positions.map(|position| node(graph, VertexIndex(position as u32))).collect();
    json!({ "name": graph.name, "type": type_name(graph.job_type), "nodes": nodes })
}

pub(super) const fn type_name(job_type: JobType) -> &'static str {
    match job_type {
        JobType::Batch => "BATCH",
        JobType::Streaming => "STREAMING",
    }
}

fn node(graph: &JobGraph, index: VertexIndex) -> Value {
    let vertex = graph.vertex(index);
    let inputs: Vec<_> = graph
        .inputs_of(index)
        .enumerate()
        .map(|(num, (_, edge))| {
            json!({
                "num": num,
                "id": graph.vertex(edge.source).id,
                "ship_strategy": edge.partitioner.as_str(),
                "exchange": "pipelined_bounded",
            })
        })
        .collect();
    let operators: Vec<_> = vertex
        .operators
        .iter()
        .map(|operator| json!({ "uid": operator.uid, "name": operator.name }))
        .collect();
    json!({
        "id": vertex.id,
        "description": vertex.name,
        "parallelism": vertex.parallelism,
        "max_parallelism": vertex.max_parallelism,
        "slot_sharing_group": vertex.slot_sharing_group,
        "operators": operators,
        "inputs": inputs,
    })
}
