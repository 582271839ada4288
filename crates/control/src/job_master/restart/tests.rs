use super::*;

const JOB: JobId = JobId::from_bytes([7; 16]);

fn after(ms: u64) -> Decision {
    Decision::After(Duration::from_millis(ms))
}

/// What follows from failures at these milliseconds.
fn failures(restarts: &mut Restarts, at: impl IntoIterator<Item = u64>) -> Vec<Decision> {
    at.into_iter().map(|at| restarts.on_failure(MonoTime::from_millis(at))).collect()
}

fn gives_up(decision: &Decision) -> bool {
    matches!(decision, Decision::GiveUp(_))
}

fn exponential(jitter: f64, attempts: u32) -> RestartStrategy {
    RestartStrategy::ExponentialDelay {
        initial_ms: 1_000,
        max_ms: 5_000,
        multiplier: 2.0,
        reset_after_ms: 10_000,
        jitter,
        attempts,
    }
}

#[test]
fn none_never_restarts() {
    let mut restarts = Restarts::new(RestartStrategy::None, JOB);
    assert_eq!(failures(&mut restarts, [0, 1_000_000]), [Decision::GiveUp(None), Decision::GiveUp(None)]);
    assert_eq!(restarts.count(), 0);
}

#[test]
fn fixed_delay_restarts_so_many_times() {
    let mut restarts = Restarts::new(RestartStrategy::FixedDelay { attempts: 2, delay_ms: 30 }, JOB);
    assert_eq!(failures(&mut restarts, [0, 100]), [after(30), after(30)]);
    let reason = "the job was restarted 2 times, which is all it may be".to_owned();
    assert_eq!(failures(&mut restarts, [1_000_000]), [Decision::GiveUp(Some(reason))]);
    assert_eq!(restarts.count(), 2);
    let endless = RestartStrategy::FixedDelay { attempts: u32::MAX, delay_ms: 0 };
    let mut restarts = Restarts::new(endless, JOB);
    assert!(failures(&mut restarts, 0..1_000).iter().all(|decision| *decision == after(0)));
}

#[test]
fn failure_rate_looks_back_an_interval() {
    let strategy = RestartStrategy::FailureRate { max_failures: 2, interval_ms: 1_000, delay_ms: 5 };
    let mut restarts = Restarts::new(strategy, JOB);
    assert_eq!(failures(&mut restarts, [0, 900, 1_001, 1_901]), vec![after(5); 4], "never three within 1 s");
    assert!(gives_up(&failures(&mut restarts, [1_902])[0]));
    let never = RestartStrategy::FailureRate { max_failures: 0, interval_ms: 1_000, delay_ms: 5 };
    assert!(gives_up(&failures(&mut Restarts::new(never, JOB), [0])[0]));
}

#[test]
fn exponential_delay_grows_up_to_its_maximum_and_begins_anew_after_calm() {
    let mut restarts = Restarts::new(exponential(0.0, u32::MAX), JOB);
    let row = failures(&mut restarts, [0, 2_000, 6_000, 15_000, 25_000]);
    assert_eq!(row, [after(1_000), after(2_000), after(4_000), after(5_000), after(5_000)]);
    let still = failures(&mut restarts, [30_000 + 9_999]);
    assert_eq!(still, [after(5_000)], "it has run for less than 10 s");
    let calm = failures(&mut restarts, [44_999 + 10_000]);
    assert_eq!(calm, [after(1_000)]);
}

#[test]
fn exponential_delay_may_end_too() {
    let mut restarts = Restarts::new(exponential(0.0, 2), JOB);
    let row = failures(&mut restarts, [0, 2_000, 5_000]);
    assert_eq!(row[..2], [after(1_000), after(2_000)]);
    assert!(gives_up(&row[2]));
    let calm = failures(&mut restarts, [1_000_000]);
    assert_eq!(calm, [after(1_000)], "but not after calm");
}

#[test]
fn jitter_spreads_the_delays_within_bounds_and_is_always_the_same() {
    let delays = |job: u8| {
        let mut restarts = Restarts::new(exponential(0.25, u32::MAX), JobId::from_bytes([job; 16]));
        failures(&mut restarts, (0..200).map(|it| it * 6_000))
    };
    let ms = |decision: &Decision| match decision {
        Decision::After(delay) => delay.as_millis(),
        Decision::GiveUp(_) => panic!("it never gives up"),
    };
    let ours: Vec<_> = delays(1).iter().map(ms).collect();
    assert!(ours.iter().all(|delay| (1_000..=5_000).contains(delay)), "{ours:?}");
    assert!((3_000..=5_000).contains(&ours[2]), "4 s and a quarter more or less: {ours:?}");
    assert_ne!(ours[10..].iter().min(), ours[10..].iter().max());
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
}

#[test]
fn odd_settings_do_no_harm() {
    let odd = |initial_ms, max_ms, multiplier| {
        let strategy = RestartStrategy::ExponentialDelay {
            initial_ms,
            max_ms,
            multiplier,
            reset_after_ms: 0,
            jitter: f64::NAN,
            attempts: u32::MAX,
        };
        failures(&mut Restarts::new(strategy, JOB), [0, 0, 0])
    };
    assert_eq!(odd(10, 5, 2.0), vec![after(5); 3]);
    assert_eq!(odd(10, 20, f64::INFINITY).len(), 3);
    assert_eq!(odd(u64::MAX, u64::MAX, f64::NAN).len(), 3);
}
