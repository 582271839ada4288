//! What the subtasks on a TaskManager have of the network.

use std::sync::Arc;

use flott_core::{ExecutionState, TaskManagerId};
use flott_reporter::NetworkReadings;

use crate::view::{JobView, SubtaskView};

/// The sum over the subtasks that run there.
pub(super) fn of_task_manager(jobs: &[Arc<JobView>], id: &TaskManagerId) -> NetworkReadings {
    let subtasks = jobs.iter().flat_map(|job| &job.vertices).flat_map(|vertex| &vertex.subtasks);
    let is_there = |subtask: &&SubtaskView| {
        subtask.state == ExecutionState::Running
            && subtask.location.as_ref().is_some_and(|location| location.task_manager_id == *id)
    };
    subtasks.filter(is_there).fold(NetworkReadings::default(), |sum, subtask| sum.plus(&subtask.metrics.now))
}
