use flott::{KeyedCoProcessFunction, TimeDomain, prelude::*};
use serde_json::{Value, json};

use super::Job;
use crate::scenario::Event;

pub(crate) fn build(run: &Job, job: &Value, stream: &DataStream<Event>) {
    run.probe(&stream.key_by(|event| event.key.clone()).process(Plan::default()), job);
}

pub(crate) fn build_connected(run: &Job, job: &Value, left: &DataStream<Event>, right: &DataStream<Event>) {
    let (left, right) = (left.key_by(|event| event.key.clone()), right.key_by(|event| event.key.clone()));
    run.probe(&left.connect(&right).process(Plan::default()), job);
}

/// Does what its records say.
#[derive(Clone, Default)]
struct Plan {
    /// What is to be done when a timer of this domain and time fires, as JSON.
    then: MapState<(String, i64), String>,
}

type Context<'a> = KeyedContext<'a, String, String>;

impl Plan {
    fn element(&mut self, event: &Event, input: Option<&str>, ctx: &mut Context<'_>) {
        if !event.actions.is_empty() {
            let actions: Vec<Value> = serde_json::from_str(&event.actions).unwrap();
            self.perform(&actions, input, ctx);
        }
    }

    fn perform(&mut self, actions: &[Value], input: Option<&str>, ctx: &mut Context<'_>) {
        for action in actions {
            let action = action.as_object().unwrap();
            for (name, value) in action {
                match name.as_str() {
                    "event" => ctx.register_event_time_timer(value.as_i64().unwrap()),
                    "processing" => ctx.register_processing_time_timer(value.as_i64().unwrap()),
                    "delete_event" => ctx.delete_event_time_timer(value.as_i64().unwrap()),
                    "delete_processing" => ctx.delete_processing_time_timer(value.as_i64().unwrap()),
                    "emit" => {
                        let seen = json!({ "emit": value });
                        emit(seen, input, ctx);
                    }
                    "then" => {
                        let domain = if action.contains_key("event") { "event" } else { "processing" };
                        let at = action[domain].as_i64().unwrap();
                        self.then.insert(ctx, (domain.to_owned(), at), value.to_string());
                    }
                    name => panic!("no such action: {name}"),
                }
            }
        }
    }

    fn fired(&mut self, time: Timestamp, ctx: &mut OnTimerContext<'_, String, String>) {
        let domain = match ctx.time_domain() {
            TimeDomain::EventTime => "event",
            TimeDomain::ProcessingTime => "processing",
        };
        emit(json!({ "timer": domain, "at": time.as_millis() }), None, ctx);
        if let Some(actions) = self.then.remove(ctx, &(domain.to_owned(), time.as_millis())) {
            let actions: Vec<Value> = serde_json::from_str(&actions).unwrap();
            self.perform(&actions, None, ctx);
        }
    }
}

/// Emits what the function sees at this moment.
fn emit(mut seen: Value, input: Option<&str>, ctx: &mut Context<'_>) {
    seen["key"] = json!(ctx.key());
    if let Some(input) = input {
        seen["input"] = json!(input);
    }
    if let Some(timestamp) = ctx.timestamp() {
        seen["element_timestamp"] = json!(timestamp.as_millis());
    }
    seen["watermark"] = json!(ctx.current_watermark().as_millis());
    seen["processing_time"] = json!(ctx.processing_time().as_millis());
    ctx.emit(seen.to_string());
}

impl KeyedProcessFunction<String, Event> for Plan {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, String>) -> Result<(), BoxError> {
        self.then = context.map("then")?;
        Ok(())
    }

    fn process(&mut self, event: Event, ctx: &mut Context<'_>) -> Result<(), BoxError> {
        self.element(&event, None, ctx);
        Ok(())
    }

    fn on_timer(
        &mut self,
        time: Timestamp,
        ctx: &mut OnTimerContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        self.fired(time, ctx);
        Ok(())
    }
}

impl KeyedCoProcessFunction<String, Event, Event> for Plan {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, String>) -> Result<(), BoxError> {
        self.then = context.map("then")?;
        Ok(())
    }

    fn process_left(&mut self, event: Event, ctx: &mut Context<'_>) -> Result<(), BoxError> {
        self.element(&event, Some("a"), ctx);
        Ok(())
    }

    fn process_right(&mut self, event: Event, ctx: &mut Context<'_>) -> Result<(), BoxError> {
        self.element(&event, Some("b"), ctx);
        Ok(())
    }

    fn on_timer(
        &mut self,
        time: Timestamp,
        ctx: &mut OnTimerContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        self.fired(time, ctx);
        Ok(())
    }
}
