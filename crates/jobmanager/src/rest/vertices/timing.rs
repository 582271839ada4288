//! When subtasks ran and for how long, and the state of several of them as one.

use std::collections::BTreeMap;

use flott_core::ExecutionState;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{rest::io_metrics::Statistics, view::SubtaskView};

/// When something started to be deployed, when it ended, and the time between; -1 for what has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Timing {
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) duration: i64,
}

impl Timing {
    /// Of one subtask.
    pub(crate) fn of(subtask: &SubtaskView, now: i64) -> Self {
        Self::new(start(subtask), end(subtask), now)
    }

    /// From the first deployment to the last end.
    pub(crate) fn of_all<'a>(
        subtasks: impl IntoIterator<Item = &'a SubtaskView, IntoIter: Clone>,
        now: i64,
    ) -> Self {
        let subtasks = subtasks.into_iter();
        let first = subtasks.clone().filter_map(start).min();
        let all_ended = subtasks.clone().all(|subtask| subtask.state.is_terminal());
        let last = if all_ended { subtasks.filter_map(end).max() } else { None };
        Self::new(first, last, now)
    }

    fn new(start: Option<i64>, end: Option<i64>, now: i64) -> Self {
        Self {
            start_time: start.unwrap_or(-1),
            end_time: end.unwrap_or(-1),
            duration: start.map_or(-1, |start| (end.unwrap_or(now) - start).max(0)),
        }
    }
}

fn start(subtask: &SubtaskView) -> Option<i64> {
    Some(subtask.times.of(ExecutionState::Deploying)).filter(|time| *time > 0)
}

fn end(subtask: &SubtaskView) -> Option<i64> {
    Some(subtask.times.of(subtask.state)).filter(|time| subtask.state.is_terminal() && *time > 0)
}

/// The states in which a subtask spends time that is worth telling, in their order.
const LASTING: [ExecutionState; 5] = [
    ExecutionState::Created,
    ExecutionState::Scheduled,
    ExecutionState::Deploying,
    ExecutionState::Initializing,
    ExecutionState::Running,
];

/// How long a subtask was in each state that it has entered, in milliseconds.
pub(crate) fn state_durations(subtask: &SubtaskView, now: i64) -> BTreeMap<ExecutionState, u64> {
    let entered = |state: ExecutionState| Some(subtask.times.of(state)).filter(|time| *time > 0);
    LASTING
        .into_iter()
        .filter_map(|state| {
            let from = entered(state)?;
            let left = ExecutionState::ALL
                .into_iter()
                .filter(|later| *later > state)
                .filter_map(entered)
                .filter(|time| *time >= from)
                .min();
            Some((state, (left.unwrap_or(now) - from).max(0) as u64))
        })
        .collect()
}

/// Statistics over the durations of several subtasks, by state.
pub(crate) fn aggregate_durations<'a>(
    subtasks: impl Iterator<Item = &'a SubtaskView>,
    now: i64,
) -> BTreeMap<ExecutionState, Statistics> {
    let mut by_state = BTreeMap::<ExecutionState, Vec<u64>>::new();
    for subtask in subtasks {
        for (state, duration) in state_durations(subtask, now) {
            by_state.entry(state).or_default().push(duration);
        }
    }
    by_state.into_iter().map(|(state, values)| (state, Statistics::of(values.into_iter()))).collect()
}

/// How many are in each state; every state has its entry.
pub(crate) fn count_states(states: impl Iterator<Item = ExecutionState>) -> BTreeMap<ExecutionState, u32> {
    let mut counts: BTreeMap<_, _> = ExecutionState::ALL.into_iter().map(|state| (state, 0)).collect();
    for state in states {
        *counts.entry(state).or_default() += 1;
    }
    counts
}

/// One state for several subtasks: the worst if any is bad, else the one that says most of their progress.
pub(crate) fn aggregate_state(states: impl Iterator<Item = ExecutionState>) -> ExecutionState {
    use ExecutionState as S;
    let counts = count_states(states);
    let any = |state: S| counts[&state] > 0;
    let present =
        [S::Failed, S::Canceling, S::Canceled, S::Initializing, S::Running].into_iter().find(|s| any(*s));
    if let Some(state) = present {
        return state;
    }
    if any(S::Finished) {
        let unfinished = counts.iter().any(|(state, count)| *state != S::Finished && *count > 0);
        return if unfinished { S::Running } else { S::Finished };
    }
    [S::Deploying, S::Scheduled, S::Reconciling].into_iter().find(|state| any(*state)).unwrap_or(S::Created)
}

#[cfg(test)]
mod tests {
    use ExecutionState as S;

    use super::*;

    #[test]
    fn several_states_as_one() {
        for (states, expected) in [
            (vec![], S::Created),
            (vec![S::Finished, S::Finished], S::Finished),
            (vec![S::Finished, S::Running], S::Running),
            (vec![S::Finished, S::Scheduled], S::Running),
            (vec![S::Failed, S::Running, S::Canceled], S::Failed),
            (vec![S::Canceling, S::Canceled], S::Canceling),
            (vec![S::Initializing, S::Running], S::Initializing),
            (vec![S::Deploying, S::Scheduled], S::Deploying),
        ] {
            assert_eq!(aggregate_state(states.iter().copied()), expected, "{states:?}");
        }
    }
}
