//! Panes of subtasks that had come to different times go on in one subtask.

use bytes::Bytes;
use flott_core::{CheckpointId, key_group::key_group};
use flott_state::{KeyedSnapshot, RestoredSegment, SegmentAddress, SegmentLocation, SegmentSink};

use super::*;
use crate::{
    BoxOutput, RuntimeContext,
    operators::ByValue,
    output::{Side, SideOutputs},
    testing::{Collected, Event, task},
    windowing::testing::late_tag,
};

type Out = ((u8, u64), i64);

/// What has come out, and what was too late.
type Results = (Vec<Out>, Vec<Pair>);

type Counts = PaneOperator<Pair, ByValue<fn(&Pair) -> u8, u8>, Counted, EmitKeyAndValue, TimeWindow>;

struct Subtask {
    operator: Counts,
    out: Collected<(u8, u64)>,
    late: Collected<Pair>,
    watermark: i64,
}

/// Keeps segments in memory, and is full after each.
#[derive(Default)]
struct Memory {
    segments: Vec<(SegmentAddress, Vec<u8>)>,
    is_full: bool,
}

impl SegmentSink for Memory {
    fn write(&mut self, address: SegmentAddress, bytes: Bytes) -> flott_state::Result<SegmentLocation> {
        self.is_full = true;
        let length = bytes.len() as u32;
        self.segments.push((address, bytes.into()));
        Ok(SegmentLocation { file: 0, offset: 0, length, checksum: 0 })
    }

    fn refer(&mut self, _: SegmentAddress, _: SegmentLocation) {
        unreachable!("nothing was completed")
    }

    fn is_full(&self) -> bool {
        self.is_full
    }
}

impl Subtask {
    fn new<A>(subtask: u32, parallelism: u32, assigner: &A, late: i64) -> Self
    where
        A: WindowAssigner<Pair, Window = TimeWindow>,
    {
        let (out, lates) = (Collected::default(), Collected::default());
        let side = Side::new(Box::new(lates.clone()) as BoxOutput<Pair>);
        let sides = SideOutputs::new(vec![(late_tag().id().into(), Box::new(side) as Box<_>)]);
        let next = Downstream::new(Box::new(out.clone()), sides);
        let context = RuntimeContext::new(task(subtask, parallelism), "windows", "windows", 0);
        let (grid, domain) = (assigner.aligned().unwrap(), assigner.time_domain());
        let (function, settings) = (EmitKeyAndValue, lateness(late));
        let operator =
            PaneOperator::new(context, by_key(), grid, domain, Counted, function, settings, next).unwrap();
        Self { operator, out, late: lates, watermark: i64::MIN }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Record(pair, time) => {
                let mut batch = Batch::new();
                batch.push(*pair, (*time).into());
                self.operator.emit(&mut batch).unwrap();
            }
            Step::Watermark(time) if *time > self.watermark => {
                self.watermark = *time;
                self.operator.mark(Mark::Watermark((*time).into())).unwrap();
            }
            Step::Watermark(_) => {}
        }
    }

    fn results(&self) -> Results {
        let batches = self.out.events().into_iter().filter_map(|event| match event {
            Event::Batch(batch) => Some(batch),
            _ => None,
        });
        let records = batches.flat_map(|mut batch| {
            batch.drain().map(|(record, time)| (record, time.as_millis())).collect::<Vec<_>>()
        });
        (records.collect(), self.late.records())
    }
}

/// Each record goes to the subtask that has its key, each watermark to both.
fn route(two: &mut [Subtask; 2], step: &Step) {
    match step {
        Step::Record((key, _), _) => {
            two[usize::from(key_group(stable_hash(key), 128) >= 64)].take(step);
        }
        Step::Watermark(_) => two.iter_mut().for_each(|one| one.take(step)),
    }
}

