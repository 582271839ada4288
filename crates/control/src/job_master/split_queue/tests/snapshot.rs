use flott_core::checkpoint::SourceProgress;

use super::*;

const N: CheckpointId = CheckpointId(7);

fn at(last_answered: u64) -> Progress {
    Progress::At(SourceProgress { last_answered, enumerator: None })
}

fn within(last_answered: u64, report: u64, state: &[u8]) -> Progress {
    Progress::At(SourceProgress { last_answered, enumerator: Some((report, state.to_vec())) })
}

fn ready(remaining: &[u8], enumeration: EnumerationState) -> Taken {
    Taken::Ready(QueueSnapshot { remaining: bytes(remaining), enumeration })
}

fn pass(
    queue: &mut SplitQueue,
    progress: impl IntoIterator<Item = Progress>,
) -> Vec<(SplitRequest, SplitAnswer)> {
    for (subtask, progress) in progress.into_iter().enumerate() {
        queue.passed(N, SubtaskIndex(subtask as u32), progress);
    }
    queue.serve()
}

fn subtasks(subtasks: &[u32]) -> BTreeSet<SubtaskIndex> {
    subtasks.iter().copied().map(SubtaskIndex).collect()
}

/// The first request of an attempt is number 1; subtask 0 was told to enumerate.
fn enumerating() -> SplitQueue {
    let mut queue = SplitQueue::new(QueueSnapshot::default());
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(SplitAnswer::Enumerate { resume: None }));
    queue
}

#[test]
fn what_readers_had_by_their_barriers_is_theirs() {
    let mut queue = enumerating();
    queue.reported(1, bytes(&[1, 2, 3, 4]), true);
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(split(1)));
    assert_eq!(queue.request(request(1, 1)), Decision::Answer(split(2)));
    queue.begin(N);
    assert_eq!(queue.request(request(1, 2)), Decision::Answer(split(3)));
    // Subtask 0 had its split by its barrier, subtask 1 had not even got its first answer.
    pass(&mut queue, [at(2), at(0)]);
    assert_eq!(queue.snapshot(N), ready(&[2, 3, 4], EnumerationState::Complete));
}

#[test]
fn an_enumeration_that_has_not_begun_is_no_part_of_it() {
    let mut queue = SplitQueue::new(QueueSnapshot::default());
    queue.begin(N);
    queue.request(request(0, 1));
    queue.reported(1, bytes(&[1]), true);
    pass(&mut queue, [at(0), at(0)]);
    assert_eq!(queue.snapshot(N), ready(&[], EnumerationState::NotBegun));
}

#[test]
fn splits_found_after_the_barrier_are_held_back_from_readers_before_theirs() {
    let mut queue = enumerating();
    queue.begin(N);
    assert_eq!(queue.request(request(1, 1)), Decision::Wait);
    // Nobody knows yet on which side of the enumerator's barrier this is.
    assert_eq!(queue.reported(1, bytes(&[1]), false), Reported::Answers(Vec::new()));
    assert_eq!(pass(&mut queue, [within(1, 0, b"start")]), []);
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(split(1)), "it has passed");
    assert_eq!(queue.reported(2, bytes(&[2]), true), Reported::Answers(Vec::new()));
    queue.passed(N, SubtaskIndex(1), at(0));
    assert_eq!(queue.serve(), [(request(1, 1), split(2))]);
    assert_eq!(queue.snapshot(N), ready(&[], EnumerationState::Underway(b"start".to_vec())));
}

#[test]
fn splits_found_before_the_barrier_are_for_everyone() {
    let mut queue = enumerating();
    queue.begin(N);
    queue.request(request(1, 1));
    queue.reported(1, bytes(&[1, 2]), false);
    assert_eq!(pass(&mut queue, [within(1, 1, b"one")]), [(request(1, 1), split(1))]);
    queue.passed(N, SubtaskIndex(1), at(1));
    assert_eq!(queue.snapshot(N), ready(&[2], EnumerationState::Underway(b"one".to_vec())));
}

#[test]
fn that_there_are_no_more_is_held_back_as_well() {
    let mut queue = enumerating();
    queue.begin(N);
    queue.reported(1, Vec::new(), true);
    assert_eq!(queue.request(request(1, 1)), Decision::Wait);
    assert_eq!(pass(&mut queue, [at(1)]), [(request(1, 1), SplitAnswer::NoMoreSplits)]);
}

#[test]
fn what_was_held_back_is_free_when_the_checkpoint_is_given_up() {
    let mut queue = enumerating();
    queue.begin(N);
    queue.request(request(1, 1));
    queue.reported(1, bytes(&[1]), true);
    queue.forget(N);
    assert_eq!(queue.serve(), [(request(1, 1), split(1))]);
}

