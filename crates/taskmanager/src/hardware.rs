//! What the machine has, as far as this process may use it.

use std::{fs, thread};

use flott_control::protocol::Hardware;

/// Cores that the process may use.
pub(crate) fn cpu_cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// Cores and memory, bounded by the container's limit if there is one. What can't be told is 0.
pub(crate) fn read() -> Hardware {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo(&memory, "MemTotal:").unwrap_or(0);
    let available = meminfo(&memory, "MemAvailable:").unwrap_or(0);
    let limit = container_limit().unwrap_or(u64::MAX);
    Hardware {
        cpu_cores: cpu_cores(),
        physical_memory: total.min(limit),
        free_memory: available.min(limit),
        managed_memory: 0,
    }
}

/// A field of `/proc/meminfo` in bytes.
fn meminfo(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn container_limit() -> Option<u64> {
    fs::read_to_string(cgroup_dir()?.join("memory.max")).ok()?.trim().parse().ok()
}

/// Directory of this process's cgroup (version 2), if it can be seen.
pub(crate) fn cgroup_dir() -> Option<std::path::PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(std::path::Path::new("/sys/fs/cgroup").join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16318480 kB\nMemFree:         1000 kB\nMemAvailable:    2 kB\n";
        assert_eq!(meminfo(text, "MemTotal:"), Some(16_318_480 * 1024));
        assert_eq!(meminfo(text, "MemAvailable:"), Some(2048));
        assert_eq!(meminfo(text, "SwapFree:"), None);
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let hardware = read();
        assert!(hardware.cpu_cores > 0);
        assert!(hardware.physical_memory >= hardware.free_memory && hardware.free_memory > 0);
    }
}
