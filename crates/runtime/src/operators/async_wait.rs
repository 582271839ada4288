//! Asynchronous requests for the records of a stream, as in Flink's `AsyncWaitOperator`.
//!
//! What comes in waits in `pending` until there is capacity. Then it moves to the [`queue`], which knows what may pass
//! whom, and for a record an attempt begins, a task of its own that puts what has come of it into a mailbox and wakes
//! the subtask. Everything else is done by the subtask, in [`advance`](AsyncWait::advance): it takes the mail, tries
//! again what has failed, hands on what may go, and begins what there is room for. While input is pending, and from the
//! end of the input on until all is answered, the operator holds the subtask back, so that no more comes.
//!
//! A checkpoint does not wait for answers: all that has not gone on is part of it, and is asked for again after a restore.

mod attempts;
mod options;
mod queue;
mod requests;
mod retry;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use flott_core::time::Timestamp;
use flott_exchange::BATCH_RECORDS;
use flott_state::OperatorLists;

use self::{
    attempts::{Attempts, Completion},
    queue::{OutputQueue, Ready},
    requests::{Due, Request, Requests},
    stored::Stored,
};
pub use self::{options::AsyncOptions, queue::OutputOrder, retry::RetryStrategy};
use crate::{
    Batch, BoxError, CheckpointEvent, Mark, Record, Result, RuntimeContext, TaskEnd,
    functions::{AsyncFunction, OpenContext, Opened, TimedOut, function_failure},
    output::{BoxOutput, Flush, Output},
    scope,
};

/// What came in.
enum Element<T, U> {
    Record(T, Timestamp),
    /// What has come of a record already before the subtask was restored.
    Results(Vec<U>, Timestamp),
    Mark(Mark),
}

/// How the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The last watermark has come; all is to be answered before the end comes.
    Ending,
    /// The end has come, and is to go on when all is answered.
    Ended,
}

/// Makes an asynchronous request for each record and emits its results.
pub struct AsyncWait<T, F: AsyncFunction<T>> {
    operator: RuntimeContext,
    options: AsyncOptions<F::Out>,
    input: Input,
    /// What has come and is not begun.
    pending: VecDeque<Element<T, F::Out>>,
    /// The watermark that has gone on last.
    watermark: Timestamp,
    /// The last watermark that had come in before the subtask was restored, and comes in once more.
    known_watermark: Option<Timestamp>,
    /// What has begun and has not gone on.
    queue: OutputQueue<F::Out>,
    /// Those in the queue that have no results yet.
    requests: Requests<T>,
    attempts: Attempts<F::Out>,
    /// Dropped, and so closed, after the attempts.
    function: Opened<F>,
    /// Taken out of the mailbox, empty between calls.
    completions: Vec<Completion<F::Out>>,
    /// Whether this operator holds the subtask back.
    holds: bool,
    /// Whether the clock has said that no time comes any more.
    clock_ended: bool,
    batch: Batch<F::Out>,
    next: BoxOutput<F::Out>,
}

impl<T: Record, F: AsyncFunction<T>> AsyncWait<T, F> {
    /// Opens `function` and emits its results in this order into `next`.
    ///
    /// # Errors
    /// If the function cannot be opened.
    pub fn new(
        operator: RuntimeContext,
        order: OutputOrder,
        options: AsyncOptions<F::Out>,
        function: F,
        next: BoxOutput<F::Out>,
    ) -> Result<Self> {
        let attempts = Attempts::new(&operator)?;
        let mut lists = OperatorLists::new();
        let open = |function: &mut F| function.open(&mut OpenContext::new(&operator, &mut lists));
        let function = Opened::open(&operator, function, open, F::close)?;
        if !lists.is_empty() {
            let error = "functions of async I/O can have no state, since several requests are under way at a time: keep it in \
                         a function before or behind them";
            return Err(function_failure(&operator, &error.into()));
        }
        let pending = stored::restore(&operator)?;
        let known_watermark = pending.iter().rev().find_map(|element| match element {
            Element::Mark(Mark::Watermark(watermark)) => Some(*watermark),
            _ => None,
        });
        Ok(Self {
            operator,
            options,
            input: Input::Open,
            pending,
            watermark: Timestamp::MIN,
            known_watermark,
            queue: OutputQueue::new(order),
            requests: Requests::default(),
            attempts,
            function,
            completions: Vec::new(),
            holds: false,
            clock_ended: false,
            batch: Batch::new(),
            next,
        })
    }

    fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.queue.is_empty()
    }

    /// Does all that can be done now.
    fn advance(&mut self) -> Result<()> {
        self.take_completions()?;
        let now = self.operator.clock().now();
        self.do_what_is_due(now)?;
        self.hand_on()?;
        while self.begin_pending(now) {
            self.hand_on()?;
        }
        if self.input != Input::Open && self.pending.is_empty() {
            self.try_waiting_now();
        }
        if self.input == Input::Ended && self.is_idle() {
            self.function.close()?;
            self.next.end()?;
            self.operator.task.signals.hand_on_end();
        }
        if self.is_idle() {
            self.input = Input::Open;
        }
        self.hold_or_release();
        self.ask_for_time();
        Ok(())
    }

    fn take_completions(&mut self) -> Result<()> {
        let mut completions = std::mem::take(&mut self.completions);
        self.attempts.take(&mut completions).map_err(|end| in_operator(end, &self.operator))?;
        for completion in completions.drain(..) {
            self.complete(completion)?;
        }
        self.completions = completions;
        Ok(())
    }

    fn complete(&mut self, completion: Completion<F::Out>) -> Result<()> {
        let Completion { request: id, attempt, outcome } = completion;
        // It may have timed out since.
        let Some(request) = self.requests.running(id, attempt) else { return Ok(()) };
        request.running = None;
        let outcome = outcome.map_err(|end| in_operator(end, &self.operator))?;
        if let Some(delay) = self.retry_delay(attempt, &outcome) {
            // The clock is read again: the time must not lie before the failure.
            let time = self.operator.clock().now() + delay;
            self.requests.retry_at(id, time);
            return Ok(());
        }
        match outcome {
            Ok(results) => self.finish(id, results),
            Err(error) => return Err(self.failure(&error, attempt)),
        }
        Ok(())
    }

    fn retry_delay(
        &self,
        attempt: u32,
        outcome: &Result<Vec<F::Out>, BoxError>,
    ) -> Option<std::time::Duration> {
        // At the end of the input nothing is put off any more.
        if self.input != Input::Open && self.pending.is_empty() {
            return None;
        }
        let _scope = scope::enter(self.operator.position);
        self.options.retry.as_ref()?.delay(attempt, outcome)
    }

    fn finish(&mut self, id: u64, results: Vec<F::Out>) {
        if let Some(request) = self.requests.remove(id) {
            self.queue.complete(request.place, results, request.timestamp);
        }
    }

    fn failure(&self, error: &BoxError, attempts: u32) -> TaskEnd {
        match function_failure(&self.operator, error) {
            TaskEnd::Failed(cause) if attempts > 1 => {
                cause.context(format!("at the last of {attempts} attempts")).into()
            }
            end => end,
        }
    }

    fn do_what_is_due(&mut self, now: Timestamp) -> Result<()> {
        while let Some((id, due)) = self.requests.pop_due(now) {
            match due {
                Due::Retry => self.begin_attempt(id),
                Due::Timeout => self.time_out(id)?,
            }
        }
        Ok(())
    }

    fn time_out(&mut self, id: u64) -> Result<()> {
        let Some(Request { record, timestamp, place, attempt, .. }) = self.requests.remove(id) else {
            return Ok(());
        };
        let scope = scope::enter(self.operator.position);
        let results = self.function.timeout(record);
        drop(scope);
        match results {
            Ok(results) => {
                self.queue.complete(place, results, timestamp);
                Ok(())
            }
            Err(error) if error.is::<TimedOut>() => {
                let message = format!(
                    "a request of \"{}\" got no answer within its timeout of {:?}",
                    self.operator.name, self.options.timeout
                );
                Err(self.failure(&message.into(), attempt))
            }
            Err(error) => Err(self.failure(&error, attempt)),
        }
    }

    fn hand_on(&mut self) -> Result<()> {
        while let Some(ready) = self.queue.pop() {
            match ready {
                Ready::Results(results, timestamp) => {
                    for result in results {
                        self.batch.push(result, timestamp);
                        if self.batch.len() >= BATCH_RECORDS {
                            self.next.emit(&mut self.batch)?;
                        }
                    }
                }
                Ready::Mark(mark) => {
                    self.send()?;
                    if let Mark::Watermark(watermark) = mark {
                        self.watermark = watermark;
                    }
                    self.next.mark(mark)?;
                }
            }
        }
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        if self.batch.is_empty() { Ok(()) } else { self.next.emit(&mut self.batch) }
    }

    /// Moves on what is pending as far as there is capacity. Returns whether there was anything to move.
    fn begin_pending(&mut self, now: Timestamp) -> bool {
        let mut begun = false;
        while self.queue.len() < self.options.capacity
            && let Some(element) = self.pending.pop_front()
        {
            begun = true;
            match element {
                Element::Record(record, timestamp) => {
                    let place = self.queue.push_request();
                    let timeout_at = self.options.timeout_at(now);
                    let id = self.requests.add(record, timestamp, place, timeout_at);
                    self.begin_attempt(id);
                }
                Element::Results(results, timestamp) => {
                    let place = self.queue.push_request();
                    self.queue.complete(place, results, timestamp);
                }
                Element::Mark(mark) => self.queue.push_mark(mark),
            }
        }
        begun
    }

    fn begin_attempt(&mut self, id: u64) {
        let Some(request) = self.requests.next_attempt(id) else { return };
        let record = request.record.clone();
        let scope = scope::enter(self.operator.position);
        let future = self.function.invoke(record);
        drop(scope);
        request.running = Some(self.attempts.begin(id, request.attempt, future));
    }

    /// At the end of the input those that wait for another attempt do not wait any longer, and it is their last one.
    fn try_waiting_now(&mut self) {
        while let Some(id) = self.requests.pop_waiting() {
            self.begin_attempt(id);
        }
    }

    /// What has not gone on, in its order.
    fn stored(&self) -> Vec<Stored<T, F::Out>> {
        let mut stored = Vec::new();
        if self.watermark > Timestamp::MIN {
            stored.push(Stored::Mark(Mark::Watermark(self.watermark)));
        }
        let mut requests = self.requests.in_order().into_iter().peekable();
        for (place, segment) in self.queue.segments() {
            while let Some(request) = requests.next_if(|request| request.place == place) {
                stored.push(Stored::Record(request.record.clone(), request.timestamp));
            }
            let results =
                segment.results().map(|(results, timestamp)| Stored::Results(results.clone(), *timestamp));
            stored.extend(results);
            stored.extend(segment.mark().map(Stored::Mark));
        }
        stored.extend(self.pending.iter().map(|element| match element {
            Element::Record(record, timestamp) => Stored::Record(record.clone(), *timestamp),
            Element::Results(results, timestamp) => Stored::Results(results.clone(), *timestamp),
            Element::Mark(mark) => Stored::Mark(*mark),
        }));
        stored
    }

    fn hold_or_release(&mut self) {
        let holds = !self.pending.is_empty() || self.input != Input::Open;
        if holds != self.holds {
            self.holds = holds;
            let signals = &self.operator.task.signals;
            if holds { signals.hold() } else { signals.release() }
        }
    }

    fn ask_for_time(&mut self) {
        let Some(time) = self.requests.next_due() else { return };
        if !self.clock_ended {
            self.operator.clock().wake_at(time);
        }
        // A subtask that is held back does not look at its clock. One that never waits is driven by hand.
        if self.holds && !self.operator.task.signals.never_waits() {
            self.attempts.wake_at(time);
        }
    }
}

