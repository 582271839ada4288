//! The JobManager process: the shells of ResourceManager and JobMasters, with a mailbox each.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use flott_control::{
    JobMaster, ResourceManager,
    job_master::{self, JobMasterConfig, RecoveredJob},
    protocol::{CallId, Report, ReportAnswer},
    resource_manager::{self, ResourceManagerConfig},
};
use flott_core::{
    AttemptNumber, JobId, LeaderEpoch, MonoTime, RegistrationId, SubtaskId, TaskManagerId,
    deployment::{EnumeratedSplits, TaskHostSpec},
    job_config::JobConfig,
};

use super::{
    network::{Process, Sender, ToJobManager, ToTaskManager},
    orders::Call,
    truth,
    world::{Action, Actor, MILLI, World},
};

/// What waits in a JobMaster's mailbox.
#[derive(Debug)]
pub(crate) enum JobMail {
    Event(job_master::Event),
    Reports { from: Sender, reports: Vec<(u64, Report)> },
    Split { from: Sender, subtask: SubtaskId, attempt: AttemptNumber, request_id: u64 },
    Splits { from: Sender, subtask: SubtaskId, attempt: AttemptNumber, splits: EnumeratedSplits },
}

pub(crate) struct JobActor {
    pub(crate) machine: JobMaster,
    mail: VecDeque<JobMail>,
    pub(crate) timer: Option<MonoTime>,
    /// Who waits for the answer to which request of a split.
    pub(crate) asking: BTreeMap<(SubtaskId, AttemptNumber, u64), Sender>,
}

pub(crate) struct JobManager {
    pub(crate) epoch: u64,
    pub(crate) resource_manager: ResourceManager,
    mail: VecDeque<resource_manager::Event>,
    pub(crate) timer: Option<MonoTime>,
    pub(crate) jobs: BTreeMap<JobId, JobActor>,
    pub(crate) calls: BTreeMap<u64, Call>,
    pub(crate) next_call: u64,
    /// Who waits for the answer to a registration.
    pub(crate) registering: BTreeMap<CallId, (Process, u64)>,
    pub(crate) addresses: BTreeMap<TaskManagerId, usize>,
    /// Until when it does nothing.
    pub(crate) frozen_until: Option<MonoTime>,
}

impl JobManager {
    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    pub(crate) fn job(&self, job_id: JobId) -> Option<&JobMaster> {
        self.jobs.get(&job_id).map(|actor| &actor.machine)
    }
}

impl World {
    pub(crate) fn start_job_manager(&mut self) {
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        self.job_manager = Some(JobManager {
            epoch,
            resource_manager: ResourceManager::new(ResourceManagerConfig {
                epoch: LeaderEpoch(epoch),
                id_salt: epoch,
                heartbeat_interval: Duration::from_secs(1),
                heartbeat_timeout: Duration::from_secs(4),
            }),
            mail: VecDeque::new(),
            timer: None,
            jobs: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            registering: BTreeMap::new(),
            addresses: BTreeMap::new(),
            frozen_until: None,
        });
        for job in 0..self.jobs.len() {
            if self.jobs[job].durable.exists {
                let recovered = self.jobs[job].recovered();
                self.run_job(job, Some(recovered));
            }
        }
    }

    /// The one that leads, also while another one thinks that it does.
    pub(crate) fn leader(&self) -> Option<&JobManager> {
        if self.is_deposed { self.deposed.as_ref() } else { self.job_manager.as_ref() }
    }

    /// The number of the leadership; it is that of the last leader until there is another one.
    pub(crate) fn epoch(&self) -> u64 {
        self.next_epoch - 1
    }

    pub(crate) fn leads(&self, epoch: u64) -> bool {
        self.leader().is_some_and(|leader| leader.epoch == epoch)
    }

    /// Lets something happen in the JobManager of this epoch, if there is one.
    pub(crate) fn within(&mut self, epoch: u64, happen: impl FnOnce(&mut Self)) {
        if self.job_manager.as_ref().is_some_and(|it| it.epoch == epoch) {
            happen(self);
        } else if self.deposed.as_ref().is_some_and(|it| it.epoch == epoch) {
            std::mem::swap(&mut self.job_manager, &mut self.deposed);
            self.is_deposed = true;
            happen(self);
            self.is_deposed = false;
            std::mem::swap(&mut self.job_manager, &mut self.deposed);
        }
    }

    pub(crate) fn frozen_until(&self, epoch: u64) -> Option<MonoTime> {
        let own = |it: &&JobManager| it.epoch == epoch;
        let it = self.job_manager.as_ref().filter(own).or(self.deposed.as_ref().filter(own))?;
        it.frozen_until.filter(|at| *at > self.now())
    }

    pub(crate) fn submit(&mut self, job: usize) {
        if self.job_manager.is_none() {
            // The client tries again.
            return self.at(300 * MILLI, Action::Submit(job));
        }
        self.jobs[job].durable.exists = true;
        self.run_job(job, None);
    }

