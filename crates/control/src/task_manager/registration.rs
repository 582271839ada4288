//! How a TaskManager belongs to a cluster.

use std::time::Duration;

use flott_core::{MonoTime, RegistrationId};

use super::{Effect, TaskManager};
use crate::protocol::{Fence, OrderAnswer, RegistrationAnswer, RegistrationRequest};

/// Registration of a TaskManager with the leader.
///
/// ```text
/// Disconnected → Registering → Registered
///       ↑             │             │
///       └─────────────┴─────────────┘     (refused, no answer, connection lost, heartbeats unanswered)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Waiting before the next try.
    Disconnected {
        /// When to try.
        retry_at: MonoTime,
    },
    /// Waiting for the leader's answer.
    Registering {
        /// The request's generation.
        generation: u64,
        /// When to give up this try.
        deadline: MonoTime,
    },
    /// Part of a cluster.
    Registered {
        /// What the leader's orders carry.
        fence: Fence,
        /// When to send the next heartbeat.
        next_heartbeat: MonoTime,
        /// How often to send one.
        heartbeat_interval: Duration,
        /// By when one must have been answered.
        answer_deadline: MonoTime,
    },
}

impl Registration {
    /// The registration's id, if there is one.
    pub const fn id(&self) -> Option<RegistrationId> {
        match self {
            Self::Registered { fence, .. } => Some(fence.registration_id),
            Self::Disconnected { .. } | Self::Registering { .. } => None,
        }
    }

    pub(super) fn wakeup(&self) -> MonoTime {
        match self {
            Self::Disconnected { retry_at } => *retry_at,
            Self::Registering { deadline, .. } => *deadline,
            Self::Registered { next_heartbeat, answer_deadline, .. } => *next_heartbeat.min(answer_deadline),
        }
    }
}

impl TaskManager {
    pub(super) fn register(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let generation = self.next_generation;
        self.next_generation += 1;
        if matches!(self.registration, Registration::Registered { .. }) {
            self.leaderless_since = Some(now);
        }
        self.registration =
            Registration::Registering { generation, deadline: now + self.config.registration_timeout };
        out.push(Effect::Register {
            request: RegistrationRequest {
                task_manager_id: self.config.task_manager_id.clone(),
                generation,
                info: self.config.info.clone(),
                slots: self.slots.report(),
                jobs: self.survey(),
            },
        });
    }

    pub(super) fn registration_answered(
        &mut self,
        generation: u64,
        answer: RegistrationAnswer,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if !self.is_registering(generation) {
            return;
        }
        match answer {
            RegistrationAnswer::Registered { fence, heartbeat_interval_ms }
                if fence.epoch >= self.highest_epoch =>
            {
                self.highest_epoch = fence.epoch;
                self.backoff = self.config.registration_initial_backoff;
                self.leaderless_since = None;
                self.registration = Registration::Registered {
                    fence,
                    next_heartbeat: now,
                    // A leader that wants heartbeats without end would keep this machine busy for ever.
                    heartbeat_interval: Duration::from_millis(heartbeat_interval_ms.max(1)),
                    answer_deadline: now + self.config.heartbeat_timeout,
                };
                self.send_heartbeat(now, out);
            }
            // Refused, or by a leader that does not know yet that it is none any more.
            RegistrationAnswer::Registered { .. } | RegistrationAnswer::Refused { .. } => self.back_off(now),
        }
    }

    pub(super) fn registration_failed(&mut self, generation: u64, now: MonoTime) {
        if self.is_registering(generation) {
            self.back_off(now);
        }
    }

    pub(super) fn heartbeat_answered(
        &mut self,
        registration_id: RegistrationId,
        known: bool,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let timeout = self.config.heartbeat_timeout;
        if let Registration::Registered { fence, answer_deadline, .. } = &mut self.registration
            && fence.registration_id == registration_id
        {
            if known {
                *answer_deadline = now + timeout;
            } else {
                self.register(now, out);
            }
        }
    }

    pub(super) fn check_registration(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.registration {
            Registration::Disconnected { retry_at } if now >= retry_at => self.register(now, out),
            Registration::Registering { deadline, .. } if now >= deadline => self.back_off(now),
            Registration::Registered { answer_deadline, .. } if now >= answer_deadline => {
                self.register(now, out);
            }
            Registration::Registered { next_heartbeat, .. } if now >= next_heartbeat => {
                self.send_heartbeat(now, out);
            }
            _ => {}
        }
    }

    /// When everything is to be ended for want of a leader.
    pub(super) fn leader_deadline(&self) -> Option<MonoTime> {
        self.slots.is_any_held().then_some(())?;
        Some(self.leaderless_since? + self.config.leader_loss_grace)
    }

    /// Without any leader for so long, another TaskManager may have been told to run what runs here.
    pub(super) fn check_leader(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if self.leader_deadline().is_some_and(|at| now >= at) {
            for job_id in self.slots.start_freeing_all() {
                self.settle(job_id, out);
            }
            // What was told of them is not true any more.
            if matches!(self.registration, Registration::Registering { .. }) {
                self.register(now, out);
            }
        }
    }

    pub(super) fn send_heartbeat(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if let Registration::Registered { fence, next_heartbeat, heartbeat_interval, .. } =
            &mut self.registration
        {
            *next_heartbeat = now + *heartbeat_interval;
            out.push(Effect::SendHeartbeat { fence: *fence, slots: self.slots.report() });
        }
    }

    /// The answer to an order that must not be obeyed.
    pub(super) fn fenced_off(
        &mut self,
        fence: Fence,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) -> Option<OrderAnswer> {
        if fence.epoch < self.highest_epoch {
            return Some(OrderAnswer::StaleLeader { highest: self.highest_epoch });
        }
        if self.registration.id() == Some(fence.registration_id) {
            return None;
        }
        if fence.epoch > self.highest_epoch {
            self.highest_epoch = fence.epoch;
            // There is a newer leader than the one it belongs to.
            if self.registration.id().is_some() {
                self.register(now, out);
            }
        }
        Some(OrderAnswer::UnknownRegistration)
    }

    fn is_registering(&self, generation: u64) -> bool {
        matches!(self.registration, Registration::Registering { generation: own, .. } if own == generation)
    }

    fn back_off(&mut self, now: MonoTime) {
        self.registration = Registration::Disconnected { retry_at: now + self.backoff };
        self.backoff = (self.backoff * 2).min(self.config.registration_max_backoff);
    }
}
