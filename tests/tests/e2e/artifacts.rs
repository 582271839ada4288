//! Files that are no artifacts, and artifacts whose `main` is wrong: a clear error, never a hang.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use flott_client::RunRequest;
use flott_tests::{Cluster, now};
use reqwest::Method;

/// Which byte of an ELF file tells the machine that it is for.
const ELF_MACHINE: usize = 18;
const AARCH64: u8 = 0xb7;
const X86_64: u8 = 0x3e;
/// Which byte tells whether it is for 32 or 64 bits.
const ELF_CLASS: usize = 4;

/// Files with what their refusal must say.
fn wrong_files(cluster: &Cluster) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = fs::read(cluster.binaries().word_count()).unwrap();
    let mut other_machine = good.clone();
    other_machine[ELF_MACHINE] = if good[ELF_MACHINE] == AARCH64 { X86_64 } else { AARCH64 };
    let mut thirty_two_bits = good.clone();
    thirty_two_bits[ELF_CLASS] = 1;
    vec![
        ("notes.txt", b"hello, this is no program\n".to_vec(), "text file"),
        ("empty", Vec::new(), "empty"),
        ("script.sh", b"#!/bin/sh\necho hello\n".to_vec(), "script"),
        ("WordCount.jar", b"PK\x03\x04rest of a zip file".to_vec(), "jar"),
        ("noise", (0..5000u32).map(|index| (index * 7919 % 256) as u8).collect(), "not an ELF executable"),
        ("half", good[..good.len() / 2].to_vec(), "truncated"),
        ("header", good[..40].to_vec(), "the artifact is"),
        ("elsewhere", other_machine, "is built for"),
        ("small", thirty_two_bits, "32-bit"),
        ("ls", fs::read("/bin/ls").unwrap(), "not a Flott job"),
    ]
}

/// All regular files in a directory and below it.
fn files_in(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

#[test]
fn wrong_files_are_refused_at_upload_and_by_the_command_line() {
    let cluster = Cluster::builder().task_managers(1).start();
    for (name, bytes, expected) in wrong_files(&cluster) {
        let answer = cluster.rest().upload_bytes(name, bytes.clone());
        assert_eq!(answer.status, 422, "{name}: {answer:?}");
        assert!(answer.errors().contains(expected), "{name}: {}", answer.errors());

        let file = cluster.path(name);
        fs::write(&file, &bytes).unwrap();
        let ended = cluster.flott(&["run", &file.display().to_string()]);
        ended.expect_code(1).expect_output(&[name, expected]);
    }
    let listed = cluster.rest().get("/jars");
    assert_eq!(listed.body["files"].as_array().map(Vec::len), Some(0), "{}", listed.body);
    let left = files_in(&cluster.path("tmp"));
    assert!(
        left.iter().all(|path| path.ends_with("lock") || path.ends_with("epoch.rec")),
        "refused uploads leave files: {left:?}"
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let cluster = Cluster::builder().task_managers(1).start();
    for (path, expected) in [("/no/such/file", "No such file"), ("/tmp", "directory"), ("", "cannot")] {
        cluster.flott(&["run", path]).expect_code(1).expect_output(&[expected]);
    }
}

#[test]
fn programs_that_come_to_no_dataflow_are_refused_with_the_reason() {
    let cluster = Cluster::builder().task_managers(1).set("jobmanager.plan.timeout", "1 s").start();
    for (entry, args, expected) in [
        ("main-exits", &["--code", "7"][..], &["code 7", "leaving early"][..]),
        ("main-exits", &["--code", "0"], &["without calling execute()"]),
        ("main-panics", &[], &["panicked", "no dataflow today", "broken_mains.rs:"]),
        ("main-hangs", &[], &["did not reach execute() within 1 s", "thinking"]),
        ("main-garbage", &[], &["without calling execute()"]),
        ("main-fails", &[], &["code 1", "the moon is not full"]),
        ("empty", &[], &["the dataflow is empty"]),
        ("same-uid-twice", &[], &["\"one\"", "\"other\"", "\"twin\""]),
        ("keyed-sum", &["--records", "many"], &["code 2", "--records"]),
        ("no-such-entry", &[], &["there is no entry \"no-such-entry\"", "keyed-sum", "slow-sink"]),
    ] {
        let asked = now();
        let refusal = cluster.submit_refused(entry, args);
        assert!(asked.elapsed() < Duration::from_secs(5), "{entry} took {} s", asked.elapsed().as_secs());
        for part in expected {
            assert!(refusal.contains(part), "{entry}: no {part:?} in {refusal}");
        }
    }
    assert_eq!(cluster.rest().jobs(), [], "what is refused leaves no job");
    assert_eq!(cluster.artifact_processes(), [], "no planning process is left");
}

#[test]
fn a_program_with_several_entries_says_which() {
    let cluster = Cluster::builder().task_managers(1).start();
    let refusal = cluster.rest().run(cluster.test_jobs(), &RunRequest::default()).unwrap_err().to_string();
    assert!(refusal.contains("several entries") && refusal.contains("panic-in-map"), "{refusal}");

    let word_count = cluster.rest().upload(&cluster.binaries().word_count()).unwrap();
    let request = RunRequest { entry_class: Some("Main".to_owned()), ..RunRequest::default() };
    let refusal = cluster.rest().run(&word_count, &request).unwrap_err().to_string();
    assert!(refusal.contains("no entry \"Main\""), "{refusal}");
}

#[test]
fn the_command_line_says_the_same() {
    let cluster = Cluster::builder().task_managers(1).set("jobmanager.plan.timeout", "1 s").start();
    let artifact = cluster.binaries().test_jobs().display().to_string();
    for (entry, expected) in [
        ("main-exits", "code 7"),
        ("main-panics", "no dataflow today"),
        ("main-hangs", "did not reach execute()"),
        ("main-garbage", "without calling execute()"),
    ] {
        cluster.flott(&["run", "-c", entry, &artifact]).expect_code(1).expect_output(&[expected]);
    }
}

#[test]
fn artifacts_are_kept_listed_and_deleted() {
    let cluster = Cluster::builder().task_managers(1).start();
    let artifact = cluster.test_jobs().to_owned();
    let listed = cluster.rest().get("/jars").body;
    assert_eq!(listed["files"][0]["id"], artifact.as_str(), "{listed}");
    assert_eq!(listed["files"][0]["name"], "test-jobs");

    let job = cluster.submit("endless", &[], 1);
    cluster.wait_for_records(job);
    let path = format!("/jars/{artifact}");
    assert_eq!(cluster.rest().send_text(Method::DELETE, &path, "").status, 200);
    assert_eq!(cluster.rest().send_text(Method::DELETE, &path, "").status, 400, "it is gone");
    let answer = cluster.rest().send_text(Method::POST, &format!("{path}/run"), "{}");
    assert_eq!(answer.status, 500, "as Flink has it");
    assert!(answer.errors().contains("does not exist"), "{answer:?}");
    cluster.wait_for_records(job);
}
