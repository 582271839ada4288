//! What native processes have of Flink's `Status.JVM` metrics.

use std::{fs, time::Duration};

use flott_core::metrics::Reading;

/// Loads over less time than this say little: who asks more often is told the last again.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Numbers of one process, or sums over several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessReadings {
    /// Bytes resident.
    pub resident_bytes: u64,
    /// CPU time, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Number of threads.
    pub threads: u64,
    /// Bytes that the machine has, or that this process may use of it.
    pub physical_memory: Option<u64>,
    /// Share of the machine's cores in use, 0 to 1.
    pub cpu_load: Option<f64>,
    /// How many files this process has open, and may have.
    pub files: Option<(u64, u64)>,
}

/// Their names. Resident memory stands for the heap; there is no garbage collection, and nothing off the heap.
pub fn process_readings(of: &ProcessReadings) -> Vec<(&'static str, Reading)> {
    let mut readings = vec![
        ("Status.JVM.Memory.Heap.Used", Reading::Count(of.resident_bytes)),
        ("Status.JVM.Memory.Heap.Committed", Reading::Count(of.resident_bytes)),
        ("Status.JVM.Memory.NonHeap.Used", Reading::Count(0)),
        ("Status.JVM.CPU.Time", Reading::Count(of.cpu_ms.saturating_mul(1_000_000))),
        ("Status.JVM.Threads.Count", Reading::Count(of.threads)),
    ];
    if let Some(memory) = of.physical_memory {
        readings.push(("Status.JVM.Memory.Heap.Max", Reading::Count(memory)));
    }
    if let Some(load) = of.cpu_load {
        readings.push(("Status.JVM.CPU.Load", Reading::Gauge(load)));
    }
    if let Some((open, most)) = of.files {
        readings.push(("Status.JVM.FileDescriptor.Open", Reading::Count(open)));
        readings.push(("Status.JVM.FileDescriptor.Max", Reading::Count(most)));
    }
    readings
}

impl ProcessReadings {
    /// With the files of this process, as far as the system tells.
    #[must_use]
    pub fn with_own_files(self) -> Self {
        let open = fs::read_dir("/proc/self/fd").map(|files| files.count() as u64);
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let most = limits.lines().find_map(|line| {
            let limit = line.strip_prefix("Max open files")?.split_whitespace().next()?;
            limit.parse().ok()
        });
        Self { files: open.ok().zip(most), ..self }
    }
}

/// Tells the load of processes by the CPU time that they have used since the last time.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuMeter {
    last: Option<(Duration, u64)>,
    load: Option<f64>,
}

impl CpuMeter {
    /// The share of `cores` that was used since a second ago or longer; `None` if that is not known yet. `now` is the time
    /// since any fixed one, `cpu_ms` what all the processes have used.
    pub fn load(&mut self, now: Duration, cpu_ms: u64, cores: u32) -> Option<f64> {
        match self.last {
            Some((since, _)) if now.saturating_sub(since) < SHORTEST_INTERVAL => {}
            last => {
                self.load = last.filter(|_| cores > 0).map(|(since, before)| {
                    let used = cpu_ms.saturating_sub(before) as f64 / 1_000.0;
                    (used / now.saturating_sub(since).as_secs_f64() / f64::from(cores)).min(1.0)
                });
                self.last = Some((now, cpu_ms));
            }
        }
        self.load
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_taken_over_a_second_or_more() {
        let mut meter = CpuMeter::default();
        let mut load = |now, cpu_ms| meter.load(Duration::from_millis(now), cpu_ms, 2);
        assert_eq!(load(0, 500), None);
        assert_eq!(load(900, 900), None);
        assert_eq!(load(1_000, 1_500), Some(0.5));
        assert_eq!(load(1_500, 9_000), Some(0.5));
        assert_eq!(load(11_000, 2_500), Some(0.05));
        assert_eq!(load(21_000, 0), Some(0.0), "a process has ended");
    }

    #[test]
    fn this_process_has_files() {
        let readings = ProcessReadings::default().with_own_files();
        let (open, most) = readings.files.unwrap();
        assert!(0 < open && open <= most);
        assert_eq!(process_readings(&readings).len(), 7);
    }
}