    fn run_job(&mut self, job: usize, recovered: Option<RecoveredJob>) {
        let now = self.now();
        let Some(job_manager) = &mut self.job_manager else { return };
        let truth = &mut self.jobs[job];
        truth.epoch = Some(job_manager.epoch);
        let is_new = recovered.is_none();
        let job_id = truth::job_id(job);
        let spec = TaskHostSpec {
            job_id,
            job_name: truth.graph.name.clone(),
            artifact: "a".to_owned(),
            arguments: Vec::new(),
            entry: None,
            config: JobConfig::default(),
            graph: truth.graph.clone(),
            secret: [0; 32],
            slots: 0,
            checkpoint_dir: format!("file:///checkpoints/{job_id}"),
        };
        let config = JobMasterConfig {
            slot_request_timeout: Duration::from_secs(8),
            task_host_start_timeout: Duration::from_secs(5),
            deployment_timeout: Duration::from_secs(5),
            cancellation_timeout: Duration::from_secs(2),
            reconciliation_timeout: Duration::from_secs(5),
            exception_history_size: 4,
        };
        let mut machine = JobMaster::new(truth.graph.clone(), spec, config, now);
        if let Some(recovered) = recovered {
            machine = machine.with_recovery(recovered);
        }
        let actor = JobActor { machine, mail: VecDeque::new(), timer: None, asking: BTreeMap::new() };
        job_manager.jobs.insert(job_id, actor);
        if is_new {
            self.post(job_id, JobMail::Event(job_master::Event::Started));
        } else {
            // All of them begin before any TaskManager is let in.
            self.job_event(job_id, job_master::Event::Started);
        }
    }

    pub(crate) fn cancel(&mut self, job: usize) {
        if self.jobs[job].epoch.is_some() {
            if self.job_manager.is_none() {
                return self.at(300 * MILLI, Action::Cancel(job));
            }
            self.jobs[job].cancel_requested = true;
            self.jobs[job].durable.is_canceled = true;
            self.post(truth::job_id(job), JobMail::Event(job_master::Event::CancelRequested));
        }
    }

    pub(crate) fn arrive_at_job_manager(&mut self, place: usize, message: ToJobManager) {
        let of = |registration_id: &RegistrationId| {
            u64::from_be_bytes(registration_id.as_bytes()[..8].try_into().expect("8 of them"))
        };
        // Who leads is asked of any JobManager, and one of them may be wrong.
        let asks_wrong = self.deposed.is_some() && self.random.percent(10);
        let wanted = match &message {
            ToJobManager::Register { .. } if asks_wrong => self.deposed.as_ref().map_or(0, |it| it.epoch),
            ToJobManager::Register { .. } => self.epoch(),
            ToJobManager::OrderAnswer { epoch, .. } => *epoch,
            ToJobManager::StreamClosed { registration_id, .. } => of(registration_id),
            ToJobManager::Heartbeat { from, .. }
            | ToJobManager::Reports { from, .. }
            | ToJobManager::SplitRequest { from, .. }
            | ToJobManager::Splits { from, .. } => of(&from.registration_id),
        };
        // Another one may have been started in its place.
        let is_there = |it: &Option<JobManager>| it.as_ref().is_some_and(|it| it.epoch == wanted);
        let is_known = is_there(&self.job_manager) || is_there(&self.deposed);
        let epoch = if is_known { wanted } else { self.epoch() };
        if self.frozen_until(epoch).is_some_and(|at| at > self.now()) {
            let delay = self.frozen_until(epoch).map_or(0, |at| self.until(at));
            return self.at(delay, Action::ArriveAtJobManager(place, Box::new(message)));
        }
        if !self.leads(epoch) && !is_there(&self.deposed) {
            // The connection is refused.
            if let ToJobManager::Register { process, request } = message {
                let generation = request.generation;
                let event = flott_control::task_manager::Event::RegistrationFailed { generation };
                self.at(MILLI, Action::TaskManagerEvent { process, event: Box::new(event) });
            }
            return;
        }
        self.within(epoch, |world| world.take_message(place, message));
    }

    fn take_message(&mut self, place: usize, message: ToJobManager) {
        let Some(job_manager) = &mut self.job_manager else { return };
        match message {
            ToJobManager::Register { process, request } => {
                job_manager.next_call += 1;
                let call = CallId(job_manager.next_call);
                job_manager.registering.insert(call, (process, request.generation));
                job_manager.addresses.insert(request.task_manager_id.clone(), place);
                self.post_resource(resource_manager::Event::RegistrationRequested { call, request });
            }
            ToJobManager::Heartbeat { from, slots } => {
                // The stream tells the shell where to answer.
                job_manager.addresses.insert(from.id.clone(), place);
                self.post_resource(resource_manager::Event::HeartbeatReceived {
                    task_manager_id: from.id,
                    registration_id: from.registration_id,
                    slots,
                });
            }
            ToJobManager::StreamClosed { id, registration_id } => {
                self.post_resource(resource_manager::Event::ConnectionLost {
                    task_manager_id: id,
                    registration_id,
                });
            }
            ToJobManager::OrderAnswer { epoch, call, answer } => {
                if epoch == job_manager.epoch {
                    self.order_answered(call, answer);
                }
            }
            ToJobManager::Reports { from, job_id, reports } => {
                if job_manager.jobs.contains_key(&job_id) {
                    self.post(job_id, JobMail::Reports { from, reports });
                } else {
                    self.count("reports of an unknown job");
                    self.answer_reports(&from, job_id, &reports, ReportAnswer::UnknownJob);
                }
            }
            ToJobManager::SplitRequest { from, job_id, subtask, attempt, request_id } => {
                self.post(job_id, JobMail::Split { from, subtask, attempt, request_id });
            }
            ToJobManager::Splits { from, job_id, subtask, attempt, splits } => {
                self.post(job_id, JobMail::Splits { from, subtask, attempt, splits });
            }
        }
    }

