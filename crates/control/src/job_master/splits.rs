//! Sources ask for splits.

use flott_core::{
    AttemptNumber, FailureCause, FailureKind, MonoTime, SubtaskId, VertexIndex, deployment::EnumeratedSplits,
};

use super::{
    Effect, JobMaster, JobState,
    split_queue::{Decision, Reported, SplitRequest},
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
        let live = self.executions.get(id, attempt).is_some_and(|execution| execution.is_live());
        if !live || !matches!(self.state, JobState::Running { .. }) {
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
        if !self.is_enumerating(subtask, attempt) || !matches!(self.state, JobState::Running { .. }) {
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
                for (request, answer) in answers {
                    let subtask = SubtaskId { vertex: subtask.vertex, subtask: request.subtask };
                    let SplitRequest { attempt, request_id, .. } = request;
                    out.push(Effect::AnswerSplit { subtask, attempt, request_id, answer });
                }
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

    /// No split will be handed out any more, so nobody need wait for one.
    pub(super) fn reject_waiting_split_requests(&mut self, out: &mut Vec<Effect>) {
        for (vertex, queue) in &mut self.splits {
            for SplitRequest { subtask, attempt, request_id } in queue.stop_waiting() {
                out.push(Effect::RejectSplitRequest {
                    subtask: SubtaskId { vertex: *vertex, subtask },
                    attempt,
                    request_id,
                    reason: "the job is being stopped".to_owned(),
                });
            }
        }
    }

    pub(super) fn is_enumerating(&self, subtask: SubtaskId, attempt: AttemptNumber) -> bool {
        let queue = self.splits.get(&subtask.vertex);
        queue.is_some_and(|queue| queue.is_enumerating(subtask.subtask, attempt))
    }
}
