//! A JobMaster's loop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use flott_control::{
    job_master::{CheckpointConfig, Event, JobMaster as Machine, JobMasterConfig, SnapshotRequest},
    protocol::{AlignedWatermark, CallId, Fence, GroupWatermark, OrderAnswer},
};
use flott_core::{JobGraph, JobId, JobStatus, MonoTime, TaskManagerId, deployment::TaskHostSpec};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tracing::{Instrument, debug, info_span, warn};

use super::{
    CallError, FromResourceManager, JobMasterHandle, JobMasterPeer, SplitCaller, TaskManagerReports,
    handle::{INBOX_CAPACITY, Message, RESOURCE_CAPACITY, SnapshotReply},
    snapshots::{Done, SnapshotSpec, Snapshots},
    splits::WaitingSplits,
    view::Viewer,
};
use crate::{
    artifacts::ArtifactLease,
    clock::Clock,
    resource_manager::{ResourceManagerHandle, SlotRequests},
    task_manager_client::TaskManagerClient,
    view::{JobView, SubmissionView},
};

/// Views of a job that changes all the time are published no more often than this.
const VIEW_INTERVAL: Duration = Duration::from_millis(100);
/// What is added to that for each subtask, so that the views of a huge job take little of a core.
const VIEW_INTERVAL_PER_SUBTASK: Duration = Duration::from_micros(50);
/// How long the last orders of an ended job may take. Slots are taken back by the ResourceManager in any case.
const LAST_ORDERS: Duration = Duration::from_secs(5);

/// A job to be run.
#[derive(Debug)]
pub(crate) struct JobSpec {
    pub(crate) job_id: JobId,
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) submission: Arc<SubmissionView>,
    pub(crate) config: JobMasterConfig,
    pub(crate) snapshots: SnapshotSpec,
    /// Where savepoints go for which the user names no place.
    pub(crate) savepoint_dir: Option<Arc<str>>,
    /// Keeps the artifact for as long as the job runs.
    pub(crate) lease: Option<ArtifactLease>,
}

/// Single owner of a job.
pub(crate) struct JobMaster {
    pub(super) machine: Machine,
    pub(super) clock: Clock,
    inbox: mpsc::Receiver<Message>,
    from_resource_manager: mpsc::Receiver<FromResourceManager>,
    pub(super) slots: SlotRequests,
    /// The connections to the TaskManagers that have slots of the job.
    pub(super) clients: BTreeMap<TaskManagerId, TaskManagerClient>,
    /// Orders under way.
    pub(super) deliveries: JoinSet<Delivered>,
    /// Of each TaskManager the last order about checkpoints: it closes when that has been delivered.
    pub(super) last_checkpoint_orders: BTreeMap<TaskManagerId, oneshot::Receiver<()>>,
    pub(super) splits: WaitingSplits,
    pub(super) snapshots: Snapshots,
    /// Users who wait for a checkpoint or savepoint.
    pub(super) snapshot_calls: BTreeMap<CallId, SnapshotReply>,
    next_call: u64,
    viewer: Viewer,
    publisher: watch::Sender<Arc<JobView>>,
    /// When the changes since the last view are published, if there are any.
    publish_at: Option<MonoTime>,
    last_published: MonoTime,
    _lease: Option<ArtifactLease>,
}

/// What became of an order.
pub(super) struct Delivered {
    pub(super) to: TaskManagerId,
    pub(super) fence: Fence,
    pub(super) order: &'static str,
    /// `None`: the registration ended first.
    pub(super) answer: Option<OrderAnswer>,
}

impl JobMaster {
    /// A JobMaster, the ways to it for TaskManagers and users and for the ResourceManager.
    pub(crate) fn new(
        spec: JobSpec,
        resource_manager: &ResourceManagerHandle,
        clock: Clock,
    ) -> (Self, JobMasterHandle, JobMasterPeer) {
        let JobSpec { job_id, graph, submission, config, snapshots, savepoint_dir, lease } = spec;
        let host = TaskHostSpec {
            job_id,
            job_name: graph.name.clone(),
            artifact: submission.artifact.clone(),
            arguments: submission.arguments.clone(),
            entry: submission.entry.clone(),
            config: submission.config.clone(),
            graph: graph.clone(),
            secret: rand::random(),
            slots: 0,
            checkpoint_dir: snapshots.directory.to_string(),
        };
        let (sender, inbox) = mpsc::channel(INBOX_CAPACITY);
        let (peer, from_resource_manager) = mpsc::channel(RESOURCE_CAPACITY);
        let now = clock.now();
        let work = Snapshots::new(&snapshots, job_id);
        let machine = Machine::new(graph, host, config, now).with_checkpoints(CheckpointConfig {
            history: snapshots.history,
            epoch_ms: clock.to_unix_ms(MonoTime::ZERO),
            initial: snapshots.initial,
        });
        let mut viewer = Viewer::new(clock, submission, snapshots.directory.to_string().into());
        let (publisher, view) = watch::channel(Arc::new(viewer.view(&machine)));
        let job_master = Self {
            machine,
            clock,
            inbox,
            from_resource_manager,
            slots: resource_manager.slot_requests(job_id),
            clients: BTreeMap::new(),
            deliveries: JoinSet::new(),
            last_checkpoint_orders: BTreeMap::new(),
            splits: WaitingSplits::default(),
            snapshots: work,
            snapshot_calls: BTreeMap::new(),
            next_call: 0,
            viewer,
            publisher,
            publish_at: None,
            last_published: now,
            _lease: lease,
        };
        (job_master, JobMasterHandle { inbox: sender, view, savepoint_dir }, JobMasterPeer(peer))
    }