fn in_operator(end: TaskEnd, operator: &RuntimeContext) -> TaskEnd {
    match end {
        TaskEnd::Failed(cause) => cause.in_operator(&*operator.name).into(),
        TaskEnd::Canceled => TaskEnd::Canceled,
    }
}

impl<T: Record, F: AsyncFunction<T>> Output<T> for AsyncWait<T, F> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let records = batch.drain();
        self.pending.extend(records.map(|(record, timestamp)| Element::Record(record, timestamp)));
        self.advance()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        if mark == Mark::Watermark(Timestamp::MAX) {
            self.input = Input::Ending;
        }
        match mark {
            // As in Flink it does not wait for requests, and so is no part of the operator's state.
            Mark::Latency(_) => return self.next.mark(mark),
            Mark::Watermark(watermark) if self.known_watermark.is_some_and(|known| watermark <= known) => {}
            _ => self.pending.push_back(Element::Mark(mark)),
        }
        self.advance()
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        // Requests take their own time: their timeouts go by the clock even then.
        self.clock_ended |= now == Timestamp::MAX;
        self.advance()?;
        self.next.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.input = Input::Ended;
        self.operator.task.signals.put_off_end();
        self.advance()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        if self.is_idle() {
            return self.next.flush(flush);
        }
        self.advance()?;
        self.next.flush(flush)?;
        self.attempts.wake_again();
        Ok(())
    }

    fn close(&mut self) -> Result<bool> {
        self.next.close()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        stored::checkpoint(&self.operator, event, || self.stored())?;
        self.next.checkpoint(event)
    }
}
