use flott::{CoProcessFunction, prelude::*};
use serde_json::Value;

use super::Job;
use crate::scenario::Event;

pub(crate) fn build(run: &Job, job: &Value, left: &DataStream<Event>, right: &DataStream<Event>) {
    run.probe(&*left.connect(right).process(NegateRight), job);
}

#[derive(Clone)]
struct NegateRight;

impl CoProcessFunction<Event, Event> for NegateRight {
    type Out = Event;

    fn process_left(
        &mut self,
        event: Event,
        context: &mut ProcessContext<'_, Event>,
    ) -> Result<(), BoxError> {
        context.emit(event);
        Ok(())
    }

    fn process_right(
        &mut self,
        event: Event,
        context: &mut ProcessContext<'_, Event>,
    ) -> Result<(), BoxError> {
        context.emit(Event { value: -event.value, ..event });
        Ok(())
    }
}
