//! What the threads of this process spend their time with.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io, thread,
    time::{Duration, Instant},
};

use flott_core::profile::ThreadInfo;

use crate::{flame::FlameNode, stack, symbols, threads};

/// Most addresses that are kept of one sampling (4 MiB); stacks beyond are counted without their functions.
const MAX_ADDRESSES: usize = 512 * 1024;

/// How much longer than wanted a sampling may take.
const OVERTIME: Duration = Duration::from_secs(5);

/// What to look at, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSampling {
    /// Whether threads that wait are of interest, too.
    pub with_waiting: bool,
    /// How often to look.
    pub samples: u32,
    /// Time between two looks.
    pub delay: Duration,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnProfile {
    /// Threads by name, and their functions.
    pub tree: FlameNode,
    /// Why functions are not known, if so.
    pub problem: Option<String>,
}

/// Looks at the threads of this process again and again, until that was often enough or nobody `is_wanted` any more. Blocks.
///
/// # Errors
/// If the operating system does not tell which threads there are.
pub fn sample(sampling: OwnSampling, is_wanted: &dyn Fn() -> bool) -> io::Result<OwnProfile> {
    let mut problem = flott_stacks::prepare().err().map(|error| error.to_string());
    let mut seen = Seen::default();
    let began = now();
    for round in 0..sampling.samples {
        let due = began + sampling.delay.saturating_mul(round);
        if let Some(pause) = due.checked_duration_since(now()) {
            thread::sleep(pause);
        }
        let longest = sampling.delay.saturating_mul(sampling.samples) + OVERTIME;
        if !is_wanted() || now() > began + longest {
            break;
        }
        for thread in threads::of_process(None, "")? {
            if is_of_interest(&thread, sampling.with_waiting) {
                seen.look(thread, problem.is_none());
            }
        }
    }
    let names = symbols::resolve(None, seen.addresses()).unwrap_or_else(|error| {
        problem = Some(format!("cannot find the names of functions: {error}"));
        HashMap::new()
    });
    Ok(OwnProfile { tree: seen.tree(&names), problem })
}

/// The thread that looks is of none.
fn is_of_interest(thread: &ThreadInfo, with_waiting: bool) -> bool {
    thread.id != flott_stacks::thread_id() && (with_waiting || thread.state == "R")
}

/// How often a thread of which name was seen in which functions, innermost first.
#[derive(Default)]
struct Seen {
    counts: BTreeMap<(String, Vec<u64>), u64>,
    kept: usize,
}

impl Seen {
    fn look(&mut self, thread: ThreadInfo, with_functions: bool) {
        let captured = with_functions
            .then(|| flott_stacks::capture(thread.id, None, flott_stacks::MAX_DEPTH as u32))
            .flatten();
        let mut key = (thread.name, captured.map(|captured| captured.addresses).unwrap_or_default());
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
            return;
        }
        self.kept += key.1.len();
        if self.kept > MAX_ADDRESSES {
            key.1 = Vec::new();
        }
        *self.counts.entry(key).or_default() += 1;
    }

    fn addresses(&self) -> BTreeSet<u64> {
        self.counts.keys().flat_map(|(_, addresses)| addresses).copied().collect()
    }

    fn tree(&self, names: &HashMap<u64, String>) -> FlameNode {
        let mut tree = FlameNode::root();
        for ((thread, addresses), count) in &self.counts {
            let functions: Vec<_> =
                addresses.iter().filter_map(|address| names.get(address)).map(String::as_str).collect();
            tree.add(std::iter::once(thread.as_str()).chain(stack::of_subtask(&functions)), *count);
        }
        tree
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a sampling takes is measured here")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    };

    use super::*;

    const OFTEN: OwnSampling =
        OwnSampling { with_waiting: false, samples: 50, delay: Duration::from_millis(2) };

    #[inline(never)]
    fn spin(stop: &AtomicBool) -> u64 {
        let mut turns = 0_u64;
        while !stop.load(Relaxed) {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
        turns
    }

    fn texts(node: &FlameNode, out: &mut String) {
        out.push_str(&node.name);
        out.push('\n');
        node.children.iter().for_each(|child| texts(child, out));
    }

    #[test]
    fn threads_are_seen_where_they_are() {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let busy = thread::Builder::new().name("busy".to_owned()).spawn(move || spin(&until)).unwrap();
        let (done, wait) = std::sync::mpsc::sync_channel::<()>(0);
        let idle =
            thread::Builder::new().name("idle".to_owned()).spawn(move || wait.recv().is_err()).unwrap();
        let running = sample(OFTEN, &|| true).unwrap();
        let all = sample(OwnSampling { with_waiting: true, ..OFTEN }, &|| true).unwrap();
        stop.store(true, Relaxed);
        drop(done);
        assert!(busy.join().unwrap() > 0 && idle.join().unwrap());
        let mut seen = String::new();
        texts(&running.tree, &mut seen);
        assert!(seen.contains("busy\n") && seen.contains("own::tests::spin"), "{seen}");
        assert_eq!(running.problem, None);
        let waits = all.tree.children.iter().find(|child| child.name == "idle").unwrap();
        assert!(waits.value > 0 && !waits.children.is_empty(), "{waits:?}");
    }

    #[test]
    fn it_ends_when_nobody_waits_for_it() {
        let profile = sample(OwnSampling { samples: u32::MAX, ..OFTEN }, &|| false).unwrap();
        assert_eq!(profile.tree, FlameNode::root());
    }
}
