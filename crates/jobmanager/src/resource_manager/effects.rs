//! Performing what the ResourceManager's machine wants done.

use flott_control::{
    protocol::{Fence, Order, RegistrationAnswer},
    resource_manager::Effect,
};
use flott_core::{JobId, RegistrationId, TaskManagerId};
use tracing::{debug, error, info, warn};

use super::{
    actor::{PendingCall, ResourceManager},
    handle::Message,
};
use crate::{job_master::FromResourceManager, task_manager_client::TaskManagerClient};

impl ResourceManager {
    /// Performs one effect. Returns whether this process still leads.
    pub(super) fn perform(&mut self, effect: Effect) -> bool {
        match effect {
            Effect::AnswerRegistration { call, answer } => {
                if let Some(call) = self.calls.remove(&call) {
                    self.answer_registration(call, answer);
                }
            }
            Effect::AnswerHeartbeat { registration_id, known, .. } => {
                if let Some(answers) = self.streams.get(&registration_id) {
                    // A stream that has no room is far behind; its TaskManager sees the answer to the next.
                    let _ = answers.known.try_send(known);
                }
                if !known {
                    self.streams.remove(&registration_id);
                }
            }
            Effect::SendOrder { to, fence, order } => self.send_order(to, fence, order),
            Effect::Disconnect { task_manager_id, registration_id, reason } => {
                warn!(%task_manager_id, reason, "TaskManager disconnected");
                self.streams.remove(&registration_id);
                if let Some(client) = self.clients.remove(&registration_id) {
                    client.close();
                }
                if self.machine.task_managers().all(|(id, _)| *id != task_manager_id) {
                    self.particulars.remove(&task_manager_id);
                }
            }
            Effect::GrantSlot { job_id, slot } => match self.client(slot.fence.registration_id) {
                Some(client) => {
                    self.tell(job_id, FromResourceManager::SlotGranted { slot, client });
                }
                None => error!(%job_id, "a slot was granted on a registration without a connection"),
            },
            Effect::ReportSlots { job_id, total, free, task_managers } => {
                self.tell(job_id, FromResourceManager::SlotsReported { total, free, task_managers });
            }
            Effect::TellTaskManagerLost { job_id, task_manager_id, registration_id, cause } => self.tell(
                job_id,
                FromResourceManager::TaskManagerLost { task_manager_id, registration_id, cause },
            ),
            Effect::TellTaskManagerReregistered { job_id, task_manager_id, fence } => {
                match self.client(fence.registration_id) {
                    Some(client) => {
                        self.tell(
                            job_id,
                            FromResourceManager::TaskManagerReregistered { task_manager_id, client },
                        );
                    }
                    None => error!(%job_id, "a registration without a connection took over a job's slots"),
                }
            }
            Effect::ReturnTaskManager { job_id, returned } => {
                match self.client(returned.fence.registration_id) {
                    Some(client) => {
                        self.tell(job_id, FromResourceManager::TaskManagerReturned { returned, client });
                    }
                    None => error!(%job_id, "a registration without a connection has slots of a job"),
                }
            }
            Effect::LeadershipLost { epoch } => {
                error!(leader_epoch = %epoch, "a newer leader exists; this JobManager leads no more");
                return false;
            }
            Effect::Violation { message } => error!(message, "the ResourceManager met the impossible"),
        }
        true
    }

    fn answer_registration(&mut self, call: PendingCall, answer: RegistrationAnswer) {
        let PendingCall { task_manager_id, reply } = call;
        match &answer {
            RegistrationAnswer::Registered { fence, .. } => {
                if self.client(fence.registration_id).is_some() {
                    info!(%task_manager_id, registration_id = %fence.registration_id, "TaskManager registered");
                }
            }
            RegistrationAnswer::Refused { reason } => {
                warn!(%task_manager_id, reason, "TaskManager refused");
            }
        }
        // A caller that has gone away will register again.
        let _ = reply.send(answer);
    }

    /// The client of a registration, made when it is needed first.
    fn client(&mut self, registration_id: RegistrationId) -> Option<TaskManagerClient> {
        if let Some(client) = self.clients.get(&registration_id) {
            return Some(client.clone());
        }
        let (id, entry) =
            self.machine.task_managers().find(|(_, entry)| entry.registration_id == registration_id)?;
        let fence = Fence { epoch: self.epoch, registration_id };
        match TaskManagerClient::new(id.clone(), fence, &entry.info.rpc_address) {
            Ok(client) => {
                self.clients.insert(registration_id, client.clone());
                Some(client)
            }
            Err(error) => {
                error!(%error, "an address that was accepted is none");
                None
            }
        }
    }

    fn send_order(&mut self, to: TaskManagerId, fence: Fence, order: Order) {
        let allocation_id = match &order {
            Order::RequestSlot { holder, .. } | Order::FreeSlot { holder } => holder.allocation_id,
            other => {
                error!(order = other.name(), "the ResourceManager gave an order that is not its own");
                return;
            }
        };
        let Some(client) = self.client(fence.registration_id) else {
            error!(task_manager_id = %to, order = order.name(), "no connection for an order");
            return;
        };
        let inbox = self.own_inbox.clone();
        let registration_id = fence.registration_id;
        self.deliveries.spawn(async move {
            if let Some(answer) = client.deliver(order).await
                && let Some(inbox) = inbox.upgrade()
            {
                let answered =
                    Message::OrderAnswered { task_manager_id: to, registration_id, allocation_id, answer };
                // Fails only if the ResourceManager has ended.
                let _ = inbox.send(answered).await;
            }
        });
    }

    fn tell(&mut self, job_id: JobId, message: FromResourceManager) {
        match self.jobs.get_mut(&job_id) {
            Some(job) => job.push(message),
            // The job has ended and its `RequireSlots(0)` is on its way or already here.
            None => debug!(%job_id, "a message for an ended job was dropped"),
        }
    }
}
