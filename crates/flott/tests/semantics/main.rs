//! Flott does what Flink does: plays the scripts of `tests/golden`, whose results Flink has given.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod assigners;
mod compare;
mod evictors;
mod job;
mod jobs;
mod play;
mod restoring;
mod scenario;
mod triggers;

use std::collections::BTreeSet;

/// One test for each folder of scenarios.
macro_rules! areas {
    ($($area:ident)*) => {
        const AREAS: &[&str] = &[$(stringify!($area)),*];

        $(
            #[test]
            fn $area() {
                play::area(stringify!($area));
            }
        )*

        /// The same, but in the middle the job fails and goes on from a snapshot.
        mod restored {
            $(
                #[test]
                fn $area() {
                    crate::restoring::area(stringify!($area));
                }
            )*
        }
    };
}

areas! {
    assign batch broadcast chains connect count evictors global interval_join joins processing_time random rolling session
    sliding timers triggers ttl tumbling watermarks window_all window_state
}

#[test]
fn every_scenario_is_played() {
    let played: BTreeSet<String> = AREAS.iter().map(|&area| area.to_owned()).collect();
    let there: BTreeSet<String> = scenario::areas().into_iter().collect();
    assert_eq!(there, played, "each folder of tests/golden needs its test, and each test its folder");
}
