//! The shell around the machine of the election.

use std::{sync::Arc, time::Duration};

use flott_control::{
    Election,
    election::{Action, Answer, Effect, ElectionConfig, Event, LeaseId, Observation, Revision, State},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinSet},
};
use tracing::{info, warn};

use super::{
    EtcdRecords, QUEUE,
    calls::Calls,
    compaction::{self, Compaction},
};
use crate::{
    LeaderInfo, LeaderState, Leadership, Store,
    blobs::Blobs,
    clock,
    leadership::{Resign, Standing},
    problem::Problems,
    store::Records,
};

/// Bound of the jitter, which spreads what several candidates would do at the same time.
const JITTER: u64 = 500;
/// The runtime's timers stand still while the machine sleeps: look at the clock at least so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Owns the machine.
pub(super) struct Shell {
    election: Election,
    calls: Arc<Calls>,
    blobs: Blobs,
    leader: watch::Sender<Option<LeaderInfo>>,
    problems: Arc<Problems>,
    /// Calls that are under way.
    tasks: JoinSet<()>,
    watch: Option<AbortHandle>,
    inputs: mpsc::Sender<Input>,
    input: mpsc::Receiver<Input>,
    resign: mpsc::Sender<Resign>,
    resigned: mpsc::Receiver<Resign>,
    /// Who waits to lead.
    waiting: Option<oneshot::Sender<Leadership>>,
    term: Option<OwnTerm>,
    /// Who waits until a leadership is given up.
    resigning: Vec<mpsc::Sender<()>>,
}

/// The leadership of this process.
struct OwnTerm {
    revision: Revision,
    standing: Arc<Standing>,
}

/// What comes from the calls and from those who write.
pub(super) enum Input {
    Answered { call: u64, answer: Answer },
    Changed { call: u64, observation: Observation },
    WriteRefused { epoch: Revision },
}

impl Shell {
    pub(super) fn new(
        config: ElectionConfig,
        calls: Arc<Calls>,
        blobs: Blobs,
        leader: watch::Sender<Option<LeaderInfo>>,
        problems: Arc<Problems>,
    ) -> Self {
        let (inputs, input) = mpsc::channel(QUEUE);
        let (resign, resigned) = mpsc::channel(QUEUE);
        Self {
            election: Election::new(config),
            calls,
            blobs,
            leader,
            problems,
            tasks: JoinSet::new(),
            watch: None,
            inputs,
            input,
            resign,
            resigned,
            waiting: None,
            term: None,
            resigning: Vec::new(),
        }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self, mut campaigns: mpsc::Receiver<oneshot::Sender<Leadership>>) {
        self.handle(Event::Started);
        loop {
            let wakeup = self.election.next_wakeup();
            let sleep = wakeup.map_or(LONGEST_SLEEP, |at| at.since(clock::now()).min(LONGEST_SLEEP));
            let event = tokio::select! {
                Some(input) = self.input.recv() => match input {
                    Input::Answered { call, answer } => Event::Answered { call, answer, jitter: jitter() },
                    Input::Changed { call, observation } => {
                        Event::LeaderChanged { call, observation, jitter: jitter() }
                    }
                    Input::WriteRefused { epoch } => Event::WriteRefused { epoch },
                },
                Some(resign) = self.resigned.recv() => match self.take_resignation(resign) {
                    Some(event) => event,
                    None => continue,
                },
                Some(won) = campaigns.recv() => {
                    self.waiting = Some(won);
                    Event::CampaignRequested { jitter: jitter() }
                }
                () = tokio::time::sleep(sleep) => Event::TimerFired,
            };
            while self.tasks.try_join_next().is_some() {}
            self.handle(event);
            if self.waiting.as_ref().is_some_and(oneshot::Sender::is_closed) {
                self.waiting = None;
                self.handle(Event::ResignRequested);
            }
        }
    }

    fn take_resignation(&mut self, resign: Resign) -> Option<Event> {
        // Of an earlier leadership: it is over.
        self.term.as_ref().filter(|term| term.standing.epoch == resign.epoch)?;
        self.resigning.extend(resign.done);
        Some(Event::ResignRequested)
    }

