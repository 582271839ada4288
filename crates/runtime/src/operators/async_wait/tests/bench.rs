//! An operator whose requests the test answers.

use std::sync::{Arc, Mutex};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::yield_now,
};

use super::*;
use crate::{ProcessingClock, TaskSignals, testing::Event};

type Answer = Result<Vec<u64>, BoxError>;
type Questions = Arc<Mutex<Vec<(u64, oneshot::Sender<Answer>)>>>;

/// Asks the test.
#[derive(Clone, Default)]
pub(super) struct Asking {
    pub(super) questions: Questions,
    /// What comes of a record whose request has timed out.
    on_timeout: Option<u64>,
    pub(super) closed: Arc<Mutex<u32>>,
}

impl AsyncFunction<u64> for Asking {
    type Out = u64;

    fn invoke(&self, n: u64) -> impl Future<Output = Answer> + Send + 'static {
        let (answer, question) = oneshot::channel();
        self.questions.lock().unwrap().push((n, answer));
        async move { question.await.expect("the bench answers") }
    }

    fn timeout(&self, _: u64) -> Answer {
        self.on_timeout.map(|n| vec![n]).ok_or(TimedOut.into())
    }

    fn close(&mut self) -> Result<(), BoxError> {
        *self.closed.lock().unwrap() += 1;
        Ok(())
    }
}

/// What has come out of the operator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Record(u64, i64),
    Mark(Mark),
    End,
}

pub(super) struct Bench {
    pub(super) operator: AsyncWait<u64, Asking>,
    pub(super) function: Asking,
    pub(super) out: Collected<u64>,
    pub(super) clock: ProcessingClock,
    pub(super) signals: Arc<TaskSignals>,
    seen: usize,
    pub(super) runtime: Runtime,
}

impl Bench {
    pub(super) fn new(order: OutputOrder, options: AsyncOptions<u64>) -> Self {
        Self::with(order, options, Asking::default())
    }

    /// With what comes of a record whose request has timed out.
    pub(super) fn with_fallback(order: OutputOrder, options: AsyncOptions<u64>, fallback: u64) -> Self {
        Self::with(order, options, Asking { on_timeout: Some(fallback), ..Asking::default() })
    }

    fn with(order: OutputOrder, options: AsyncOptions<u64>, function: Asking) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let within = runtime.enter();
        let (context, out) = (operator("ask"), Collected::default());
        let (clock, signals) = (context.clock().clone(), context.task.signals.clone());
        let next = Box::new(out.clone());
        let operator = AsyncWait::new(context, order, options, function.clone(), next).unwrap();
        drop(within);
        Self { operator, function, out, clock, signals, seen: 0, runtime }
    }

    pub(super) fn emit<const N: usize>(&mut self, records: [(u64, i64); N]) {
        let mut batch = Batch::new();
        for (record, timestamp) in records {
            batch.push(record, at(timestamp));
        }
        self.operator.emit(&mut batch).unwrap();
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.operator.mark(mark).unwrap();
    }

    /// The records for which there are requests, earliest first.
    pub(super) fn asked(&self) -> Vec<u64> {
        let questions = self.function.questions.lock().unwrap();
        questions.iter().filter(|(_, answer)| !answer.is_closed()).map(|(n, _)| *n).collect()
    }

    fn send(&self, n: u64, answer: Answer) -> bool {
        let mut questions = self.function.questions.lock().unwrap();
        let Some(index) = questions.iter().position(|(asked, _)| *asked == n) else { return false };
        questions.remove(index).1.send(answer).is_ok()
    }

    /// Lets futures go on, and the operator see what has come of them.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.runtime.block_on(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        self.operator.flush(Flush::Held)
    }

    pub(super) fn answer<const N: usize>(&mut self, n: u64, results: [u64; N]) {
        assert!(self.send(n, Ok(results.to_vec())), "nobody asks for {n}");
        self.settle().unwrap();
    }

    /// Whether somebody still listens.
    pub(super) fn try_answer(&mut self, n: u64) -> bool {
        self.settle().unwrap();
        self.send(n, Ok(Vec::new()))
    }

    /// Answers with an error.
    pub(super) fn refuse(&mut self, n: u64, error: &str) -> Result<()> {
        assert!(self.send(n, Err(error.into())), "nobody asks for {n}");
        self.settle()
    }

    pub(super) fn try_set_time(&mut self, millis: i64) -> Result<()> {
        self.clock.set(at(millis));
        match self.clock.take_due() {
            Some(now) => self.operator.on_processing_time(now),
            None => Ok(()),
        }
    }

    pub(super) fn set_time(&mut self, millis: i64) {
        self.try_set_time(millis).unwrap();
    }

    pub(super) fn is_held(&self) -> bool {
        self.signals.is_held_back()
    }

    pub(super) fn under_way(&self) -> usize {
        self.signals.requests_under_way()
    }

    /// What has come since the last time.
    pub(super) fn seen(&mut self) -> Vec<Seen> {
        let events = self.out.events();
        let new = events.into_iter().skip(std::mem::replace(&mut self.seen, self.out.events().len()));
        new.flat_map(|event| match event {
            Event::Batch(mut batch) => {
                batch.drain().map(|(n, time)| Seen::Record(n, time.as_millis())).collect()
            }
            Event::Mark(mark) => vec![Seen::Mark(mark)],
            Event::End => vec![Seen::End],
            Event::Time(_) | Event::Flush(_) | Event::Close => Vec::new(),
        })
        .collect()
    }
}
