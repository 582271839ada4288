//! The ResourceManager's loop.

use std::{collections::BTreeMap, sync::Arc};

use flott_control::{
    protocol::{CallId, Fence, OrderAnswer, RegistrationAnswer, RegistrationRequest},
    resource_manager::{Event, ResourceManager as Machine, ResourceManagerConfig},
};
use flott_core::{AllocationId, JobId, LeaderEpoch, RegistrationId, TaskManagerId};
use flott_rpc::{Heartbeat, Sender};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tracing::{debug, info, warn};

use super::{
    handle::{HeartbeatAnswers, Message},
    view::{self, Known, Particulars, ResourceView},
};
use crate::{
    clock::Clock,
    job_master::{FromResourceManager, JobMasterPeer},
    outbox::{self, Outbox},
    rpc::outgoing::Connection,
    task_manager_client::TaskManagerClient,
    view::TaskHostView,
};

/// Single owner of the registry.
pub(crate) struct ResourceManager {
    pub(super) machine: Machine,
    pub(super) epoch: LeaderEpoch,
    pub(super) clock: Clock,
    inbox: mpsc::Receiver<Message>,
    /// For the answers to our own calls. Weak, so that the loop ends when all handles are gone.
    pub(super) own_inbox: mpsc::WeakSender<Message>,
    publisher: watch::Sender<Arc<ResourceView>>,
    /// Registrations that wait for the machine's answer.
    pub(super) calls: BTreeMap<CallId, PendingCall>,
    next_call: u64,
    /// The connection of each registration.
    pub(super) clients: BTreeMap<RegistrationId, TaskManagerClient>,
    pub(super) streams: BTreeMap<RegistrationId, HeartbeatAnswers>,
    pub(super) particulars: BTreeMap<TaskManagerId, Particulars>,
    pub(super) jobs: BTreeMap<JobId, Outbox<FromResourceManager>>,
    /// Orders under way.
    pub(super) deliveries: JoinSet<()>,
}

/// A registration that is being decided.
pub(super) struct PendingCall {
    pub(super) task_manager_id: TaskManagerId,
    pub(super) reply: oneshot::Sender<RegistrationAnswer>,
}

impl ResourceManager {
    pub(super) fn new(
        config: ResourceManagerConfig,
        clock: Clock,
        inbox: mpsc::Receiver<Message>,
        own_inbox: mpsc::WeakSender<Message>,
        publisher: watch::Sender<Arc<ResourceView>>,
    ) -> Self {
        Self {
            epoch: config.epoch,
            machine: Machine::new(config),
            clock,
            inbox,
            own_inbox,
            publisher,
            calls: BTreeMap::new(),
            next_call: 0,
            clients: BTreeMap::new(),
            streams: BTreeMap::new(),
            particulars: BTreeMap::new(),
            jobs: BTreeMap::new(),
            deliveries: JoinSet::new(),
        }
    }

    /// Runs until nobody has a handle, or until this process leads no more.
    pub(crate) async fn run(mut self) {
        loop {
            let wake_at = self.machine.next_wakeup();
            let message = tokio::select! {
                biased;
                // Before the inbox, lest many TaskManagers keep a dead one alive.
                () = self.clock.sleep_until(wake_at) => None,
                message = self.inbox.recv() => match message {
                    Some(message) => Some(message),
                    None => break,
                },
                () = retry(self.jobs.values().all(Outbox::is_empty)) => {
                    self.jobs.values_mut().for_each(Outbox::flush);
                    continue;
                }
                Some(_) = self.deliveries.join_next() => continue,
            };
            let leads = match message {
                Some(message) => self.take(message),
                None => self.handle(Event::TimerFired),
            };
            self.publish();
            if !leads {
                break;
            }
        }
    }

