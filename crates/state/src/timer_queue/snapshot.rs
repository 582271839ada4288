use flott_core::{CheckpointId, time::Timestamp};

use super::{
    Stands, TimerQueue,
    bucket::{Bucket, Handle, MAX_NUMBER},
};
use crate::{
    Key, KeyedSnapshot, Namespace, RestoredSegment, Result, SegmentSink, StateKind, TableDescription, codec,
    schema::Schema,
    segments::{Restored, Stored},
    snapshot::Conversion,
};

impl<K: Key, N: Namespace> TimerQueue<K, N> {
    fn description() -> TableDescription {
        TableDescription {
            name: "timers".to_owned(),
            kind: StateKind::Timers,
            key: Schema::of::<K>(),
            namespace: Schema::of::<N>(),
            map_key: None,
            value: Schema::of::<(Timestamp, u64)>(),
            ttl: false,
        }
    }
}

pub(super) fn encode_timer<K: Key, N: Namespace>(timer: &Stands<K, N>, out: &mut Vec<u8>) -> Result<()> {
    codec::put(&timer.key, out)?;
    codec::put(&timer.namespace, out)?;
    codec::put(&(timer.time, timer.number), out)
}

impl<K: Key, N: Namespace> KeyedSnapshot for TimerQueue<K, N> {
    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.timers.begin(id, incremental);
    }

    fn write(&mut self, out: &mut dyn SegmentSink) -> Result<bool> {
        self.timers.oldest().map_or(Ok(true), |id| self.timers.write(id, 0, out))
    }

    fn completed(&mut self, id: CheckpointId) {
        self.timers.completed(id);
    }

    fn aborted(&mut self, id: CheckpointId) {
        self.timers.aborted(id);
    }

    fn restore(&mut self, segment: &RestoredSegment<'_>) -> Result<()> {
        Conversion::of(&mut self.conversion, segment.table, Self::description, &[])?;
        let group = segment.group.wrapping_sub(self.groups.owned().start) as usize;
        let mut restored = Vec::new();
        self.timers.restore(segment, self.groups.max_parallelism(), |reader| {
            let (key, namespace) = (reader.get()?, reader.get()?);
            let (time, number): (Timestamp, u64) = reader.get()?;
            if number > MAX_NUMBER {
                return Err(reader.damaged(format!("no timer has the number {number}")));
            }
            let timer = Stands { key, namespace, time, number };
            restored.push((time, Handle::new(group, timer.hash(), number)));
            Ok(Restored::AsStored(timer))
        })?;
        self.len += restored.len();
        for (time, handle) in restored {
            self.next_number = self.next_number.max(handle.number() + 1);
            self.times.entry(time).or_insert(Bucket::Empty).push(handle);
        }
        Ok(())
    }

    fn entries(&self) -> usize {
        self.len()
    }

    fn describe(&self) -> Vec<TableDescription> {
        vec![Self::description()]
    }
}
