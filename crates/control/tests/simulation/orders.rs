//! How a JobManager's orders reach the TaskManagers: repeated until they are answered.

use flott_control::{
    job_master,
    protocol::{Fence, Order, OrderAnswer},
    resource_manager,
};
use flott_core::TaskManagerId;

use super::{
    job_manager::{JobMail, JobManager},
    network::ToTaskManager,
    world::{Action, Actor, MILLI, SECOND, World},
};

/// An order that has not been answered yet.
pub(crate) struct Call {
    pub(crate) actor: Actor,
    to: TaskManagerId,
    pub(crate) fence: Fence,
    order: Order,
}

impl Call {
    /// Whether it comes before the next order about checkpoints.
    fn is_before(&self, actor: Actor, to: &TaskManagerId, fence: Fence) -> bool {
        (self.actor, &self.to, self.fence) == (actor, to, fence) && is_about_checkpoints(&self.order)
    }
}

fn is_about_checkpoints(order: &Order) -> bool {
    matches!(order, Order::TriggerCheckpoint { .. } | Order::NotifyCheckpoint { .. })
}

impl World {
    /// What a leader that is none any more had ordered may arrive long after its successor's orders, as it does when
    /// the process was only frozen.
    pub(crate) fn leave_orders_behind(&mut self, old: JobManager) {
        let epoch = old.epoch;
        for (number, Call { to, fence, order, .. }) in old.calls {
            if let Some(place) = old.addresses.get(&to).copied() {
                let order =
                    ToTaskManager::Order { place, epoch, call: number, fence, order: Box::new(order) };
                self.at_between(0, 6 * SECOND, Action::ArriveAtTaskManager(Box::new(order)));
            }
        }
    }

    pub(crate) fn order_answered(&mut self, number: u64, answer: OrderAnswer) {
        let Some(job_manager) = &mut self.job_manager else { return };
        if answer == OrderAnswer::UnknownRegistration {
            self.count("order to unknown registration");
            return; // the call is tried again
        }
        let Some(Call { actor, to, fence, order }) = job_manager.calls.remove(&number) else { return };
        self.call_next(actor, &to, fence);
        let refused = match &answer {
            OrderAnswer::Refused { reason, .. } => Some(*reason),
            _ => None,
        };
        if refused.is_some() {
            self.count("order refused");
        }
        match actor {
            Actor::ResourceManager => {
                let (Order::RequestSlot { holder, .. } | Order::FreeSlot { holder }) = order else {
                    panic!("the ResourceManager orders slots only");
                };
                self.post_resource(resource_manager::Event::OrderAnswered {
                    task_manager_id: to,
                    registration_id: fence.registration_id,
                    allocation_id: holder.allocation_id,
                    answer,
                });
            }
            Actor::Job(job_id) => {
                if let Some(reason) = refused {
                    self.post(
                        job_id,
                        JobMail::Event(job_master::Event::OrderRefused {
                            task_manager_id: to,
                            registration_id: fence.registration_id,
                            order: order.name(),
                            reason,
                        }),
                    );
                }
            }
        }
    }

    pub(crate) fn retry_call(&mut self, epoch: u64, number: u64) {
        let Some(job_manager) = &self.job_manager else { return };
        if job_manager.epoch == epoch && job_manager.calls.contains_key(&number) {
            self.count("order repeated");
            self.call(number);
        }
    }

    fn call(&mut self, number: u64) {
        let Some(job_manager) = &self.job_manager else { return };
        let Some(call) = job_manager.calls.get(&number) else { return };
        let Some(place) = job_manager.addresses.get(&call.to) else { return };
        let (epoch, fence, order) = (job_manager.epoch, call.fence, call.order.clone());
        self.send_to_task_manager(ToTaskManager::Order {
            place: *place,
            epoch,
            call: number,
            fence,
            order: Box::new(order),
        });
        self.at_between(300 * MILLI, 800 * MILLI, Action::RetryCall { epoch, call: number });
    }

    pub(crate) fn send_order(&mut self, actor: Actor, to: TaskManagerId, fence: Fence, order: Order) {
        let Some(job_manager) = &mut self.job_manager else { return };
        // The shell knows which registrations are over.
        let current = job_manager.resource_manager.task_managers();
        if !current.into_iter().any(|(_, entry)| entry.registration_id == fence.registration_id) {
            return;
        }
        job_manager.next_call += 1;
        let number = job_manager.next_call;
        let waits = is_about_checkpoints(&order)
            && job_manager.calls.values().any(|call| call.is_before(actor, &to, fence));
        job_manager.calls.insert(number, Call { actor, to, fence, order });
        if !waits {
            self.call(number);
        }
    }

    /// Orders about checkpoints go to a TaskManager one after the other.
    fn call_next(&mut self, actor: Actor, to: &TaskManagerId, fence: Fence) {
        let Some(job_manager) = &mut self.job_manager else { return };
        let mut calls = job_manager.calls.iter();
        let next = calls.find(|(_, call)| call.is_before(actor, to, fence)).map(|(number, _)| *number);
        if let Some(next) = next {
            self.call(next);
        }
    }
}
