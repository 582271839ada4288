use flott_core::{FailureKind, time::Timestamp};
use flott_state::{BroadcastState, OperatorStateContext, ValueState};

use super::*;
use crate::{
    BoxError, Mark, TaskEnd,
    functions::{
        BroadcastOnTimerContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
        KeyedBroadcastWriteContext,
    },
    operators::ByValue,
    output::SideOutputs,
    testing::{Collected, operator},
};

type Car = (String, u32);

fn car(name: &str, number: u32) -> Car {
    (name.to_owned(), number)
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|&name| name.into()).collect()
}

/// Tells cars that are faster than their limit, which the broadcast stream says.
#[derive(Clone, Default)]
struct TooFast {
    limits: BroadcastState<String, u32>,
}

impl BroadcastProcessFunction<Car, Car> for TooFast {
    type Out = String;

    fn open(&mut self, context: &mut BroadcastOpenContext<'_>) -> Result<(), BoxError> {
        self.limits = context.broadcast_state("limits")?;
        Ok(())
    }

    fn process(
        &mut self,
        (name, speed): Car,
        context: &mut BroadcastReadContext<'_, String>,
    ) -> Result<(), BoxError> {
        if self.limits.get(context, &name).is_some_and(|limit| speed > *limit) {
            context.emit(format!("{name} {speed}"));
        }
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        (name, limit): Car,
        context: &mut BroadcastWriteContext<'_, String>,
    ) -> Result<(), BoxError> {
        self.limits.insert(context, name, limit);
        Ok(())
    }
}

#[test]
fn records_are_judged_by_what_was_broadcast() {
    let output = Collected::default();
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let mut process =
        BroadcastProcess::new(operator("Co-Process"), &names(&["limits"]), TooFast::default(), next).unwrap();
    process.emit_left(&mut vec![car("Toyota", 99)].into()).unwrap();
    process.emit_right(&mut vec![car("Toyota", 65)].into()).unwrap();
    process.emit_left(&mut vec![car("Toyota", 65), car("Toyota", 66), car("Porsche", 230)].into()).unwrap();
    assert_eq!(output.records(), ["Toyota 66"]);
}

#[test]
fn only_states_that_the_stream_was_made_with_are_there() {
    let next = Downstream::new(Box::new(Collected::<String>::default()), SideOutputs::default());
    let names = names(&["rules", "limit"]);
    let process =
        BroadcastProcess::<Car, Car, _>::new(operator("Co-Process"), &names, TooFast::default(), next);
    let Err(TaskEnd::Failed(cause)) = process else { panic!("it must fail") };
    assert_eq!((cause.kind, cause.operator.as_deref()), (FailureKind::UserError, Some("Co-Process")));
    assert_eq!(
        cause.message,
        "broadcast state `limits` is none of those that the broadcast stream was made with (`rules`, `limit`): check \
         the spelling, or add the name in broadcast_state"
    );
}

/// Counts the cars of each name; a broadcast number is added to all counts, and told by the timers.
#[derive(Clone, Default)]
struct Counts {
    count: ValueState<u32>,
    bonus: BroadcastState<(), u32>,
}

impl KeyedBroadcastProcessFunction<String, Car, u32> for Counts {
    type Out = String;

    fn open(&mut self, context: &mut BroadcastOpenContext<'_, String>) -> Result<(), BoxError> {
        self.count = context.value("count")?;
        self.bonus = context.broadcast_state("bonus")?;
        Ok(())
    }

    fn process(
        &mut self,
        (_, count): Car,
        context: &mut KeyedBroadcastReadContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        *self.count.get_or_default(context) += count;
        context.register_event_time_timer(100);
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        bonus: u32,
        context: &mut KeyedBroadcastWriteContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        *self.bonus.get_or_insert_with(context, (), || 0) += bonus;
        let count = self.count;
        context.apply_to_keyed_state(count, |context| {
            *count.get_or_default(context) += bonus;
            if context.key() == "Toyota" {
                let text = format!("{} has {:?}", context.key(), count.get(context));
                context.emit(text);
            }
            Ok(())
        })
    }

    fn on_timer(
        &mut self,
        timestamp: Timestamp,
        context: &mut BroadcastOnTimerContext<'_, String, String>,
    ) -> Result<(), BoxError> {
        assert_eq!(context.operator_state().states().count(), 1);
        let bonus = self.bonus.get(context, &()).copied();
        let text = format!("{} at {timestamp}: {:?} with {bonus:?}", context.key(), self.count.get(context));
        context.emit(text);
        Ok(())
    }
}

#[test]
fn keyed_state_is_reached_from_both_inputs_and_from_timers() {
    let output = Collected::default();
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let selector: ByValue<fn(&Car) -> String, String> = ByValue::new(|car| car.0.clone());
    let names = names(&["bonus"]);
    let mut process =
        KeyedBroadcastProcess::new(operator("Co-Process"), &names, selector, Counts::default(), next)
            .unwrap();
    process.emit_left(&mut vec![car("Toyota", 1), car("Porsche", 2), car("Toyota", 3)].into()).unwrap();
    process.emit_right(&mut vec![10, 100].into()).unwrap();
    process.emit_left(&mut vec![car("Fiat", 5)].into()).unwrap();
    TwoInputs::<Car, u32>::mark(&mut process, Mark::Watermark(Timestamp::from_millis(100))).unwrap();
    let expected = [
        "Toyota has Some(14)",
        "Toyota has Some(114)",
        "Toyota at 100: Some(114) with Some(110)",
        "Porsche at 100: Some(112) with Some(110)",
        "Fiat at 100: Some(5) with Some(110)",
    ];
    assert_eq!(output.records(), expected);
}
