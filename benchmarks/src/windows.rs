//! Counts by key in windows of event time, between two subtasks or threads.
//!
//! There is one record in a microsecond of event time, up to 100 ms out of order, and a watermark after each 10,000 records
//! of a source.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use flott::{
    Batch, Boundedness, BoxError, ReadStatus, RuntimeContext, Source, SourceReader, SplitEnumerator,
    StreamExecutionEnvironment, Timestamp, WatermarkGenerator, WatermarkOutput, WatermarkStrategy,
    all_splits,
    windowing::{SlidingEventTimeWindows, TumblingEventTimeWindows},
};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::{
    Windows, channels,
    keyed_aggregate::{checksum, mix},
    measure::Answer,
    sink::{ChecksumSink, Total},
};

const SUBTASKS: u64 = 2;
const BATCH: u64 = 1_024;
const DISORDER_MS: u64 = 100;
const RECORDS_PER_WATERMARK: u64 = 10_000;

/// Key and time in milliseconds.
type Record = (u64, i64);

fn record(index: u64, keys: u64) -> Record {
    let random = mix(index);
    let time = index / 1_000 + DISORDER_MS - random % DISORDER_MS;
    (((random >> 32) * keys) >> 32, time as i64)
}

/// What a watermark may say when `time` was the greatest one.
fn watermark(time: i64) -> i64 {
    time - DISORDER_MS as i64
}

/// Each subtask emits each second record, so that their times go hand in hand.
struct Events {
    keys: u64,
    records: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Share {
    next: u64,
}

struct EventReader {
    keys: u64,
    records: u64,
    next: u64,
}

impl Source for Events {
    type Record = Record;
    type Split = Share;
    type Reader = EventReader;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn enumerator(
        &self,
        _: &RuntimeContext,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn SplitEnumerator<Share>>, BoxError> {
        Ok(all_splits((0..SUBTASKS).map(|next| Share { next }).collect()))
    }

    fn reader(&self, _: &RuntimeContext) -> Result<EventReader, BoxError> {
        Ok(EventReader { keys: self.keys, records: self.records, next: self.records })
    }
}

impl SourceReader for EventReader {
    type Record = Record;
    type Split = Share;

    fn start(&mut self, split: Share) -> Result<(), BoxError> {
        self.next = split.next;
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch<Record>) -> Result<ReadStatus, BoxError> {
        let end = (self.next + BATCH * SUBTASKS).min(self.records);
        while self.next < end {
            let record = record(self.next, self.keys);
            batch.push(record, Timestamp::from_millis(record.1));
            self.next += SUBTASKS;
        }
        Ok(if self.next >= self.records { ReadStatus::SplitEnded } else { ReadStatus::More })
    }

