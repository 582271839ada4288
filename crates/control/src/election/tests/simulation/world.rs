//! Time, the network, and the faults.

use std::{collections::BTreeMap, time::Duration};

use super::super::super::{
    Action, Answer, Created, ElectionConfig, Event, Failure, LeaseId, Observation, Revision,
};
use super::{
    Counters,
    candidate::{Candidate, Told},
    store::Store,
};

#[path = "../../../../tests/simulation/random.rs"]
mod random;
use random::Random;

/// Until when there are faults, and when the run ends, in milliseconds.
const FAULTS_END: u64 = 40_000;
const LEASE_TIME: Duration = Duration::from_secs(10);
/// Within which there must be a leader again that everybody knows: what was frozen wakes up, the lease runs out, watches become
/// old.
const RECOVERY: u64 = 70_000;

/// Something that will happen.
enum Item {
    /// A request arrives at the store.
    Request {
        from: usize,
        process: u64,
        call: u64,
        action: Action,
    },
    /// An answer arrives, or its time is over.
    Answer {
        to: usize,
        process: u64,
        call: u64,
        answer: Answer,
    },
    Changed {
        to: usize,
        process: u64,
        call: u64,
        observation: Observation,
    },
    Timer {
        to: usize,
        process: u64,
    },
    Campaign {
        to: usize,
        process: u64,
    },
    /// A candidate wants to write, and does if it may.
    Decide {
        by: usize,
    },
    /// The write arrives.
    Write {
        from: usize,
        process: u64,
        epoch: Revision,
        lease: LeaseId,
        life: u64,
    },
    WriteRefused {
        to: usize,
        process: u64,
        epoch: Revision,
    },
    Expire,
    Fault,
}

struct Watch {
    to: usize,
    process: u64,
    call: u64,
    /// Events come in order.
    last_at: u64,
}