    fn handle(&mut self, event: Event) {
        let effects = self.election.handle(event, clock::now());
        if let (Some(term), Some((_, until))) = (&self.term, self.election.leading_until()) {
            term.standing.lead_until(until);
        }
        for effect in effects {
            self.perform(effect);
        }
        if matches!(self.election.state(), State::Standby { .. }) {
            // Nothing of it is left in the store.
            self.resigning.clear();
        }
        // Who gives up a leadership and campaigns again may be heard in the other order.
        if self.waiting.is_some() && !self.election.is_campaigning() {
            self.handle(Event::CampaignRequested { jitter: jitter() });
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Call { call, action: Action::WatchKey { after }, limit } => {
                self.watch(call, after, limit)
            }
            Effect::Call { call, action, limit } => {
                let (calls, pending) = (self.calls.clone(), self.pending(call, &action));
                self.tasks.spawn(async move {
                    let answer = calls.answer(action, limit).await;
                    pending.answer(answer).await;
                });
            }
            Effect::Publish { observation } => {
                let info = observation.leader.as_ref().and_then(|key| self.calls.leader_info(key));
                self.publish(info);
            }
            Effect::Lead { epoch } => self.lead(epoch),
            Effect::Suspend { epoch } => {
                warn!(revision = %epoch, "etcd does not answer: this JobManager decides nothing until it does");
                self.set(epoch, LeaderState::Suspended);
            }
            Effect::Resume { epoch } => {
                info!(revision = %epoch, "this JobManager still leads");
                self.set(epoch, LeaderState::Leading);
            }
            Effect::Demote { epoch } => {
                info!(revision = %epoch, "this JobManager leads no more");
                self.set(epoch, LeaderState::Lost);
                self.term = None;
            }
        }
    }

    fn set(&self, epoch: Revision, state: LeaderState) {
        if let Some(term) = self.term.as_ref().filter(|term| term.revision == epoch) {
            term.standing.set(state);
        }
    }

    fn publish(&self, info: Option<LeaderInfo>) {
        self.leader.send_if_modified(|current| {
            let changes = *current != info;
            *current = info;
            changes
        });
    }

    fn watch(&mut self, call: u64, after: Revision, limit: Duration) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
        let (calls, pending) = (self.calls.clone(), self.pending(call, &Action::WatchKey { after }));
        let watch = async move {
            calls.watch(call, after, limit, &pending.inputs).await;
            pending.answer(Answer::WatchEnded).await;
        };
        self.watch = Some(self.tasks.spawn(watch));
    }

    fn pending(&self, call: u64, action: &Action) -> Pending {
        Pending { call, unanswered: Some(action.unanswered()), inputs: self.inputs.clone() }
    }

    fn lead(&mut self, revision: Revision) {
        let State::Leading(term) = self.election.state() else { return };
        let (lease, until) = (term.lease, term.deadline);
        let Some(info) = self.calls.own_info(revision) else {
            // The data is in doubt since a moment ago: not to lead over it is what that is for.
            self.handle(Event::ResignRequested);
            return;
        };
        let standing = Standing::new(info.epoch, Some(until));
        self.term = Some(OwnTerm { revision, standing: standing.clone() });
        self.publish(Some(info));
        let records = Arc::new(self.records(revision, lease, standing.clone()));
        let sweeping = records.clone();
        self.tasks.spawn(async move { sweeping.delete_left_over().await });
        let (cluster, leading, resign) = (self.calls.cluster.clone(), standing.clone(), self.resign.clone());
        self.tasks.spawn(async move {
            if !cluster.keep_epoch(&leading).await {
                // It is nobody's leader. Fails only if nobody is there any more.
                let _ = resign.send(Resign { epoch: leading.epoch, done: None }).await;
            }
        });
        let compaction = Compaction::new(self.calls.keys.clone(), self.calls.servers.clone());
        let leading = standing.clone();
        self.tasks.spawn(async move { compaction.run(&leading, compaction::EVERY).await });
        let store = Store::new(standing.clone(), Records::Etcd(records), self.blobs.clone());
        let leadership = Leadership::new(standing, store, self.resign.clone());
        // If nobody waits any more it is dropped, and thereby given up.
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.send(leadership);
        }
    }

    fn records(&self, epoch: Revision, lease: LeaseId, standing: Arc<Standing>) -> EtcdRecords {
        let servers = self.calls.servers.clone();
        let (blobs, problems, inputs) = (self.blobs.clone(), self.problems.clone(), self.inputs.clone());
        EtcdRecords::new(self.calls.keys.clone(), servers, (epoch, lease), standing, blobs, problems, inputs)
    }
}

/// A call that is under way. The machine waits for its answer, so there is one also if the client of etcd panics.
struct Pending {
    call: u64,
    unanswered: Option<Answer>,
    inputs: mpsc::Sender<Input>,
}

impl Pending {
    async fn answer(mut self, answer: Answer) {
        self.unanswered = None;
        // Fails only if nobody is there any more.
        let _ = self.inputs.send(Input::Answered { call: self.call, answer }).await;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(answer) = self.unanswered.take() {
            let _ = self.inputs.try_send(Input::Answered { call: self.call, answer });
        }
    }
}

fn jitter() -> Duration {
    Duration::from_millis(rand::random_range(0..=JITTER))
}
