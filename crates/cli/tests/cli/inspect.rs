//! `flott savepoint inspect`.

use std::path::{Path, PathBuf};

use flott_core::{
    CheckpointId, JobId,
    checkpoint::{
        Blob, CheckpointMetadata, EnumerationState, OperatorState, OperatorSubtaskState, SavepointFormat,
        SnapshotKind, SourceQueueState, StateFile, VertexState,
    },
    time::Timestamp,
};
use flott_state::{StateKind, TableDescription, schema::Schema};
use flott_storage::{
    Storage, StorageOptions, StorageUri, envelope,
    manifest::{KeyedPart, ListState, OperatorManifest, Redistribution, SegmentEntry},
    store_metadata,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cluster::JOB,
    command::{Done, done, flott},
};

/// A savepoint of two subtasks: one segment in a file each, and one in the manifest; a list; a source.
struct Savepoint {
    _dir: TempDir,
    path: PathBuf,
}

const SEGMENT: &[u8] = b"what a segment holds";

fn state_file() -> Vec<u8> {
    let checksum = crc32c::crc32c(SEGMENT);
    let header = envelope::stream_header(envelope::FileKind::State);
    [&header[..], SEGMENT, &envelope::stream_footer(SEGMENT.len() as u64, checksum)].concat()
}

fn manifest(subtask: u32, file: &StateFile) -> OperatorManifest {
    let table = TableDescription {
        name: "counts".to_owned(),
        kind: StateKind::Value,
        key: Schema::of::<String>(),
        namespace: Schema::of::<()>(),
        map_key: None,
        value: Schema::of::<u64>(),
        ttl: true,
    };
    let checksum = crc32c::crc32c(SEGMENT);
    let length = SEGMENT.len() as u32;
    let entry = |segment, file, offset| SegmentEntry {
        table: 0,
        group: 64 * subtask,
        segment,
        file,
        offset,
        length,
        checksum,
    };
    OperatorManifest {
        key_groups: 64 * subtask..64 * (subtask + 1),
        keyed: vec![KeyedPart {
            name: "state".to_owned(),
            tables: vec![postcard::to_stdvec(&table).unwrap()],
            layout: Vec::new(),
            segments: vec![entry(1, 0, 0), entry(2, 1, envelope::HEADER_LENGTH as u64)],
        }],
        inline: SEGMENT.to_vec(),
        lists: vec![ListState {
            name: "pending".to_owned(),
            redistribution: Redistribution::Union,
            schema: postcard::to_stdvec(&Schema::of::<Option<bool>>()).unwrap(),
            elements: vec![vec![0], vec![1, 1]],
        }],
        files: vec![file.clone()],
    }
}

impl Savepoint {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("savepoint-2efff7-0a1b2c3d4e5f");
        std::fs::create_dir(&path).unwrap();
        let subtasks = (0..2).map(|subtask| {
            let file = StateFile { path: format!("file-{subtask}"), size: state_file().len() as u64 };
            std::fs::write(path.join(&file.path), state_file()).unwrap();
            let bytes = manifest(subtask, &file).encode().unwrap().to_vec();
            let blob = if subtask == 0 {
                Blob::Inline(bytes)
            } else {
                std::fs::write(path.join("manifest"), &bytes).unwrap();
                Blob::File(StateFile { path: "manifest".to_owned(), size: bytes.len() as u64 })
            };
            Some(OperatorSubtaskState {
                uid: "c".to_owned(),
                manifest: blob,
                files: vec![file],
                has_union: true,
                state_size: 43,
            })
        });
        let operator = OperatorState {
            uid: "c".to_owned(),
            name: "count".to_owned(),
            parallelism: 2,
            max_parallelism: 128,
            subtasks: subtasks.collect(),
        };
        let uri: StorageUri = path.to_str().unwrap().parse().unwrap();
        let metadata = CheckpointMetadata {
            job_id: JOB.parse::<JobId>().unwrap(),
            job_name: "word count".to_owned(),
            checkpoint_id: CheckpointId(12),
            kind: SnapshotKind::Savepoint {
                directory: uri.to_string(),
                format: SavepointFormat::Canonical,
                stop: None,
            },
            triggered_at: 1_795_390_171_968,
            operators: vec![operator],
            vertices: vec![VertexState {
                uids: vec!["s".to_owned(), "f".to_owned()],
                finished: vec![true, false],
                watermarks: vec![Timestamp::MIN; 2],
                channels: Vec::new(),
            }],
            sources: vec![SourceQueueState {
                uid: "s".to_owned(),
                remaining: vec![vec![1].into(), vec![2].into()],
                enumeration: EnumerationState::Complete,
            }],
        };
        let storage = Storage::open(&StorageOptions::default());
        store_metadata(&storage, &uri, &metadata).await.unwrap();
        Self { _dir: dir, path }
    }

    async fn inspect(&self, options: &[&str]) -> Done {
        inspect(&self.path, options).await
    }

    fn change(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let path = self.path.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        format!("file:{}", path.display())
    }
}

async fn inspect(path: &Path, options: &[&str]) -> Done {
    let mut command = flott(["savepoint", "inspect"]);
    command.args(options).arg(path);
    done(command).await
}

