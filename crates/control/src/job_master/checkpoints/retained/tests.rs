use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

fn completed(id: u64, files: &[&str]) -> Completed {
    let files = files.iter().map(|file| format!("f:/c/shared/{file}")).collect();
    Completed { id: CheckpointId(id), directory: format!("f:/c/chk-{id}"), files, is_exclusive: true }
}

fn add(retained: &mut Retained, new: Completed, keep: usize) -> Garbage {
    let next = CheckpointId(new.id.0 + 1);
    retained.add(new, keep, next, &BTreeSet::new()).0
}

fn file(path: &str) -> StateFile {
    StateFile { path: path.to_owned(), size: 1 }
}

#[test]
fn paths_are_relative_to_the_metadata() {
    assert_eq!(uri_of("file:///c/job/chk-3", &file("a")), "file:///c/job/chk-3/a");
    assert_eq!(uri_of("file:///c/job/chk-3/", &file("../shared/a")), "file:///c/job/shared/a");
    assert_eq!(uri_of("file:///c/job/chk-3", &file("s3://b/x/a")), "s3://b/x/a");
    assert!(is_within("f:/c/a/b", "f:/c/a") && is_within("f:/c/a/b", "f:/c/a/"));
    assert!(!is_within("f:/c/ab", "f:/c/a") && !is_within("f:/c/a", "f:/c/a"));
}

#[test]
fn shared_files_go_one_checkpoint_later_than_their_last_user() {
    let mut retained = Retained::default();
    assert!(add(&mut retained, completed(1, &["a", "b"]), 1).is_empty());
    let garbage = add(&mut retained, completed(2, &["b"]), 1);
    assert_eq!(garbage, Garbage { files: Vec::new(), directories: vec!["f:/c/chk-1".to_owned()] });
    let garbage = add(&mut retained, completed(3, &["b"]), 1);
    assert_eq!(garbage.files, ["f:/c/shared/a"]);
    assert!(retained.was_deleted("f:/c/shared/a") && !retained.was_deleted("f:/c/shared/b"));
}

#[test]
fn a_file_that_is_referred_to_late_stays() {
    let mut retained = Retained::default();
    add(&mut retained, completed(1, &["a"]), 1);
    add(&mut retained, completed(2, &["b"]), 1);
    // Triggered before its subtasks heard of checkpoint 2.
    assert_eq!(add(&mut retained, completed(3, &["a"]), 1).files, Vec::<String>::new());
    add(&mut retained, completed(4, &["c"]), 1);
    assert_eq!(add(&mut retained, completed(5, &["c"]), 1).files, ["f:/c/shared/a"]);
}

#[test]
fn a_claimed_directory_goes_when_nothing_in_it_is_needed() {
    let mut retained = Retained::default();
    let files = ["f:/s/1", "f:/s/2"].map(str::to_owned).into();
    let claimed = Completed { id: CheckpointId(4), directory: "f:/s".to_owned(), files, is_exclusive: false };
    add(&mut retained, claimed, usize::MAX);
    let with = |id, file: &str| {
        let mut new = completed(id, &[]);
        new.files.insert(file.to_owned());
        new
    };
    assert!(add(&mut retained, with(5, "f:/s/1"), 1).is_empty());
    let garbage = add(&mut retained, with(6, "f:/s/1"), 1);
    assert_eq!((garbage.files, garbage.directories.len()), (vec!["f:/s/2".to_owned()], 1));
    add(&mut retained, completed(7, &[]), 1);
    let garbage = add(&mut retained, completed(8, &[]), 1);
    assert_eq!(garbage.files, ["f:/s/1"]);
    assert!(garbage.directories.contains(&"f:/s".to_owned()));
}

#[test]
fn at_the_end_what_is_kept_stays_whole() {
    let mut retained = Retained::default();
    add(&mut retained, completed(1, &["a"]), 1);
    add(&mut retained, completed(2, &["b"]), 1);
    let mut other = retained.clone();
    assert_eq!(
        retained.end(true),
        Garbage { files: vec!["f:/c/shared/a".to_owned()], directories: Vec::new() }
    );
    let garbage = other.end(false);
    assert_eq!(garbage.files, ["f:/c/shared/a", "f:/c/shared/b"]);
    assert_eq!(garbage.directories, ["f:/c/chk-2"]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        // The same cases in each run; another seed here tries others.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// A subtask whose four segments change now and then writes those that have changed since the last checkpoint that it
    /// was told of, and refers to the others. It hears of completed checkpoints late or never.
    #[test]
    fn no_retained_checkpoint_loses_a_file(
        keep in 1..4_usize,
        steps in prop::collection::vec((any::<[bool; 4]>(), 0..3_u8, 0..10_u8), 1..60),
    ) {
        let mut retained = Retained::default();
        let mut exists = BTreeSet::new();
        let mut versions = [0_u64; 4];
        // Of the last checkpoint that the subtask knows to be complete: version and file of each segment.
        let mut known: Option<[(u64, String); 4]> = None;
        let mut unheard = VecDeque::new();
        for (id, (changed, notices, fate)) in (1_u64..).zip(steps) {
            for (version, changed) in versions.iter_mut().zip(changed) {
                *version += u64::from(changed);
            }
            for _ in 0..notices {
                known = unheard.pop_front().or(known);
            }
            let full = fate == 9;
            let part: [_; 4] = std::array::from_fn(|segment| match &known {
                Some(known) if known[segment].0 == versions[segment] && !full => known[segment].clone(),
                _ => {
                    let file = format!("f:/c/shared/{id}-{segment}");
                    exists.insert(file.clone());
                    (versions[segment], file)
                }
            });
            let files: BTreeSet<_> = part.iter().map(|(_, file)| file.clone()).collect();
            if files.iter().any(|file| retained.was_deleted(file)) {
                continue; // its acknowledgment is refused
            }
            if fate == 0 {
                // Given up.
                for file in retained.unused(files, &BTreeSet::new()) {
                    exists.remove(&file);
                }
                continue;
            }
            let new = Completed { files, ..completed(id, &[]) };
            for file in add(&mut retained, new, keep).files {
                exists.remove(&file);
            }
            unheard.push_back(part);
            prop_assert!(retained.iter().count() <= keep);
            for file in retained.iter().flat_map(|it| &it.files) {
                prop_assert!(exists.contains(file), "{} is gone at checkpoint {}", file, id);
            }
        }
    }
}
