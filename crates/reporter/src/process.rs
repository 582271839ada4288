//! What native processes have of Flink's `Status.JVM` metrics.

use std::{fs, time::Duration};

use flott_core::metrics::{Reading, SEGMENT_BYTES, TaskGauges};

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
    /// Of TaskManagers: what their subtasks have of the network.
    pub network: Option<NetworkReadings>,
    /// How many files this process has open, and may have.
    pub files: Option<(u64, u64)>,
}

/// What subtasks have of the network. Batches are what for Flink are memory segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkReadings {
    /// Credits of the input channels: how many batches may be on their way to these subtasks, or wait there.
    pub total: u64,
    /// How many do.
    pub used: u64,
}

impl NetworkReadings {
    /// With what one more subtask has.
    #[must_use]
    pub fn plus(self, of: &TaskGauges) -> Self {
        Self { total: self.total + u64::from(of.input_credits), used: self.used + u64::from(of.input_queue) }
    }

    /// How many there is room for.
    pub fn available(self) -> u64 {
        self.total.saturating_sub(self.used)
    }

    /// Their names. Bytes are the most that so many batches should take; records that are larger than that go alone.
    fn readings(self) -> [(&'static str, Reading); 9] {
        let bytes = |segments: u64| Reading::Count(segments.saturating_mul(SEGMENT_BYTES));
        [
            ("Status.Shuffle.Netty.TotalMemorySegments", Reading::Count(self.total)),
            ("Status.Shuffle.Netty.UsedMemorySegments", Reading::Count(self.used)),
            ("Status.Shuffle.Netty.AvailableMemorySegments", Reading::Count(self.available())),
            ("Status.Shuffle.Netty.TotalMemory", bytes(self.total)),
            ("Status.Shuffle.Netty.UsedMemory", bytes(self.used)),
            ("Status.Shuffle.Netty.AvailableMemory", bytes(self.available())),
            // What they are called in older dashboards.
            ("Status.Network.TotalMemorySegments", Reading::Count(self.total)),
            ("Status.Network.AvailableMemorySegments", Reading::Count(self.available())),
            ("Status.Network.UsedMemorySegments", Reading::Count(self.used)),
        ]
    }
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
    readings.extend(of.network.into_iter().flat_map(NetworkReadings::readings));
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
    fn the_network_is_the_sum_over_subtasks() {
        let of =
            |input_credits, input_queue| TaskGauges { input_credits, input_queue, ..TaskGauges::default() };
        let network = NetworkReadings::default().plus(&of(8, 3)).plus(&of(16, 4));
        assert_eq!((network.total, network.used, network.available()), (24, 7, 17));
        let readings = process_readings(&ProcessReadings { network: Some(network), ..Default::default() });
        let of = |name: &str| readings.iter().find(|(known, _)| *known == name).unwrap().1;
        assert_eq!(of("Status.Shuffle.Netty.UsedMemorySegments"), Reading::Count(7));
        assert_eq!(of("Status.Shuffle.Netty.AvailableMemory"), Reading::Count(17 * 65_536));
        assert_eq!(of("Status.Network.TotalMemorySegments"), Reading::Count(24));
    }

    #[test]
    fn this_process_has_files() {
        let readings = ProcessReadings::default().with_own_files();
        let (open, most) = readings.files.unwrap();
        assert!(0 < open && open <= most);
        assert_eq!(process_readings(&readings).len(), 7);
    }
}
