//! What a JobManager does for its ResourceManager.

use flott_control::{job_master, resource_manager};
use flott_core::RegistrationId;

use super::{
    faults::Fault,
    job_manager::JobMail,
    network::{Process, ToTaskManager},
    world::{Action, Actor, World},
};

impl World {
    pub(crate) fn resource_manager_event(&mut self, event: resource_manager::Event) {
        let now = self.now();
        let Some(job_manager) = &mut self.job_manager else { return };
        let effects = job_manager.resource_manager.handle(event, now);
        let wakeup = job_manager.resource_manager.next_wakeup();
        let epoch = job_manager.epoch;
        if let Some(at) = wakeup
            && job_manager.timer.is_none_or(|timer| at < timer)
        {
            job_manager.timer = Some(at);
            let delay = self.until(at);
            self.at(delay, Action::JobManagerTimer { epoch, actor: Actor::ResourceManager, at });
        }
        for effect in effects {
            self.perform_for_resource_manager(effect);
        }
        self.check_resource_manager();
    }

    fn perform_for_resource_manager(&mut self, effect: resource_manager::Effect) {
        use resource_manager::Effect as E;
        let Some(job_manager) = &mut self.job_manager else { return };
        match effect {
            E::AnswerRegistration { call, answer } => {
                let Some((process, generation)) = job_manager.registering.remove(&call) else { return };
                if matches!(answer, flott_control::protocol::RegistrationAnswer::Refused { .. }) {
                    self.count("registration refused");
                }
                self.send_to_task_manager(ToTaskManager::RegisterAnswer { process, generation, answer });
            }
            E::AnswerHeartbeat { task_manager_id, registration_id, known } => {
                let Some(place) = job_manager.addresses.get(&task_manager_id).copied() else { return };
                let process = Process { place, incarnation: self.places[place].incarnation };
                if !known {
                    self.count("heartbeat of unknown registration");
                }
                self.send_to_task_manager(ToTaskManager::HeartbeatAnswer { process, registration_id, known });
            }
            E::SendOrder { to, fence, order } => self.send_order(Actor::ResourceManager, to, fence, order),
            E::Disconnect { registration_id, reason, .. } => {
                job_manager.calls.retain(|_, call| call.fence.registration_id != registration_id);
                if reason.starts_with("connection") {
                    self.count("TaskManager lost by broken connection");
                } else if reason.starts_with("no heartbeat") {
                    self.count("TaskManager lost by silence");
                }
                self.close_stream(registration_id);
            }
            E::GrantSlot { job_id, slot } => {
                self.post(job_id, JobMail::Event(job_master::Event::SlotGranted(slot)));
            }
            E::ReportSlots { job_id, total, free, task_managers } => self.post(
                job_id,
                JobMail::Event(job_master::Event::SlotsReported { total, free, task_managers }),
            ),
            E::TellTaskManagerLost { job_id, task_manager_id, registration_id, cause } => {
                assert!(cause.message.contains(task_manager_id.as_str()), "{cause:?} names the TaskManager");
                if !self.is_deposed {
                    self.truth(job_id).lost.insert(task_manager_id.clone());
                }
                self.post(
                    job_id,
                    JobMail::Event(job_master::Event::TaskManagerLost {
                        task_manager_id,
                        registration_id,
                        cause,
                    }),
                );
            }
            E::TellTaskManagerReregistered { job_id, task_manager_id, fence } => {
                self.count("registration kept slots");
                self.post(
                    job_id,
                    JobMail::Event(job_master::Event::TaskManagerReregistered { task_manager_id, fence }),
                );
            }
            E::LeadershipLost { epoch } => {
                assert!(self.is_deposed, "nobody leads with epoch {epoch} while this one does");
                self.count("leader learned that it is deposed");
                let deposed = self.job_manager.as_ref().map_or(0, |it| it.epoch);
                self.at(0, Action::Fault(Fault::RetireJobManager(deposed)));
            }
            E::ReturnTaskManager { job_id, returned } => {
                self.count("TaskManager returned to its job");
                self.post(job_id, JobMail::Event(job_master::Event::TaskManagerReturned(returned)));
            }
            E::Violation { message } => panic!("ResourceManager: {message}"),
        }
    }

    /// The other end of a stream that the JobManager closes notices.
    fn close_stream(&mut self, registration_id: RegistrationId) {
        for place in 0..self.places.len() {
            if self.places[place].registration_id() == Some(registration_id) {
                let process = Process { place, incarnation: self.places[place].incarnation };
                self.send_to_task_manager(ToTaskManager::StreamClosed { process, registration_id });
            }
        }
    }
}
