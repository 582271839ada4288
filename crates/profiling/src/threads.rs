//! The threads of a process, as the operating system has them.

use std::{fs, io};

use flott_core::profile::ThreadInfo;

/// Most threads of a process that are told.
const MAX_THREADS: usize = 10_000;

/// Milliseconds of a tick in which the kernel tells times: it always speaks of hundredths of a second.
const TICK_MS: u64 = 10;

/// The threads of a process, in the order of their numbers; those that end meanwhile may be missing. `pid` is the process, `None` =
/// this one; `process` is what it is called. Blocks.
///
/// # Errors
/// If the process has ended.
pub fn of_process(pid: Option<u32>, process: &str) -> io::Result<Vec<ThreadInfo>> {
    let dir = pid.map_or_else(|| "/proc/self/task".to_owned(), |pid| format!("/proc/{pid}/task"));
    let mut threads = Vec::new();
    for entry in fs::read_dir(&dir)?.take(MAX_THREADS) {
        let id = entry?.file_name().into_string().ok().and_then(|name| name.parse().ok());
        let Some(id) = id else { continue };
        let read = |file: &str| fs::read_to_string(format!("{dir}/{id}/{file}"));
        let Ok(stat) = read("stat") else { continue };
        let Some((name, state, cpu_ms)) = parse(&stat) else { continue };
        let waits_in = read("wchan").ok().map(|text| text.trim().to_owned());
        threads.push(ThreadInfo {
            name,
            id,
            process: process.to_owned(),
            state,
            cpu_ms,
            waits_in: waits_in.filter(|function| !matches!(function.as_str(), "" | "0")),
            task: None,
            frames: Vec::new(),
        });
    }
    threads.sort_by_key(|thread| thread.id);
    Ok(threads)
}

/// Name, state and CPU time in `/proc/…/stat`.
fn parse(stat: &str) -> Option<(String, String, u64)> {
    // The name may contain anything, parentheses too.
    let (name, rest) = (stat.split_once('(')?.1.rsplit_once(')')?.0, stat.rsplit_once(')')?.1);
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.to_owned();
    let mut times = fields.skip(10).map(|ticks| ticks.parse::<u64>().ok());
    let ticks = times.next()?? + times.next()??;
    Some((name.to_owned(), state, ticks * TICK_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_by_their_names() {
        let (done, wait) = std::sync::mpsc::sync_channel::<()>(0);
        let thread = std::thread::Builder::new()
            .name("odd) (name".to_owned())
            .spawn(move || wait.recv().is_err())
            .unwrap();
        // It bears its name once it has begun.
        let found = loop {
            let threads = of_process(None, "this test").unwrap();
            if let Some(thread) = threads.into_iter().find(|thread| thread.name == "odd) (name") {
                break thread;
            }
            std::thread::yield_now();
        };
        assert_eq!(found.process, "this test");
        assert!(matches!(found.state.as_str(), "R" | "S" | "D"), "{found:?}");
        drop(done);
        assert!(thread.join().unwrap());
        assert!(of_process(Some(u32::MAX), "none").is_err());
    }

    #[test]
    fn times_are_found_behind_odd_names() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 12345";
        assert_eq!(parse(stat), Some(("a) b".to_owned(), "S".to_owned(), 3000)));
        assert_eq!(parse("42 (a) S 1"), None);
        assert_eq!(parse(""), None);
    }
}
