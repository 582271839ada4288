//! Reports of one job that its JobMaster has not acknowledged.

use std::collections::VecDeque;

use flott_core::{MonoTime, RegistrationId};

use crate::protocol::Report;

/// Most reports that go in one message.
const BATCH: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Delivery {
    #[default]
    Idle,
    /// On its way.
    Sent { up_to: u64, registration_id: RegistrationId },
    /// Could not be delivered.
    Waiting { until: MonoTime },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<(u64, Report)>,
    delivery: Delivery,
}

impl Outbox {
    pub(super) fn push(&mut self, sequence: u64, report: Report) {
        self.queue.push_back((sequence, report));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What to send now, if anything.
    pub(super) fn next_batch(&mut self, registration_id: RegistrationId) -> Option<Vec<(u64, Report)>> {
        match self.delivery {
            Delivery::Idle => {}
            // What was sent with an earlier registration may never be taken in.
            Delivery::Sent { registration_id: earlier, .. } if earlier != registration_id => {}
            Delivery::Sent { .. } | Delivery::Waiting { .. } => return None,
        }
        let batch: Vec<_> = self.queue.iter().take(BATCH).cloned().collect();
        let up_to = batch.last()?.0;
        self.delivery = Delivery::Sent { up_to, registration_id };
        Some(batch)
    }

    /// Need not be told again.
    pub(super) fn acknowledged(&mut self, up_to: u64, registration_id: RegistrationId) {
        while self.queue.front().is_some_and(|(sequence, _)| *sequence <= up_to) {
            self.queue.pop_front();
        }
        if let Delivery::Sent { up_to: sent, registration_id: with } = self.delivery
            && with == registration_id
            && sent <= up_to
        {
            self.delivery = Delivery::Idle;
        }
    }

    pub(super) fn failed(&mut self, up_to: u64, registration_id: RegistrationId, until: MonoTime) {
        if self.delivery == (Delivery::Sent { up_to, registration_id }) {
            self.delivery = Delivery::Waiting { until };
        }
    }

    pub(super) fn wake(&mut self, now: MonoTime) {
        if matches!(self.delivery, Delivery::Waiting { until } if until <= now) {
            self.delivery = Delivery::Idle;
        }
    }

    pub(super) fn wakeup(&self) -> Option<MonoTime> {
        match self.delivery {
            Delivery::Waiting { until } => Some(until),
            Delivery::Idle | Delivery::Sent { .. } => None,
        }
    }
}
