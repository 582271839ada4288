//! How much of a machine's cores processes use.

use std::collections::BTreeMap;

use crate::view::{ProcessMetrics, TaskManagerView};

/// How many samples long a load is believed without news.
const PATIENCE: u32 = 4;

/// The load of some processes, by the CPU time that each had used before.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// By process id, 0 for the daemon. What has ended takes its time with it.
    used_ms: BTreeMap<u32, u64>,
    unix_ms: i64,
    /// The last that was known, for the samples until news come.
    latest: Option<f64>,
    samples_without_news: u32,
}

impl Load {
    /// What share of `cores` the processes have used since the last call, 0 to 1; NaN if it is not known. `unix_ms` is when
    /// their metrics were read.
    pub(super) fn sample(
        &mut self,
        unix_ms: i64,
        cores: u32,
        processes: impl Iterator<Item = (u32, ProcessMetrics)>,
    ) -> f64 {
        let passed = unix_ms - self.unix_ms;
        if passed <= 0 && !self.used_ms.is_empty() {
            self.samples_without_news += 1;
            return self.latest.filter(|_| self.samples_without_news < PATIENCE).unwrap_or(f64::NAN);
        }
        let now: BTreeMap<u32, u64> = processes.map(|(id, process)| (id, process.cpu_ms)).collect();
        let mut used = 0;
        for (id, cpu_ms) in &now {
            // A new process has used all it has used since then.
            used += cpu_ms.saturating_sub(self.used_ms.get(id).copied().unwrap_or(0));
        }
        let is_first = self.used_ms.is_empty();
        self.latest = (!is_first && cores > 0)
            .then(|| (used as f64 / passed as f64 / f64::from(cores)).clamp(0.0, 1.0));
        (self.used_ms, self.unix_ms, self.samples_without_news) = (now, unix_ms, 0);
        self.latest.unwrap_or(f64::NAN)
    }

    /// That of a TaskManager and its task hosts.
    pub(super) fn of_task_manager(&mut self, view: &TaskManagerView) -> f64 {
        let hosts = view.task_hosts.iter().map(|host| (host.pid, host.process));
        let processes = std::iter::once((0, view.process)).chain(hosts);
        self.sample(view.last_heartbeat_unix_ms, view.hardware.cpu_cores, processes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(cpu_ms: u64) -> ProcessMetrics {
        ProcessMetrics { cpu_ms, ..ProcessMetrics::default() }
    }

    #[test]
    fn the_load_is_the_time_used_since_the_last_news() {
        let mut load = Load::default();
        let mut sample = |unix_ms, processes: &[(u32, u64)]| {
            load.sample(unix_ms, 2, processes.iter().map(|(id, cpu_ms)| (*id, process(*cpu_ms))))
        };
        assert!(sample(1_000, &[(0, 500)]).is_nan(), "nothing is known of the time before");
        assert_eq!(sample(6_000, &[(0, 1_500), (7, 4_000)]), 0.5);
        assert_eq!(sample(6_000, &[(0, 1_500), (7, 4_000)]), 0.5, "no news");
        assert_eq!(sample(16_000, &[(0, 2_500)]), 0.05, "a process that ended takes nothing back");
        assert_eq!(sample(16_000, &[]), 0.05);
        assert_eq!(sample(16_000, &[]), 0.05);
        assert_eq!(sample(16_000, &[]), 0.05);
        assert!(sample(16_000, &[]).is_nan(), "that is too old");
    }
}
