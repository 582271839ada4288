use flott::{TtlCleanup, TtlUpdate, TtlVisibility, prelude::*};
use serde_json::{Value, json};

use super::Job;
use crate::{
    job::{flag, millis, text},
    scenario::Event,
};

pub(crate) fn build(run: &Job, job: &Value, stream: &DataStream<Event>) {
    // In Flink cleanup in the background was off: when it removes something is not defined.
    let mut ttl = StateTtl::new(millis(job, "ttl")).cleanup(TtlCleanup::WhenTouched);
    if text(job, "update") == "on_read_and_write" {
        ttl = ttl.update(TtlUpdate::OnReadAndWrite);
    }
    if flag(job, "return_expired") {
        ttl = ttl.visibility(TtlVisibility::ReturnExpiredIfNotCleanedUp);
    }
    let function = Aging::new(text(job, "state"), ttl);
    run.probe(&stream.key_by(|event| event.key.clone()).process(function), job);
}

/// Does what its records say with one state.
#[derive(Clone)]
struct Aging {
    kind: String,
    ttl: StateTtl,
    value: ValueState<i64>,
    list: ListState<i64>,
    map: MapState<String, i64>,
    reducing: ReducingState<i64>,
}

impl Aging {
    fn new(kind: &str, ttl: StateTtl) -> Self {
        Self {
            kind: kind.to_owned(),
            ttl,
            value: ValueState::default(),
            list: ListState::default(),
            map: MapState::default(),
            reducing: ReducingState::default(),
        }
    }

    /// What is to be shown, if anything.
    fn perform(
        &self,
        name: &str,
        value: &Value,
        ctx: &mut KeyedContext<'_, String, String>,
    ) -> Option<Value> {
        match (self.kind.as_str(), name) {
            ("value", "put") => self.value.set(ctx, value.as_i64().unwrap()),
            ("value", "get") => return Some(json!(self.value.get(ctx))),
            ("value", "clear") => self.value.clear(ctx),
            ("list", "put") => self.list.push(ctx, value.as_i64().unwrap()),
            ("list", "set") => {
                let values = value.as_array().unwrap().iter().map(|value| value.as_i64().unwrap());
                self.list.set(ctx, values);
            }
            ("list", "get") => return Some(json!(self.list.get(ctx))),
            ("map", "put") => {
                let (key, value) = (value[0].as_str().unwrap(), value[1].as_i64().unwrap());
                self.map.insert(ctx, key.to_owned(), value);
            }
            ("map", "get") => {
                return Some(match value.as_str() {
                    Some(key) => json!(self.map.get(ctx, key)),
                    None => {
                        let entries = self.map.iter(ctx).map(|(key, value)| (key.clone(), json!(value)));
                        Value::Object(entries.collect())
                    }
                });
            }
            ("map", "contains") => return Some(json!(self.map.contains(ctx, value.as_str().unwrap()))),
            ("reducing", "put") => self.reducing.add(ctx, value.as_i64().unwrap()),
            ("reducing", "get") => return Some(json!(self.reducing.get(ctx))),
            (kind, name) => panic!("no such action: {name} of {kind}"),
        }
        None
    }
}

impl KeyedProcessFunction<String, Event> for Aging {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, String>) -> Result<(), BoxError> {
        let state = StateDescriptor::new("state").ttl(self.ttl);
        match self.kind.as_str() {
            "value" => self.value = context.value(state)?,
            "list" => self.list = context.list(state)?,
            "map" => self.map = context.map(state)?,
            "reducing" => self.reducing = context.reducing(state, |sum: &mut i64, value| *sum += value)?,
            kind => panic!("no such state: {kind}"),
        }
        Ok(())
    }

    fn process(&mut self, event: Event, ctx: &mut KeyedContext<'_, String, String>) -> Result<(), BoxError> {
        let actions: Vec<Value> = serde_json::from_str(&event.actions)?;
        for action in &actions {
            for (name, value) in action.as_object().unwrap() {
                if let Some(shown) = self.perform(name, value, ctx) {
                    let shown = json!({ "key": event.key, "id": event.id, "state": shown });
                    ctx.emit(shown.to_string());
                }
            }
        }
        Ok(())
    }
}
