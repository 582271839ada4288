use flott_core::{FailureCause, FailureKind};
use tokio::runtime::Runtime;

use super::*;

fn failure<T>(result: Result<T>) -> FailureCause {
    match result {
        Err(TaskEnd::Failed(cause)) => *cause,
        Err(TaskEnd::Canceled) => panic!("it was canceled"),
        Ok(_) => panic!("it must fail"),
    }
}

#[test]
fn a_timeout_fails_the_job_with_operator_and_time() {
    let mut bench = Bench::new(OutputOrder::Ordered, AsyncOptions::new(seconds(5)));
    bench.emit([(1, 10)]);
    let cause = failure(bench.try_set_time(5_000));
    assert_eq!(cause.kind, FailureKind::UserError);
    assert_eq!(cause.message, "a request of \"ask\" got no answer within its timeout of 5s");
    assert_eq!(cause.operator.as_deref(), Some("ask"));
}

#[test]
fn an_error_fails_the_job() {
    let mut bench = Bench::new(OutputOrder::Unordered, options());
    bench.emit([(1, 10)]);
    let cause = failure(bench.refuse(1, "no such user"));
    assert_eq!(cause.kind, FailureKind::UserError);
    assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("no such user", Some("ask")));
}

/// What becomes of a single record, with this function.
fn run<F, Fut>(function: F) -> Result<()>
where
    F: Fn(u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<u64>, BoxError>> + Send + 'static,
{
    let runtime = Runtime::new().unwrap();
    let _within = runtime.enter();
    let context = operator("fragile");
    let signals = context.task.signals.clone();
    let next = Box::new(Collected::default());
    let function = AsyncClosure::new(function);
    let mut wait = AsyncWait::new(context, OutputOrder::Ordered, options(), function, next)?;
    wait.emit(&mut vec![1].into())?;
    wait.mark(Mark::Watermark(Timestamp::MAX))?;
    while signals.is_held_back() {
        runtime.block_on(signals.wake.notified());
        wait.flush(Flush::Held)?;
    }
    wait.end()
}

#[test]
fn a_future_that_panics_fails_the_job_with_its_message() {
    let cause = failure(run(|n| async move {
        tokio::task::yield_now().await;
        if n > 0 { panic!("no answer for {n}") } else { Ok(None) }
    }));
    assert_eq!(cause.kind, FailureKind::Panic);
    assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("no answer for 1", Some("fragile")));
    assert!(cause.location.unwrap().contains("failing.rs"));
}

#[test]
fn without_a_runtime_it_cannot_be_made() {
    let function = AsyncClosure::new(|n: u64| async move { Ok([n]) });
    let next = Box::new(Collected::default());
    let cause = failure(AsyncWait::new(operator("lost"), OutputOrder::Ordered, options(), function, next));
    assert!(cause.message.contains("needs a runtime"), "{}", cause.message);
}

#[test]
fn requests_end_with_their_operator() {
    let mut bench = Bench::new(OutputOrder::Ordered, options());
    bench.emit([(1, 10)]);
    bench.settle().unwrap();
    let Bench { operator, function, runtime, .. } = bench;
    drop(operator);
    runtime.block_on(tokio::task::yield_now());
    assert_eq!(*function.closed.lock().unwrap(), 1);
    assert!(function.questions.lock().unwrap()[0].1.is_closed());
}
