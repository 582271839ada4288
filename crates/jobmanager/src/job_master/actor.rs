//! A JobMaster's loop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use flott_control::{
    job_master::{
        CheckpointConfig, Effect, Event, InitialSnapshot, JobMaster as Machine, JobMasterConfig,
        RecoveredJob, SnapshotRequest,
    },
    protocol::{AlignedWatermark, CallId, Fence, GroupWatermark, OrderAnswer},
};
use flott_core::{JobId, JobStatus, MonoTime, TaskManagerId, checkpoint::RestorePoint};
use flott_storage::Storage;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tracing::{Instrument, debug, error_span, warn};

use super::{
    CallError, FromResourceManager, JobMasterHandle, JobMasterPeer, SplitCaller, TaskManagerReports,
    handle::{INBOX_CAPACITY, Message, RESOURCE_CAPACITY, RescaleReply, SnapshotReply},
    snapshots::{Claimed, Done, SnapshotSpec, Snapshots},
    splits::WaitingSplits,
    view::Viewer,
};
use crate::{
    artifacts::ArtifactLease,
    clock::Clock,
    ha::Standing,
    job_store::{Cleanup, JobRecord, JobStore, JobWriter, Write},
    resource_manager::{ResourceManagerHandle, SlotRequests},
    task_manager_client::TaskManagerClient,
    view::JobView,
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
    pub(crate) record: JobRecord,
    pub(crate) storage: Storage,
    /// What the job begins with.
    pub(crate) initial: Option<InitialSnapshot>,
    /// Keeps the artifact for as long as the job runs.
    pub(crate) lease: Option<ArtifactLease>,
}

/// What an earlier leader has left of a job.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) record: JobRecord,
    pub(crate) storage: Storage,
    /// What the job begins with.
    pub(crate) initial: Option<InitialSnapshot>,
    pub(crate) recovered: RecoveredJob,
}

/// What all JobMasters of one leader share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct JobMasterContext {
    pub(crate) clock: Clock,
    pub(crate) resource_manager: ResourceManagerHandle,
    pub(crate) store: JobStore,
    /// What this process may do.
    pub(crate) leads: Standing,
    /// `jobmanager.reconciliation-timeout`.
    pub(crate) reconciliation_timeout: Duration,
    /// Knows which JobMasters are still there.
    pub(crate) alive: TaskTracker,
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
    pub(super) writer: JobWriter,
    leads: Standing,
    reconciliation_timeout: Duration,
    /// What is to be done, and who is to be told, once the job's end is durable.
    last_effects: Vec<Effect>,
    is_ended: bool,
    /// What the job began with.
    restore: Option<RestorePoint>,
    /// Users who wait for a checkpoint or savepoint.
    pub(super) snapshot_calls: BTreeMap<CallId, SnapshotReply>,
    /// Users who wait until it is durable that they want another parallelism.
    pub(super) rescale_calls: BTreeMap<CallId, RescaleReply>,
    next_call: u64,
    viewer: Viewer,
    publisher: watch::Sender<Arc<JobView>>,
    /// When the changes since the last view are published, if there are any.
    publish_at: Option<MonoTime>,
    last_published: MonoTime,
    _lease: Option<ArtifactLease>,
    _alive: TaskTrackerToken,
}

/// What a JobMaster waits for.
enum Input {
    FromResourceManager(FromResourceManager),
    Written(Vec<Write>),
    ViewDue,
    TimerFired,
    Message(Message),
    Delivered(Delivered),
    Storage(Done),
    Nothing,
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
    pub(crate) fn new(spec: JobSpec, context: &JobMasterContext) -> (Self, JobMasterHandle, JobMasterPeer) {
        let JobSpec { job_id, record, storage, initial, lease } = spec;
        let clock = context.clock;
        let (sender, inbox) = mpsc::channel(INBOX_CAPACITY);
        let (peer, from_resource_manager) = mpsc::channel(RESOURCE_CAPACITY);
        let now = clock.now();
        let reconciliation_timeout = context.reconciliation_timeout;
        let snapshots = snapshots(job_id, &record, storage.clone(), initial.as_ref());
        let machine = machine(job_id, &record, clock, reconciliation_timeout, initial);
        let mut viewer = Viewer::new(clock, &record);
        let (publisher, view) = watch::channel(Arc::new(viewer.view(&machine)));
        let job_master = Self {
            machine,
            clock,
            inbox,
            from_resource_manager,
            slots: context.resource_manager.slot_requests(job_id),
            clients: BTreeMap::new(),
            deliveries: JoinSet::new(),
            last_checkpoint_orders: BTreeMap::new(),
            splits: WaitingSplits::default(),
            snapshots,
            writer: JobWriter::new(context.store.clone(), job_id),
            leads: context.leads.clone(),
            reconciliation_timeout,
            last_effects: Vec::new(),
            is_ended: false,
            restore: record.restore.clone(),
            snapshot_calls: BTreeMap::new(),
            rescale_calls: BTreeMap::new(),
            next_call: 0,
            viewer,
            publisher,
            publish_at: None,
            last_published: now,
            _lease: lease,
            _alive: context.alive.token(),
        };
        let handle = JobMasterHandle { inbox: sender, view, savepoint_dir: record.savepoint_dir };
        (job_master, handle, JobMasterPeer(peer))
    }

