//! A running sum per key, emitted for each record, between two subtasks or threads.

use std::sync::Arc;

use flott::StreamExecutionEnvironment;
use hashbrown::HashMap;

use crate::{
    channels,
    measure::Answer,
    sink::{ChecksumSink, Total},
};

/// splitmix64's finalizer.
pub(crate) fn mix(index: u64) -> u64 {
    let mut z = index.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The value depends on the key alone, so that the running sums of a key are the same in whatever order its records
/// arrive from the two producers, and a checksum over all of them can be compared.
fn record(index: u64, keys: u64) -> (u64, u64) {
    let key = ((mix(index) >> 32) * keys) >> 32;
    (key, (key & 0xffff) + 1)
}

pub(crate) fn checksum(key: u64, sum: u64) -> u64 {
    mix(key.rotate_left(32) ^ sum)
}

pub(crate) fn flott(keys: u64, records: u64) -> anyhow::Result<Answer> {
    flott_with(keys, records, |_| {})
}

/// As [`flott`], with other settings.
pub(crate) fn flott_with(
    keys: u64,
    records: u64,
    configure: impl FnOnce(&StreamExecutionEnvironment),
) -> anyhow::Result<Answer> {
    let total = Arc::new(Total::default());
    let env = StreamExecutionEnvironment::new();
    configure(&env);
    env.set_parallelism(2);
    env.generate(Some(records), move |index| record(index, keys))
        .key_by(|(key, _)| *key)
        .sum(|(_, value)| value)
        .sink_to(
            ChecksumSink::new(total.clone(), |(key, sum): &(u64, u64)| checksum(*key, *sum)),
            "checksum",
        );
    env.execute("keyed aggregate")?;
    Ok(total.answer())
}

pub(crate) fn plain(keys: u64, records: u64) -> Answer {
    let answers = channels::on_two_threads(|thread, mut peer| {
        let mut sums = HashMap::<u64, u64>::new();
        let mut answer = Answer { records: 0, checksum: 0 };
        let mut take = |(key, value): (u64, u64)| {
            let sum = sums.entry(key).or_insert(0);
            *sum += value;
            answer.records += 1;
            answer.checksum = answer.checksum.wrapping_add(checksum(key, *sum));
        };
        let half = records / 2;
        let range = if thread == 0 { 0..half } else { half..records };
        for index in range {
            let (key, value) = record(index, keys);
            // Any other hash than the map's own, so that its buckets are used evenly.
            if (mix(key) >> 63) as usize == thread {
                take((key, value));
            } else {
                peer.send((key, value), &mut take);
            }
        }
        peer.finish(&mut take);
        answer
    });
    Answer {
        records: answers[0].records + answers[1].records,
        checksum: answers[0].checksum.wrapping_add(answers[1].checksum),
    }
}
