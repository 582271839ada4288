//! What subtasks do: flame graphs of vertices, and profiles of TaskManagers and of this JobManager.
//!
//! A vertex is looked at when somebody asks for its flame graph and the last one is too old; who asks meanwhile gets the
//! last one. Both end with leadership, and are kept in memory only.

mod runs;
mod select;
mod vertices;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flott_core::config::{Configuration, options::profiling};
use tokio::task::JoinSet;

pub use runs::{ProfileMode, ProfileRun, ProfileStatus, Profiled, Report};
pub use select::Selection;
pub use vertices::VertexProfile;

use crate::{clock::Clock, dispatcher::DispatcherHandle, resource_manager::ResourceManagerHandle};

/// What an operator can set.
#[derive(Clone, Debug)]
pub(crate) struct ProfilingOptions {
    refresh_interval: Duration,
    cleanup_interval: Duration,
    samples: u32,
    delay: Duration,
    stack_depth: u32,
    history_size: usize,
}

impl ProfilingOptions {
    pub(crate) fn new(config: &Configuration) -> Self {
        Self {
            refresh_interval: config.get(&profiling::FLAMEGRAPH_REFRESH_INTERVAL),
            cleanup_interval: config.get(&profiling::FLAMEGRAPH_CLEANUP_INTERVAL),
            samples: config.get(&profiling::FLAMEGRAPH_NUM_SAMPLES),
            delay: config.get(&profiling::FLAMEGRAPH_DELAY_BETWEEN_SAMPLES),
            stack_depth: config.get(&profiling::FLAMEGRAPH_STACK_DEPTH),
            history_size: config.get(&profiling::PROFILING_HISTORY_SIZE) as usize,
        }
    }
}

/// All that is known of what subtasks do. What is under way ends with it.
pub(crate) struct Profiles(Arc<Inner>);

struct Inner {
    options: ProfilingOptions,
    clock: Clock,
    resource_manager: ResourceManagerHandle,
    dispatcher: DispatcherHandle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    vertices: vertices::Vertices,
    runs: runs::Runs,
    work: JoinSet<()>,
}

impl Profiles {
    pub(crate) fn new(
        options: ProfilingOptions,
        clock: Clock,
        resource_manager: ResourceManagerHandle,
        dispatcher: DispatcherHandle,
    ) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Inner { options, clock, resource_manager, dispatcher, state }))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Runs something that ends with this.
    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        while self.work.try_join_next().is_some() {}
        self.work.spawn(work);
    }
}
