//! TaskManager processes and the places where they run.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use flott_control::{
    TaskManager,
    protocol::{CallId, OrderAnswer, Report, ReportAnswer, TaskManagerInfo, TaskReport, TaskState},
    task_manager::{Effect, Event, HostCommand, TaskManagerConfig},
};
use flott_core::{JobId, MonoTime, RegistrationId, TaskManagerId};

pub(crate) use super::network::Process;
use super::{
    host::Host,
    network::{Sender, ToJobManager, ToTaskManager},
    random::Random,
    world::{Action, MILLI, World},
};

pub(crate) struct TaskManagerProcess {
    pub(crate) machine: TaskManager,
    timer: Option<MonoTime>,
    pub(crate) hosts: BTreeMap<JobId, Host>,
    /// Where the answer to an order goes: the JobManager's epoch and its call.
    calls: BTreeMap<CallId, (u64, u64)>,
    next_call: u64,
    /// It gives its slots up by itself when it has no leader for a while.
    pub(crate) impatient: bool,
}

/// Where one TaskManager runs at a time.
pub(crate) struct Place {
    number: usize,
    slots: u32,
    /// Whether each process here has the same id.
    fixed_id: bool,
    pub(crate) incarnation: u64,
    pub(crate) process: Option<TaskManagerProcess>,
    pub(crate) cut_off_until: MonoTime,
    pub(crate) frozen: bool,
    /// What came while it was frozen.
    pub(crate) backlog: VecDeque<(Process, Event)>,
}

impl Place {
    pub(crate) fn new(number: usize, random: &mut Random) -> Self {
        Self {
            number,
            slots: random.between(1, 3) as u32,
            fixed_id: random.percent(50),
            incarnation: 0,
            process: None,
            cut_off_until: MonoTime::ZERO,
            frozen: false,
            backlog: VecDeque::new(),
        }
    }

    pub(crate) fn registration_id(&self) -> Option<RegistrationId> {
        self.process.as_ref()?.machine.registration().id()
    }

    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    pub(crate) fn id(&self) -> TaskManagerId {
        let suffix = if self.fixed_id { 0 } else { self.incarnation };
        TaskManagerId::new(format!("host-{}:6122-{suffix}", self.number))
    }
}

impl World {
    pub(crate) fn start_task_manager(&mut self, place: usize) {
        let here = &mut self.places[place];
        if here.process.is_some() {
            return;
        }
        here.incarnation += 1;
        let impatient = !self.calm && self.random.percent(30);
        let here = &mut self.places[place];
        let config = TaskManagerConfig {
            task_manager_id: here.id(),
            info: TaskManagerInfo {
                rpc_address: format!("host-{place}:6122"),
                data_host: format!("host-{place}"),
                slots: here.slots,
                ..TaskManagerInfo::default()
            },
            first_generation: here.incarnation * 1_000_000,
            heartbeat_timeout: Duration::from_secs(4),
            registration_initial_backoff: Duration::from_millis(100),
            registration_max_backoff: Duration::from_secs(1),
            registration_timeout: Duration::from_secs(1),
            report_retry_backoff: Duration::from_millis(200),
            release_grace: Duration::from_millis(500),
            leader_loss_grace: Duration::from_secs(if impatient { 3 } else { 600 }),
        };
        here.process = Some(TaskManagerProcess {
            machine: TaskManager::new(config),
            timer: None,
            hosts: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            impatient,
        });
        let process = Process { place, incarnation: here.incarnation };
        self.task_manager_event(process, Event::Started);
    }

    /// Says whether there was one.
    pub(crate) fn crash_task_manager(&mut self, place: usize) -> bool {
        let Some(process) = self.places[place].process.take() else { return false };
        self.places[place].backlog.clear();
        self.places[place].frozen = false;
        self.orphan(process.hosts);
        // A process that dies closes its connections; a machine that dies does not.
        if let Some(registration_id) = process.machine.registration().id()
            && self.random.percent(70)
        {
            let id = self.places[place].id();
            self.send_to_job_manager(place, ToJobManager::StreamClosed { id, registration_id });
        }
        true
    }

    /// The machine of this process, if the process still runs.
    pub(crate) fn process(&mut self, process: Process) -> Option<&mut TaskManagerProcess> {
        let place = &mut self.places[process.place];
        if place.incarnation == process.incarnation { place.process.as_mut() } else { None }
    }

    pub(crate) fn arrive_at_task_manager(&mut self, message: ToTaskManager) {
        match message {
            ToTaskManager::RegisterAnswer { process, generation, answer } => {
                self.task_manager_event(process, Event::RegistrationAnswered { generation, answer });
            }
            ToTaskManager::HeartbeatAnswer { process, registration_id, known } => {
                self.task_manager_event(process, Event::HeartbeatAnswered { registration_id, known });
            }
            ToTaskManager::StreamClosed { process, registration_id } => {
                self.task_manager_event(process, Event::ConnectionLost { registration_id });
            }
            ToTaskManager::Order { place, epoch, call: number, fence, order } => {
                let process = Process { place, incarnation: self.places[place].incarnation };
                let Some(task_manager) = self.process(process) else { return };
                task_manager.next_call += 1;
                let call = CallId(task_manager.next_call);
                task_manager.calls.insert(call, (epoch, number));
                self.task_manager_event(process, Event::OrderReceived { call, fence, order: *order });
            }
            ToTaskManager::ReportsAnswer { process, job_id, up_to, registration_id, answer } => {
                let event = match answer {
                    // Now and then the answer of a call comes after the caller has given it up.
                    ReportAnswer::Acknowledged if self.random.percent(2) => {
                        Event::ReportsFailed { job_id, up_to, registration_id }
                    }
                    answer => Event::ReportsAnswered { job_id, up_to, registration_id, answer },
                };
                self.task_manager_event(process, event);
            }
            ToTaskManager::SplitAnswer {
                process,
                registration_id,
                job_id,
                subtask,
                attempt,
                request_id,
                answer,
            } => self.task_manager_event(
                process,
                Event::SplitAnswered { job_id, registration_id, subtask, attempt, request_id, answer },
            ),
            ToTaskManager::SplitsTaken { process, registration_id, job_id, subtask, attempt, splits } => {
                self.task_manager_event(
                    process,
                    Event::SplitsAcknowledged { job_id, registration_id, subtask, attempt, splits },
                );
            }
        }
    }

