//! What the operating system says of a process.

use std::fs;

use flott_rpc::ProcessMetrics;
use nix::unistd::{SysconfVar, sysconf};

/// Reads the metrics of a process; `None` if there is no such process (any more).
pub(crate) fn read(pid: u32) -> Option<ProcessMetrics> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks_per_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok());
    parse(&status, &stat, ticks_per_second.unwrap_or(100))
}

fn parse(status: &str, stat: &str, ticks_per_second: u64) -> Option<ProcessMetrics> {
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.split_whitespace().next()?.parse::<u64>().ok()
    };
    // The command may contain anything, parentheses too; the numbers begin after the last one.
    let mut numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || numbers.next()?.parse::<u64>().ok();
    let used = ticks()? + ticks()?;
    Some(ProcessMetrics {
        // A process that has ended and is not yet reaped has no memory any more.
        resident_bytes: field("VmRSS:").unwrap_or(0) * 1024,
        peak_resident_bytes: field("VmHWM:").unwrap_or(0) * 1024,
        cpu_ms: used * 1000 / ticks_per_second,
        threads: u32::try_from(field("Threads:")?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_behind_odd_command_names() {
        let status = "Name:\ta) b\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nThreads:\t7\n";
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 12345";
        let metrics = parse(status, stat, 100).unwrap();
        assert_eq!(metrics.resident_bytes, 1024 * 1024);
        assert_eq!(metrics.peak_resident_bytes, 2 * 1024 * 1024);
        assert_eq!(metrics.cpu_ms, 3000);
        assert_eq!(metrics.threads, 7);
    }

    #[test]
    fn this_process_has_metrics_and_a_dead_one_none() {
        let metrics = read(std::process::id()).unwrap();
        assert!(metrics.resident_bytes > 0 && metrics.peak_resident_bytes >= metrics.resident_bytes);
        assert_eq!(read(u32::MAX), None);
    }
}
