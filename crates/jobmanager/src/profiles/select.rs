//! Which of the stacks that were seen belong into a flame graph.

use flott_core::{
    SubtaskIndex,
    profile::{JobSamples, SampledStack, TaskActivity},
};
use flott_profiling::flame::FlameNode;

/// Which stacks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Of subtasks that ran or could have.
    OnCpu,
    /// Of subtasks that waited or were blocked.
    OffCpu,
    /// All.
    Full,
}

impl Selection {
    /// Whether a subtask that does this is wanted. One that waits for a thread of its slot has none to run on.
    fn wants(self, activity: TaskActivity) -> bool {
        match self {
            Self::OnCpu => activity == TaskActivity::OnCpu,
            Self::OffCpu => activity != TaskActivity::OnCpu,
            Self::Full => true,
        }
    }

    /// Adds the wanted stacks to a tree, each below what `outer` says of it; of one subtask only, if that is given.
    pub(super) fn add_to<'a>(
        self,
        tree: &mut FlameNode,
        samples: &'a JobSamples,
        subtask: Option<SubtaskIndex>,
        outer: impl Fn(&SampledStack) -> Vec<&'a str>,
    ) {
        for stack in &samples.stacks {
            if !self.wants(stack.activity) || subtask.is_some_and(|wanted| wanted != stack.subtask.subtask) {
                continue;
            }
            let name = |&frame: &u32| samples.functions.get(frame as usize).map(String::as_str);
            let frames = stack.frames.iter().filter_map(name);
            tree.add(outer(stack).into_iter().chain(frames), stack.count.into());
        }
    }
}