    /// Goes on with what an earlier leader has left of the job, or with what it was to begin with. To be called before it runs.
    pub(crate) fn recover(&mut self, left: Left) {
        let Left { record, storage, initial, recovered } = left;
        let (job_id, clock) = (self.machine.job_id(), self.clock);
        self.snapshots = snapshots(job_id, &record, storage, initial.as_ref());
        let timeout = self.reconciliation_timeout;
        self.machine = machine(job_id, &record, clock, timeout, initial).with_recovery(recovered);
        self.viewer = Viewer::new(clock, &record);
        self.publish();
    }

    /// Runs the job until it has ended and has given everything back.
    pub(crate) async fn run(self) {
        // Of the highest level, so that a warning names its job even where less than that is not logged.
        let span = error_span!("job", job_id = %self.machine.job_id());
        self.drive().instrument(span).await;
    }

    async fn drive(mut self) {
        self.leads.leading().await;
        self.handle(Event::Started);
        while self.machine.outcome().is_none() {
            let since = self.clock.now();
            let input = self.next().await;
            // Nothing is decided while it is not known whether this process still leads. When it is known that it does not,
            // this is dropped.
            if !self.leads.is_leading() {
                self.leads.leading().await;
                let after = self.clock.now() - since;
                self.handle(Event::Resumed { after });
            }
            self.take_input(input);
        }
        self.end().await;
    }

    /// Waits for what is to be done next.
    async fn next(&mut self) -> Input {
        let (wake_at, publish_at) = (self.machine.next_wakeup(), self.publish_at);
        tokio::select! {
            biased; // what the ResourceManager says changes whom we listen to
            Some(message) = self.from_resource_manager.recv() => Input::FromResourceManager(message),
            Some(written) = self.writer.written() => Input::Written(written),
            () = self.clock.sleep_until(publish_at) => Input::ViewDue,
            () = self.clock.sleep_until(wake_at) => Input::TimerFired,
            Some(message) = self.inbox.recv() => Input::Message(message),
            Some(delivered) = self.deliveries.join_next() => match delivered {
                Ok(delivered) => Input::Delivered(delivered),
                // A delivery can't panic; if it does, its order is missing and the machine's deadlines act.
                Err(_) => Input::Nothing,
            },
            Some(done) = self.snapshots.done() => Input::Storage(done),
            () = self.slots.retry() => Input::Nothing,
        }
    }

    fn take_input(&mut self, input: Input) {
        match input {
            Input::FromResourceManager(message) => self.take_from_resource_manager(message),
            Input::Written(written) => self.on_written(written),
            Input::ViewDue => self.publish(),
            Input::TimerFired => self.handle(Event::TimerFired),
            Input::Message(message) => self.take(message),
            Input::Delivered(delivered) => self.delivered(delivered),
            Input::Storage(done) => self.on_storage(done),
            Input::Nothing => {}
        }
    }

