//! Performing what a JobMaster's machine wants done.

use flott_control::{
    job_master::{Effect, Outcome, RescaleRefusal, SnapshotTaken},
    protocol::{CallId, Fence, Order},
};
use flott_core::{FailureCause, TaskManagerId};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::{
    CallError,
    actor::{Delivered, JobMaster},
};
use crate::job_store::Write;

/// When an order may be delivered.
struct Turn {
    /// Closes when the one before it has been.
    previous: Option<oneshot::Receiver<()>>,
    /// To be dropped then, for the next one.
    end: oneshot::Sender<()>,
}

const fn is_about_checkpoints(order: &Order) -> bool {
    matches!(order, Order::TriggerCheckpoint { .. } | Order::NotifyCheckpoint { .. })
}

impl JobMaster {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::RequireSlots { count } => self.slots.require(count),
            Effect::ReleaseSlot { allocation_id } => self.slots.release(allocation_id),
            Effect::SendOrder { to, fence, order } => self.send_order(to, fence, order),
            Effect::AnswerSplit { subtask, attempt, request_id, answer } => {
                self.splits.answer(subtask, attempt, request_id, Ok(answer));
            }
            Effect::RejectSplitRequest { subtask, attempt, request_id, reason } => {
                self.splits.answer(subtask, attempt, request_id, Err(CallError::Rejected(reason)));
            }
            Effect::StoreCheckpoint { checkpoint_id, directory, metadata } => {
                self.snapshots.store(checkpoint_id, directory, metadata);
            }
            // It was told by the Dispatcher, before any TaskManager could register.
            Effect::AwaitTaskManagers => {}
            Effect::StorePointer { checkpoint_id, pointer } => {
                self.write(Write::Pointer { checkpoint_id, pointer });
            }
            Effect::StoreRun { run } => self.write(Write::Run(run)),
            Effect::DeleteFiles { files, directories } => self.snapshots.delete(files, directories),
            Effect::SnapshotDone { call, result } => self.answer_snapshot(call, result),
            Effect::RescaleAnswered { call, result } => self.answer_rescale(call, result),
            Effect::StatusChanged { status } => self.log_status(status),
            Effect::Terminated { outcome: Outcome::Failed(cause) } => self.log_failure(&cause),
            Effect::Terminated { outcome: Outcome::Finished | Outcome::Canceled } => info!("job ended"),
            Effect::Violation { message } => error!(message, "a JobMaster met the impossible"),
        }
    }

    /// What is kept of a job that has ended is its result.
    fn write(&mut self, write: Write) {
        if self.machine.outcome().is_none() {
            self.writer.push(write);
        }
    }

    pub(super) fn answer_snapshot(&mut self, call: CallId, result: Result<SnapshotTaken, FailureCause>) {
        match &result {
            Ok(SnapshotTaken { checkpoint_id, location }) => {
                info!(%checkpoint_id, location, "took the checkpoint or savepoint that a user wanted");
            }
            Err(error) => warn!(%error, "could not take the checkpoint or savepoint that a user wanted"),
        }
        if let Some(reply) = self.snapshot_calls.remove(&call) {
            // Who is told of a snapshot and then looks for it finds it.
            self.publish();
            // Who has gone away does not want to know.
            let _ = reply.send(result);
        }
    }

    fn answer_rescale(&mut self, call: CallId, result: Result<(), RescaleRefusal>) {
        if result.is_ok() {
            info!("a user wants another parallelism");
        }
        if let Some(reply) = self.rescale_calls.remove(&call) {
            // Who is told of it and then looks finds it.
            self.publish();
            // Who has gone away does not want to know.
            let _ = reply.send(result);
        }
    }

    fn send_order(&mut self, to: TaskManagerId, fence: Fence, order: Order) {
        // Without a connection the registration is over, of which the machine hears or has heard.
        let client = self.clients.get(&to).filter(|client| client.is_for(fence.registration_id));
        let Some(client) = client.cloned() else { return };
        let turn = is_about_checkpoints(&order).then(|| self.take_turn(&to));
        self.deliveries.spawn(async move {
            let name = order.name();
            let mut own = None;
            if let Some(Turn { previous, end }) = turn {
                own = Some(end);
                if let Some(previous) = previous {
                    let _ = previous.await; // never sends, only closes
                }
            }
            let answer = client.deliver(order).await;
            drop(own);
            Delivered { to, fence, order: name, answer }
        });
    }

    /// Orders about checkpoints go to a TaskManager one after the other: a checkpoint that is given up must not be begun
    /// after that.
    fn take_turn(&mut self, to: &TaskManagerId) -> Turn {
        let (end, ended) = oneshot::channel();
        Turn { previous: self.last_checkpoint_orders.insert(to.clone(), ended), end }
    }

    /// The one place where a job's failure is logged.
    fn log_failure(&self, cause: &FailureCause) {
        let first = self.machine.failures().first();
        error!(
            error = %cause,
            kind = %cause.kind,
            operator = cause.operator.as_deref(),
            location = cause.location.as_deref(),
            task = first.and_then(|record| record.task_name.as_deref()),
            task_manager_id = first.and_then(|record| record.task_manager_id.as_ref()).map(tracing::field::display),
            "job failed"
        );
    }
}
