//! A JobGraph as a tree for people: sources at the root, sinks at the leaves.

use flott_core::{JobGraph, VertexIndex};

use super::shape;

/// The lines of the tree. A vertex with several inputs is drawn out under the first and only named under the others.
pub(super) fn lines(graph: &JobGraph) -> Vec<String> {
    let mut tree = Tree { graph, drawn: vec![false; graph.vertices.len()], lines: Vec::new() };
    tree.lines.push(format!(
        "{} ({}, {} subtasks, {} slots)",
        graph.name,
        shape::type_name(graph.job_type),
        graph.total_subtasks(),
        graph.required_slots()
    ));
    let indexes = (0..graph.vertices.len()).map(|position| VertexIndex(position as u32));
    for source in indexes.filter(|&index| graph.inputs_of(index).next().is_none()) {
        tree.lines.push(String::new());
        tree.draw(source, "", "");
    }
    tree.lines
}

struct Tree<'a> {
    graph: &'a JobGraph,
    drawn: Vec<bool>,
    lines: Vec<String>,
}

impl Tree<'_> {
    /// Draws a vertex behind `lead`, and what follows it behind `indent`.
    fn draw(&mut self, index: VertexIndex, lead: &str, indent: &str) {
        let vertex = self.graph.vertex(index);
        let again = std::mem::replace(&mut self.drawn[index.0 as usize], true);
        let suffix = if again { "  (see above)" } else { "" };
        self.lines.push(format!("{lead}{}  [parallelism {}]{suffix}", vertex.name, vertex.parallelism));
        if again {
            return;
        }
        let outputs: Vec<_> = self.graph.outputs_of(index).map(|(_, edge)| edge).collect();
        for (position, edge) in outputs.iter().enumerate() {
            let (branch, bar) =
                if position + 1 == outputs.len() { ("└─", "   ") } else { ("├─", "│  ") };
            let strategy = edge.partitioner.as_str();
            self.draw(edge.target, &format!("{indent}{branch} {strategy} → "), &format!("{indent}{bar}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use flott_core::{JobEdge, JobType, JobVertex, Partitioner, VertexId, job_config::RuntimeMode};

    use super::*;

    fn vertex(name: &str, parallelism: u32) -> JobVertex {
        JobVertex {
            id: VertexId::of_operators([name]),
            name: name.to_owned(),
            operators: Vec::new(),
            parallelism,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source: false,
        }
    }

    fn edge(source: u32, target: u32, partitioner: Partitioner) -> JobEdge {
        JobEdge { source: VertexIndex(source), target: VertexIndex(target), partitioner }
    }

    fn graph() -> JobGraph {
        JobGraph {
            name: "two sources".to_owned(),
            job_type: JobType::Streaming,
            runtime_mode: RuntimeMode::Streaming,
            parallelism: 2,
            vertices: vec![vertex("a", 1), vertex("b", 2), vertex("sum -> map", 2), vertex("print", 1)],
            edges: vec![
                edge(0, 2, Partitioner::Hash),
                edge(0, 3, Partitioner::Rebalance),
                edge(1, 2, Partitioner::Hash),
                edge(2, 3, Partitioner::Broadcast),
            ],
            recovery: Default::default(),
        }
    }

    #[test]
    fn tree_shows_chains_parallelism_and_ship_strategies() {
        assert_eq!(
            lines(&graph()),
            [
                "two sources (STREAMING, 6 subtasks, 2 slots)",
                "",
                "a  [parallelism 1]",
                "├─ HASH → sum -> map  [parallelism 2]",
                "│  └─ BROADCAST → print  [parallelism 1]",
                "└─ REBALANCE → print  [parallelism 1]  (see above)",
                "",
                "b  [parallelism 2]",
                "└─ HASH → sum -> map  [parallelism 2]  (see above)",
            ]
        );
    }

    #[test]
    fn json_has_the_shape_of_the_rest_api() {
        let plan: flott_client::Plan = serde_json::from_value(shape::plan(&graph())).unwrap();
        assert_eq!((plan.name.as_str(), plan.job_type.as_str()), ("two sources", "STREAMING"));
        assert_eq!(plan.nodes[0].description, "print");
        let inputs: Vec<_> = plan.nodes[0].inputs.iter().map(|input| input.ship_strategy.as_str()).collect();
        assert_eq!(inputs, ["REBALANCE", "BROADCAST"]);
        assert_eq!(plan.nodes[0].inputs[0].id, plan.nodes[3].id);
    }
}