    /// The machine has ended. Nobody hears of it, and nothing of the job is given away or deleted, before that is durable:
    /// the next leader would run the job again.
    async fn end(mut self) {
        self.leads.leading().await;
        let last_view = self.viewer.view(&self.machine);
        let unused = !self.machine.may_have_checkpoints();
        let cleanup = self.cleanup(unused);
        let canceled = self.writer.end(&last_view, cleanup.as_ref()).await;
        self.is_ended = true;
        for effect in std::mem::take(&mut self.last_effects) {
            self.perform(effect);
        }
        self.publish();
        for reply in canceled {
            // Who has gone away does not want to know.
            let _ = reply.send(());
        }
        // From here on callers are told that there is no such job.
        drop((self.inbox, self.from_resource_manager, self.splits, self.snapshot_calls));
        let mut deliveries = self.deliveries;
        let rest = async { while deliveries.join_next().await.is_some() {} };
        let orders = async {
            if tokio::time::timeout(LAST_ORDERS, rest).await.is_err() {
                warn!("a TaskManager did not answer the last orders of an ended job");
            }
        };
        let (writer, snapshots) = (self.writer, self.snapshots);
        let storage = async {
            if snapshots.finish(unused).await && cleanup.is_some() {
                writer.cleaned_up().await;
            }
        };
        tokio::join!(orders, storage);
    }

    /// What is to be deleted of the job, now that it has ended, if anything is. `unused`: no checkpoint or savepoint was ever
    /// begun.
    fn cleanup(&self, unused: bool) -> Option<Cleanup> {
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for effect in &self.last_effects {
            if let Effect::DeleteFiles { files: more_files, directories: more_directories } = effect {
                files.extend_from_slice(more_files);
                directories.extend_from_slice(more_directories);
            }
        }
        directories.extend(self.snapshots.unused_directory(unused));
        let restore = self.restore.clone();
        let checkpoint_dir = self.snapshots.directory().clone();
        (!files.is_empty() || !directories.is_empty()).then_some(Cleanup {
            checkpoint_dir,
            restore,
            files,
            directories,
        })
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
            Message::Rescale { wanted, reply } => {
                let call = self.next_call();
                self.rescale_calls.insert(call, reply);
                self.handle(Event::RescaleRequested { call, wanted });
            }
            Message::Snapshot { request, reply } => {
                let call = self.next_call();
                self.snapshot_calls.insert(call, reply);
                if let Some(request) = self.snapshots.prepare(call, request) {
                    self.request_snapshot(call, request);
                }
            }
            Message::Cancel { reply } => self.writer.push(Write::Cancel { reply }),
        }
    }

    fn next_call(&mut self) -> CallId {
        let call = CallId(self.next_call);
        self.next_call += 1;
        call
    }

    fn on_written(&mut self, written: Vec<Write>) {
        for write in written {
            match write {
                Write::Run(run) => self.handle(Event::RunStored { run }),
                Write::Pointer { checkpoint_id, .. } => self.handle(Event::PointerStored { checkpoint_id }),
                Write::Cancel { reply } => {
                    self.handle(Event::CancelRequested);
                    // Who has gone away does not want to know.
                    let _ = reply.send(());
                }
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
            FromResourceManager::TaskManagerReturned { returned, client } => {
                self.clients.insert(returned.task_manager_id.clone(), client);
                Event::TaskManagerReturned(returned)
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
        let effects = self.machine.handle(event, self.clock.now());
        if self.machine.outcome().is_some() && !self.is_ended {
            return self.last_effects.extend(effects);
        }
        for effect in effects {
            self.perform(effect);
        }
    }

    pub(super) fn publish(&mut self) {
        self.publish_at = None;
        if self.machine.outcome().is_some() && !self.is_ended {
            return;
        }
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

fn machine(
    job_id: JobId,
    record: &JobRecord,
    clock: Clock,
    reconciliation_timeout: Duration,
    initial: Option<InitialSnapshot>,
) -> Machine {
    let config = JobMasterConfig { reconciliation_timeout, ..record.config() };
    Machine::new(record.graph.clone(), record.task_hosts(job_id), config, clock.now()).with_checkpoints(
        CheckpointConfig {
            history: record.settings.checkpoint_history,
            epoch_ms: clock.to_unix_ms(MonoTime::ZERO),
            initial,
        },
    )
}

fn snapshots(
    job_id: JobId,
    record: &JobRecord,
    storage: Storage,
    initial: Option<&InitialSnapshot>,
) -> Snapshots {
    let spec = SnapshotSpec {
        storage,
        directory: record.checkpoint_dir.clone(),
        edges: record.graph.edges.as_slice().into(),
        is_prepared: record.is_prepared,
        claimed: Claimed::of(record.restore.as_ref(), initial),
    };
    Snapshots::new(&spec, job_id)
}