pub(super) struct World {
    now: u64,
    random: Random,
    queue: BTreeMap<(u64, u64), Item>,
    next_item: u64,
    store: Store,
    /// Until when the store answers nothing.
    away_until: u64,
    /// Until when each candidate can't reach the store, nor the store it.
    cut_off_until: Vec<u64>,
    watches: Vec<Watch>,
    candidates: Vec<Candidate>,
    config: ElectionConfig,
    counters: Counters,
    /// Whether the store has taken a lease away before its time, so that two may believe to lead.
    is_spurious: bool,
    /// How many of a hundred messages are lost, or late.
    lost: u64,
    late: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = ElectionConfig { lease_time: LEASE_TIME };
        let candidates = random.between(1, 4);
        let (lost, late) = (random.below(25), random.below(50));
        let mut world = Self {
            now: 0,
            store: Store::new(LEASE_TIME, random.between(1, 100) as i64),
            away_until: 0,
            cut_off_until: vec![0; candidates as usize],
            queue: BTreeMap::new(),
            next_item: 0,
            watches: Vec::new(),
            candidates: (0..candidates).map(|number| Candidate::new(config.clone(), number)).collect(),
            config,
            counters: Counters::new(),
            is_spurious: false,
            lost,
            late,
            random,
        };
        for candidate in 0..world.candidates.len() {
            world.begin(candidate);
            let first = world.random.below(2_000);
            world.push(first, Item::Decide { by: candidate });
        }
        let first_fault = world.random.below(20_000);
        world.push(first_fault, Item::Fault);
        world.push(0, Item::Expire);
        world
    }

    pub(super) fn run(mut self) -> Counters {
        while let Some(((at, _), item)) = self.queue.pop_first() {
            if at > FAULTS_END + RECOVERY {
                break;
            }
            self.now = at;
            self.happen(item);
        }
        self.check_the_end();
        self.counters
    }

    fn check_the_end(&self) {
        let leading: Vec<_> =
            self.candidates.iter().filter_map(|candidate| candidate.permit(self.now)).collect();
        assert_eq!(leading.len(), 1, "{:?}", self.candidates.iter().map(|it| it.told).collect::<Vec<_>>());
        for candidate in &self.candidates {
            let published = candidate.published.as_ref().and_then(|known| known.leader.as_ref());
            assert_eq!(published.map(|key| (key.created, key.lease)), Some(leading[0]));
            // Nobody asks without pause. Watches that end at once are the worst case.
            let seconds = (FAULTS_END + RECOVERY) / 1_000;
            assert!(candidate.calls_made < seconds * 20, "{} calls", candidate.calls_made);
        }
    }

    fn count(&mut self, name: &'static str) {
        *self.counters.entry(name).or_default() += 1;
    }

    fn push(&mut self, after: u64, item: Item) {
        self.queue.insert((self.now + after, self.next_item), item);
        self.next_item += 1;
    }

    fn is_faulty(&self) -> bool {
        self.now < FAULTS_END
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_millis(self.random.below(501))
    }

    fn begin(&mut self, candidate: usize) {
        let process = self.candidates[candidate].process;
        self.handle(candidate, Event::Started);
        let after = self.random.below(1_000);
        self.push(after, Item::Campaign { to: candidate, process });
    }

    /// How long a message takes; `None`: for ever.
    fn way(&mut self, of: usize, lost: &'static str) -> Option<u64> {
        if self.now < self.cut_off_until[of] {
            return None;
        }
        if self.is_faulty() && self.random.percent(self.lost) {
            self.count(lost);
            return None;
        }
        if self.is_faulty() && self.random.percent(self.late) {
            // Most interesting is what comes just in time.
            let slowest = if self.random.percent(60) { 1_650 } else { 15_000 };
            return Some(self.random.between(200, slowest));
        }
        Some(self.random.between(1, 20))
    }

    fn handle(&mut self, number: usize, event: Event) {
        let candidate = &mut self.candidates[number];
        let (calls, happened) = candidate.handle(event, self.now);
        let process = candidate.process;
        let wakeup = candidate.election.next_wakeup();
        for name in happened {
            self.count(name);
            if name == "demoted" {
                let after = self.random.below(3_000);
                self.push(after, Item::Campaign { to: number, process });
            }
        }
        for (call, action, limit) in calls {
            let is_watch = matches!(action, Action::WatchKey { .. });
            match self.way(number, "request was lost") {
                Some(after) => {
                    if after > limit {
                        self.count("request came late");
                    }
                    let action = action.clone();
                    self.push(after, Item::Request { from: number, process, call, action });
                }
                None if is_watch => {
                    self.push(limit, Item::Answer { to: number, process, call, answer: Answer::WatchEnded });
                }
                None => {}
            }
            if !is_watch {
                self.push(limit, Item::Answer { to: number, process, call, answer: action.unanswered() });
            }
        }
        if let Some(at) = wakeup {
            let after = (at.as_micros().div_ceil(1_000)).saturating_sub(self.now);
            self.push(after, Item::Timer { to: number, process });
        }
    }

    /// Whether something for this process can't be taken in now: it comes again when it wakes up.
    fn is_held_back(&mut self, to: usize, process: u64) -> Option<u64> {
        let candidate = &self.candidates[to];
        (candidate.process == process && candidate.frozen_until > self.now)
            .then(|| candidate.frozen_until - self.now)
    }

    fn happen(&mut self, item: Item) {
        let to = match &item {
            Item::Answer { to, process, .. }
            | Item::Changed { to, process, .. }
            | Item::Timer { to, process }
            | Item::Campaign { to, process }
            | Item::WriteRefused { to, process, .. } => Some((*to, *process)),
            _ => None,
        };
        if let Some((to, process)) = to {
            if self.candidates[to].process != process {
                return;
            }
            if let Some(after) = self.is_held_back(to, process) {
                self.push(after, item);
                return;
            }
        }
        match item {
            Item::Request { from, process, call, action } => self.arrive(from, process, call, &action),
            Item::Answer { to, call, answer, .. } => self.answer(to, call, answer),
            Item::Changed { to, call, observation, .. } => {
                if self.candidates[to].calls.contains_key(&call) {
                    let jitter = self.jitter();
                    self.handle(to, Event::LeaderChanged { call, observation, jitter });
                }
            }
            Item::Timer { to, .. } => {
                let wakeup = self.candidates[to].election.next_wakeup();
                if wakeup.is_some_and(|at| at.as_micros().div_ceil(1_000) <= self.now) {
                    self.handle(to, Event::TimerFired);
                }
            }
            Item::Campaign { to, .. } => {
                let jitter = self.jitter();
                self.handle(to, Event::CampaignRequested { jitter });
            }
            Item::Decide { by } => self.decide(by),
            Item::Write { from, process, epoch, lease, life } => {
                if self.is_away() {
                    return;
                }
                let before = self.store.observation();
                let succeeds = self.store.write(epoch, lease);
                assert!(!succeeds || life == self.store.life);
                debug_assert!(before.leader.is_some() || !succeeds);
                if succeeds {
                    self.count("write succeeded");
                } else {
                    self.count("write of a deposed leader was refused");
                    let after = self.random.between(1, 20);
                    self.push(after, Item::WriteRefused { to: from, process, epoch });
                }
            }
            Item::WriteRefused { to, epoch, .. } => self.handle(to, Event::WriteRefused { epoch }),
            Item::Expire => {
                // etcd looks for leases that have run out twice a second.
                if !self.is_away() && self.store.expire(self.now) {
                    self.count("lease ran out");
                    self.tell_watches();
                }
                self.push(500, Item::Expire);
            }
            Item::Fault => {
                if self.is_faulty() {
                    self.fault();
                    let after = self.random.between(1_000, 20_000);
                    self.push(after, Item::Fault);
                }
            }
        }
    }

    fn answer(&mut self, to: usize, call: u64, answer: Answer) {
        // Its time may be over already, or it may be the end of a time that was not needed.
        let Some(action) = self.candidates[to].calls.get(&call) else { return };
        match &answer {
            Answer::Created(Ok(Created::Lost(seen))) | Answer::Read(Ok(seen)) => {
                let own = match action {
                    Action::CreateKey { lease } => Some(*lease),
                    _ => None,
                };
                let name = match &seen.leader {
                    Some(key) if own == Some(key.lease) => Some("own key was found"),
                    Some(_) if own.is_some() => Some("somebody else was faster"),
                    _ => None,
                };
                name.into_iter().for_each(|name| self.count(name));
            }
            Answer::WatchEnded => {
                self.watches.retain(|watch| (watch.to, watch.call) != (to, call));
                self.count("watch ended");
            }
            _ => {}
        }
        let jitter = self.jitter();
        self.handle(to, Event::Answered { call, answer, jitter });
    }

    fn is_away(&self) -> bool {
        self.now < self.away_until
    }

    fn arrive(&mut self, from: usize, process: u64, call: u64, action: &Action) {
        if self.is_away() {
            if matches!(action, Action::WatchKey { .. }) {
                self.push(1_000, Item::Answer { to: from, process, call, answer: Answer::WatchEnded });
            }
            return;
        }
        if let Action::WatchKey { after } = action {
            self.watches.retain(|watch| watch.to != from);
            self.watches.push(Watch { to: from, process, call, last_at: self.now + 5 });
            let observation = self.store.observation();
            if observation.revision < *after {
                // What a watch of the future would wait for: the shell sees by its questions that there is no such future.
                self.end_watches(|watch| watch.call == call && watch.process == process);
            } else if observation.revision > *after {
                self.push(5, Item::Changed { to: from, process, call, observation });
            }
            return;
        }
        let before = self.store.observation();
        let is_refused = self.is_faulty() && *action == Action::GrantLease && self.random.percent(5);
        let answer = match is_refused {
            true => Answer::Granted(Err(Failure::Refused)),
            false => self.store.execute(action, self.now),
        };
        if self.store.observation().leader != before.leader {
            self.tell_watches();
        }
        if let Some(after) = self.way(from, "answer was lost") {
            self.push(after, Item::Answer { to: from, process, call, answer });
        }
    }

    /// The key has changed.
    fn tell_watches(&mut self) {
        let observation = self.store.observation();
        let mut watches = std::mem::take(&mut self.watches);
        for watch in &mut watches {
            watch.last_at = watch.last_at.max(self.now + self.random.between(1, 50));
            let Watch { to, process, call, last_at } = *watch;
            let observation = observation.clone();
            self.push(last_at - self.now, Item::Changed { to, process, call, observation });
        }
        self.watches = watches;
    }

    fn end_watches(&mut self, ends: impl Fn(&Watch) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.watches).into_iter().partition(|watch| ends(watch));
        self.watches = kept;
        let gone: Vec<Watch> = gone;
        for Watch { to, process, call, last_at } in gone {
            let after = last_at.saturating_sub(self.now) + 1;
            self.push(after, Item::Answer { to, process, call, answer: Answer::WatchEnded });
        }
    }

    /// A candidate acts if it may, and nobody else may at the same time.
    fn decide(&mut self, by: usize) {
        let after = self.random.between(100, 4_000);
        self.push(after, Item::Decide { by });
        if self.candidates[by].frozen_until > self.now {
            return;
        }
        self.store.advance();
        self.check_that_one_acts();
        let Some((epoch, lease)) = self.candidates[by].permit(self.now) else { return };
        let (process, life) = (self.candidates[by].process, self.store.life);
        if let Some(after) = self.way(by, "request was lost") {
            self.push(after, Item::Write { from: by, process, epoch, lease, life });
        }
    }

    fn check_that_one_acts(&self) {
        let acts = |candidate: &&Candidate| {
            candidate.frozen_until <= self.now && candidate.permit(self.now).is_some()
        };
        let acting = self.candidates.iter().filter(acts).count();
        assert!(self.is_spurious || acting <= 1, "{acting} lead at the same time");
    }

    fn fault(&mut self) {
        let victim = self.random.below(self.candidates.len() as u64) as usize;
        match self.random.below(12) {
            0 => {
                self.count("crashed");
                let process = self.candidates[victim].process + 100;
                self.candidates[victim] = Candidate::new(self.config.clone(), process);
                self.watches.retain(|watch| watch.to != victim);
                self.begin(victim);
            }
            1 | 2 => {
                self.count("froze");
                self.candidates[victim].frozen_until = self.now + self.random.between(100, 25_000);
            }
            3 => {
                self.count("store restarted");
                self.store.restart(self.now);
                self.away_until = self.now + self.random.between(100, 3_000);
                self.end_watches(|_| true);
            }
            4 => {
                self.count("store was wiped");
                self.is_spurious = true;
                self.store.wipe();
                self.end_watches(|_| true);
            }
            5 => {
                self.count("store was away");
                self.away_until = self.now + self.random.between(1_000, 20_000);
            }
            6 => {
                if self.random.percent(50) && self.store.revoke() {
                    self.count("lease was revoked");
                    self.is_spurious = true;
                    self.tell_watches();
                }
            }
            7 => self.end_watches(|watch| watch.to == victim),
            8 | 9 => {
                self.count("candidate was cut off");
                self.cut_off_until[victim] = self.now + self.random.between(1_000, 20_000);
                self.end_watches(|watch| watch.to == victim);
            }
            10 => {
                if self.random.percent(50) && self.store.delete_key() {
                    self.count("key was deleted by hand");
                    self.is_spurious = true;
                    self.tell_watches();
                }
            }
            _ => {
                let candidate = &self.candidates[victim];
                if candidate.frozen_until <= self.now && candidate.told != Told::Standby {
                    self.count("resigned");
                    self.handle(victim, Event::ResignRequested);
                }
            }
        }
    }
}
