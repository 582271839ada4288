//! Snapshots of a table in use, compared with what was in it when they began.

mod chain;
mod damage;

use std::collections::BTreeMap;

use flott_core::{CheckpointId, SubtaskIndex, hash::stable_hash};

use crate::{
    KeyedSnapshot, KeyedTable,
    testing::{Files, Snapshot},
};

type Model = BTreeMap<u32, Vec<u8>>;

fn table() -> KeyedTable<u32, Vec<u8>> {
    KeyedTable::new(SubtaskIndex(0), 1, 4)
}

fn set(table: &mut KeyedTable<u32, Vec<u8>>, key: u32, value: Vec<u8>) {
    *table.get_or_insert_with(stable_hash(&key), &key, || key, Vec::new) = value;
}

fn content(table: &KeyedTable<u32, Vec<u8>>) -> Model {
    let content: Model = table.iter().map(|(key, value)| (*key, value.clone())).collect();
    assert_eq!(content.len(), table.len(), "each key is there once, and counted");
    content
}

fn restored(files: &Files, snapshot: &Snapshot) -> Model {
    let mut table = table();
    files.restore(snapshot, &mut table, false).unwrap();
    content(&table)
}

#[test]
fn a_snapshot_is_what_was_there_when_it_began() {
    let mut table = table();
    for key in 0..5_000 {
        set(&mut table, key, vec![key as u8; 200]);
    }
    let before = content(&table);
    let mut files = Files::default();
    let mut snapshot = Snapshot::default();
    table.begin(CheckpointId(1), true);
    let mut key = 0;
    while !files.write_some(&mut table, &mut snapshot, 1) {
        for _ in 0..50 {
            key += 1;
            set(&mut table, key, vec![0; 100]);
            set(&mut table, 10_000 + key, vec![1; 100]);
            let removed = 5_000u32.saturating_sub(key);
            table.remove(stable_hash(&removed), &removed);
        }
    }
    assert!(key > 500, "there were only {} segments", snapshot.written);
    assert_eq!(restored(&files, &snapshot), before);
    let later = files.snapshot(&mut table, 2, true);
    assert_eq!(restored(&files, &later), content(&table));
}

#[test]
fn what_has_not_changed_is_referred_to() {
    let mut table = table();
    for key in 0..20_000u32 {
        set(&mut table, key, vec![key as u8; 200]);
    }
    let mut files = Files::default();
    let first = files.checkpoint(&mut table, 1);
    assert_eq!(first.referred, 0);
    let second = files.checkpoint(&mut table, 2);
    assert_eq!((second.written, second.referred), (0, first.written));

    // A hundredth of the segments, spread over all groups.
    let touched = first.written.div_ceil(100);
    for key in 0..touched as u32 {
        set(&mut table, key * 991, vec![7; 200]);
    }
    // Neither looking for what is not there nor reading is a change.
    for key in 20_000..30_000u32 {
        assert_eq!(table.get_mut(stable_hash(&key), &key), None);
        assert_eq!(table.remove(stable_hash(&key), &key), None);
    }
    assert!(table.iter().count() == 20_000 && table.get(stable_hash(&5u32), &5).is_some());
    let third = files.checkpoint(&mut table, 3);
    // Their sizes are known better now, so that some may be split as well.
    assert!(third.written <= 2 * touched && third.written > 0, "{} of {touched}", third.written);
    assert!(third.written + third.referred >= first.written);
    let share = third.written_bytes as f64 / first.written_bytes as f64;
    assert!((0.005..0.025).contains(&share), "{share}");
    assert_eq!(restored(&files, &third), content(&table));

    // So it is after a restore.
    let mut again = super::tests::table();
    files.restore(&third, &mut again, true).unwrap();
    let fourth = files.checkpoint(&mut again, 4);
    assert_eq!((fourth.written, fourth.referred), (0, third.segments.len()));
    again.get_mut(stable_hash(&3u32), &3).unwrap().clear();
    assert_eq!(files.checkpoint(&mut again, 5).written, 1);
}

#[test]
fn nothing_is_referred_to_before_it_is_known_to_be_complete() {
    let mut table = table();
    (0..1_000).for_each(|key| set(&mut table, key, vec![]));
    let mut files = Files::default();
    let first = files.snapshot(&mut table, 1, true);
    assert_eq!(files.snapshot(&mut table, 2, true).referred, 0);
    table.aborted(CheckpointId(2));
    table.completed(CheckpointId(1));
    // Its place was taken by what the second wrote.
    assert_eq!(files.checkpoint(&mut table, 3).referred, 0);
    assert_eq!(files.checkpoint(&mut table, 4).written, 0);

    // A savepoint is nobody's to refer to, but leaves what was before.
    let savepoint = files.snapshot(&mut table, 5, false);
    assert_eq!(savepoint.written, first.written);
    table.aborted(CheckpointId(5));
    assert_eq!(files.checkpoint(&mut table, 6).written, 0);

    // After a full checkpoint the files before it go, whenever that is told.
    files.snapshot(&mut table, 7, false);
    assert_eq!(files.snapshot(&mut table, 8, true).referred, 0);
    table.completed(CheckpointId(7));
    table.completed(CheckpointId(8));
    assert_eq!(files.checkpoint(&mut table, 9).written, 0);
}

#[test]
fn old_files_fade_away() {
    let mut table = table();
    (0..50_000).for_each(|key| set(&mut table, key, key.to_le_bytes().to_vec()));
    let mut files = Files::default();
    let size = files.checkpoint(&mut table, 1).written_bytes;
    // Keys of the lower half change again and again; without rewriting the upper half would stay in the first file.
    let mut most_files = 0;
    for id in 2..300u64 {
        for i in 0..4u32 {
            set(&mut table, (id as u32 * 7919 + i * 131) % 20_000, id.to_le_bytes().to_vec());
        }
        let snapshot = files.checkpoint(&mut table, id);
        assert!(snapshot.written_bytes < size / 4, "{} of {size} were written", snapshot.written_bytes);
        most_files = most_files.max(snapshot.files().len());
    }
    let last = files.checkpoint(&mut table, 300);
    assert!(!last.files().contains(&1));
    assert!(most_files <= 80, "there were {most_files} files");
    assert_eq!(restored(&files, &last), content(&table));
}

#[test]
fn a_change_encodes_little_however_large_the_values_are() {
    for (count, size) in [(60_000, 4), (3_000, 600), (300, 6_000)] {
        let mut table = table();
        (0..count).for_each(|key| set(&mut table, key, vec![1; size]));
        let snapshot = Files::default().snapshot(&mut table, 1, true);
        let largest = snapshot.segments.iter().map(|(_, location)| location.length).max().unwrap();
        assert!(largest < 32 << 10, "{largest} bytes in a segment of values of {size}");
        let mean = snapshot.written_bytes / snapshot.written;
        assert!((2 << 10..12 << 10).contains(&mean), "{mean} bytes in a segment of values of {size}");
    }
}
