use std::{
    fs,
    path::{Path, PathBuf},
};

use flott_core::LeaderEpoch;
use tempfile::TempDir;

use super::*;
use crate::LeaderState;

struct Place {
    _own: TempDir,
    root: PathBuf,
}

impl Place {
    fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let root = own.path().join("with space/default");
        Self { root, _own: own }
    }

    fn open(&self) -> FileRecords {
        FileRecords::open(&self.root, Arc::new(Problems::new())).unwrap()
    }

    fn record(&self, key: &str) -> PathBuf {
        self.root.join("records").join(format!("{key}.rec"))
    }

    fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(directory)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// As the header of a sealed file has it; bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

fn standing() -> Arc<Standing> {
    Standing::new(LeaderEpoch(1), None)
}

async fn keys(records: &FileRecords, prefix: &str) -> Vec<String> {
    records.list(prefix, &standing()).await.unwrap().into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn what_is_committed_is_there_after_a_restart() {
    let place = Place::new();
    let records = place.open();
    let ops = vec![Op::put("jobs/1/spec", "one"), Op::put("jobs/10/spec", "ten"), Op::put("ops/1", "")];
    records.commit(ops, &standing()).await.unwrap();
    drop(records);

    let records = place.open();
    let found = records.list("jobs/1", &standing()).await.unwrap();
    assert_eq!(found, [("jobs/1/spec".to_owned(), "one".into()), ("jobs/10/spec".to_owned(), "ten".into())]);
    let ops = vec![Op::put("jobs/1/result", "done"), Op::delete("jobs/1/spec"), Op::delete("jobs/2/spec")];
    records.commit(ops, &standing()).await.unwrap();
    assert_eq!(keys(&records, "").await, ["jobs/1/result", "jobs/10/spec", "ops/1"]);
    records.commit(vec![Op::delete_prefix("jobs/1/")], &standing()).await.unwrap();
    assert_eq!(keys(&records, "").await, ["jobs/10/spec", "ops/1"]);
    assert_eq!(place.names("records/jobs"), ["10"], "empty directories go with what was in them");
    assert_eq!(place.names(""), ["lock", "records"], "no journal is left");
}

#[tokio::test]
async fn a_commit_that_was_interrupted_is_finished() {
    let place = Place::new();
    let records = place.open();
    let ops = vec![Op::put("jobs/1/result", "done"), Op::delete("jobs/1/spec")];
    records.commit(vec![Op::put("jobs/1/spec", "one")], &standing()).await.unwrap();
    // The second change can't be made, as a directory is in its place.
    fs::remove_file(place.record("jobs/1/spec")).unwrap();
    fs::create_dir(place.record("jobs/1/spec")).unwrap();
    let lost = standing();
    let (committed, ()) = tokio::join!(records.commit(ops, &lost), async {
        while records.problems.subscribe().borrow().is_empty() {
            tokio::task::yield_now().await;
        }
        lost.set(LeaderState::Lost);
    });
    assert!(committed.unwrap_err().is_lost());
    assert!(place.root.join("commit.rec").exists());
    drop(records);

    fs::remove_dir(place.record("jobs/1/spec")).unwrap();
    let records = place.open();
    assert!(!place.root.join("commit.rec").exists());
    assert_eq!(keys(&records, "").await, ["jobs/1/result"]);
}

#[tokio::test]
async fn what_is_left_of_an_interrupted_commit_never_undoes_a_later_one() {
    let place = Place::new();
    let records = place.open();
    let lost = standing();
    fs::create_dir_all(place.record("b")).unwrap();
    let ops = vec![Op::put("a", "old"), Op::put("b", "old")];
    let (committed, ()) = tokio::join!(records.commit(ops, &lost), async {
        while records.problems.subscribe().borrow().is_empty() {
            tokio::task::yield_now().await;
        }
        lost.set(LeaderState::Lost);
    });
    assert!(committed.is_err());
    fs::remove_dir(place.record("b")).unwrap();
    records.commit(vec![Op::put("a", "new")], &standing()).await.unwrap();
    drop(records);
    let found = place.open().list("", &standing()).await.unwrap();
    assert_eq!(found, [("a".to_owned(), "new".into()), ("b".to_owned(), "old".into())]);
}

#[tokio::test]
async fn damaged_records_are_set_aside_and_disturb_no_others() {
    let place = Place::new();
    let records = place.open();
    records
        .commit(vec![Op::put("jobs/1/spec", "one"), Op::put("jobs/2/spec", "two")], &standing())
        .await
        .unwrap();
    let path = place.record("jobs/1/spec");
    let intact = fs::read(&path).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..intact.len()).map(|length| intact[..length].to_vec()).collect();
    for byte in 0..intact.len() {
        let mut flipped = intact.clone();
        flipped[byte] ^= 0x10;
        damaged.push(flipped);
    }
    for bytes in damaged {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(keys(&records, "jobs/").await, ["jobs/2/spec"], "{bytes:02x?}");
        assert!(!path.exists());
    }
    let names = place.names("records/jobs/1");
    assert!(names.len() <= 100 && names.contains(&"spec.rec.corrupt".to_owned()), "{names:?}");

    // A new one takes its place.
    records.commit(vec![Op::put("jobs/1/spec", "one")], &standing()).await.unwrap();
    assert_eq!(keys(&records, "jobs/").await, ["jobs/1/spec", "jobs/2/spec"]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_just_now_is_not_taken_for_absent() {
    let place = Place::new();
    let records = place.open();
    let ops = vec![Op::put("jobs/1/spec", "one"), Op::put("jobs/2/spec", "two")];
    records.commit(ops, &standing()).await.unwrap();
    let path = place.record("jobs/1/spec");
    let intact = fs::read(&path).unwrap();

    // As if a later version had written it.
    let mut newer = intact.clone();
    newer[8..12].copy_from_slice(&1_000_u32.to_le_bytes());
    let checksum = crc32c(&newer[..28]);
    newer[28..32].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, &newer).unwrap();
    let error = records.list("jobs/", &standing()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable { key, .. } if key == "jobs/1/spec"), "{error}");
    assert_eq!(records.problems.subscribe().borrow()[0].kind, ProblemKind::Files);
    assert_eq!(fs::read(&path).unwrap(), newer, "it is not set aside");

    fs::write(&path, intact).unwrap();
    assert_eq!(keys(&records, "jobs/").await, ["jobs/1/spec", "jobs/2/spec"]);
    assert!(records.problems.subscribe().borrow().is_empty());
}