    /// Lets a message in. Returns whether this process still leads.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Register { request, reply } => self.register(request, reply),
            Message::Heartbeat { heartbeat, answers } => self.heartbeat(heartbeat, answers),
            Message::ConnectionLost { task_manager_id, registration_id } => {
                self.handle(Event::ConnectionLost { task_manager_id, registration_id })
            }
            Message::OrderAnswered { task_manager_id, registration_id, allocation_id, answer } => {
                self.order_answered(task_manager_id, registration_id, allocation_id, answer)
            }
            Message::JobStarted { job_id, job_master: JobMasterPeer(sender) } => {
                self.jobs.insert(job_id, Outbox::new(sender));
                true
            }
            Message::JobRecovering { job_id } => self.handle(Event::JobRecovering { job_id }),
            Message::RequireSlots { job_id, count } => self.handle(Event::SlotsRequired { job_id, count }),
            Message::ReleaseSlot { job_id, allocation_id } => {
                self.handle(Event::SlotReleased { job_id, allocation_id })
            }
            Message::JobEnded { job_id } => {
                let leads = self.handle(Event::SlotsRequired { job_id, count: 0 });
                self.jobs.remove(&job_id);
                leads
            }
        }
    }

    fn register(&mut self, request: RegistrationRequest, reply: oneshot::Sender<RegistrationAnswer>) -> bool {
        if let Err(reason) = Connection::lazy(&request.info.rpc_address) {
            warn!(task_manager_id = %request.task_manager_id, reason, "TaskManager refused");
            // A caller that has gone away needs no answer.
            let _ = reply.send(RegistrationAnswer::Refused { reason });
            return true;
        }
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.calls.insert(call, PendingCall { task_manager_id: request.task_manager_id.clone(), reply });
        self.handle(Event::RegistrationRequested { call, request })
    }

    fn heartbeat(&mut self, heartbeat: Heartbeat, answers: Option<HeartbeatAnswers>) -> bool {
        let Heartbeat { sender, slots, task_hosts: hosts, process } = heartbeat;
        let Sender { task_manager_id, fence: Fence { registration_id, .. } } = sender;
        // A newer stream of the same registration replaces the older one.
        if let Some(answers) = answers {
            self.streams.insert(registration_id, answers);
        }
        if self.clients.contains_key(&registration_id) {
            let particulars = self.particulars.entry(task_manager_id.clone()).or_default();
            particulars.process = process.into();
            particulars.task_hosts = hosts
                .iter()
                .map(|host| TaskHostView {
                    job_id: host.job_id,
                    pid: host.pid,
                    process: host.process.into(),
                    subtasks: u32::try_from(host.subtasks.len()).unwrap_or(u32::MAX),
                })
                .collect();
            for host in hosts {
                if let Some(job) = self.jobs.get_mut(&host.job_id)
                    && job.is_empty()
                {
                    job.push(FromResourceManager::Metrics(host.subtasks));
                }
            }
        }
        self.handle(Event::HeartbeatReceived { task_manager_id, registration_id, slots })
    }

    fn order_answered(
        &mut self,
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
        allocation_id: AllocationId,
        answer: OrderAnswer,
    ) -> bool {
        debug!(%task_manager_id, %allocation_id, ?answer, "a TaskManager answered an order");
        self.handle(Event::OrderAnswered { task_manager_id, registration_id, allocation_id, answer })
    }

    fn handle(&mut self, event: Event) -> bool {
        let mut leads = true;
        for effect in self.machine.handle(event, self.clock.now()) {
            leads &= self.perform(effect);
        }
        leads
    }

    fn publish(&mut self) {
        let mut view = ResourceView::default();
        let nothing = Particulars::default();
        for (id, entry) in self.machine.task_managers() {
            // Each registration gets its client when it is answered.
            let Some(client) = self.clients.get(&entry.registration_id) else { continue };
            let particulars = self.particulars.get(id).unwrap_or(&nothing);
            let known = Known {
                view: Arc::new(view::task_manager(id, entry, particulars, &self.clock)),
                client: client.clone(),
            };
            view.task_managers.insert(id.clone(), known);
        }
        view.overview.task_managers = u32::try_from(view.task_managers.len()).unwrap_or(u32::MAX);
        view.overview.slots_total = self.machine.total_slots();
        view.overview.slots_free = self.machine.free_slots();
        let was_empty = self.publisher.borrow().overview.slots_total == 0;
        if was_empty && view.overview.slots_total > 0 {
            info!(slots = view.overview.slots_total, "the cluster has slots");
        }
        self.publisher.send_replace(Arc::new(view));
    }
}

impl Drop for ResourceManager {
    /// TaskManagers see their streams end, and calls to them end with them.
    fn drop(&mut self) {
        self.clients.values().for_each(TaskManagerClient::close);
    }
}

async fn retry(nothing_waits: bool) {
    if nothing_waits {
        std::future::pending().await
    } else {
        tokio::time::sleep(outbox::RETRY).await;
    }
}
