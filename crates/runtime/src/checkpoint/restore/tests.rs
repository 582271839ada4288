use std::time::Duration;

use flott_storage::{
    Operation, Storage, StorageOptions,
    manifest::ListState,
    testing::{Fault, Faults},
};
use tokio::runtime::Handle;

use super::*;

const OPERATOR: &str = "op";

/// In a directory where there is nothing.
fn storage(faults: &Faults) -> CheckpointStorage {
    let directory = "file:///nowhere".parse().unwrap();
    let mut storage = CheckpointStorage::local(directory, Default::default(), None, Handle::current());
    let options = StorageOptions::default().with_attempts(1, Duration::ZERO).with_faults(faults.clone());
    storage.storage = Storage::open(&options);
    storage
}

fn source(storage: &CheckpointStorage, subtask: u32, parallelism: u32) -> Source<'_> {
    let directory = storage.directory.clone();
    Source { storage, directory, files: None, subtask, parallelism, max_parallelism: 128 }
}

/// An operator with a list of which each subtask has had a copy, but for those that had finished.
fn copied(copies: &[Option<u64>]) -> OperatorState {
    let state = |copy: &u64| {
        let list = ListState {
            name: "list".to_owned(),
            redistribution: Redistribution::Broadcast,
            schema: postcard::to_stdvec(&Schema::of::<u64>()).unwrap(),
            elements: vec![postcard::to_stdvec(copy).unwrap()],
        };
        let manifest = OperatorManifest { lists: vec![list], ..OperatorManifest::default() };
        OperatorSubtaskState {
            uid: OPERATOR.to_owned(),
            manifest: Blob::Inline(manifest.encode().unwrap().to_vec()),
            files: Vec::new(),
            has_union: false,
            state_size: 1,
        }
    };
    OperatorState {
        uid: OPERATOR.to_owned(),
        name: OPERATOR.to_owned(),
        parallelism: copies.len() as u32,
        max_parallelism: 128,
        subtasks: copies.iter().map(|copy| copy.as_ref().map(state)).collect(),
    }
}

/// Which copy each subtask begins with at another parallelism.
async fn restored_copies(operator: &OperatorState, parallelism: u32) -> Vec<Vec<u64>> {
    let storage = storage(&Faults::default());
    let mut all = Vec::new();
    for subtask in 0..parallelism {
        let share = source(&storage, subtask, parallelism).operator(operator).await.unwrap();
        let mut elements = Vec::new();
        for list in &share.lists {
            list.decode_into(&mut elements).unwrap();
        }
        all.push(elements);
    }
    all
}

#[tokio::test]
async fn copies_are_taken_from_subtasks_that_had_not_finished() {
    let some_finished = copied(&[None, Some(1), None, Some(3)]);
    assert_eq!(restored_copies(&some_finished, 3).await, [[1], [3], [1]]);
    assert_eq!(restored_copies(&copied(&[Some(0), Some(1)]), 5).await, [[0], [1], [0], [1], [0]]);
    assert_eq!(restored_copies(&copied(&[None, None]), 1).await, [[0_u64; 0]]);
}

/// An operator with a list whose elements are dealt out; one subtask has had each of these parts of it.
fn dealt(parts: &[&[u64]]) -> OperatorState {
    let mut operator = copied(&vec![Some(0); parts.len()]);
    for (state, part) in operator.subtasks.iter_mut().flatten().zip(parts) {
        let list = ListState {
            name: "list".to_owned(),
            redistribution: Redistribution::Split,
            schema: postcard::to_stdvec(&Schema::of::<u64>()).unwrap(),
            elements: part.iter().map(|element| postcard::to_stdvec(element).unwrap()).collect(),
        };
        let manifest = OperatorManifest { lists: vec![list], ..OperatorManifest::default() };
        state.manifest = Blob::Inline(manifest.encode().unwrap().to_vec());
    }
    operator
}

#[tokio::test]
async fn subtasks_beyond_the_last_element_share_one() {
    let operator = dealt(&[&[7], &[], &[8]]);
    let storage = storage(&Faults::default());
    let context = crate::testing::operator(OPERATOR);
    let mut whole = Vec::new();
    let mut parts = Vec::new();
    for subtask in 0..5 {
        let share = source(&storage, subtask, 5).operator(&operator).await.unwrap();
        let restored = RestoredOperator { share: Some(&share), context: &context };
        whole.push(restored.list::<u64>("list").unwrap());
        parts.extend(restored.list_in_parts::<u64>("list").unwrap());
    }
    let part = |element: u64, number, of| (element, Part { number, of });
    assert_eq!(parts, [part(7, 0, 3), part(8, 0, 2), part(7, 1, 3), part(8, 1, 2), part(7, 2, 3)]);
    assert_eq!(whole, [vec![7], vec![8], vec![], vec![], vec![]], "for who doesn't divide");
}

fn kind(end: TaskEnd) -> FailureKind {
    let TaskEnd::Failed(cause) = end else { panic!("{end:?}") };
    cause.kind
}

#[tokio::test]
async fn what_can_not_be_read_now_is_no_reason_to_give_up_the_checkpoint() {
    let faults = Faults::default();
    let storage = storage(&faults);
    let (cache, source) = (RestoreCache::new(storage.clone()), source(&storage, 0, 1));
    let state = OperatorSubtaskState {
        uid: OPERATOR.to_owned(),
        manifest: Blob::File(StateFile { path: "manifest".to_owned(), size: 1 }),
        files: Vec::new(),
        has_union: false,
        state_size: 1,
    };
    let kinds = async || {
        let metadata = cache.snapshot("file:///nowhere/chk-1").await.map(drop);
        let manifest = source.manifest(&state).await.map(drop);
        [metadata, manifest].map(|read| kind(read.unwrap_err()))
    };
    faults.add(Fault::fail(flott_storage::FailureKind::Unavailable).on(Operation::Read));
    assert_eq!(kinds().await, [FailureKind::External; 2]);
    faults.clear();
    assert_eq!(kinds().await, [FailureKind::CheckpointUnreadable; 2], "it is missing");
}
