//! The event loop: the one owner of the machine.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use flott_control::{
    TaskManager as Machine,
    protocol::{CallId, OrderAnswer, RegistrationAnswer, SubtaskMetrics},
    task_manager::{Event, Registration},
};
use flott_core::{
    AttemptNumber, JobGraph, JobId, SubtaskId,
    deployment::{SplitAnswer, TaskHostSpec},
};
use flott_rpc::{SplitRequest, SplitsReport};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Ended, Input};
use crate::{
    Error, TaskManagerConfig,
    clock::{Clock, now, sleep_until_deadline},
    metrics::HostReport,
    registration::{HeartbeatStream, Registered},
    supervisor::host::{HostContext, HostOrder},
    uplink::Uplink,
};

/// How often the JobManager is told what subtasks do, while there are any.
const METRICS_INTERVAL: Duration = Duration::from_secs(1);

/// How long the task hosts may take to be gone when the TaskManager is told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the machine and performs its effects.
pub(super) struct Actor {
    pub(super) machine: Machine,
    pub(super) config: TaskManagerConfig,
    pub(super) context: Arc<HostContext>,
    pub(super) inputs: mpsc::Sender<Input>,
    inbox: mpsc::Receiver<Input>,
    stopping: CancellationToken,
    clock: Clock,
    /// Events that an effect has caused at once.
    pub(super) pending: VecDeque<Event>,
    /// Calls underway to the JobManager. They end with this.
    pub(super) calls: JoinSet<()>,
    /// A task for each task host.
    pub(super) host_tasks: JoinSet<()>,
    pub(super) hosts: BTreeMap<(JobId, AttemptNumber), HostEntry>,
    next_call: u64,
    pub(super) replies: HashMap<CallId, oneshot::Sender<OrderAnswer>>,
    pub(super) split_replies: SplitReplies,
    pub(super) uplink: watch::Sender<Option<Uplink>>,
    pub(super) heartbeats: Option<HeartbeatStream>,
    /// When the log may say again that there is no JobManager.
    pub(super) complain_at: Option<Instant>,
    /// Whether it ever was.
    was_registered: bool,
    /// When to give up registering; `None` once registered.
    give_up_at: Option<Instant>,
    /// When to tell what subtasks do.
    metrics_at: Option<Instant>,
}

/// A task host as the event loop knows it.
pub(super) struct HostEntry {
    pub(super) orders: mpsc::Sender<HostOrder>,
    /// `None` while it is being started.
    pub(super) pid: Option<u32>,
    pub(super) job_name: Arc<str>,
    pub(super) graph: Arc<JobGraph>,
    /// The last report, and the one before.
    pub(super) subtasks: Vec<SubtaskMetrics>,
    earlier: Vec<SubtaskMetrics>,
}

impl HostEntry {
    pub(super) fn new(orders: mpsc::Sender<HostOrder>, spec: &TaskHostSpec) -> Self {
        Self {
            orders,
            pid: None,
            job_name: spec.job_name.as_str().into(),
            graph: spec.graph.clone(),
            subtasks: Vec::new(),
            earlier: Vec::new(),
        }
    }
}

/// A subtask's request for a split, or report of splits: job, subtask, attempt, number.
type SplitKey = (JobId, SubtaskId, AttemptNumber, u64);

/// Who waits for what the machine makes of the event that it is told now. It decides at once, or never.
#[derive(Default)]
pub(super) struct SplitReplies {
    answer: Option<(SplitKey, oneshot::Sender<Option<SplitAnswer>>)>,
    confirmation: Option<(SplitKey, oneshot::Sender<bool>)>,
}

impl SplitReplies {
    pub(super) fn answer(&mut self, key: SplitKey, answer: Option<SplitAnswer>) {
        if let Some((_, reply)) = self.answer.take_if(|(waiting, _)| *waiting == key) {
            let _ = reply.send(answer); // its task host may be gone
        }
    }

    pub(super) fn confirm(&mut self, key: SplitKey, again: bool) {
        if let Some((_, reply)) = self.confirmation.take_if(|(waiting, _)| *waiting == key) {
            let _ = reply.send(again); // its task host may be gone
        }
    }

