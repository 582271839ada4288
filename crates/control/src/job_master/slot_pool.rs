//! The slots that a job holds, which of its subtasks share each, and its task hosts in them.

use std::collections::{BTreeMap, BTreeSet};

use flott_core::{
    AllocationId, AttemptNumber, HostId, JobGraph, RegistrationId, SlotIndex, SubtaskId, TaskManagerId,
};

use super::{GrantedSlot, Location};
use crate::protocol::{Fence, LocalHost, LocalHostState};

/// The job's task host on one TaskManager, as its JobMaster knows it.
///
/// ```text
/// Absent → Starting → Ready → Ended → Starting …
///             └──→ Killed ──────↑
/// ```
/// One that an earlier JobMaster has started begins in whichever of these it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPhase {
    /// Not ordered yet.
    Absent,
    /// Ordered.
    Starting(HostId),
    /// Subtasks can be deployed.
    Ready { host: HostId, data_address: String },
    /// We ordered to kill it.
    Killed(HostId),
    /// The process is gone.
    Ended,
}

impl HostPhase {
    /// Which start of a task host this is, if its process may still be there.
    pub(super) const fn host(&self) -> Option<HostId> {
        match self {
            Self::Starting(host) | Self::Ready { host, .. } | Self::Killed(host) => Some(*host),
            Self::Absent | Self::Ended => None,
        }
    }
}

/// What TaskManagers call a start of a task host: its number in the job, which rises with each start on a TaskManager too.
pub(super) const fn host_attempt(host: HostId) -> AttemptNumber {
    AttemptNumber(host.0)
}

/// A TaskManager on which the job holds slots.
#[derive(Clone, Debug)]
pub(super) struct HeldTaskManager {
    pub(super) fence: Fence,
    pub(super) rpc_address: String,
    pub(super) slots: BTreeMap<SlotIndex, AllocationId>,
    pub(super) host: HostPhase,
    /// Sequence number of the last report that was taken in.
    pub(super) last_report: Option<u64>,
}

/// Position of a slot among those that the job needs.
pub(super) type SlotNumber = usize;

/// A slot that the job needs.
#[derive(Clone, Debug, Default)]
struct WantedSlot {
    /// The one that it has got.
    location: Option<Location>,
    /// Where it was before: what a TaskManager has on its disk is best used there.
    previous: Option<TaskManagerId>,
}

#[derive(Clone, Debug)]
pub(super) struct SlotPool {
    pub(super) task_managers: BTreeMap<TaskManagerId, HeldTaskManager>,
    wanted: Vec<WantedSlot>,
    /// For each vertex, the slot of its first subtask; those of the others follow.
    starts: Vec<SlotNumber>,
}

impl SlotPool {
    /// Subtask i of each vertex of a slot sharing group shares the group's slot i, so that what a forward edge connects is
    /// in one process.
    pub(super) fn new(graph: &JobGraph) -> Self {
        let mut sizes = BTreeMap::<&str, usize>::new();
        for vertex in &graph.vertices {
            let size = sizes.entry(&vertex.slot_sharing_group).or_default();
            *size = (*size).max(vertex.parallelism as usize);
        }
        let mut starts = BTreeMap::<&str, SlotNumber>::new();
        let mut next = 0;
        for (group, size) in sizes {
            starts.insert(group, next);
            next += size;
        }
        Self {
            task_managers: BTreeMap::new(),
            wanted: vec![WantedSlot::default(); next],
            starts: graph.vertices.iter().map(|vertex| starts[vertex.slot_sharing_group.as_str()]).collect(),
        }
    }

    /// The job has other numbers of subtasks, and nothing of it runs. Subtasks with the same index are best where they
    /// were.
    pub(super) fn rescale(&mut self, graph: &JobGraph) {
        let task_managers = std::mem::take(&mut self.task_managers);
        let old = std::mem::replace(self, Self::new(graph));
        self.task_managers = task_managers;
        for (vertex, (old_start, start)) in graph.vertices.iter().zip(old.starts.iter().zip(&self.starts)) {
            let now = self.wanted[*start..].iter_mut().take(vertex.parallelism as usize);
            for (now, before) in now.zip(&old.wanted[*old_start..]) {
                let location = before.location.as_ref().map(|location| location.task_manager_id.clone());
                now.previous = location.or_else(|| before.previous.clone());
            }
        }
    }

    /// Task hosts run another graph than the job has now: others are to take their places.
    pub(super) fn give_up_hosts(&mut self) {
        for held in self.task_managers.values_mut() {
            if held.host != HostPhase::Absent {
                held.host = HostPhase::Ended;
            }
        }
    }

    /// How many slots the job needs.
    pub(super) fn required(&self) -> u32 {
        self.wanted.len() as u32
    }

    /// How many it holds.
    pub(super) fn count(&self) -> u32 {
        self.task_managers.values().map(|held| held.slots.len() as u32).sum()
    }

    pub(super) fn add(&mut self, granted: GrantedSlot) {
        let held = self.task_managers.entry(granted.task_manager_id).or_insert_with(|| HeldTaskManager {
            fence: granted.fence,
            rpc_address: granted.rpc_address,
            slots: BTreeMap::new(),
            host: HostPhase::Absent,
            last_report: None,
        });
        held.fence = granted.fence;
        held.slots.insert(granted.slot, granted.allocation_id);
    }

