use flott_core::deployment::{EnumeratedSplits, SplitAnswer};

use super::*;

fn ask(subtask: u32, request_id: u64) -> Event {
    Event::SplitRequested { subtask: SubtaskId::new(0, subtask), attempt: AttemptNumber(0), request_id }
}

fn enumerated(subtask: u32, result: Result<Vec<Vec<u8>>, FailureCause>) -> Event {
    reported(subtask, EnumeratedSplits { report_id: 1, result, complete: true })
}

fn reported(subtask: u32, splits: EnumeratedSplits) -> Event {
    Event::SplitsEnumerated { subtask: SubtaskId::new(0, subtask), attempt: AttemptNumber(0), splits }
}

fn answers(effects: &[Effect]) -> Vec<(u32, u64, Option<SplitAnswer>)> {
    let answer = |effect: &Effect| match effect {
        Effect::AnswerSplit { subtask, request_id, answer, .. } => {
            Some((subtask.subtask.0, *request_id, Some(answer.clone())))
        }
        Effect::RejectSplitRequest { subtask, request_id, .. } => {
            Some((subtask.subtask.0, *request_id, None))
        }
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

#[test]
fn splits_go_to_those_who_ask() {
    let mut job = deployed();
    let effects = drive(&mut job, [(50, ask(0, 0)), (60, ask(1, 0))]);
    assert_eq!(answers(&effects), [(0, 0, Some(SplitAnswer::Enumerate { resume: None }))]);
    let effects =
        drive(&mut job, [(70, enumerated(0, Ok(vec![vec![1], vec![2]]))), (80, ask(0, 1)), (90, ask(0, 2))]);
    assert_eq!(
        answers(&effects),
        [
            (1, 0, Some(SplitAnswer::Split(vec![1]))),
            (0, 1, Some(SplitAnswer::Split(vec![2]))),
            (0, 2, Some(SplitAnswer::NoMoreSplits))
        ]
    );
}

#[test]
fn splits_that_cannot_be_found_fail_the_job() {
    let mut job = deployed();
    let cause = FailureCause::new(FailureKind::External, "no such file: /data/in");
    let effects =
        drive(&mut job, [(50, ask(0, 0)), (60, ask(1, 0)), (70, enumerated(0, Err(cause.clone())))]);
    assert_eq!(answers(&effects)[1..], [(1, 0, None)], "who waits is told");
    assert_eq!(job.failures()[0].cause.message, "no such file: /data/in");
    assert_eq!(job.failures()[0].task_name.as_deref(), Some("Source (1/2)"));

    drive(&mut job, [(80, task("a", 1, 0, 0, TaskState::Failed(cause)))]);
    assert_eq!(job.failures().len(), 1, "the subtask's own failure is the same one");
}

#[test]
fn only_a_running_attempt_of_a_source_gets_splits() {
    let mut job = deployed();
    let of =
        |subtask, attempt| Event::SplitRequested { subtask, attempt: AttemptNumber(attempt), request_id: 0 };
    let strangers = [
        of(SubtaskId::new(0, 0), 1),
        of(SubtaskId::new(1, 0), 0),
        of(SubtaskId::new(0, 9), 0),
        of(SubtaskId::new(7, 0), 0),
    ];
    for stranger in strangers {
        let effects = drive(&mut job, [(50, stranger)]);
        assert!(matches!(effects.as_slice(), [Effect::RejectSplitRequest { .. }]), "{effects:?}");
    }
    drive(&mut job, [(60, Event::CancelRequested)]);
    assert_eq!(answers(&drive(&mut job, [(70, ask(0, 0))])), [(0, 0, None)]);
}

#[test]
fn an_enumerator_that_ends_without_an_answer_fails_the_job() {
    let mut job = deployed();
    drive(&mut job, [(50, ask(0, 0)), (60, task("a", 1, 0, 0, TaskState::Finished))]);
    assert_eq!(job.failures()[0].cause.message, "Source (1/2) ended before it had enumerated all splits");
}

#[test]
fn splits_may_be_found_bit_by_bit() {
    let found = |report_id, splits: &[u8], complete| {
        let result = Ok(splits.iter().map(|split| vec![*split]).collect());
        reported(0, EnumeratedSplits { report_id, result, complete })
    };
    let mut job = deployed();
    drive(&mut job, [(50, ask(0, 0)), (60, found(1, &[1], false))]);
    let effects = drive(&mut job, [(70, ask(0, 1)), (80, ask(1, 0)), (90, ask(0, 2))]);
    assert_eq!(answers(&effects), [(0, 1, Some(SplitAnswer::Split(vec![1])))], "the others wait");
    let effects = drive(&mut job, [(100, found(2, &[2], false)), (110, found(2, &[2], false))]);
    assert_eq!(answers(&effects), [(1, 0, Some(SplitAnswer::Split(vec![2])))]);
    let effects = drive(&mut job, [(120, found(3, &[], true))]);
    assert_eq!(answers(&effects), [(0, 2, Some(SplitAnswer::NoMoreSplits))]);
    assert!(job.failures().is_empty());
}

#[test]
fn an_enumerator_may_not_end_before_the_last_report() {
    let mut job = deployed();
    let first = EnumeratedSplits { report_id: 1, result: Ok(vec![vec![1]]), complete: false };
    drive(
        &mut job,
        [(50, ask(0, 0)), (60, reported(0, first)), (70, task("a", 1, 0, 0, TaskState::Finished))],
    );
    assert_eq!(job.failures()[0].cause.message, "Source (1/2) ended before it had enumerated all splits");
}

#[test]
fn a_failure_to_find_more_splits_fails_the_job_and_turns_waiting_requests_away() {
    let mut job = deployed();
    let first = EnumeratedSplits { report_id: 1, result: Ok(Vec::new()), complete: false };
    let cause = FailureCause::new(FailureKind::External, "the directory is gone");
    let second = EnumeratedSplits { report_id: 2, result: Err(cause), complete: false };
    let effects = drive(
        &mut job,
        [(50, ask(0, 0)), (60, reported(0, first)), (70, ask(1, 0)), (80, reported(0, second))],
    );
    assert_eq!(answers(&effects)[1..], [(1, 0, None)]);
    assert_eq!(job.failures()[0].cause.message, "the directory is gone");
}

#[test]
fn a_lost_report_fails_the_job() {
    let mut job = deployed();
    let third = EnumeratedSplits { report_id: 3, result: Ok(vec![vec![1]]), complete: true };
    drive(&mut job, [(50, ask(0, 0)), (60, reported(0, third))]);
    let message = &job.failures()[0].cause.message;
    assert_eq!(message, "report 1 of Source (1/2)'s splits was lost: 3 has come");
}
