//! Of what a metric is: the first words of its name, and its labels.

use std::fmt::Write;

/// Of what metrics are. Each kind of scope has its own families, whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Such as `taskmanager_job_task`.
    name: &'static str,
    /// As they stand between the braces.
    labels: String,
}

impl Scope {
    /// A JobManager's process, and what it knows of the cluster.
    pub fn job_manager(host: &str) -> Self {
        Self { name: "jobmanager", labels: String::new() }.with("host", host)
    }

    /// A job as its JobManager sees it.
    #[must_use]
    pub fn job(&self, id: &str, name: &str) -> Self {
        self.named("jobmanager_job").with("job_id", id).with("job_name", name)
    }

    /// A TaskManager's process.
    pub fn task_manager(host: &str, id: &str) -> Self {
        Self { name: "taskmanager", labels: String::new() }.with("host", host).with("tm_id", id)
    }

    /// A job on a TaskManager.
    #[must_use]
    pub fn task_manager_job(&self, id: &str, name: &str) -> Self {
        self.named("taskmanager_job").with("job_id", id).with("job_name", name)
    }

    /// One of several metrics of a name, told apart by these labels.
    #[must_use]
    pub fn labeled(&self, labels: &[(&str, String)]) -> Self {
        labels.iter().fold(self.clone(), |scope, (label, value)| scope.with(label, value))
    }

    /// A subtask of a job on a TaskManager: id and name of its vertex, and its index.
    #[must_use]
    pub fn task(&self, id: &str, name: &str, subtask: u32) -> Self {
        let task = self.named("taskmanager_job_task").with("task_id", id).with("task_name", name);
        task.with("subtask_index", &subtask.to_string())
    }

    /// An operator of a subtask.
    #[must_use]
    pub fn operator(&self, name: &str) -> Self {
        self.named("taskmanager_job_task_operator").with("operator_name", name)
    }

    /// The name of the family of a metric of this scope; the metric's has parts with dots between.
    pub(crate) fn family(&self, metric: &str) -> String {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let metric = metric.chars().map(|c| if is_allowed(c) { c } else { '_' });
        ["flink_", self.name, "_"].into_iter().flat_map(str::chars).chain(metric).collect()
    }

    /// For the line of help.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn labels(&self) -> &str {
        &self.labels
    }

    fn named(&self, name: &'static str) -> Self {
        Self { name, labels: self.labels.clone() }
    }

    fn with(mut self, label: &str, value: &str) -> Self {
        let comma = if self.labels.is_empty() { "" } else { "," };
        let _ = write!(self.labels, "{comma}{label}=\""); // writing to a String cannot fail
        for c in value.chars() {
            match c {
                '\\' => self.labels.push_str("\\\\"),
                '"' => self.labels.push_str("\\\""),
                '\n' => self.labels.push_str("\\n"),
                c => self.labels.push(c),
            }
        }
        self.labels.push('"');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_flinks() {
        let job_manager = Scope::job_manager("h");
        assert_eq!(job_manager.family("numRunningJobs"), "flink_jobmanager_numRunningJobs");
        assert_eq!(job_manager.job("1", "j").family("numRestarts"), "flink_jobmanager_job_numRestarts");
        let task = Scope::task_manager("h", "t").task_manager_job("1", "j").task("2", "map", 3);
        assert_eq!(
            task.family("Shuffle.Netty.Input.Buffers.inPoolUsage"),
            "flink_taskmanager_job_task_Shuffle_Netty_Input_Buffers_inPoolUsage"
        );
        assert_eq!(
            task.operator("a").family("grüße.my-count"),
            "flink_taskmanager_job_task_operator_gr__e_my_count"
        );
        assert_eq!(
            task.operator("a\\ \"b\"\n").labels(),
            r#"host="h",tm_id="t",job_id="1",job_name="j",task_id="2",task_name="map",subtask_index="3",operator_name="a\\ \"b\"\n""#
        );
    }
}
