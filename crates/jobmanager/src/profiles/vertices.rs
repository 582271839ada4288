//! Flame graphs of vertices.

use std::{collections::BTreeMap, sync::Arc};

use flott_core::{
    JobId, MonoTime, SubtaskIndex, TaskManagerId, VertexIndex,
    profile::{JobSamples, TaskSampling},
};
use flott_profiling::flame::FlameNode;
use flott_rpc::SampleTasks;
use futures::future::join_all;

use super::{Inner, Profiles, Selection};
use crate::clock::unix_ms;

/// Most vertices whose profiles are kept.
const VERTICES: usize = 500;

/// Most vertices that are looked at at the same time; others wait for their turn.
const UNDERWAY: usize = 8;

/// What the subtasks of a vertex were seen doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VertexProfile {
    /// When that was done, in milliseconds since 1970.
    pub unix_ms: i64,
    /// What the TaskManagers tell.
    pub samples: Vec<JobSamples>,
}

impl VertexProfile {
    /// The tree of the wanted stacks, of one subtask only if it is given.
    pub fn flame_graph(&self, selection: Selection, subtask: Option<SubtaskIndex>) -> FlameNode {
        let mut root = FlameNode::root();
        for samples in &self.samples {
            selection.add_to(&mut root, samples, subtask, |_| Vec::new());
        }
        root
    }

    /// Why functions are not known everywhere, if so.
    pub fn problem(&self) -> Option<&str> {
        self.samples.iter().find_map(|samples| samples.problem.as_deref())
    }
}

/// By job and vertex.
pub(super) type Vertices = BTreeMap<(JobId, VertexIndex), Vertex>;

/// What is known of a vertex.
#[derive(Debug)]
pub(super) struct Vertex {
    profile: Option<(MonoTime, Arc<VertexProfile>)>,
    underway: bool,
    /// When somebody asked for it last.
    asked_at: MonoTime,
}

impl Profiles {
    /// The last profile of a vertex. A new one is begun if there is none, or if it is too old.
    pub(crate) fn of_vertex(&self, job_id: JobId, vertex: VertexIndex) -> Option<Arc<VertexProfile>> {
        let inner = &self.0;
        let now = inner.clock.now();
        let hosts = inner.hosts_of(job_id);
        let mut state = inner.lock();
        forget(&mut state.vertices, now, inner.options.cleanup_interval);
        let underway = state.vertices.values().filter(|vertex| vertex.underway).count();
        let entry = state.vertices.entry((job_id, vertex)).or_insert(Vertex {
            profile: None,
            underway: false,
            asked_at: now,
        });
        entry.asked_at = now;
        let profile = entry.profile.clone();
        let is_due =
            profile.as_ref().is_none_or(|(taken, _)| now.since(*taken) >= inner.options.refresh_interval);
        if is_due && !entry.underway && underway < UNDERWAY && !hosts.is_empty() {
            entry.underway = true;
            // The work belongs to what it reports to, so it may not keep that alive.
            let (weak, sampler) = (Arc::downgrade(inner), inner.sample(job_id, vertex, hosts));
            state.spawn(async move {
                let samples = sampler.await;
                if let Some(inner) = weak.upgrade() {
                    inner.sampled((job_id, vertex), samples);
                }
            });
        }
        drop(state);
        profile.map(|(_, profile)| profile)
    }
}

/// Leaves out what nobody has asked for for long, and the oldest if there are too many.
fn forget(vertices: &mut Vertices, now: MonoTime, after: std::time::Duration) {
    vertices.retain(|_, vertex| vertex.underway || now.since(vertex.asked_at) < after);
    while vertices.len() >= VERTICES {
        let idle = vertices.iter().filter(|(_, vertex)| !vertex.underway);
        let Some(oldest) = idle.min_by_key(|(_, vertex)| vertex.asked_at).map(|(key, _)| *key) else {
            return;
        };
        vertices.remove(&oldest);
    }
}

impl Inner {
    /// The TaskManagers with a task host of the job.
    fn hosts_of(&self, job_id: JobId) -> Vec<TaskManagerId> {
        let task_managers = self.resource_manager.task_managers();
        let has_job = |slots: &[crate::view::SlotView]| slots.iter().any(|slot| slot.job_id == Some(job_id));
        let with_job = task_managers.iter().filter(|view| has_job(&view.slots));
        with_job.map(|view| view.id.clone()).collect()
    }