    /// Runs the job until it has ended and has given everything back.
    pub(crate) async fn run(self) {
        let span = info_span!("job", job_id = %self.machine.job_id());
        self.drive().instrument(span).await;
    }

    async fn drive(mut self) {
        self.handle(Event::Started);
        while self.machine.outcome().is_none() {
            let (wake_at, publish_at) = (self.machine.next_wakeup(), self.publish_at);
            tokio::select! {
                biased; // what the ResourceManager says changes whom we listen to
                Some(message) = self.from_resource_manager.recv() => self.take_from_resource_manager(message),
                () = self.clock.sleep_until(publish_at) => self.publish(),
                () = self.clock.sleep_until(wake_at) => self.handle(Event::TimerFired),
                Some(message) = self.inbox.recv() => self.take(message),
                Some(delivered) = self.deliveries.join_next() => {
                    // A delivery can't panic; if it does, its order is missing and the machine's deadlines act.
                    if let Ok(delivered) = delivered {
                        self.delivered(delivered);
                    }
                }
                Some(done) = self.snapshots.done() => self.on_storage(done),
                () = self.slots.retry() => {}
            }
        }
        self.publish();
        // From here on callers are told that there is no such job.
        drop((self.inbox, self.from_resource_manager, self.splits, self.snapshot_calls));
        let mut deliveries = self.deliveries;
        let rest = async { while deliveries.join_next().await.is_some() {} };
        let orders = async {
            if tokio::time::timeout(LAST_ORDERS, rest).await.is_err() {
                warn!("a TaskManager did not answer the last orders of an ended job");
            }
        };
        let unused = self.machine.checkpoints().counts.total == 0;
        tokio::join!(orders, self.snapshots.finish(unused));
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Report { reports, reply } => {
                let answer = self.take_reports(reports);
                // A sender that has gone away sends the same again.
                let _ = reply.send(answer);
            }
            Message::RequestSplit { caller, request_id, reply } => match self.admit_caller(&caller) {
                Ok(()) => {
                    let SplitCaller { subtask, attempt, .. } = caller;
                    self.splits.add(subtask, attempt, request_id, reply);
                    self.handle_quietly(Event::SplitRequested { subtask, attempt, request_id });
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::EnumeratedSplits { caller, splits, reply } => {
                let answer = self.admit_caller(&caller).map(|()| {
                    let SplitCaller { subtask, attempt, .. } = caller;
                    self.handle(Event::SplitsEnumerated { subtask, attempt, splits });
                });
                let _ = reply.send(answer);
            }
            Message::Align { task_manager_id, registration_id, watermarks, reply } => {
                let admitted = self.machine.admits(&task_manager_id, registration_id);
                // A sender that has gone away needs no answer.
                let _ = reply.send(match admitted {
                    true => Ok(self.align(watermarks)),
                    false => Err(CallError::UnknownRegistration),
                });
            }
            Message::Snapshot { request, reply } => {
                let call = CallId(self.next_call);
                self.next_call += 1;
                self.snapshot_calls.insert(call, reply);
                if let Some(request) = self.snapshots.prepare(call, request) {
                    self.request_snapshot(call, request);
                }
            }
            Message::Cancel { reply } => {
                self.handle(Event::CancelRequested);
                let _ = reply.send(());
            }
        }
    }

    fn request_snapshot(&mut self, call: CallId, request: SnapshotRequest) {
        self.handle(Event::SnapshotRequested { call, request });
    }

    fn on_storage(&mut self, done: Done) {
        match done {
            Done::Stored { checkpoint_id, result, .. } => {
                if let Err(error) = &result {
                    warn!(%checkpoint_id, %error, "cannot store a checkpoint");
                }
                self.handle(Event::CheckpointStored { checkpoint_id, result });
            }
            Done::Prepared { call, request, result: Ok(()) } => self.request_snapshot(call, request),
            Done::Prepared { call, result: Err(cause), .. } => self.answer_snapshot(call, Err(cause)),
            Done::Deleted => {}
        }
    }

    fn take_reports(&mut self, reports: TaskManagerReports) -> Result<(), CallError> {
        let TaskManagerReports { task_manager_id, registration_id, reports } = reports;
        if !self.machine.admits(&task_manager_id, registration_id) {
            return Err(CallError::UnknownRegistration);
        }
        for (sequence, report) in reports {
            debug!(%task_manager_id, sequence, ?report, "reported");
            self.handle(Event::Reported {
                task_manager_id: task_manager_id.clone(),
                registration_id,
                sequence,
                report,
            });
        }
        Ok(())
    }

    fn align(&mut self, watermarks: Vec<AlignedWatermark>) -> Vec<GroupWatermark> {
        let groups: BTreeSet<_> = watermarks.iter().map(|report| report.group.clone()).collect();
        self.handle_quietly(Event::WatermarksReported { watermarks });
        let of_group =
            |group: Arc<str>| GroupWatermark { watermark: self.machine.group_watermark(&group), group };
        groups.into_iter().map(of_group).collect()
    }

    fn admit_caller(&self, caller: &SplitCaller) -> Result<(), CallError> {
        match self.machine.admits(&caller.task_manager_id, caller.registration_id) {
            true => Ok(()),
            false => Err(CallError::UnknownRegistration),
        }
    }

    fn take_from_resource_manager(&mut self, message: FromResourceManager) {
        let event = match message {
            FromResourceManager::SlotGranted { slot, client } => {
                self.clients.insert(slot.task_manager_id.clone(), client);
                Event::SlotGranted(slot)
            }
            FromResourceManager::SlotsReported { total, free, task_managers } => {
                Event::SlotsReported { total, free, task_managers }
            }
            FromResourceManager::TaskManagerLost { task_manager_id, registration_id, cause } => {
                if self.clients.get(&task_manager_id).is_some_and(|client| client.is_for(registration_id)) {
                    self.clients.remove(&task_manager_id);
                }
                Event::TaskManagerLost { task_manager_id, registration_id, cause }
            }
            FromResourceManager::TaskManagerReregistered { task_manager_id, client } => {
                let fence = client.fence();
                self.clients.insert(task_manager_id.clone(), client);
                Event::TaskManagerReregistered { task_manager_id, fence }
            }
            FromResourceManager::Metrics(tasks) => {
                self.viewer.sample(&self.machine, &tasks);
                Event::MetricsReported { tasks }
            }
        };
        self.handle(event);
    }

    fn delivered(&mut self, delivered: Delivered) {
        let Delivered { to, fence, order, answer } = delivered;
        match answer {
            Some(OrderAnswer::Refused { reason, .. }) => self.handle(Event::OrderRefused {
                task_manager_id: to,
                registration_id: fence.registration_id,
                order,
                reason,
            }),
            Some(OrderAnswer::StaleLeader { highest }) => {
                warn!(task_manager_id = %to, leader_epoch = %highest, "a TaskManager follows a newer leader");
            }
            Some(OrderAnswer::Accepted { .. } | OrderAnswer::UnknownRegistration) | None => {}
        }
    }

    /// Hands an event to the machine and lets users see what it changes.
    pub(super) fn handle(&mut self, event: Event) {
        let status = self.machine.status();
        self.handle_quietly(event);
        if self.machine.status() != status {
            self.publish();
        } else if self.publish_at.is_none() {
            self.publish_at = Some(self.last_published + self.view_interval());
        }
    }

    /// Hands an event to the machine that changes nothing that users see.
    fn handle_quietly(&mut self, event: Event) {
        for effect in self.machine.handle(event, self.clock.now()) {
            self.perform(effect);
        }
    }

    pub(super) fn publish(&mut self) {
        self.publish_at = None;
        self.last_published = self.clock.now();
        self.publisher.send_replace(Arc::new(self.viewer.view(&self.machine)));
    }

    fn view_interval(&self) -> Duration {
        let subtasks = u32::try_from(self.machine.graph().total_subtasks()).unwrap_or(u32::MAX);
        VIEW_INTERVAL + VIEW_INTERVAL_PER_SUBTASK.saturating_mul(subtasks)
    }

    pub(super) fn log_status(&self, status: JobStatus) {
        tracing::info!(%status, "job status changed");
    }
}
