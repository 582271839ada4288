//! The virtual clock, the queue of what is to happen, and all that there is.

use std::collections::BTreeMap;

use flott_core::{JobId, MonoTime};

use super::{
    faults::Fault,
    host::Orphan,
    job_manager::JobManager,
    network::{Process, ToJobManager, ToTaskManager, Weather},
    random::Random,
    store::Write,
    task::Step,
    task_manager::Place,
    truth::Truth,
};

/// Microseconds.
pub(crate) const MILLI: u64 = 1_000;
pub(crate) const SECOND: u64 = 1_000 * MILLI;
/// When the last fault ends.
const FAULTS_END: u64 = 15 * SECOND;
/// By when after that everything must have come to rest: the sum of the timeouts that can follow one another.
const REST_WITHIN: u64 = 60 * SECOND;

/// An actor of the JobManager process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    ResourceManager,
    Job(JobId),
}

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Action {
    ArriveAtJobManager(usize, Box<ToJobManager>),
    ArriveAtTaskManager(Box<ToTaskManager>),
    /// An actor takes the next message from its mailbox.
    Mail {
        epoch: u64,
        actor: Actor,
    },
    JobManagerTimer {
        epoch: u64,
        actor: Actor,
        at: MonoTime,
    },
    RetryCall {
        epoch: u64,
        call: u64,
    },
    TaskManagerTimer {
        process: Process,
        at: MonoTime,
    },
    TaskManagerEvent {
        process: Process,
        event: Box<flott_control::task_manager::Event>,
    },
    HostUp {
        process: Process,
        job_id: JobId,
        host: u64,
    },
    HostDies {
        process: Process,
        job_id: JobId,
        host: u64,
        cause: Box<flott_core::FailureCause>,
    },
    OrphanDies {
        host: u64,
    },
    TaskStep {
        process: Process,
        job_id: JobId,
        host: u64,
        subtask: flott_core::SubtaskId,
        attempt: flott_core::AttemptNumber,
        step: Step,
    },
    /// The storage has answered.
    Stored {
        epoch: u64,
        job_id: JobId,
        checkpoint_id: flott_core::CheckpointId,
        result: Box<Result<flott_control::job_master::StoredMetadata, flott_core::FailureCause>>,
    },
    /// The store does what a leader wants.
    Write {
        epoch: u64,
        job_id: JobId,
        write: Box<Write>,
    },
    /// The store has answered.
    Written {
        epoch: u64,
        job_id: JobId,
        write: Box<Write>,
    },
    Submit(usize),
    Cancel(usize),
    /// A user wants another parallelism.
    Rescale(usize),
    Fault(Fault),
}

/// What a run was like.
pub(crate) struct Summary {
    /// Follows from everything that happened, in order.
    pub(crate) trace: u64,
    pub(crate) events: u64,
    pub(crate) counters: BTreeMap<&'static str, u64>,
}