    fn snapshot(&mut self) -> Result<Option<Share>, BoxError> {
        Ok(Some(Share { next: self.next }))
    }
}

#[derive(Clone, Copy, Default)]
struct EachSoMany {
    seen: u64,
    greatest: i64,
}

impl WatermarkGenerator<Record> for EachSoMany {
    fn on_event(&mut self, _: &Record, timestamp: Timestamp, output: &mut WatermarkOutput) {
        self.greatest = self.greatest.max(timestamp.as_millis());
        self.seen += 1;
        if self.seen == RECORDS_PER_WATERMARK {
            self.seen = 0;
            output.emit_watermark(Timestamp::from_millis(watermark(self.greatest)));
        }
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

pub(crate) fn flott(settings: &Windows) -> anyhow::Result<Answer> {
    let Windows { keys, records, .. } = *settings;
    let total = Arc::new(Total::default());
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(SUBTASKS as u32);
    let keyed = env
        .from_source(
            Events { keys, records },
            WatermarkStrategy::for_generator(EachSoMany::default()),
            "events",
        )
        .key_by(|(key, _)| *key);
    let (size, slide) =
        (Duration::from_millis(settings.size_ms()), Duration::from_millis(settings.slide_ms()));
    let counts = if size == slide {
        keyed.window(TumblingEventTimeWindows::of(size)).count()
    } else {
        keyed.window(SlidingEventTimeWindows::of(size, slide)).count()
    };
    counts.sink_to(
        ChecksumSink::new(total.clone(), |(key, count): &(u64, u64)| checksum(*key, *count)),
        "checksum",
    );
    env.execute("windows")?;
    Ok(total.answer())
}

/// Stands for a key in what one thread sends to the other to tell its watermark.
const WATERMARK: u64 = u64::MAX;

/// The windows of one thread: counts by pane, and those of the panes of the current window together.
struct Panes {
    size: i64,
    slide: i64,
    /// Start of the next window that fires.
    start: i64,
    panes: VecDeque<HashMap<u64, u64>>,
    /// Where the first of them begins.
    first: i64,
    counts: HashMap<u64, u64>,
    /// How many of the panes have been added to the counts.
    counted: usize,
    spare: Vec<HashMap<u64, u64>>,
    watermarks: [i64; 2],
    answer: Answer,
}

impl Panes {
    fn new(size: i64, slide: i64) -> Self {
        let start = slide - size;
        Self {
            size,
            slide,
            start,
            panes: VecDeque::new(),
            first: start,
            counts: HashMap::new(),
            counted: 0,
            spare: Vec::new(),
            watermarks: [i64::MIN; 2],
            answer: Answer { records: 0, checksum: 0 },
        }
    }

    #[inline]
    fn add(&mut self, key: u64, time: i64) {
        let at = ((time - self.first) / self.slide) as usize;
        while self.panes.len() <= at {
            self.panes.push_back(self.spare.pop().unwrap_or_default());
        }
        *self.panes[at].entry(key).or_insert(0) += 1;
    }

    fn watermark(&mut self, source: usize, time: i64) {
        self.watermarks[source] = time;
        let time = self.watermarks[0].min(self.watermarks[1]);
        while self.start + self.size - 1 <= time && !(self.panes.is_empty() && self.counts.is_empty()) {
            self.fire();
        }
    }

    fn fire(&mut self) {
        if self.size == self.slide {
            let mut pane = self.panes.pop_front().unwrap_or_default();
            for (key, count) in pane.drain() {
                self.answer.records += 1;
                self.answer.checksum = self.answer.checksum.wrapping_add(checksum(key, count));
            }
            self.spare.push(pane);
            self.first += self.slide;
        } else {
            let ended = ((self.start + self.size - self.first) / self.slide) as usize;
            while self.counted < ended.min(self.panes.len()) {
                for (key, count) in &self.panes[self.counted] {
                    *self.counts.entry(*key).or_insert(0) += count;
                }
                self.counted += 1;
            }
            for (key, count) in &self.counts {
                self.answer.records += 1;
                self.answer.checksum = self.answer.checksum.wrapping_add(checksum(*key, *count));
            }
            let mut pane = self.panes.pop_front().unwrap_or_default();
            self.counted = self.counted.saturating_sub(1);
            self.first += self.slide;
            for (key, gone) in pane.drain() {
                let count = self.counts.get_mut(&key).expect("what a pane counts was added");
                *count -= gone;
                if *count == 0 {
                    self.counts.remove(&key);
                }
            }
            self.spare.push(pane);
        }
        self.start += self.slide;
    }
}

pub(crate) fn plain(settings: &Windows) -> Answer {
    let Windows { keys, records, .. } = *settings;
    let (size, slide) = (settings.size_ms() as i64, settings.slide_ms() as i64);
    let answers = channels::on_two_threads(|thread, mut peer| {
        let mut panes = Panes::new(size, slide);
        let mut watermarks = EachSoMany::default();
        let mut index = thread as u64;
        // What comes from the other thread is taken wherever this one sends.
        fn take(panes: &mut Panes, thread: usize, (key, time): Record) {
            if key == WATERMARK { panes.watermark(1 - thread, time) } else { panes.add(key, time) }
        }
        while index < records {
            let (key, time) = record(index, keys);
            if (mix(key) >> 63) as usize == thread {
                panes.add(key, time);
            } else {
                peer.send((key, time), &mut |record| take(&mut panes, thread, record));
            }
            watermarks.greatest = watermarks.greatest.max(time);
            watermarks.seen += 1;
            if watermarks.seen == RECORDS_PER_WATERMARK {
                watermarks.seen = 0;
                let time = watermark(watermarks.greatest);
                peer.send((WATERMARK, time), &mut |record| take(&mut panes, thread, record));
                panes.watermark(thread, time);
            }
            index += SUBTASKS;
        }
        peer.send((WATERMARK, i64::MAX), &mut |record| take(&mut panes, thread, record));
        panes.watermark(thread, i64::MAX);
        peer.finish(&mut |record| take(&mut panes, thread, record));
        panes.answer
    });
    Answer {
        records: answers[0].records + answers[1].records,
        checksum: answers[0].checksum.wrapping_add(answers[1].checksum),
    }
}