    pub(crate) fn post(&mut self, job_id: JobId, mail: JobMail) {
        let Some(job_manager) = &mut self.job_manager else { return };
        let epoch = job_manager.epoch;
        if let Some(job) = job_manager.jobs.get_mut(&job_id) {
            job.mail.push_back(mail);
            self.at_between(0, 200, Action::Mail { epoch, actor: Actor::Job(job_id) });
        }
    }

    pub(crate) fn post_resource(&mut self, event: resource_manager::Event) {
        let Some(job_manager) = &mut self.job_manager else { return };
        let epoch = job_manager.epoch;
        job_manager.mail.push_back(event);
        self.at_between(0, 200, Action::Mail { epoch, actor: Actor::ResourceManager });
    }

    pub(crate) fn take_mail(&mut self, epoch: u64, actor: Actor) {
        let Some(job_manager) = self.job_manager.as_mut().filter(|it| it.epoch == epoch) else { return };
        match actor {
            Actor::ResourceManager => {
                if let Some(event) = job_manager.mail.pop_front() {
                    self.resource_manager_event(event);
                }
            }
            Actor::Job(job_id) => {
                let Some(job) = job_manager.jobs.get_mut(&job_id) else { return };
                match job.mail.pop_front() {
                    None => {}
                    Some(JobMail::Event(event)) => self.job_event(job_id, event),
                    Some(JobMail::Reports { from, reports }) => self.take_reports(job_id, from, reports),
                    Some(JobMail::Split { from, subtask, attempt, request_id })
                        if job.machine.admits(&from.id, from.registration_id) =>
                    {
                        job.asking.insert((subtask, attempt, request_id), from);
                        let event = job_master::Event::SplitRequested { subtask, attempt, request_id };
                        self.job_event(job_id, event);
                    }
                    Some(JobMail::Splits { from, subtask, attempt, splits })
                        if job.machine.admits(&from.id, from.registration_id) =>
                    {
                        let event =
                            job_master::Event::SplitsEnumerated { subtask, attempt, splits: splits.clone() };
                        self.job_event(job_id, event);
                        self.send_to_task_manager(ToTaskManager::SplitsTaken {
                            process: from.process,
                            registration_id: from.registration_id,
                            job_id,
                            subtask,
                            attempt,
                            splits,
                        });
                    }
                    // Of a registration that counts no more.
                    Some(JobMail::Split { .. } | JobMail::Splits { .. }) => {}
                }
            }
        }
    }

    fn take_reports(&mut self, job_id: JobId, from: Sender, reports: Vec<(u64, Report)>) {
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        if !machine.admits(&from.id, from.registration_id) {
            self.count("reports of an unknown registration");
            self.answer_reports(&from, job_id, &reports, ReportAnswer::UnknownRegistration);
            return;
        }
        for (sequence, report) in reports.clone() {
            self.job_event(
                job_id,
                job_master::Event::Reported {
                    task_manager_id: from.id.clone(),
                    registration_id: from.registration_id,
                    sequence,
                    report,
                },
            );
        }
        self.answer_reports(&from, job_id, &reports, ReportAnswer::Acknowledged);
    }

    fn answer_reports(
        &mut self,
        from: &Sender,
        job_id: JobId,
        reports: &[(u64, Report)],
        answer: ReportAnswer,
    ) {
        let up_to = reports.last().expect("there is at least one").0;
        let (process, registration_id) = (from.process, from.registration_id);
        self.send_to_task_manager(ToTaskManager::ReportsAnswer {
            process,
            job_id,
            up_to,
            registration_id,
            answer,
        });
    }

    pub(crate) fn job_manager_timer(&mut self, epoch: u64, actor: Actor, at: MonoTime) {
        let Some(job_manager) = self.job_manager.as_mut().filter(|it| it.epoch == epoch) else { return };
        match actor {
            Actor::ResourceManager => {
                if job_manager.timer == Some(at) {
                    job_manager.timer = None;
                }
                self.resource_manager_event(resource_manager::Event::TimerFired);
            }
            Actor::Job(job_id) => {
                let Some(job) = job_manager.jobs.get_mut(&job_id) else { return };
                if job.timer == Some(at) {
                    job.timer = None;
                }
                self.job_event(job_id, job_master::Event::TimerFired);
            }
        }
    }
}
