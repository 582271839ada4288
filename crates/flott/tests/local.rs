//! Jobs in this process.
#![cfg(feature = "local")]

use flott::prelude::*;

#[tokio::test]
async fn a_program_may_execute_from_within_a_runtime_of_its_own() -> Result<(), flott::Error> {
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(2);
    env.from_sequence(1, 100)
        .key_by(|n| n % 3)
        .count()
        .map(|(key, count)| format!("{key} {count}"))
        .filter(|_| false)
        .print();
    env.execute("within a runtime").map(drop)
}

#[test]
fn a_failure_is_told_with_its_operator() {
    let env = StreamExecutionEnvironment::new();
    env.from_sequence(1, 100)
        .map(|n| if n == 50 { panic!("fifty") } else { n })
        .name("Picky")
        .filter(|_| false)
        .print_to_err();
    let error = env.execute("fails").expect_err("it panics").to_string();
    assert!(error.contains("fifty") && error.contains("operator: Picky"), "{error}");
}
