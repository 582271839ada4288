//! What the operating system says of this process.

use crate::view::ProcessMetrics;

/// Ticks a second in which Linux shows CPU time to programs; fixed for all architectures that Flott runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Our own numbers; zero where they can't be told.
pub(crate) fn own_metrics() -> ProcessMetrics {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    parse(&status, &stat)
}

fn parse(status: &str, stat: &str) -> ProcessMetrics {
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    // The program's name, which may hold spaces, stands in brackets; user and system time are the 14th and 15th field
    // of the line, the 12th and 13th after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ProcessMetrics {
        resident_bytes: field("VmRSS:") * 1024,
        peak_resident_bytes: field("VmHWM:") * 1024,
        cpu_ms: ticks * 1_000 / TICKS_PER_SECOND,
        threads: u32::try_from(field("Threads:")).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_proc() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t5\n";
        let stat = "42 (a b) c) S 1 42 42 0 -1 0 10 0 0 0 150 50 0 0 20 0 5 0 1 2 3";
        let metrics = parse(status, stat);
        assert_eq!(
            metrics,
            ProcessMetrics {
                resident_bytes: 1 << 20,
                peak_resident_bytes: 2 << 20,
                cpu_ms: 2_000,
                threads: 5
            }
        );
        assert!(own_metrics().resident_bytes > 0);
        assert!(own_metrics().threads > 0);
    }
}
