//! What the ResourceManager is told.

use flott_core::{AllocationId, JobId, RegistrationId, TaskManagerId};

use crate::protocol::{CallId, OrderAnswer, RegistrationRequest, SlotReport};

/// An event of the ResourceManager.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A TaskManager wants to join.
    RegistrationRequested {
        /// To be answered with `AnswerRegistration`.
        call: CallId,
        /// Its request.
        request: RegistrationRequest,
    },
    /// A TaskManager lives.
    HeartbeatReceived {
        /// Which.
        task_manager_id: TaskManagerId,
        /// Its registration.
        registration_id: RegistrationId,
        /// Its slots.
        slots: SlotReport,
    },
    /// The heartbeat stream of a registration broke.
    ConnectionLost {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// Its registration.
        registration_id: RegistrationId,
    },
    /// A TaskManager has accepted or refused an order.
    OrderAnswered {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// The registration that the order was for.
        registration_id: RegistrationId,
        /// The allocation that the order was about.
        allocation_id: AllocationId,
        /// Its answer.
        answer: OrderAnswer,
    },
    /// From a JobMaster: the job needs this many slots in total. 0 gives back all.
    SlotsRequired {
        /// The job.
        job_id: JobId,
        /// How many.
        count: u32,
    },
    /// From a JobMaster: the job may have slots from an earlier leader. Comes before any TaskManager registers that has
    /// some.
    JobRecovering {
        /// The job.
        job_id: JobId,
    },
    /// From a JobMaster: it does not want this slot.
    SlotReleased {
        /// The job.
        job_id: JobId,
        /// Which slot.
        allocation_id: AllocationId,
    },
    /// The time of `next_wakeup` has come.
    TimerFired,
}
