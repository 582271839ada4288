use flott::{
    BroadcastOnTimerContext, BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext,
    BroadcastState, BroadcastWriteContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
    KeyedBroadcastWriteContext, prelude::*,
};
use serde_json::{Value, json};

use super::Job;
use crate::{job::flag, scenario::Event};

const LIMITS: &str = "limits";

pub(crate) fn build(run: &Job, job: &Value, events: &DataStream<Event>, limits: &DataStream<Event>) {
    let limits = limits.broadcast_state([LIMITS]);
    if flag(job, "keyed") {
        let keyed = events.key_by(|event| event.key.clone());
        run.probe(&*keyed.connect_broadcast(&limits).process(Limits::default()), job);
    } else {
        run.probe(&*events.connect_broadcast(&limits).process(Limits::default()), job);
    }
}

/// Says which limits a value exceeds.
#[derive(Clone, Default)]
struct Limits {
    limits: BroadcastState<String, i64>,
    last: ValueState<i64>,
}

/// What is said of an event, given the limits in any order.
fn above<'a>(
    event: &Event,
    limits: impl Iterator<Item = (&'a String, &'a i64)>,
    watermark: Timestamp,
) -> String {
    let mut above: Vec<&String> =
        limits.filter(|(_, limit)| event.value > **limit).map(|(name, _)| name).collect();
    above.sort();
    json!({ "key": event.key, "id": event.id, "above": above, "watermark": watermark.as_millis() })
        .to_string()
}

impl BroadcastProcessFunction<Event, Event> for Limits {
    type Out = String;

    fn open(&mut self, context: &mut BroadcastOpenContext<'_>) -> Result<(), BoxError> {
        self.limits = context.broadcast_state(LIMITS)?;
        Ok(())
    }

    fn process(
        &mut self,
        event: Event,
        context: &mut BroadcastReadContext<'_, String>,
    ) -> Result<(), BoxError> {
        let above = above(&event, self.limits.iter(context), context.current_watermark());
        context.emit(above);
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        limit: Event,
        context: &mut BroadcastWriteContext<'_, String>,
    ) -> Result<(), BoxError> {
        match limit.value {
            0 => self.limits.remove(context, &limit.key),
            value => self.limits.insert(context, limit.key, value),
        };
        Ok(())
    }
}

impl KeyedBroadcastProcessFunction<String, Event, Event> for Limits {
    type Out = String;

    fn open(&mut self, context: &mut BroadcastOpenContext<'_, String>) -> Result<(), BoxError> {
        self.limits = context.broadcast_state(LIMITS)?;
        self.last = context.value("last")?;
        Ok(())
    }

    fn process(
        &mut self,
        event: Event,
        context: &mut KeyedBroadcastReadContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        self.last.set(context, event.value);
        let above = above(&event, self.limits.iter(context), context.current_watermark());
        context.emit(above);
        if let Some(timestamp) = context.timestamp() {
            context.register_event_time_timer(timestamp.as_millis() + 10);
        }
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        limit: Event,
        context: &mut KeyedBroadcastWriteContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        match limit.value {
            0 => self.limits.remove(context, &limit.key),
            value => self.limits.insert(context, limit.key.clone(), value),
        };
        let (name, last) = (limit.key, self.last);
        context.apply_to_keyed_state(last, |context| {
            let watermark = context.current_watermark().as_millis();
            let last = json!({
                "limit": name, "key": context.key(), "last": last.get(context), "watermark": watermark,
            });
            context.emit(last.to_string());
            Ok(())
        })
    }

    fn on_timer(
        &mut self,
        time: Timestamp,
        context: &mut BroadcastOnTimerContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        let limits = self.limits.len(context);
        let fired = json!({ "key": context.key(), "timer": time.as_millis(), "limits": limits });
        context.emit(fired.to_string());
        Ok(())
    }
}
