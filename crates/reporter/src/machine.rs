//! What the machine has, as far as this process may use it.

use std::{fs, path::PathBuf};

/// Memory in bytes, bounded by the container's limit if there is one. What can't be told is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// What can still be had.
    pub available: u64,
}

impl Memory {
    /// As it is now.
    pub fn read() -> Self {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let limit = container_limit().unwrap_or(u64::MAX);
        let of = |field| meminfo(&text, field).unwrap_or(0).min(limit);
        Self { total: of("MemTotal:"), available: of("MemAvailable:") }
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
pub fn cgroup_dir() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(PathBuf::from("/sys/fs/cgroup").join(path))
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
    fn this_machine_has_memory() {
        let memory = Memory::read();
        assert!(memory.total >= memory.available && memory.available > 0);
    }
}