    pub(crate) fn task_manager_timer(&mut self, process: Process, at: MonoTime) {
        let Some(task_manager) = self.process(process) else { return };
        if task_manager.timer == Some(at) {
            task_manager.timer = None;
        }
        self.task_manager_event(process, Event::TimerFired);
    }

    pub(crate) fn task_manager_event(&mut self, process: Process, event: Event) {
        let now = self.now();
        if self.process(process).is_none() {
            return;
        }
        if self.places[process.place].frozen {
            self.places[process.place].backlog.push_back((process, event));
            return;
        }
        let Some(task_manager) = self.process(process) else { return };
        let effects = task_manager.machine.handle(event, now);
        if let Some(at) = task_manager.machine.next_wakeup()
            && task_manager.timer.is_none_or(|timer| at < timer)
        {
            task_manager.timer = Some(at);
            let delay = self.until(at);
            self.at(delay, Action::TaskManagerTimer { process, at });
        }
        for effect in effects {
            self.perform_for_task_manager(process, effect);
        }
        self.check_task_manager(process.place);
    }

    pub(crate) fn sender(&self, process: Process) -> Option<Sender> {
        let registration_id = self.places[process.place].registration_id()?;
        let id = self.places[process.place].id();
        Some(Sender { process, id, registration_id })
    }

    fn perform_for_task_manager(&mut self, process: Process, effect: Effect) {
        let place = process.place;
        match effect {
            Effect::Register { request } => {
                self.send_to_job_manager(place, ToJobManager::Register { process, request });
            }
            Effect::SendHeartbeat { slots, .. } => {
                if let Some(from) = self.sender(process) {
                    self.send_to_job_manager(place, ToJobManager::Heartbeat { from, slots });
                }
            }
            Effect::AnswerOrder { call, answer } => {
                let Some(task_manager) = self.process(process) else { return };
                let Some((epoch, number)) = task_manager.calls.remove(&call) else { return };
                if matches!(answer, OrderAnswer::StaleLeader { .. }) {
                    self.count("order of a stale leader refused");
                }
                self.send_to_job_manager(place, ToJobManager::OrderAnswer { epoch, call: number, answer });
            }
            Effect::SpawnTaskHost { attempt, spec } => self.spawn_host(process, attempt, &spec),
            Effect::KillTaskHost { job_id, attempt, grace } => {
                self.kill_host(process, job_id, attempt, grace);
            }
            Effect::SendToTaskHost { job_id, command } => match command {
                HostCommand::Deploy { placement, tasks } => {
                    self.deploy_in_host(process, job_id, &placement, tasks);
                }
                HostCommand::Cancel { tasks } => self.cancel_in_host(process, job_id, &tasks),
                HostCommand::TriggerCheckpoint { barrier, tasks } => {
                    self.trigger_in_host(process, job_id, &barrier, &tasks);
                }
                HostCommand::NotifyCheckpoint { notice } => self.notify_in_host(process, job_id, notice),
            },
            Effect::SendReports { job_id, fence, reports } => {
                self.count_early_cancels(job_id, &reports);
                let up_to = reports.last().expect("there is at least one").0;
                let registration_id = fence.registration_id;
                let id = self.places[place].id();
                let from = Sender { process, id, registration_id };
                self.send_to_job_manager(place, ToJobManager::Reports { from, job_id, reports });
                let event = Box::new(Event::ReportsFailed { job_id, up_to, registration_id });
                self.at(600 * MILLI, Action::TaskManagerEvent { process, event });
            }
            // It asks or tells again by itself, if it has got no answer.
            Effect::AnswerSplit { answer: None, .. } => self.count("split answer of an old leader dropped"),
            Effect::AnswerSplit { job_id, subtask, attempt, request_id, answer: Some(answer) } => {
                self.split_answered(process, job_id, subtask, attempt, request_id, answer);
            }
            Effect::ConfirmSplits { again: true, .. } => self.count("found splits told again"),
            Effect::ConfirmSplits { job_id, subtask, attempt, report_id, again: false } => {
                self.splits_taken(process, job_id, subtask, attempt, report_id);
            }
            Effect::Violation { message } => panic!("TaskManager: {message}"),
        }
    }

    fn count_early_cancels(&mut self, job_id: JobId, reports: &[(u64, Report)]) {
        for (_, report) in reports {
            if let Report::Task(TaskReport { subtask, state: TaskState::Canceled, .. }) = report
                && !self.truth(job_id).deployed.contains(subtask)
            {
                self.count("task canceled before its deployment came");
            }
        }
    }
}
