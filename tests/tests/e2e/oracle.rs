//! Exactly once, whatever happens.

use std::time::Duration;

use flott_tests::chaos::{self, Schedule};

#[test]
fn each_record_counts_exactly_once_through_half_a_minute_of_faults() {
    let schedule =
        Schedule { seed: 20_261_123, duration: Duration::from_secs(30), rate: 2_000, unaligned: false };
    let report = chaos::run(&schedule);
    println!("{report}");
    assert!(report.verdict.is_clean(), "{report}");
    assert!(report.faults.values().sum::<u32>() >= 5, "{report}");
}

#[test]
fn each_record_counts_exactly_once_when_barriers_overtake_records() {
    let schedule = Schedule { seed: 4, duration: Duration::from_secs(20), rate: 2_000, unaligned: true };
    let report = chaos::run(&schedule);
    println!("{report}");
    assert!(report.verdict.is_clean(), "{report}");
}
