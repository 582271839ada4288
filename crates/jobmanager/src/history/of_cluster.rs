//! What is recorded of processes and of the cluster.

use std::collections::BTreeMap;

use super::{
    Aggregation::{Avg, Sum},
    of_job::Throughput,
    recorder::Sample,
    series::Key,
};
use crate::view::{ClusterOverview, TaskManagerView};

const CPU_LOAD: Key<'static> = Key::new("cpuLoad", "", Avg);
const MEMORY_USED: Key<'static> = Key::new("memoryUsed", "bytes", Sum);
const SLOTS_TOTAL: Key<'static> = Key::new("slotsTotal", "slots", Sum);
const SLOTS_AVAILABLE: Key<'static> = Key::new("slotsAvailable", "slots", Sum);
const TASK_MANAGERS: Key<'static> = Key::new("taskManagers", "", Sum);
const JOBS_RUNNING: Key<'static> = Key::new("jobsRunning", "jobs", Sum);

/// What processes use: those of a daemon, or all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    /// Share of the cores, 0 to 1; NaN if it is not known.
    pub(super) cpu_load: f64,
    /// Resident bytes.
    pub(super) memory: f64,
}

impl Usage {
    pub(super) fn record(self, sample: &mut Sample<'_>) {
        sample.put(CPU_LOAD, self.cpu_load);
        sample.put(MEMORY_USED, self.memory);
    }
}

/// Sums up what TaskManagers use.
#[derive(Debug, Default)]
pub(super) struct Machines<'a> {
    memory: f64,
    /// By host, its cores and the load of all TaskManagers on it.
    hosts: BTreeMap<&'a str, (u32, f64)>,
}

impl<'a> Machines<'a> {
    pub(super) fn add(&mut self, view: &'a TaskManagerView, usage: Usage) {
        self.memory += usage.memory;
        let (cores, load) = self.hosts.entry(&view.data_host).or_default();
        *cores = view.hardware.cpu_cores.max(*cores);
        *load += usage.cpu_load;
    }

    /// What they use together: the share of all cores of machines whose load is known.
    pub(super) fn usage(&self) -> Usage {
        let known = || self.hosts.values().filter(|(_, load)| load.is_finite());
        let cores: f64 = known().map(|(cores, _)| f64::from(*cores)).sum();
        let used: f64 = known().map(|(cores, load)| f64::from(*cores) * load.min(1.0)).sum();
        Usage { cpu_load: if cores > 0.0 { used / cores } else { f64::NAN }, memory: self.memory }
    }
}

/// Takes in the cluster as a whole.
pub(super) fn sample(
    overview: &ClusterOverview,
    jobs_running: usize,
    throughput: Throughput,
    usage: Usage,
    sample: &mut Sample<'_>,
) {
    sample.put(SLOTS_TOTAL, f64::from(overview.slots_total));
    sample.put(SLOTS_AVAILABLE, f64::from(overview.slots_free));
    sample.put(TASK_MANAGERS, f64::from(overview.task_managers));
    sample.put(JOBS_RUNNING, jobs_running as f64);
    throughput.record(sample);
    usage.record(sample);
}

#[cfg(test)]
mod tests {
    use flott_core::TaskManagerId;

    use super::*;
    use crate::view::{HardwareView, ProcessMetrics};

    fn view(host: &str, cpu_cores: u32) -> TaskManagerView {
        TaskManagerView {
            id: TaskManagerId::new("tm"),
            rpc_address: String::new(),
            data_host: host.to_owned(),
            registered_unix_ms: 0,
            last_heartbeat_unix_ms: 0,
            hardware: HardwareView { cpu_cores, physical_memory: 0 },
            process: ProcessMetrics::default(),
            slots: Vec::new(),
            task_hosts: Vec::new(),
        }
    }

    #[test]
    fn the_load_of_the_cluster_is_that_of_its_machines() {
        let views = [view("a", 2), view("a", 2), view("b", 6), view("c", 100)];
        let loads = [0.3, 0.2, 1.0, f64::NAN];
        let mut machines = Machines::default();
        assert!(machines.usage().cpu_load.is_nan());
        for (view, cpu_load) in views.iter().zip(loads) {
            machines.add(view, Usage { cpu_load, memory: 10.0 });
        }
        assert_eq!(machines.usage(), Usage { cpu_load: 7.0 / 8.0, memory: 40.0 });
    }
}