    /// A TaskManager has slots and perhaps a task host of an earlier JobMaster of the job.
    pub(super) fn adopt(
        &mut self,
        id: &TaskManagerId,
        fence: Fence,
        rpc_address: &str,
        slots: Vec<(SlotIndex, AllocationId)>,
        host: Option<LocalHost>,
        next_report: u64,
    ) {
        let phase = |host: LocalHost| match (HostId(host.attempt.0), host.state) {
            (host, LocalHostState::Starting) => HostPhase::Starting(host),
            (host, LocalHostState::Ready { data_address }) => HostPhase::Ready { host, data_address },
            (host, LocalHostState::Stopping) => HostPhase::Killed(host),
            (_, LocalHostState::Ended) => HostPhase::Ended,
        };
        let held = HeldTaskManager {
            fence,
            rpc_address: rpc_address.to_owned(),
            slots: slots.into_iter().collect(),
            host: host.map_or(HostPhase::Absent, phase),
            last_report: next_report.checked_sub(1),
        };
        self.task_managers.insert(id.clone(), held);
    }

    /// A subtask runs in this slot.
    pub(super) fn use_slot(&mut self, subtask: SubtaskId, location: Location) {
        let number = self.number_of(subtask);
        self.wanted[number].location = Some(location);
    }

    /// Lets go of slots that are more than the job needs and that nothing runs in.
    pub(super) fn release_superfluous(&mut self) -> Vec<AllocationId> {
        let used = self.used();
        let mut superfluous = self.count().saturating_sub(self.required());
        let mut released = Vec::new();
        for held in self.task_managers.values_mut() {
            held.slots.retain(|_, allocation| {
                let goes = superfluous > 0 && !used.contains(allocation);
                if goes {
                    superfluous -= 1;
                    released.push(*allocation);
                }
                !goes
            });
        }
        self.task_managers.retain(|_, held| !held.slots.is_empty());
        released
    }

    fn used(&self) -> BTreeSet<AllocationId> {
        let locations = self.wanted.iter().filter_map(|wanted| wanted.location.as_ref());
        locations.map(|location| location.allocation_id).collect()
    }

    /// The TaskManager is gone, with all slots there.
    pub(super) fn lose(&mut self, id: &TaskManagerId) -> Option<HeldTaskManager> {
        for wanted in &mut self.wanted {
            if wanted.location.as_ref().is_some_and(|location| location.task_manager_id == *id) {
                wanted.location = None;
                wanted.previous = Some(id.clone());
            }
        }
        self.task_managers.remove(id)
    }

    /// The TaskManager, if this is its current registration.
    pub(super) fn current(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
    ) -> Option<&mut HeldTaskManager> {
        self.task_managers.get_mut(id).filter(|held| held.fence.registration_id == registration_id)
    }

    /// Whether the task hosts on all these TaskManagers can run subtasks.
    pub(super) fn all_ready<'a>(&self, mut ids: impl Iterator<Item = &'a TaskManagerId>) -> bool {
        ids.all(|id| {
            self.task_managers.get(id).is_some_and(|held| matches!(held.host, HostPhase::Ready { .. }))
        })
    }

    /// Whether the task host there can be started, if there is none. It has as many threads as it is given slots at its
    /// start, so a first one waits for the others that may come.
    pub(super) fn may_start(&self, id: &TaskManagerId) -> bool {
        let held = self.task_managers.get(id);
        held.is_some_and(|held| held.host != HostPhase::Absent || self.count() == self.required())
    }

    /// Which slot a subtask runs in.
    pub(super) fn number_of(&self, subtask: SubtaskId) -> SlotNumber {
        self.starts[subtask.vertex.0 as usize] + subtask.subtask.0 as usize
    }

    /// Where that slot is, if there is one.
    pub(super) fn location_of(&self, subtask: SubtaskId) -> Option<&Location> {
        self.wanted[self.number_of(subtask)].location.as_ref()
    }

    /// Uses the slots that are held and not used yet, each where the one was that it replaces if there is a choice.
    /// Neighbors come to be on one TaskManager. What is used already stays where it is.
    pub(super) fn assign(&mut self) {
        let used = self.used();
        let mut unused = self.locations();
        unused.retain(|location| !used.contains(&location.allocation_id));
        let open = self.wanted.iter_mut().filter(|wanted| wanted.location.is_none());
        let mut homeless = Vec::new();
        for wanted in open {
            let here = |location: &Location| wanted.previous.as_ref() == Some(&location.task_manager_id);
            match unused.iter().position(here) {
                Some(position) => wanted.location = Some(unused.remove(position)),
                None => homeless.push(wanted),
            }
        }
        for (wanted, location) in homeless.into_iter().zip(unused) {
            wanted.location = Some(location);
        }
    }

    /// All slots in the order in which they are given to subtasks.
    fn locations(&self) -> Vec<Location> {
        let of = |(id, held): (&TaskManagerId, &HeldTaskManager)| {
            let (id, rpc_address) = (id.clone(), held.rpc_address.clone());
            let location = move |allocation_id: &AllocationId| Location {
                allocation_id: *allocation_id,
                task_manager_id: id.clone(),
                rpc_address: rpc_address.clone(),
            };
            held.slots.values().map(location).collect::<Vec<_>>()
        };
        self.task_managers.iter().flat_map(of).collect()
    }
}