pub(crate) struct World {
    now: u64,
    scheduled: u64,
    queue: BTreeMap<(u64, u64), Action>,
    trace: u64,
    events: u64,
    counters: BTreeMap<&'static str, u64>,
    pub(crate) random: Random,
    pub(crate) weather: Weather,
    /// Nothing goes wrong in this run.
    pub(crate) calm: bool,
    pub(crate) next_epoch: u64,
    pub(crate) next_host: u64,
    /// The one that leads.
    pub(crate) job_manager: Option<JobManager>,
    /// One that does not know yet that it leads no more.
    pub(crate) deposed: Option<JobManager>,
    /// Whether `job_manager` is that one for a moment.
    pub(crate) is_deposed: bool,
    /// How often the JobManager may still crash just when it does something that must not be lost.
    pub(crate) ambushes: u64,
    pub(crate) places: Vec<Place>,
    pub(crate) orphans: BTreeMap<u64, Orphan>,
    pub(crate) jobs: Vec<Truth>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let calm = random.percent(15);
        let weather = if calm || random.percent(20) {
            Weather::default()
        } else {
            Weather {
                lost: random.below(20),
                doubled: random.below(25),
                slow: random.below(25),
                slowest: random.between(5 * MILLI, 3 * SECOND),
            }
        };
        let places =
            (0..random.between(1, 4) as usize).map(|number| Place::new(number, &mut random)).collect();
        let jobs = (0..random.between(1, 4)).map(|_| Truth::new(&mut random, calm)).collect();
        Self {
            now: 0,
            scheduled: 0,
            queue: BTreeMap::new(),
            trace: seed,
            events: 0,
            counters: BTreeMap::new(),
            weather,
            calm,
            next_epoch: 1,
            next_host: 0,
            job_manager: None,
            deposed: None,
            is_deposed: false,
            ambushes: random.below(3),
            places,
            orphans: BTreeMap::new(),
            jobs,
            random,
        }
    }

    /// Lets everything happen that follows from the seed, until all is at rest again.
    pub(crate) fn run(mut self) -> Summary {
        self.set_up();
        while let Some(((at, number), action)) = self.queue.pop_first() {
            assert!(at >= self.now, "time goes forward");
            self.now = at;
            self.events += 1;
            self.trace = (self.trace ^ at ^ (number << 40)).wrapping_mul(0x0000_0100_0000_01b3);
            self.happen(action);
            self.trace ^= self.random.clone().next();
            if at > FAULTS_END && self.events.is_multiple_of(16) && self.unrest().is_none() {
                break;
            }
            if at > FAULTS_END + REST_WITHIN {
                panic!("no rest {} s after the last fault: {}", REST_WITHIN / SECOND, self.unrest_text());
            }
        }
        self.check_at_rest();
        Summary { trace: self.trace, events: self.events, counters: self.counters }
    }

    pub(crate) fn now(&self) -> MonoTime {
        MonoTime::from_micros(self.now)
    }

    pub(crate) fn faults_go_on(&self) -> bool {
        self.now < FAULTS_END
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counters.entry(what).or_default() += 1;
    }

    /// Lets the action happen so many microseconds from now.
    pub(crate) fn at(&mut self, delay: u64, action: Action) {
        self.scheduled += 1;
        self.queue.insert((self.now + delay, self.scheduled), action);
    }

    /// As `at`, between two delays.
    pub(crate) fn at_between(&mut self, low: u64, high: u64, action: Action) {
        let delay = self.random.between(low, high);
        self.at(delay, action);
    }

    /// Microseconds from now to a point in time; a timer may fire late.
    pub(crate) fn until(&mut self, at: MonoTime) -> u64 {
        at.as_micros().saturating_sub(self.now) + self.random.below(3 * MILLI)
    }

    fn set_up(&mut self) {
        self.start_job_manager();
        for place in 0..self.places.len() {
            self.at_between(0, SECOND, Action::Fault(Fault::StartTaskManager(place)));
        }
        for job in 0..self.jobs.len() {
            self.at_between(0, 10 * SECOND, Action::Submit(job));
            if !self.calm && self.random.percent(25) {
                self.at_between(0, FAULTS_END, Action::Cancel(job));
            }
            if self.random.percent(60) {
                for _ in 0..self.random.between(1, 3) {
                    self.at_between(0, FAULTS_END, Action::Rescale(job));
                }
            }
        }
        if self.calm && self.random.percent(60) {
            // Nothing goes wrong but with the leaders.
            for _ in 0..self.random.between(1, 3) {
                let fault = Fault::any_of_leader(self);
                self.at_between(0, FAULTS_END - 6 * SECOND, Action::Fault(fault));
            }
        }
        if !self.calm {
            for _ in 0..self.random.below(9) {
                let fault = Fault::any(self);
                self.at_between(0, FAULTS_END - 6 * SECOND, Action::Fault(fault));
            }
        }
    }

    fn happen(&mut self, action: Action) {
        match action {
            Action::ArriveAtJobManager(place, message) => self.arrive_at_job_manager(place, *message),
            Action::ArriveAtTaskManager(message) => self.arrive_at_task_manager(*message),
            Action::Mail { .. }
            | Action::JobManagerTimer { .. }
            | Action::RetryCall { .. }
            | Action::Stored { .. }
            | Action::Written { .. } => self.happen_in_job_manager(action),
            Action::Write { epoch, job_id, write } => self.write_now(epoch, job_id, *write),
            Action::TaskManagerTimer { process, at } => self.task_manager_timer(process, at),
            Action::TaskManagerEvent { process, event } => self.task_manager_event(process, *event),
            Action::HostUp { process, job_id, host } => self.host_up(process, job_id, host),
            Action::HostDies { process, job_id, host, cause } => {
                self.host_dies(process, job_id, host, *cause);
            }
            Action::OrphanDies { host } => self.orphan_dies(host),
            Action::TaskStep { process, job_id, host, subtask, attempt, step } => {
                self.task_step(process, job_id, host, (subtask, attempt), step);
            }
            Action::Submit(job) => self.submit(job),
            Action::Cancel(job) => self.cancel(job),
            Action::Rescale(job) => self.rescale(job),
            Action::Fault(fault) => self.fault(fault),
        }
    }

    /// What concerns the JobManager of one epoch, if it is there.
    fn happen_in_job_manager(&mut self, action: Action) {
        let (Action::Mail { epoch, .. }
        | Action::JobManagerTimer { epoch, .. }
        | Action::RetryCall { epoch, .. }
        | Action::Stored { epoch, .. }
        | Action::Written { epoch, .. }) = &action
        else {
            return;
        };
        let epoch = *epoch;
        if let Some(thaw_at) = self.frozen_until(epoch) {
            let delay = self.until(thaw_at);
            return self.at(delay, action);
        }
        self.within(epoch, |world| match action {
            Action::Mail { actor, .. } => world.take_mail(epoch, actor),
            Action::JobManagerTimer { actor, at, .. } => world.job_manager_timer(epoch, actor, at),
            Action::RetryCall { call, .. } => world.retry_call(epoch, call),
            Action::Stored { job_id, checkpoint_id, result, .. } => {
                world.stored(epoch, job_id, checkpoint_id, *result);
            }
            Action::Written { job_id, write, .. } => world.written(job_id, *write),
            _ => {}
        });
    }

    fn unrest_text(&self) -> String {
        self.unrest().unwrap_or_default()
    }
}
