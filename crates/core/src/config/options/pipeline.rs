//! Options of a job's dataflow.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// Name of the job, instead of the one that its program gives. Of use with one job only, on its command line.
    NAME: Option<String> = "pipeline.name";
    /// The highest parallelism that a job's state can ever be spread over. Unset: derived from the parallelism.
    MAX_PARALLELISM: Option<u32> = "pipeline.max-parallelism",
        limit "a whole number from 1 to 32768" => |max| max.is_none_or(|max| (1..=32768).contains(&max));
    /// Whether operators that follow each other one to one run as one task. Turn it off to see each operator by itself
    /// in the dashboard; it costs throughput.
    OPERATOR_CHAINING: bool = "pipeline.operator-chaining.enabled", default "true",
        older ["pipeline.operator-chaining"];
    /// How often watermarks are made. Lower it for results sooner after their time, raise it if there are very many
    /// subtasks; 0 makes none but those that records bring about.
    AUTO_WATERMARK_INTERVAL: Duration = "pipeline.auto-watermark-interval", default "200 ms";
}
