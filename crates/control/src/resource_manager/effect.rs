//! What the ResourceManager wants done.

use flott_core::{FailureCause, JobId, RegistrationId, TaskManagerId};

use crate::{
    job_master::{GrantedSlot, ReturnedTaskManager},
    protocol::{CallId, Fence, Order, RegistrationAnswer},
};

/// An effect of the ResourceManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer a TaskManager that wants to join.
    AnswerRegistration {
        /// Its call.
        call: CallId,
        /// The answer.
        answer: RegistrationAnswer,
    },
    /// Answer a heartbeat.
    AnswerHeartbeat {
        /// To whom.
        task_manager_id: TaskManagerId,
        /// The registration in the heartbeat.
        registration_id: RegistrationId,
        /// Whether it is a valid one; if not, the TaskManager must register again.
        known: bool,
    },
    /// To a TaskManager. Its answer comes back as `Event::OrderAnswered`.
    SendOrder {
        /// To whom.
        to: TaskManagerId,
        /// By what right.
        fence: Fence,
        /// What to do: `RequestSlot` or `FreeSlot`.
        order: Order,
    },
    /// A registration is over: close its stream and call it no more.
    Disconnect {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// Its registration.
        registration_id: RegistrationId,
        /// Why, for the log.
        reason: String,
    },
    /// To a JobMaster: a slot for the job.
    GrantSlot {
        /// The job.
        job_id: JobId,
        /// The slot.
        slot: GrantedSlot,
    },
    /// To a JobMaster that waits for slots: what there is.
    ReportSlots {
        /// The job.
        job_id: JobId,
        /// Slots of all TaskManagers.
        total: u32,
        /// How many of them are free.
        free: u32,
        /// Registered TaskManagers.
        task_managers: u32,
    },
    /// To a JobMaster: all its slots on this registration are gone.
    TellTaskManagerLost {
        /// The job.
        job_id: JobId,
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// Its registration.
        registration_id: RegistrationId,
        /// Why.
        cause: FailureCause,
    },
    /// To a JobMaster: a TaskManager has registered again and still holds the job's slots.
    TellTaskManagerReregistered {
        /// The job.
        job_id: JobId,
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// What orders to it carry from now on.
        fence: Fence,
    },
    /// To a JobMaster: a TaskManager has slots of the job from an earlier leader. They are the job's until it releases them.
    /// Comes when the TaskManager has taken the registration up: a request that was long on its way tells of what is past.
    ReturnTaskManager {
        /// The job.
        job_id: JobId,
        /// The TaskManager, and what it has of the job.
        returned: ReturnedTaskManager,
    },
    /// A newer leader exists: this process must stop leading.
    LeadershipLost {
        /// The newer leader's epoch.
        epoch: flott_core::LeaderEpoch,
    },
    /// Something came that can't come: a bug of our own. Log it as an error.
    Violation {
        /// What came, and in which state.
        message: String,
    },
}