#[tokio::test]
async fn everything_in_it_is_listed() {
    let savepoint = Savepoint::new().await;
    let text = savepoint.inspect(&[]).await;
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""), "{text:?}");
    let path = savepoint.path.display();
    let lines: Vec<_> = text.stdout.lines().filter(|line| !line.starts_with("Size: ")).collect();
    assert_eq!(
        lines,
        [
            &format!("Savepoint 12 of job {JOB} (word count)"),
            &format!("Path:  file:{path}"),
            "Taken: 22.11.2026 23:29:31",
            "",
            "Operator count (uid c)",
            "  parallelism 2, max parallelism 128, 86 B of state",
            "  key groups 0-63, 64-127",
            "  counts (value in state, with time to live): 4 segments, 80 B",
            "    key: String",
            "    value: u64",
            "  pending (operator list, union): 4 elements, 6 B",
            "    element: Option<bool>",
            "",
            "Source s: 2 splits assigned to no subtask, enumeration complete",
            "Chain s -> f: 1 subtask had finished",
        ]
    );
    assert!(text.stdout.contains("Size:  86 B of state; 3 files with "), "{}", text.stdout);

    let verbose = savepoint.inspect(&["--verbose", "--verify"]).await;
    assert_eq!(verbose.code, Some(0), "{verbose:?}");
    assert!(verbose.stdout.contains("; all of it verified\n"), "{}", verbose.stdout);
    for line in
        ["  subtask 0: key groups 0-63, 43 B, 1 file\n", "  subtask 1: key groups 64-127, 43 B, 1 file\n"]
    {
        assert!(verbose.stdout.contains(line), "{}", verbose.stdout);
    }
}

#[tokio::test]
async fn json_has_it_all() {
    let savepoint = Savepoint::new().await;
    let json: Value = serde_json::from_str(&savepoint.inspect(&["--json"]).await.stdout).unwrap();
    assert_eq!(
        (&json["jobId"], &json["checkpointId"], &json["kind"]),
        (&json!(JOB), &json!(12), &json!("SAVEPOINT"))
    );
    let operator = &json["operators"][0];
    assert_eq!((&operator["uid"], &operator["maxParallelism"]), (&json!("c"), &json!(128)));
    let counts = json!({"name": "counts", "part": "state", "kind": "value", "types": {"key": "String", "value": "u64"},
        "ttl": true, "pieces": 4, "size": 80});
    assert_eq!(operator["states"][0], counts);
    assert_eq!(operator["subtasks"][1]["keyGroups"], json!([64, 127]));
    assert_eq!(json["sources"][0]["unassignedSplits"], 2);
    assert_eq!(json["problems"], json!([]));
}

#[tokio::test]
async fn damaged_and_missing_files_are_named() {
    let savepoint = Savepoint::new().await;
    let flipped = savepoint.change("file-0", |bytes| bytes[envelope::HEADER_LENGTH + 3] ^= 1);
    assert_eq!(savepoint.inspect(&[]).await.code, Some(0), "a look from outside does not see it");
    let verified = savepoint.inspect(&["--verify"]).await;
    assert_eq!(verified.code, Some(1));
    assert!(verified.stderr.contains(&format!("{flipped} is damaged at byte ")), "{}", verified.stderr);
    assert!(verified.stdout.contains("Operator count"), "what can be told is told");

    let truncated = savepoint.change("file-0", |bytes| bytes.truncate(40));
    let manifest = savepoint.change("manifest", |bytes| bytes[60] ^= 4);
    std::fs::remove_file(savepoint.path.join("file-1")).unwrap();
    let missing = format!("file:{} is missing\n", savepoint.path.join("file-1").display());
    let seen = savepoint.inspect(&[]).await;
    assert_eq!(seen.code, Some(1));
    for part in
        [format!("{truncated} has 40 bytes, not "), format!("{manifest} is damaged at byte "), missing]
    {
        assert!(seen.stderr.contains(&part), "{part}: {}", seen.stderr);
    }
    assert!(seen.stderr.contains("3 problems with "), "{}", seen.stderr);
    let json: Value = serde_json::from_str(&savepoint.inspect(&["--json"]).await.stdout).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_no_snapshot_is_told() {
    let savepoint = Savepoint::new().await;
    let parent = inspect(savepoint.path.parent().unwrap(), &[]).await;
    assert_eq!(parent.code, Some(1));
    assert!(parent.stderr.starts_with("there is no checkpoint or savepoint at file:/"), "{}", parent.stderr);
    assert!(
        parent.stderr.contains("savepoint-2efff7-0a1b2c3d4e5f"),
        "says where there is one: {}",
        parent.stderr
    );

    let metadata = savepoint.change("_metadata", |bytes| bytes.truncate(100));
    let damaged = savepoint.inspect(&[]).await;
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.starts_with(&format!("{metadata} is damaged at byte ")), "{}", damaged.stderr);
}

#[tokio::test]
async fn a_path_may_be_relative_or_the_file_itself() {
    let savepoint = Savepoint::new().await;
    let mut command = flott(["savepoint", "inspect", "savepoint-2efff7-0a1b2c3d4e5f/_metadata"]);
    command.current_dir(savepoint.path.parent().unwrap());
    let done = done(command).await;
    assert_eq!(done.code, Some(0), "{done:?}");
}