    /// Tells who still waits that nobody wants to hear of it.
    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Actor {
    pub(super) fn new(
        machine: Machine,
        config: TaskManagerConfig,
        context: HostContext,
        inputs: mpsc::Sender<Input>,
        inbox: mpsc::Receiver<Input>,
        uplink: watch::Sender<Option<Uplink>>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            machine,
            config,
            context: Arc::new(context),
            inputs,
            inbox,
            stopping,
            clock: Clock::new(),
            pending: VecDeque::new(),
            calls: JoinSet::new(),
            host_tasks: JoinSet::new(),
            hosts: BTreeMap::new(),
            next_call: 0,
            replies: HashMap::new(),
            split_replies: SplitReplies::default(),
            uplink,
            heartbeats: None,
            complain_at: None,
            was_registered: false,
            give_up_at: None,
            metrics_at: None,
        }
    }

    /// Runs until it is told to stop, or no JobManager wants this TaskManager.
    pub(super) async fn run(mut self) -> Ended {
        self.handle(Event::Started);
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => {
                    self.end_hosts().await;
                    return Ended::Stopped;
                }
                Some(input) = self.inbox.recv() => self.take(input),
                () = self.clock.sleep_until(self.machine.next_wakeup()) => self.handle(Event::TimerFired),
                Some(_) = self.calls.join_next() => {}
                Some(ended) = self.host_tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "the task of a task host panicked");
                    }
                }
                () = sleep_until_deadline(self.metrics_at) => {
                    self.metrics_at = None;
                    self.send_heartbeat(self.machine.slot_report());
                }
                () = sleep_until_deadline(self.give_up_at) => {
                    self.end_hosts().await;
                    return Ended::Failed(Error::RegistrationTimedOut {
                        addresses: self.config.job_managers.clone(),
                        timeout: self.config.registration_timeout,
                    });
                }
            }
            self.follow_registration();
            self.arm_metrics();
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Event(event) => {
                if let Event::HostExited { job_id, attempt, .. } = &event {
                    self.hosts.remove(&(*job_id, *attempt));
                }
                self.handle(event);
            }
            Input::RegistrationAnswered { generation, registered } => {
                self.registration_answered(generation, registered);
            }
            Input::SplitAnswered { request, job_id, registration_id, answer, reply } => {
                let SplitRequest { subtask, attempt, request_id } = request;
                self.split_replies.answer = Some(((job_id, subtask, attempt, request_id), reply));
                self.handle(Event::SplitAnswered {
                    job_id,
                    registration_id,
                    subtask,
                    attempt,
                    request_id,
                    answer,
                });
                self.split_replies.clear();
            }
            Input::SplitsAcknowledged { report, job_id, registration_id, reply } => {
                let SplitsReport { subtask, attempt, splits } = report;
                self.split_replies.confirmation = Some(((job_id, subtask, attempt, splits.report_id), reply));
                self.handle(Event::SplitsAcknowledged { job_id, registration_id, subtask, attempt, splits });
                self.split_replies.clear();
            }
            Input::Order { order, reply } => {
                let call = CallId(self.next_call);
                self.next_call += 1;
                self.replies.insert(call, reply);
                self.handle(Event::OrderReceived { call, fence: order.fence, order: order.order });
            }
            Input::SampleHosts { job_id, sampling, reply } => {
                let _ = reply.send(self.ask_hosts(job_id, &sampling)); // the caller may have given up
            }
            Input::HostStarted { job_id, attempt, pid } => {
                if let Some(host) = self.hosts.get_mut(&(job_id, attempt)) {
                    host.pid = Some(pid);
                }
            }
            Input::MetricsAsked { reply } => {
                let _ = reply.send(self.host_reports()); // whoever asked may have given up
            }
            Input::HostMetrics { job_id, attempt, subtasks } => {
                if let Some(host) = self.hosts.get_mut(&(job_id, attempt)) {
                    host.earlier = std::mem::replace(&mut host.subtasks, subtasks);
                }
            }
        }
    }

    fn host_reports(&self) -> Vec<HostReport> {
        let hosts = self.hosts.iter().filter_map(|((job_id, _), host)| {
            Some(HostReport {
                pid: host.pid?,
                job_id: *job_id,
                job_name: host.job_name.clone(),
                graph: host.graph.clone(),
                subtasks: host.subtasks.clone(),
                earlier: host.earlier.clone(),
            })
        });
        hosts.collect()
    }

    fn handle(&mut self, event: Event) {
        self.pending.push_back(event);
        while let Some(event) = self.pending.pop_front() {
            for effect in self.machine.handle(event, self.clock.now()) {
                self.perform(effect);
            }
        }
    }

    /// The stream of a registration must be there before the machine sends the first heartbeat, but may only be opened if
    /// the machine takes the registration.
    fn registration_answered(&mut self, generation: u64, registered: Registered) {
        let Registered { address, answer, channel } = registered;
        if let RegistrationAnswer::Refused { reason } = &answer {
            tracing::warn!(address, reason, "the JobManager refuses registration");
        }
        let effects =
            self.machine.handle(Event::RegistrationAnswered { generation, answer }, self.clock.now());
        if let Registration::Registered { fence, .. } = self.machine.registration() {
            let fence = *fence;
            let is_new = self
                .heartbeats
                .as_ref()
                .is_none_or(|stream| stream.registration_id() != fence.registration_id);
            if is_new {
                tracing::info!(
                    address,
                    leader_epoch = %fence.epoch,
                    registration_id = %fence.registration_id,
                    "registered at the JobManager"
                );
                let id = self.context.task_manager_id.clone();
                let job_managers = self.config.job_managers.clone();
                let (stream, work) =
                    HeartbeatStream::new(id, fence, channel.clone(), job_managers, self.inputs.clone());
                self.calls.spawn(work);
                self.heartbeats = Some(stream);
                self.uplink.send_replace(Some(Uplink { fence, channel }));
            }
        }
        for effect in effects {
            self.perform(effect);
        }
        while let Some(event) = self.pending.pop_front() {
            self.handle(event);
        }
    }

    /// Closes what belongs to a registration that is over, and counts the time until the first one. What becomes of the task
    /// hosts when there is none for long after that, the machine decides.
    fn follow_registration(&mut self) {
        match self.machine.registration() {
            Registration::Registered { .. } => {
                self.was_registered = true;
                (self.give_up_at, self.complain_at) = (None, None);
            }
            Registration::Disconnected { .. } | Registration::Registering { .. } => {
                if self.heartbeats.take().is_some() {
                    self.uplink.send_replace(None);
                }
                if self.give_up_at.is_none() && !self.was_registered {
                    self.give_up_at = Some(now() + self.config.registration_timeout);
                }
            }
        }
    }

    fn arm_metrics(&mut self) {
        let wanted = self.heartbeats.is_some() && self.hosts.values().any(|host| host.pid.is_some());
        match (wanted, self.metrics_at) {
            (true, None) => self.metrics_at = Some(now() + METRICS_INTERVAL),
            (false, _) => self.metrics_at = None,
            (true, Some(_)) => {}
        }
    }

    /// Ends all task hosts and waits until they are reaped. Only then the connections are closed, so that no JobManager
    /// starts another attempt while one still runs here.
    async fn end_hosts(&mut self) {
        for host in self.hosts.values() {
            let _ = host.orders.try_send(HostOrder::End { grace: Duration::ZERO });
        }
        // A task host whose orders are full is ended by this: its task finds no one at the other end.
        self.hosts.clear();
        let tasks = &mut self.host_tasks;
        let inbox = &mut self.inbox;
        let reaped = async {
            loop {
                tokio::select! {
                    ended = tasks.join_next() => if ended.is_none() { return },
                    // Room for what they still have to tell.
                    Some(_) = inbox.recv() => {}
                }
            }
        };
        if timeout(STOP_TIMEOUT, reaped).await.is_err() {
            tracing::error!(task_hosts = self.host_tasks.len(), "task hosts can't be ended");
        }
    }
}
