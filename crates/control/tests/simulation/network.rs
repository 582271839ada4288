//! What crosses the virtual network, and what the network does to it.

use flott_control::protocol::{
    Fence, Order, OrderAnswer, RegistrationAnswer, RegistrationRequest, Report, ReportAnswer, SlotReport,
};
use flott_core::{
    AttemptNumber, JobId, RegistrationId, SubtaskId, TaskManagerId,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::world::{Action, World};

/// A TaskManager process: its place, and which of the processes that ran there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) place: usize,
    pub(crate) incarnation: u64,
}

/// Who of the TaskManagers speaks, and where its answer goes.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) process: Process,
    pub(crate) id: TaskManagerId,
    pub(crate) registration_id: RegistrationId,
}

/// To the JobManager; `epoch` in an answer says to which process.
#[derive(Clone, Debug)]
pub(crate) enum ToJobManager {
    Register {
        process: Process,
        request: RegistrationRequest,
    },
    Heartbeat {
        from: Sender,
        slots: SlotReport,
    },
    StreamClosed {
        id: TaskManagerId,
        registration_id: RegistrationId,
    },
    OrderAnswer {
        epoch: u64,
        call: u64,
        answer: OrderAnswer,
    },
    Reports {
        from: Sender,
        job_id: JobId,
        reports: Vec<(u64, Report)>,
    },
    SplitRequest {
        from: Sender,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        request_id: u64,
    },
    Splits {
        from: Sender,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        splits: EnumeratedSplits,
    },
}

/// To a TaskManager. Answers go to the process that asked, orders to whichever runs at the place.
#[derive(Clone, Debug)]
pub(crate) enum ToTaskManager {
    RegisterAnswer {
        process: Process,
        generation: u64,
        answer: RegistrationAnswer,
    },
    HeartbeatAnswer {
        process: Process,
        registration_id: RegistrationId,
        known: bool,
    },
    StreamClosed {
        process: Process,
        registration_id: RegistrationId,
    },
    Order {
        place: usize,
        epoch: u64,
        call: u64,
        fence: Fence,
        order: Box<Order>,
    },
    ReportsAnswer {
        process: Process,
        job_id: JobId,
        up_to: u64,
        registration_id: RegistrationId,
        answer: ReportAnswer,
    },
    SplitAnswer {
        process: Process,
        registration_id: RegistrationId,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        request_id: u64,
        answer: SplitAnswer,
    },
    SplitsTaken {
        process: Process,
        registration_id: RegistrationId,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        splits: EnumeratedSplits,
    },
}

impl ToTaskManager {
    fn place(&self) -> usize {
        match self {
            Self::Order { place, .. } => *place,
            Self::RegisterAnswer { process, .. }
            | Self::HeartbeatAnswer { process, .. }
            | Self::StreamClosed { process, .. }
            | Self::ReportsAnswer { process, .. }
            | Self::SplitAnswer { process, .. }
            | Self::SplitsTaken { process, .. } => process.place,
        }
    }
}

/// How bad the network is in one run, in percent and microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) slow: u64,
    pub(crate) slowest: u64,
}

impl World {
    pub(crate) fn send_to_job_manager(&mut self, place: usize, message: ToJobManager) {
        for at in self.arrivals(place) {
            self.at(at, Action::ArriveAtJobManager(place, Box::new(message.clone())));
        }
    }

    pub(crate) fn send_to_task_manager(&mut self, message: ToTaskManager) {
        let place = message.place();
        for at in self.arrivals(place) {
            self.at(at, Action::ArriveAtTaskManager(Box::new(message.clone())));
        }
    }

    /// After how many microseconds a message between the JobManager and a place arrives; several times or never.
    fn arrivals(&mut self, place: usize) -> Vec<u64> {
        let faulty = self.faults_go_on();
        if self.is_cut_off(place) {
            self.count("message lost");
            return Vec::new();
        }
        let weather = self.weather;
        if faulty && self.random.percent(weather.lost) {
            self.count("message lost");
            return Vec::new();
        }
        let copies = if faulty && self.random.percent(weather.doubled) {
            self.count("message doubled");
            2
        } else {
            1
        };
        (0..copies)
            .map(|_| {
                if faulty && self.random.percent(weather.slow) {
                    self.random.between(1_000, weather.slowest)
                } else {
                    self.random.between(100, 2_000)
                }
            })
            .collect()
    }
}
