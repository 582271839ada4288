use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use super::*;
use crate::{
    BoxError, OutputTag, TaskEnd,
    functions::{OpenContext, ProcessContext},
    output::{Side, SideOutputs},
    testing::{Collected, Event, operator},
};

/// Divides; by zero into a side output, by 13 not at all.
#[derive(Clone)]
struct Divide {
    dividend: u64,
    by_zero: OutputTag<String>,
    closed: Arc<AtomicU32>,
}

impl ProcessFunction<u64> for Divide {
    type Out = (u64, i64);

    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        self.dividend += u64::from(context.runtime().parallelism());
        Ok(())
    }

    fn process(&mut self, record: u64, ctx: &mut ProcessContext<'_, (u64, i64)>) -> Result<(), BoxError> {
        match record {
            0 => ctx.output(&self.by_zero, format!("at {:?}", ctx.timestamp().map(Timestamp::as_millis))),
            13 => return Err("13 is unlucky".into()),
            _ => ctx.emit((self.dividend / record, ctx.current_watermark().as_millis())),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.closed.fetch_add(1, Relaxed);
        Err("the file is gone".into())
    }
}

#[test]
fn a_process_function_emits_into_main_and_side_outputs() {
    let (output, side) = (Collected::default(), Collected::<String>::default());
    let function = Divide { dividend: 99, by_zero: OutputTag::new("by-zero"), closed: Arc::default() };
    let closed = function.closed.clone();
    let sides =
        SideOutputs::new(vec![(function.by_zero.id().into(), Box::new(Side::new(Box::new(side.clone()))))]);
    let next = Downstream::new(Box::new(output.clone()), sides);
    let mut process = Process::new(operator("Divide"), function, next).unwrap();

    let mut batch = Batch::new();
    for (record, time) in [(10, 1), (0, 2), (20, i64::MIN), (0, i64::MIN)] {
        batch.push(record, Timestamp::from_millis(time));
    }
    process.emit(&mut batch).unwrap();
    process.mark(Mark::Watermark(5.into())).unwrap();
    process.emit(&mut vec![50].into()).unwrap();

    let mut first = Batch::new();
    first.push((10, i64::MIN), 1.into());
    first.push((5, i64::MIN), Timestamp::MIN);
    let expected =
        [Event::Batch(first), Event::Mark(Mark::Watermark(5.into())), Event::Batch(vec![(2, 5)].into())];
    assert_eq!(output.events(), expected);
    assert_eq!(side.records(), ["at Some(2)", "at None"]);

    let Err(TaskEnd::Failed(cause)) = process.emit(&mut vec![13].into()) else { panic!("it must fail") };
    assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("13 is unlucky", Some("Divide")));

    let Err(TaskEnd::Failed(cause)) = process.end() else { panic!("it must fail") };
    assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("the file is gone", Some("Divide")));
    drop(process);
    assert_eq!(closed.load(Relaxed), 1);
}
