//! Options of flame graphs and profiles.

use std::time::Duration;

use crate::{
    config::option::options,
    profile::{MAX_SAMPLES, MAX_STACK_DEPTH},
};

options! {
    /// Whether the dashboard shows flame graphs of vertices. While nobody looks at one it costs nothing.
    FLAMEGRAPH_ENABLED: bool = "rest.flamegraph.enabled", default "true";
    /// How old a flame graph may be until a new one is taken for whoever looks at it.
    FLAMEGRAPH_REFRESH_INTERVAL: Duration = "rest.flamegraph.refresh-interval", default "1 min",
        limit "a duration of at least 1 s, such as 1 min" => |interval| *interval >= Duration::from_secs(1);
    /// After how long a flame graph that nobody looks at any more is forgotten.
    FLAMEGRAPH_CLEANUP_INTERVAL: Duration = "rest.flamegraph.cleanup-interval", default "10 min",
        limit "a duration of at least 1 s, such as 10 min" => |interval| *interval >= Duration::from_secs(1);
    /// From how many looks at each subtask a flame graph is made.
    FLAMEGRAPH_NUM_SAMPLES: u32 = "rest.flamegraph.num-samples", default "100",
        limit "a whole number from 1 to 60000" => |samples| (1..=MAX_SAMPLES).contains(samples);
    /// Time between two looks.
    FLAMEGRAPH_DELAY_BETWEEN_SAMPLES: Duration = "rest.flamegraph.delay-between-samples", default "50 ms",
        limit "a duration from 1 ms to 10 s, such as 50 ms" =>
            |delay| (Duration::from_millis(1)..=Duration::from_secs(10)).contains(delay);
    /// How many functions of a stack are shown, from the innermost on.
    FLAMEGRAPH_STACK_DEPTH: u32 = "rest.flamegraph.stack-depth", default "100",
        limit "a whole number from 1 to 128" => |depth| (1..=MAX_STACK_DEPTH).contains(depth);
    /// Whether CPU profiles of TaskManagers' task hosts and of the JobManager can be taken.
    PROFILING_ENABLED: bool = "rest.profiling.enabled", default "true";
    /// Longest that a profile may be taken.
    PROFILING_DURATION_MAX: Duration = "rest.profiling.duration-max", default "5 min",
        limit "a duration from 1 s to 10 min, such as 5 min" =>
            |duration| (Duration::from_secs(1)..=Duration::from_mins(10)).contains(duration);
    /// How many profiles of each TaskManager, and of itself, the JobManager keeps, in memory.
    PROFILING_HISTORY_SIZE: u32 = "rest.profiling.history-size", default "10",
        limit "a whole number from 1 to 100" => |profiles| (1..=100).contains(profiles);
}