    /// Looks at a vertex everywhere. Holds nothing of this.
    fn sample(
        &self,
        job_id: JobId,
        vertex: VertexIndex,
        hosts: Vec<TaskManagerId>,
    ) -> impl Future<Output = Vec<JobSamples>> + Send + 'static {
        let sampling = TaskSampling {
            vertices: vec![vertex],
            samples: self.options.samples,
            delay: self.options.delay,
            max_depth: self.options.stack_depth,
        };
        let wish = SampleTasks { job_id: Some(job_id), sampling };
        let clients = hosts.into_iter().filter_map(|id| Some((self.resource_manager.client(&id).ok()?, id)));
        let calls: Vec<_> = clients
            .map(|(client, task_manager_id)| {
                let wish = wish.clone();
                async move {
                    client.sample(wish).await.unwrap_or_else(|error| {
                        tracing::warn!(%job_id, %task_manager_id, %error, "a flame graph is incomplete");
                        Vec::new()
                    })
                }
            })
            .collect();
        async move { join_all(calls).await.into_iter().flatten().collect() }
    }

    fn sampled(&self, key: (JobId, VertexIndex), samples: Vec<JobSamples>) {
        let now = self.clock.now();
        if let Some(vertex) = self.lock().vertices.get_mut(&key) {
            vertex.underway = false;
            vertex.profile = Some((now, Arc::new(VertexProfile { unix_ms: unix_ms(), samples })));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flott_core::{
        SubtaskId,
        profile::{SampledStack, TaskActivity},
    };

    use super::*;

    #[test]
    fn a_flame_graph_shows_what_is_selected() {
        let stack = |subtask, activity, frames, count| SampledStack {
            subtask: SubtaskId::new(0, subtask),
            activity,
            frames,
            count,
        };
        let samples = JobSamples {
            job_id: JobId::from_bytes([1; 16]),
            functions: ["step", "map", "waiting for input", "read"].map(str::to_owned).to_vec(),
            stacks: vec![
                stack(0, TaskActivity::OnCpu, vec![0, 1], 5),
                stack(1, TaskActivity::Blocked, vec![0, 3], 2),
                stack(1, TaskActivity::Idle, vec![2], 3),
            ],
            problem: None,
        };
        let other = JobSamples { problem: Some("stripped".to_owned()), ..samples.clone() };
        let profile = VertexProfile { unix_ms: 7, samples: vec![samples, other] };
        let lines = |selection, subtask| profile.flame_graph(selection, subtask).collapsed();
        assert_eq!(lines(Selection::OnCpu, None), "step;map 10\n");
        assert_eq!(lines(Selection::OffCpu, None), "step;read 4\nwaiting for input 6\n");
        assert_eq!(lines(Selection::Full, Some(SubtaskIndex(1))), "step;read 4\nwaiting for input 6\n");
        assert_eq!(lines(Selection::OnCpu, Some(SubtaskIndex(1))), "");
        assert_eq!(profile.flame_graph(Selection::Full, None).value, 20);
        assert_eq!(profile.problem(), Some("stripped"));
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let at = |seconds| MonoTime::ZERO + Duration::from_secs(seconds);
        let key = |number: u32| (JobId::from_bytes([0; 16]), VertexIndex(number));
        let vertex = |underway, seconds| Vertex { profile: None, underway, asked_at: at(seconds) };
        let mut vertices = Vertices::from([
            (key(1), vertex(false, 0)),
            (key(2), vertex(true, 0)),
            (key(3), vertex(false, 50)),
        ]);
        forget(&mut vertices, at(60), Duration::from_secs(60));
        assert_eq!(vertices.keys().copied().collect::<Vec<_>>(), [key(2), key(3)]);
        for number in 4..2000 {
            vertices.insert(key(number), vertex(false, 60));
        }
        forget(&mut vertices, at(60), Duration::from_secs(60));
        assert_eq!(vertices.len(), VERTICES - 1);
        assert!(vertices.contains_key(&key(2)) && !vertices.contains_key(&key(3)));
    }
}
