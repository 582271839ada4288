use std::{
    io,
    pin::{Pin, pin},
    task::Poll,
    time::Instant,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::futures::Notified,
    task::yield_now,
};

use crate::TaskSignals;

/// How often requests that are ready to go on may do so before the subtasks are asked again.
const ROUNDS: u32 = 16;

/// Runs the asynchronous requests of a harness in its own thread: only within calls of the harness they go on.
pub(super) struct Requests {
    runtime: Runtime,
}

impl Requests {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { runtime: Builder::new_current_thread().enable_all().build()? })
    }

    pub(super) fn runtime(&self) -> Handle {
        self.runtime.handle().clone()
    }

    /// Lets requests go on that need not wait. Returns whether anything has come for a subtask since the last time.
    pub(super) fn go_on(&self, signals: &[&TaskSignals]) -> bool {
        if under_way(signals) > 0 {
            self.runtime.block_on(async {
                for _ in 0..ROUNDS {
                    yield_now().await;
                }
            });
        }
        let mut woken = false;
        for signals in signals {
            woken |= pin!(signals.wake.notified()).enable();
        }
        woken
    }

    /// Waits until something has come for a subtask. Returns whether it has by `deadline`.
    pub(super) fn wait(&self, signals: &[&TaskSignals], deadline: Instant) -> bool {
        self.runtime.block_on(async {
            let mut wakes: Vec<Pin<Box<Notified<'_>>>> =
                signals.iter().map(|signals| Box::pin(signals.wake.notified())).collect();
            let any = std::future::poll_fn(|context| {
                let woken = wakes.iter_mut().any(|wake| wake.as_mut().poll(context).is_ready());
                if woken { Poll::Ready(()) } else { Poll::Pending }
            });
            tokio::time::timeout_at(deadline.into(), any).await.is_ok()
        })
    }
}

/// How many requests are under way in these subtasks.
pub(super) fn under_way(signals: &[&TaskSignals]) -> usize {
    signals.iter().map(|signals| signals.requests_under_way()).sum()
}
