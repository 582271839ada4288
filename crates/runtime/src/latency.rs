//! How long records take from their sources to each operator.
//!
//! If a job asks for it, each subtask of a source puts a mark with the time between its records again and again. Marks take the
//! way of the records, wait in the same queues, and overtake nothing; but no operator holds them, and of an edge's
//! channels each goes into one. Whoever gets one notes how old it is. As in Flink that is the time that records spend on
//! their way, not what functions do with one: a window's results are not older than the marks beside them.
//!
//! Where it is off nothing of this is there, and records cost nothing more where it is on: operators are called once more a
//! batch.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use flott_core::{
    JobGraph, OperatorId, SubtaskId, VertexIndex,
    job_config::{LatencySettings, RuntimeMode},
    metrics::{LatencyPath, LatencySource},
    time::Timestamp,
};
use flott_exchange::LatencyMarker;

use crate::{
    Batch, BoxOutput, Mark, Output, ProcessingClock, Result, RuntimeContext,
    input::TwoInputs,
    metrics::{Histogram, MetricGroup},
};

/// How one subtask measures latency.
#[derive(Clone, Debug)]
pub struct LatencyTracking {
    settings: LatencySettings,
    interval: Duration,
    task: SubtaskId,
    /// By vertex, the id of its head.
    heads: Arc<[OperatorId]>,
    /// The operators of this subtask's vertex.
    operators: Vec<OperatorId>,
}

impl LatencyTracking {
    /// What `settings` ask for; `None` if that is nothing. In batch mode records wait for the end of their input, so that
    /// there is nothing to be told before it.
    pub(crate) fn of_task(settings: LatencySettings, graph: &JobGraph, task: SubtaskId) -> Option<Self> {
        let interval = settings.interval().filter(|_| graph.runtime_mode != RuntimeMode::Batch)?;
        let vertex = graph.vertex(task.vertex);
        let operators = (0..vertex.operators.len()).map(|position| vertex.operator_id(position)).collect();
        let heads = graph.vertices.iter().map(|vertex| vertex.operator_id(0)).collect();
        Some(Self { settings, interval, task, heads, operators })
    }

    /// What makes the marks of this subtask, whose head is a source.
    pub fn ticker(&self, clock: &ProcessingClock) -> LatencyTicker {
        let next = clock.now();
        clock.wake_at(next);
        LatencyTicker { clock: clock.clone(), interval: self.interval, next, task: self.task }
    }

    /// Notes the age of the marks that come to `operator`, and hands everything on to it.
    pub fn watch<T: Send + 'static>(&self, operator: &RuntimeContext, next: BoxOutput<T>) -> BoxOutput<T> {
        Box::new(Watched { latencies: self.latencies(operator), next })
    }

    /// As [`watch`](Self::watch), for an operator with two inputs.
    pub fn watch_two<A: 'static, B: 'static>(
        &self,
        operator: &RuntimeContext,
        next: Box<dyn TwoInputs<A, B>>,
    ) -> Box<dyn TwoInputs<A, B>> {
        Box::new(Watched { latencies: self.latencies(operator), next })
    }

    fn latencies(&self, operator: &RuntimeContext) -> Latencies {
        let id = self.operators.get(operator.position as usize).copied();
        Latencies {
            tracking: self.clone(),
            operator: id.unwrap_or(OperatorId::from_bytes([0; 16])),
            metrics: operator.metrics(),
            clock: operator.clock().clone(),
            known: Vec::new(),
        }
    }
}

/// Makes the marks of a source, at their time.
#[derive(Debug)]
pub struct LatencyTicker {
    clock: ProcessingClock,
    interval: Duration,
    next: Timestamp,
    task: SubtaskId,
}

impl LatencyTicker {
    /// The mark that is due at `now`, and asks for a call when the next one is.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Mark> {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.interval;
        }
        // A call that was for another operator has made the clock forget.
        self.clock.wake_at(self.next);
        is_due.then(|| {
            let SubtaskId { vertex: source, subtask } = self.task;
            Mark::Latency(LatencyMarker { marked_at_us: self.clock.now_micros(), source, subtask })
        })
    }
}

/// The latencies to one operator.
struct Latencies {
    tracking: LatencyTracking,
    operator: OperatorId,
    metrics: MetricGroup,
    clock: ProcessingClock,
    /// Those of sources from which marks have come: few.
    known: Vec<(LatencySource, Histogram)>,
}

impl Latencies {
    #[cold]
    fn note(&mut self, marker: LatencyMarker) {
        let Some(source) = self.head_of(marker.source) else { return };
        let from = LatencySource::of(self.tracking.settings.granularity, source, marker.subtask);
        let age = self.clock.now_micros().saturating_sub(marker.marked_at_us);
        self.histogram(from).record(age as f64 / 1_000.0);
    }

    fn head_of(&self, vertex: VertexIndex) -> Option<OperatorId> {
        self.tracking.heads.get(vertex.0 as usize).copied()
    }

    fn histogram(&mut self, from: LatencySource) -> &Histogram {
        let index = self.known.iter().position(|(source, _)| *source == from).unwrap_or_else(|| {
            let path = LatencyPath { from, operator: self.operator, subtask: self.tracking.task.subtask };
            let values = self.tracking.settings.history_size as usize;
            self.known.push((from, self.metrics.latency(&path, values)));
            self.known.len() - 1
        });
        &self.known[index].1
    }
}

/// An operator, and what is noted before it gets a mark.
struct Watched<O> {
    latencies: Latencies,
    next: O,
}

impl<O> Watched<O> {
    fn note(&mut self, mark: Mark) {
        if let Mark::Latency(marker) = mark {
            self.latencies.note(marker);
        }
    }
}

impl<T: Send> Output<T> for Watched<BoxOutput<T>> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        self.next.emit(batch)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.note(mark);
        self.next.mark(mark)
    }

    crate::operators::pass_on!(on_processing_time, end, flush, close, checkpoint);
}

impl<A, B> TwoInputs<A, B> for Watched<Box<dyn TwoInputs<A, B>>> {
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        self.next.emit_left(batch)
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        self.next.emit_right(batch)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.note(mark);
        self.next.mark(mark)
    }

    fn takes_right_first(&self) -> bool {
        self.next.takes_right_first()
    }

    crate::operators::pass_on!(on_processing_time, end, flush, close, checkpoint);
}
