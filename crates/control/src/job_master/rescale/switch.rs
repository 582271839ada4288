//! From one number of subtasks to another, when none of them runs.

use std::{collections::BTreeMap, sync::Arc};

use flott_core::{AttemptNumber, ExecutionState, JobGraph, MonoTime};

use super::super::{
    Effect, JobMaster, RunRecord,
    alignment::Alignment,
    execution_graph::ExecutionGraph,
    failover::{Region, RegionPhase},
    regions::pipelined_regions,
};
use super::Phase;

impl JobMaster {
    /// All subtasks have stopped and it is known from where they go on: makes durable that there are others from now on, and
    /// schedules those.
    pub(in super::super) fn switch_parallelism(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let Phase::Stopping { target } = self.rescaling.phase.clone() else { return };
        let graph = self.rescaling.submitted.with_parallelisms(&target);
        let newest = self.regions.iter().map(|region| region.attempt.0).max().unwrap_or_default();
        // Higher than that of any subtask, also of those that were there before and come back.
        let attempt = AttemptNumber(newest + 1);
        let attempts = vec![attempt; pipelined_regions(&graph).len()];
        if !self.secure_parallelism(&target, &attempts, out) {
            return;
        }
        self.restore_all_splits(now);
        self.run_with(graph, |_| attempt, now);
        self.pool.give_up_hosts();
        self.pool.assign();
        let deadline = now + self.config.slot_request_timeout;
        let restore = self.restore_point();
        for region in &mut self.regions {
            region.phase = RegionPhase::WaitingForSlots { deadline };
            region.restore.clone_from(&restore);
        }
        self.executions.enter_all(ExecutionState::Scheduled, now, |_| true);
        // First what is needed: who gives back what it still requires gets another in its place.
        out.push(Effect::RequireSlots { count: self.pool.required() });
        self.release_superfluous(out);
        self.rescale_deploys(now);
    }

    /// The job has not begun, and is to have other numbers of subtasks when it does.
    pub(super) fn change_waiting(&mut self, target: &[u32], now: MonoTime, out: &mut Vec<Effect>) {
        let graph = self.rescaling.submitted.with_parallelisms(target);
        self.run_with(graph, |_| AttemptNumber(0), now);
        self.executions.enter_all(ExecutionState::Scheduled, now, |_| true);
        out.push(Effect::RequireSlots { count: self.pool.required() });
        self.release_superfluous(out);
    }

    /// The job runs with the parallelism that is durable.
    pub(in super::super) fn recover_parallelism(&mut self, run: &RunRecord, now: MonoTime) {
        let vertices = &self.graph.vertices;
        let is_possible = run.parallelism.len() == vertices.len()
            && vertices
                .iter()
                .zip(&run.parallelism)
                .all(|(vertex, it)| (1..=vertex.max_parallelism).contains(it));
        if is_possible {
            let graph = self.graph.with_parallelisms(&run.parallelism);
            self.run_with(graph, |_| AttemptNumber(0), now);
        }
    }

    /// Everything that follows from the graph.
    fn run_with(&mut self, graph: JobGraph, attempt: impl Fn(usize) -> AttemptNumber, now: MonoTime) {
        let graph = Arc::new(graph);
        let submitted = &self.rescaling.submitted.vertices;
        let changed =
            graph.vertices.iter().zip(submitted).filter(|(now, then)| now.parallelism != then.parallelism);
        self.spec.config.rescaled =
            changed.map(|(vertex, _)| (vertex.id, vertex.parallelism)).collect::<BTreeMap<_, _>>();
        self.spec.graph = graph.clone();
        let regions = pipelined_regions(&graph);
        let new = ExecutionGraph::new(&graph, &regions, now);
        let old = std::mem::replace(&mut self.executions, new);
        self.regions = regions.into_iter().map(Region::new).collect();
        for (number, region) in self.regions.iter_mut().enumerate() {
            region.attempt = attempt(number);
            region.subtasks.iter().for_each(|subtask| self.executions.renumber(*subtask, region.attempt));
        }
        self.executions.remember(old);
        self.pool.rescale(&graph);
        self.alignment = Alignment::default();
        self.graph = graph;
    }
}