#[test]
fn a_snapshot_waits_for_reports_that_it_contains() {
    let mut queue = enumerating();
    queue.begin(N);
    pass(&mut queue, [within(1, 1, b"one"), at(0)]);
    assert_eq!(queue.snapshot(N), Taken::NotYet);
    queue.reported(1, bytes(&[1]), false);
    assert_eq!(queue.snapshot(N), ready(&[1], EnumerationState::Underway(b"one".to_vec())));

    let mut queue = enumerating();
    queue.begin(N);
    pass(&mut queue, [at(1), at(0)]);
    assert_eq!(queue.snapshot(N), Taken::NotYet, "the enumerator had told all");
    queue.reported(1, bytes(&[1]), true);
    assert_eq!(queue.snapshot(N), ready(&[1], EnumerationState::Complete));
}

#[test]
fn a_split_that_would_be_read_twice_tears_the_snapshot() {
    let mut queue = enumerating();
    queue.reported(1, bytes(&[1]), false);
    assert_eq!(queue.request(request(1, 1)), Decision::Answer(split(1)));
    queue.begin(N);
    // As if the enumerator had counted only what was acknowledged to it.
    pass(&mut queue, [within(1, 0, b"start"), at(1)]);
    assert_eq!(queue.snapshot(N), Taken::Torn);
}

#[test]
fn finished_readers_have_all_that_they_got() {
    let mut queue = enumerating();
    queue.reported(1, bytes(&[1, 2]), true);
    assert_eq!(queue.request(request(1, 1)), Decision::Answer(split(1)));
    queue.begin(N);
    pass(&mut queue, [Progress::Finished, Progress::Finished]);
    assert_eq!(queue.snapshot(N), ready(&[2], EnumerationState::Complete));
}

#[test]
fn a_restarted_reader_gives_back_what_it_got_since() {
    let mut queue = enumerating();
    queue.reported(1, bytes(&[1, 2, 3, 4]), true);
    queue.request(request(1, 1));
    queue.begin(N);
    pass(&mut queue, [at(1), at(1)]);
    assert_eq!(queue.snapshot(N), ready(&[2, 3, 4], EnumerationState::Complete));
    queue.completed(N);
    queue.request(request(1, 2));
    queue.request(request(0, 2));
    assert!(!queue.needs_all(&subtasks(&[1])));
    queue.restore(&subtasks(&[1]));
    let again = |request_id| SplitRequest { attempt: AttemptNumber(1), ..request(1, request_id) };
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(split(3)), "the other one keeps its own");
    assert_eq!(queue.request(again(1)), Decision::Answer(split(2)));
    assert_eq!(queue.request(again(2)), Decision::Answer(split(4)));
    assert_eq!(queue.request(again(3)), Decision::Answer(SplitAnswer::NoMoreSplits));
}

#[test]
fn a_restarted_enumerator_goes_on_from_the_last_checkpoint() {
    let mut queue = enumerating();
    queue.reported(1, bytes(&[1, 2]), false);
    queue.request(request(1, 1));
    queue.begin(N);
    pass(&mut queue, [within(1, 1, b"one"), at(1)]);
    assert_eq!(queue.snapshot(N), ready(&[2], EnumerationState::Underway(b"one".to_vec())));
    queue.completed(N);
    queue.reported(2, bytes(&[3]), false);
    assert!(queue.needs_all(&subtasks(&[0])), "only it knew what it had found since");
    assert!(!queue.needs_all(&subtasks(&[1])));
    queue.restore(&subtasks(&[0, 1]));
    let again = |subtask, id| SplitRequest { attempt: AttemptNumber(1), ..request(subtask, id) };
    let resume = Some(b"one".to_vec());
    assert_eq!(queue.request(again(1, 1)), Decision::Answer(SplitAnswer::Enumerate { resume }));
    assert_eq!(queue.request(again(0, 1)), Decision::Answer(split(2)));
    assert_eq!(queue.request(again(0, 2)), Decision::Wait);
    assert_eq!(queue.reported(1, bytes(&[3]), true), Reported::Answers(vec![(again(0, 2), split(3))]));
}

#[test]
fn a_queue_begins_with_what_a_snapshot_says() {
    let base = |enumeration| QueueSnapshot { remaining: bytes(&[1]), enumeration };
    let mut queue = SplitQueue::new(base(EnumerationState::Complete));
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(SplitAnswer::NoMoreSplits));

    let mut queue = SplitQueue::new(base(EnumerationState::Underway(b"x".to_vec())));
    let resume = Some(b"x".to_vec());
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(SplitAnswer::Enumerate { resume }));
    queue.begin(N);
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(split(1)));
    pass(&mut queue, [at(0)]);
    let unchanged = EnumerationState::Underway(b"x".to_vec());
    assert_eq!(queue.snapshot(N), ready(&[1], unchanged), "it had not heard that it is to enumerate");
}
