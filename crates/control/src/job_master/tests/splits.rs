use flott_core::deployment::SplitAnswer;

use super::*;

fn ask(subtask: u32, request_id: u64) -> Event {
    Event::SplitRequested { subtask: SubtaskId::new(0, subtask), attempt: AttemptNumber(0), request_id }
}

fn enumerated(subtask: u32, result: Result<Vec<Vec<u8>>, FailureCause>) -> Event {
    Event::SplitsEnumerated { subtask: SubtaskId::new(0, subtask), attempt: AttemptNumber(0), result }
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
    assert_eq!(answers(&effects), [(0, 0, Some(SplitAnswer::Enumerate))]);
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
    assert_eq!(job.failures()[0].cause.message, "Source (1/2) ended before it had enumerated its splits");
}
