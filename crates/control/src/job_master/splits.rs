//! Sources ask for splits.

use std::collections::BTreeSet;

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, MonoTime, SubtaskId, SubtaskIndex, VertexIndex,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::{
    Effect, JobMaster, JobState,
    split_queue::{Decision, Reported, SplitQueue, SplitRequest},
};

impl JobMaster {
    pub(super) fn split_requested(
        &mut self,
        vertex: VertexIndex,
        request: SplitRequest,
        out: &mut Vec<Effect>,
    ) {
        let SplitRequest { subtask, attempt, request_id } = request;
        let id = SubtaskId { vertex, subtask };
        let reject = |reason: &str| Effect::RejectSplitRequest {
            subtask: id,
            attempt,
            request_id,
            reason: reason.to_owned(),
        };
        if matches!(self.state, JobState::Reconciling { .. }) {
            return self.keep_split_request(id, request);
        }
        let execution = self.executions.get(id, attempt);
        let live = execution.is_some_and(|it| it.is_live() && it.state != ExecutionState::Canceling);
        if !live || !self.state.is_active() {
            out.push(reject("this attempt of the subtask does not run"));
            return;
        }
        let Some(queue) = self.splits.get_mut(&vertex) else {
            out.push(reject("the subtask is no source"));
            return;
        };
        match queue.request(request) {
            Decision::Answer(answer) => {
                out.push(Effect::AnswerSplit { subtask: id, attempt, request_id, answer });
            }
            Decision::Wait => {}
            Decision::Stale => out.push(reject("the subtask has asked again since")),
        }
    }

    pub(super) fn splits_enumerated(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        splits: EnumeratedSplits,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if matches!(self.state, JobState::Reconciling { .. }) {
            return self.keep_found_splits(subtask, attempt, splits, now, out);
        }
        if !self.is_enumerating(subtask, attempt) || !self.state.is_active() {
            return;
        }
        let EnumeratedSplits { report_id, result, complete } = splits;
        let found = match result {
            Ok(found) => found,
            Err(cause) => return self.fail_task(subtask, attempt, cause, now, out),
        };
        let Some(queue) = self.splits.get_mut(&subtask.vertex) else { return };
        match queue.reported(report_id, found, complete) {
            Reported::Answers(answers) => {
                let answers = answers.into_iter();
                out.extend(answers.map(|(request, answer)| answer_to(subtask.vertex, request, answer)));
            }
            Reported::Repeated => {}
            // Reading on without those splits would be worse.
            Reported::Missing { report_id: missing } => {
                let name = self.task_name(subtask);
                let message = format!("report {missing} of {name}'s splits was lost: {report_id} has come");
                let cause = FailureCause::new(FailureKind::Internal, message);
                self.fail_task(subtask, attempt, cause, now, out);
            }
        }
    }

    /// Answers those that wait and need wait no more.
    pub(super) fn serve_splits(&mut self, out: &mut Vec<Effect>) {
        for (vertex, queue) in &mut self.splits {
            let answers = queue.serve().into_iter();
            out.extend(answers.map(|(request, answer)| answer_to(*vertex, request, answer)));
        }
    }

    /// Whether all subtasks of a source must restart when these do.
    pub(super) fn needs_whole_vertex(&self, vertex: VertexIndex, restarted: &BTreeSet<SubtaskId>) -> bool {
        let queue = self.splits.get(&vertex);
        queue.is_some_and(|queue| queue.needs_all(&subtasks_of(vertex, restarted)))
    }

    /// These subtasks are about to be deployed again: what was handed to them since the checkpoint that they begin with
    /// is there again.
    pub(super) fn restore_splits(
        &mut self,
        restarted: &BTreeSet<SubtaskId>,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        debug_assert!(self.checkpoints_settled(), "nobody knows yet from which checkpoint they begin");
        for (vertex, queue) in &mut self.splits {
            queue.restore(&subtasks_of(*vertex, restarted));
        }
        self.count_restore(now);
        self.serve_splits(out);
    }

    /// There are about to be other subtasks, which begin with the checkpoint.
    pub(super) fn restore_all_splits(&mut self, now: MonoTime) {
        debug_assert!(self.checkpoints_settled(), "nobody knows yet from which checkpoint they begin");
        self.splits.values_mut().for_each(SplitQueue::restore_all);
        self.count_restore(now);
    }

    /// These subtasks are being stopped, so they need no longer wait for splits.
    pub(super) fn reject_waiting_split_requests(
        &mut self,
        stops: impl Fn(SubtaskId) -> bool,
        out: &mut Vec<Effect>,
    ) {
        for (&vertex, queue) in &mut self.splits {
            let stopped = queue.stop_waiting(|subtask| stops(SubtaskId { vertex, subtask }));
            for SplitRequest { subtask, attempt, request_id } in stopped {
                out.push(Effect::RejectSplitRequest {
                    subtask: SubtaskId { vertex, subtask },
                    attempt,
                    request_id,
                    reason: "the subtask is being stopped".to_owned(),
                });
            }
        }
    }

    pub(super) fn is_enumerating(&self, subtask: SubtaskId, attempt: AttemptNumber) -> bool {
        let queue = self.splits.get(&subtask.vertex);
        queue.is_some_and(|queue| queue.is_enumerating(subtask.subtask, attempt))
    }
}

fn subtasks_of(vertex: VertexIndex, subtasks: &BTreeSet<SubtaskId>) -> BTreeSet<SubtaskIndex> {
    subtasks.iter().filter(|id| id.vertex == vertex).map(|id| id.subtask).collect()
}

fn answer_to(vertex: VertexIndex, request: SplitRequest, answer: SplitAnswer) -> Effect {
    let SplitRequest { subtask, attempt, request_id } = request;
    Effect::AnswerSplit { subtask: SubtaskId { vertex, subtask }, attempt, request_id, answer }
}