/// Without regard to order.
fn sorted(results: impl IntoIterator<Item = Results>) -> Results {
    let (mut out, mut late) = (Vec::new(), Vec::new());
    for (more, more_late) in results {
        out.extend(more);
        late.extend(more_late);
    }
    out.sort_unstable();
    late.sort_unstable();
    (out, late)
}

fn play<A>(assigner: &A, late: i64, (before, lead, after): (&[Step], i64, &[Step]), beside: usize)
where
    A: WindowAssigner<Pair, Window = TimeWindow>,
{
    let mut two = [0, 1].map(|subtask| Subtask::new(subtask, 2, assigner, late));
    before.iter().for_each(|step| route(&mut two, step));
    let watermark = two[1].watermark;
    if lead > 0 && watermark > i64::MIN {
        two[0].take(&Step::Watermark(watermark + lead));
    }
    two.iter_mut().for_each(|one| one.operator.tables.begin(CheckpointId(1), true));
    let mut results: Vec<Results> = two.iter().map(Subtask::results).collect();

    // It is written a segment at a time, while records come.
    let mut memories = [Memory::default(), Memory::default()];
    let mut tables = [Vec::new(), Vec::new()];
    let mut is_written = [false; 2];
    let (mut first, rest) = (after.iter().take(beside), after.iter().skip(beside));
    while is_written != [true; 2] {
        for at in 0..2 {
            memories[at].is_full = false;
            if !is_written[at] && two[at].operator.tables.write(&mut memories[at]).unwrap() {
                is_written[at] = true;
                tables[at] = two[at].operator.tables.describe();
            }
        }
        if let Some(step) = first.next() {
            route(&mut two, step);
        }
    }
    let end = Step::Watermark(i64::MAX);
    first.chain(rest).chain([&end]).for_each(|step| route(&mut two, step));

    let mut one = Subtask::new(0, 1, assigner, late);
    for (memory, tables) in memories.iter().zip(&tables) {
        for (address, bytes) in &memory.segments {
            let (group, segment) = (address.group, address.segment);
            let table = &tables[usize::from(address.table)];
            let restored = RestoredSegment { table, group, segment, bytes, location: None };
            one.operator.tables.restore(&restored).unwrap();
        }
    }
    one.take(&Step::Watermark(watermark));
    after.iter().chain([&end]).for_each(|step| one.take(step));
    assert_eq!(one.operator.tables.parts(), 1);
    assert!(one.operator.tables.part.panes.is_empty());
    results.push(one.results());
    assert_eq!(sorted(results), sorted(two.iter().map(Subtask::results)));
}

/// The steps that follow others, after which the watermark was this, and in one subtask further by `lead`: what is too late
/// there alone would be in time after the restore, if that subtask had no records.
fn later(steps: &[Step], watermark: i64, lead: i64) -> Vec<Step> {
    let shift = watermark + 100;
    let shifted = steps.iter().map(|step| match step {
        Step::Record(pair, time) if lead > 0 => Step::Record(*pair, (time + shift).max(watermark + lead + 1)),
        Step::Record(pair, time) => Step::Record(*pair, time + shift),
        Step::Watermark(time) => Step::Watermark(time + shift),
    });
    shifted.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nothing fires twice, and nothing never, wherever each of them was.
    #[test]
    fn keys_go_on_from_where_their_subtask_was(
        before in steps(),
        lead in prop_oneof![Just(0i64), 0i64..60],
        after in steps(),
        size in 1u64..40,
        slide in 1u64..40,
        late in prop_oneof![Just(0i64), 1i64..50],
        beside in 0usize..40,
    ) {
        let watermark = before.iter().rev().find_map(|step| match step {
            Step::Watermark(time) => Some(*time),
            Step::Record(..) => None,
        });
        let after = later(&after, watermark.unwrap_or(-100), lead);
        let script = (&before[..], lead, &after[..]);
        play(&TumblingEventTimeWindows::of(ms(size)), late, script, beside);
        play(&SlidingEventTimeWindows::of(ms(size), ms(slide)), late, script, beside);
    }
}