#[tokio::test]
async fn half_written_files_are_removed_and_foreign_ones_ignored() {
    let place = Place::new();
    drop(place.open());
    fs::create_dir_all(place.root.join("records/jobs/1")).unwrap();
    fs::write(place.root.join("records/jobs/1/spec.rec.tmp"), "half").unwrap();
    fs::write(place.root.join("commit.rec.tmp"), "half").unwrap();
    fs::write(place.root.join("records/README"), "not ours").unwrap();
    let records = place.open();
    assert!(keys(&records, "").await.is_empty());
    assert!(!place.root.join("commit.rec.tmp").exists());
    assert_eq!(place.names("records/jobs/1"), [""; 0]);
}

#[test]
fn epochs_rise_also_when_the_clock_goes_back_or_the_file_is_damaged() {
    let place = Place::new();
    let records = place.open();
    assert_eq!(records.raise_epoch(1_000).unwrap(), LeaderEpoch(1_000));
    assert_eq!(records.raise_epoch(500).unwrap(), LeaderEpoch(1_001));
    drop(records);
    let records = place.open();
    assert_eq!(records.raise_epoch(0).unwrap(), LeaderEpoch(1_002));
    fs::write(place.root.join("epoch.rec"), "damaged").unwrap();
    assert_eq!(records.raise_epoch(2_000).unwrap(), LeaderEpoch(2_000));
    assert!(place.root.join("epoch.rec.corrupt").exists());
}

#[test]
fn a_second_process_is_refused_with_the_pid_of_the_first() {
    let place = Place::new();
    let first = place.open();
    let error = FileRecords::open(&place.root, Arc::new(Problems::new())).unwrap_err().to_string();
    assert!(error.contains(&format!("(pid {})", std::process::id())), "{error}");
    assert!(error.contains("with space/default"), "{error}");
    drop(first);
    place.open();
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let own = tempfile::tempdir().unwrap();
    let path = own.path().join("flott-ha");
    prepare_own(&path).unwrap();
    prepare_own(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(prepare_own(&path).unwrap_err().to_string().contains("others have access"));
    let link = own.path().join("link");
    std::os::unix::fs::symlink(own.path(), &link).unwrap();
    assert!(prepare_own(&link).unwrap_err().to_string().contains("it is no directory"));
}

/// Files of a released format must be readable for ever, and be what is written today.
#[tokio::test]
async fn golden() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/record-v1.bin");
    let place = Place::new();
    let records = place.open();
    records.commit(vec![Op::put("jobs/1/spec", "{\"name\":\"golden\"}")], &standing()).await.unwrap();
    let written = fs::read(place.record("jobs/1/spec")).unwrap();
    if std::env::var_os("FLOTT_BLESS").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, &written).unwrap();
    }
    assert_eq!(fs::read(&golden).unwrap(), written);
}
