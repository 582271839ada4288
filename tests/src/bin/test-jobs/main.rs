//! Jobs that do what end-to-end tests need: one program with an entry for each behavior, good and bad.

mod broken_mains;
mod busy;
mod evolving;
mod failing;
mod oracle;
mod recovering;
mod sinks;
mod steady;

use flott::{Entry, run_entry};

const ENTRIES: &[Entry] = &[
    Entry { name: "endless", description: "Counts keys for ever, at a limited rate", main: steady::endless },
    Entry {
        name: "keyed-sum",
        description: "Sums numbers by key and writes the sums",
        main: steady::keyed_sum,
    },
    Entry {
        name: "all-operators",
        description: "Uses each operator and writes what comes out",
        main: steady::all_operators,
    },
    Entry {
        name: "slow-sink",
        description: "Sends bulky records through a sink that pauses",
        main: steady::slow_sink,
    },
    Entry {
        name: "shop",
        description: "Several sources, branches and sinks, for pictures of the dashboard",
        main: steady::shop,
    },
    Entry {
        name: "oracle",
        description: "Shows whether each record was counted exactly once",
        main: oracle::oracle,
    },
    Entry {
        name: "two-pipelines",
        description: "Has two pipelines that have nothing to do with each other",
        main: recovering::two_pipelines,
    },
    Entry {
        name: "short-and-long",
        description: "Has a source that ends long before the other",
        main: recovering::short_and_long,
    },
    Entry {
        name: "long-window",
        description: "Counts records in windows that do not end",
        main: recovering::long_window,
    },
    Entry {
        name: "large-state",
        description: "Has much state, of which little changes",
        main: recovering::large_state,
    },
    Entry {
        name: "evolving",
        description: "Has state of another type in each version",
        main: evolving::evolving,
    },
    Entry { name: "busy", description: "Uses the processor for each record", main: busy::busy },
    Entry { name: "print", description: "Prints numbered lines at a limited rate", main: steady::print },
    Entry { name: "panic-in-map", description: "Panics at a certain record", main: failing::panic_in_map },
    Entry { name: "abort-in-map", description: "Aborts at a certain record", main: failing::abort_in_map },
    Entry {
        name: "exit-in-map",
        description: "Ends its process at a certain record",
        main: failing::exit_in_map,
    },
    Entry {
        name: "spin-in-map",
        description: "Never comes back from a certain record",
        main: failing::spin_in_map,
    },
    Entry {
        name: "error-in-sink",
        description: "Has a sink that refuses records",
        main: failing::error_in_sink,
    },
    Entry {
        name: "random-uid",
        description: "Builds another dataflow each time",
        main: broken_mains::random_uid,
    },
    Entry {
        name: "changing-parallelism",
        description: "Takes another parallelism in task hosts than in its plan",
        main: broken_mains::changing_parallelism,
    },
    Entry { name: "main-exits", description: "Ends with a code of its own", main: broken_mains::exits },
    Entry { name: "main-panics", description: "Panics before it has a dataflow", main: broken_mains::panics },
    Entry { name: "main-hangs", description: "Never comes to its dataflow", main: broken_mains::hangs },
    Entry {
        name: "main-garbage",
        description: "Prints bytes that are no text, and executes nothing",
        main: broken_mains::garbage,
    },
    Entry {
        name: "main-fails",
        description: "Returns an error before it has a dataflow",
        main: broken_mains::fails,
    },
    Entry { name: "empty", description: "Executes a dataflow without operators", main: broken_mains::empty },
    Entry {
        name: "same-uid-twice",
        description: "Gives two operators one identity",
        main: broken_mains::same_uid_twice,
    },
];

fn main() -> Result<(), flott::BoxError> {
    run_entry(ENTRIES)
}
