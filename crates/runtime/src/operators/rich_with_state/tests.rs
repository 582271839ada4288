use flott_core::time::Timestamp;

use super::*;
use crate::{
    Batch, Output,
    operators::{ByValue, KeyedProcess},
    output::{Downstream, SideOutputs},
    testing::{Collected, Event, operator},
};

#[test]
fn each_key_has_its_own_state_and_none_is_none_again() {
    let output = Collected::default();
    // Emits each three records of a key together.
    let function = |state: &mut Option<Vec<u64>>, record: u64, out: &mut Collector<'_, Vec<u64>>| {
        state.get_or_insert_default().push(record);
        if state.as_ref().is_some_and(|records| records.len() == 3) {
            out.extend(state.take());
        }
    };
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let selector = ByValue::new(|record: &u64| record % 10);
    let mut operator = KeyedProcess::new(operator("Map"), selector, WithState::new(function), next).unwrap();
    let mut batch = Batch::new();
    for record in [1, 2, 11, 21, 31, 12, 22, 41, 51] {
        batch.push(record, Timestamp::from_millis(record as i64));
    }
    operator.emit(&mut batch).unwrap();
    let mut expected = Batch::new();
    for records in [[1, 11, 21], [2, 12, 22], [31, 41, 51]] {
        expected.push(records.to_vec(), Timestamp::from_millis(records[2] as i64));
    }
    assert_eq!(output.events(), [Event::Batch(expected)]);
}

#[test]
fn a_state_that_is_none_takes_no_memory() {
    let context = operator("Map");
    let output = Collected::default();
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let mut core = crate::functions::KeyedFunctionCore::new(context, next).unwrap();
    let mut function = WithState::new(|state: &mut Option<u64>, record: u64, _: &mut Collector<'_, ()>| {
        *state = (record < 5).then_some(record);
    });
    function.open(&mut core.open_context()).unwrap();
    for record in 0..10 {
        let mut ctx = core.at_record(&ByValue::new(|record: &u64| *record), &record, Timestamp::MIN);
        function.process(record, &mut ctx).unwrap();
    }
    assert_eq!(core.state.len(), 5);
}
