//! Several candidates and a store, under random schedules of lost, late and doubled work on both sides.
//!
//! A run follows from its seed alone: `FLOTT_SIMULATION_SEED=n cargo test -p flott-control election` runs one seed,
//! `FLOTT_SIMULATION_SEEDS=n` that many of them.

mod candidate;
mod store;
mod world;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
};

use world::World;

/// What must have happened in some run, for the runs to say anything.
const SOMETIMES: &[&str] = &[
    "led",
    "suspended",
    "resumed",
    "demoted",
    "resigned",
    "crashed",
    "froze",
    "candidate was cut off",
    "key was deleted by hand",
    "store restarted",
    "store was wiped",
    "store was away",
    "lease was revoked",
    "lease ran out",
    "request was lost",
    "answer was lost",
    "request came late",
    "watch ended",
    "somebody else was faster",
    "own key was found",
    "write succeeded",
    "write of a deposed leader was refused",
];

type Counters = BTreeMap<&'static str, u64>;

fn run(seed: u64) -> Counters {
    let outcome = catch_unwind(AssertUnwindSafe(|| World::new(seed).run()));
    outcome.unwrap_or_else(|panic| {
        eprintln!("seed {seed} failed; replay it with FLOTT_SIMULATION_SEED={seed}");
        std::panic::resume_unwind(panic)
    })
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("the variable holds a number"))
}

#[test]
fn there_is_never_a_write_of_an_older_leader_and_always_a_leader_in_the_end() {
    if let Some(seed) = from_environment("FLOTT_SIMULATION_SEED") {
        println!("{:#?}", run(seed));
        return;
    }
    let seeds = from_environment("FLOTT_SIMULATION_SEEDS").unwrap_or(20_000);
    let next = AtomicU64::new(0);
    let worker = || {
        let mut counters = Counters::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return counters;
            }
            for (name, count) in run(seed) {
                *counters.entry(name).or_default() += count;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counters = Counters::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            for (name, count) in worker.join().expect("a seed failed, see above") {
                *counters.entry(name).or_default() += count;
            }
        }
    });
    println!("{seeds} seeds\n{counters:#?}");
    let missing: Vec<_> = SOMETIMES.iter().filter(|name| !counters.contains_key(*name)).collect();
    assert!(missing.is_empty(), "never happened in {seeds} seeds: {missing:?}");
}
