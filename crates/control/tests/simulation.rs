//! The machines of JobMaster, ResourceManager and TaskManager together, under a virtual clock and on a virtual
//! network that loses, doubles and delays messages, while processes crash, freeze and come back, users cancel, and
//! jobs panic or want more slots than there are. JobManagers crash, and freeze while another one is elected; their jobs go
//! on with what a store has kept that takes its time.
//!
//! A run follows from its seed alone. `FLOTT_SIMULATION_SEED=n cargo test -p flott-control --test simulation` runs
//! one seed, `FLOTT_SIMULATION_SEEDS=n` that many of them.

mod simulation {
    pub(crate) mod checks;
    pub(crate) mod faults;
    pub(crate) mod host;
    pub(crate) mod job_effects;
    pub(crate) mod job_manager;
    pub(crate) mod network;
    pub(crate) mod orders;
    pub(crate) mod random;
    pub(crate) mod rescale;
    pub(crate) mod resource_effects;
    pub(crate) mod snapshot;
    pub(crate) mod store;
    pub(crate) mod task;
    pub(crate) mod task_manager;
    pub(crate) mod truth;
    pub(crate) mod world;
}

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
};

use simulation::world::{Summary, World};

/// What must have happened in some run, or the runs prove less than they seem to.
const SOMETIMES: &[&str] = &[
    "checkpoint declined",
    "checkpoint not stored",
    "checkpoint stored",
    "enumeration resumed",
    "found splits told again",
    "heartbeat of unknown registration",
    "job adopted",
    "job adopted as a whole",
    "job began again after a failover",
    "job canceled",
    "job canceled after a failover",
    "job canceled after a restart",
    "job failed",
    "job failed for want of slots",
    "job finished",
    "job finished after a failover",
    "job finished after restarts",
    "job had finished while nobody led",
    "job rescaled before it began",
    "job rescaled down",
    "job rescaled up",
    "job restarted by a failover",
    "job waited for a TaskManager",
    "JobManager crashed",
    "JobManager froze",
    "late slot released",
    "leader learned that it is deposed",
    "message doubled",
    "message lost",
    "order of a stale leader refused",
    "order refused",
    "order repeated",
    "order to unknown registration",
    "partition",
    "regions ran while others were restarted",
    "registration kept slots",
    "registration refused",
    "reports of an unknown job",
    "reports of an unknown registration",
    "restart moved to another TaskManager",
    "rescale acknowledged",
    "rescale canceled with its job",
    "rescale carried out after an interruption",
    "rescale changed nothing",
    "rescale completed",
    "rescale ended with its job",
    "rescale fitted to the slots",
    "rescale interrupted by a failure",
    "rescale overtaken by another",
    "rescale refused",
    "root cause replaced",
    "some regions adopted and others restarted",
    "split answer of an old leader dropped",
    "split handed out again",
    "split request rejected",
    "split request repeated",
    "splits found later",
    "subtask closed its channels before its last checkpoint",
    "subtask ended with a checkpoint",
    "subtask restored from a checkpoint",
    "task canceled before its deployment came",
    "task host crashed",
    "task host crashed soon after its start",
    "task host failed to start",
    "task host killed after the cancellation timeout",
    "task host started again",
    "TaskManager crashed",
    "TaskManager lost by broken connection",
    "TaskManager lost by silence",
    "TaskManager returned to its job",
    "user code panicked",
    "write of a deposed leader refused",
    "write outlived its JobManager",
];

fn run(seed: u64) -> Summary {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let first = World::new(seed).run();
        let second = World::new(seed).run();
        assert_eq!(first.trace, second.trace, "two runs of one seed differ");
        first
    }));
    outcome.unwrap_or_else(|panic| {
        eprintln!("seed {seed} failed; replay it with FLOTT_SIMULATION_SEED={seed}");
        std::panic::resume_unwind(panic)
    })
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("the variable holds a number"))
}

#[test]
fn invariants_hold_under_faults() {
    if let Some(seed) = from_environment("FLOTT_SIMULATION_SEED") {
        run(seed);
        return;
    }
    let seeds = from_environment("FLOTT_SIMULATION_SEEDS").unwrap_or(2_000);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counters = BTreeMap::<&'static str, u64>::new();
    let mut events = 0;
    std::thread::scope(|scope| {
        let worker = || {
            let mut summaries = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds {
                    return summaries;
                }
                summaries.push(run(seed));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            for summary in worker.join().expect("a seed failed, see above") {
                events += summary.events;
                for (name, count) in summary.counters {
                    *counters.entry(name).or_default() += count;
                }
            }
        }
    });
    println!("{seeds} seeds, {events} events\n{counters:#?}");
    let missing: Vec<_> = SOMETIMES.iter().filter(|name| !counters.contains_key(*name)).collect();
    assert!(missing.is_empty(), "never happened in {seeds} seeds: {missing:?}");
}
