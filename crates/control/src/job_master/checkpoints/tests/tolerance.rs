use super::*;

/// Lets checkpoints fail, one a second, and says after how many the job failed.
fn failures_until_restart(settings: CheckpointSettings, kind: FailureKind) -> Option<u64> {
    let mut driver = Driver::running(settings);
    (1..=10).find(|second| {
        driver.at(second * 1_000);
        driver.decline(*second, kind);
        !driver.job.failures().is_empty()
    })
}

#[test]
fn by_default_three_failures_of_tasks_restart_the_job_and_those_of_storage_never_do() {
    assert_eq!(failures_until_restart(every_second(), FailureKind::UserError), Some(3));
    assert_eq!(failures_until_restart(every_second(), FailureKind::External), None);
}

#[test]
fn a_tolerable_number_counts_all_failures() {
    for (tolerable, restart) in [(0, 1), (2, 3)] {
        for kind in [FailureKind::UserError, FailureKind::External] {
            let settings = CheckpointSettings { tolerable_failures: Some(tolerable), ..every_second() };
            assert_eq!(failures_until_restart(settings, kind), Some(restart));
        }
    }
}

#[test]
fn the_failure_says_how_many_and_why() {
    let mut driver = Driver::running(CheckpointSettings { tolerable_failures: Some(0), ..every_second() });
    driver.at(1_000);
    driver.decline(1, FailureKind::External);
    let cause = &driver.job.failures()[0].cause;
    assert_eq!(cause.kind, FailureKind::CheckpointFailed);
    assert_eq!(cause.message, "no space left");
    let expected = [
        "in Sink (1/1)",
        "1 checkpoint failed, and execution.checkpointing.tolerable-failed-checkpoints is 0",
    ];
    assert_eq!(cause.context, expected);
}

#[test]
fn one_that_is_completed_forgives_those_before_it() {
    let mut driver = Driver::running(every_second());
    for round in 0..4 {
        for _ in 0..2 {
            let id = triggered(&driver.at(driver.now + 1_000)).unwrap().0.id.0;
            driver.decline(id, FailureKind::UserError);
        }
        driver.complete_at(driver.now + 1_000);
        assert!(driver.job.failures().is_empty(), "round {round}");
    }
}

#[test]
fn a_store_that_fails_is_a_failure_of_storage() {
    let mut driver = Driver::running(every_second());
    for second in 1..=5 {
        driver.at(second * 1_000);
        driver.ack_all(second);
        driver.not_stored(second);
    }
    assert!(driver.job.failures().is_empty());
    assert_eq!(driver.job.checkpoints().counts.failed, 5);
}
