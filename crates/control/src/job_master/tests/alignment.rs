use flott_core::time::Timestamp;

use super::*;
use crate::protocol::AlignedWatermark;

fn at(subtask: u32, group: &str, watermark: Option<i64>) -> Event {
    of_attempt(subtask, 0, group, watermark)
}

fn of_attempt(subtask: u32, attempt: u32, group: &str, watermark: Option<i64>) -> Event {
    let report = AlignedWatermark {
        subtask: SubtaskId::new(0, subtask),
        attempt: AttemptNumber(attempt),
        group: group.into(),
        watermark: watermark.map(Timestamp::from_millis),
    };
    Event::WatermarksReported { watermarks: vec![report] }
}

fn group(job: &JobMaster, group: &str) -> Option<i64> {
    job.group_watermark(group).map(Timestamp::as_millis)
}

#[test]
fn a_group_is_as_far_as_its_slowest_subtask() {
    let mut job = deployed();
    assert_eq!(group(&job, "a"), None);
    let effects = drive(&mut job, [(50, at(0, "a", Some(100)))]);
    assert!(effects.is_empty());
    assert_eq!(group(&job, "a"), Some(100));
    drive(&mut job, [(60, at(1, "a", Some(-7))), (60, at(1, "b", Some(3)))]);
    assert_eq!((group(&job, "a"), group(&job, "b")), (Some(-7), Some(3)), "groups are apart");
    drive(&mut job, [(70, at(1, "a", Some(200)))]);
    assert_eq!(group(&job, "a"), Some(100));
}

#[test]
fn nobody_waits_for_the_idle_and_the_ended() {
    let mut job = deployed();
    drive(&mut job, [(50, at(0, "a", Some(100))), (60, at(1, "a", Some(5))), (70, at(1, "a", None))]);
    assert_eq!(group(&job, "a"), Some(100), "subtask 1 is idle");
    drive(&mut job, [(80, at(1, "a", Some(6)))]);
    assert_eq!(group(&job, "a"), Some(6), "it is back");
    drive(&mut job, [(90, task("b", 1, 0, 1, TaskState::Finished))]);
    assert_eq!(group(&job, "a"), Some(100));
    drive(&mut job, [(100, at(1, "a", Some(7)))]);
    assert_eq!(group(&job, "a"), Some(100), "what comes after its end does not count");
    drive(&mut job, [(110, at(0, "a", None))]);
    assert_eq!(group(&job, "a"), None);
}

#[test]
fn strangers_do_not_count() {
    let mut job = deployed();
    drive(&mut job, [(50, of_attempt(0, 1, "a", Some(1))), (50, of_attempt(9, 0, "a", Some(1)))]);
    assert_eq!(group(&job, "a"), None);
}
