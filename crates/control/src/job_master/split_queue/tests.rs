mod adopt;
mod model;
mod snapshot;

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

fn request(subtask: u32, request_id: u64) -> SplitRequest {
    SplitRequest { subtask: SubtaskIndex(subtask), attempt: AttemptNumber(0), request_id }
}

fn split(byte: u8) -> SplitAnswer {
    SplitAnswer::Split(vec![byte])
}

fn bytes(splits: &[u8]) -> Vec<Vec<u8>> {
    splits.iter().map(|split| vec![*split]).collect()
}

/// Subtask 0 was told to enumerate.
fn underway() -> SplitQueue {
    let mut queue = SplitQueue::new(QueueSnapshot::default());
    assert_eq!(queue.request(request(0, 0)), Decision::Answer(SplitAnswer::Enumerate { resume: None }));
    queue
}

fn complete(splits: &[u8]) -> SplitQueue {
    let mut queue = underway();
    assert_eq!(queue.reported(1, bytes(splits), true), Reported::Answers(Vec::new()));
    queue
}

#[test]
fn one_enumerates_while_others_wait() {
    let mut queue = SplitQueue::new(QueueSnapshot::default());
    assert_eq!(queue.request(request(1, 0)), Decision::Answer(SplitAnswer::Enumerate { resume: None }));
    assert_eq!(queue.request(request(2, 0)), Decision::Wait);
    assert_eq!(queue.request(request(0, 0)), Decision::Wait);
    assert!(queue.is_enumerating(SubtaskIndex(1), AttemptNumber(0)));
    let answers = vec![(request(2, 0), split(7)), (request(0, 0), SplitAnswer::NoMoreSplits)];
    assert_eq!(queue.reported(1, bytes(&[7]), true), Reported::Answers(answers));
    assert!(!queue.is_enumerating(SubtaskIndex(1), AttemptNumber(0)));
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_takes_no_other_split() {
    let mut queue = complete(&[1, 2]);
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
    assert_eq!(queue.request(request(1, 0)), Decision::Answer(split(2)));
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(SplitAnswer::NoMoreSplits));
}

#[test]
fn a_repeated_request_of_the_enumerator_is_told_to_enumerate_again() {
    let mut queue = underway();
    assert_eq!(queue.request(request(0, 0)), Decision::Answer(SplitAnswer::Enumerate { resume: None }));
    assert_eq!(queue.request(request(0, 1)), Decision::Wait);
}

#[test]
fn an_overtaken_request_gets_nothing() {
    let mut queue = complete(&[1, 2]);
    assert_eq!(queue.request(request(1, 5)), Decision::Answer(split(1)));
    assert_eq!(queue.request(request(1, 4)), Decision::Stale);

    let mut queue = underway();
    assert_eq!(queue.request(request(1, 5)), Decision::Wait);
    assert_eq!(queue.request(request(1, 4)), Decision::Stale);
    assert_eq!(queue.reported(1, bytes(&[1]), true), Reported::Answers(vec![(request(1, 5), split(1))]));
}

#[test]
fn splits_that_are_found_later_go_to_who_has_waited_longest() {
    let mut queue = underway();
    assert_eq!(queue.reported(1, bytes(&[1]), false), Reported::Answers(Vec::new()));
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
    for subtask in [2, 0, 1] {
        assert_eq!(queue.request(request(subtask, 9)), Decision::Wait, "there may be more");
    }
    assert_eq!(queue.request(request(2, 9)), Decision::Wait, "asking again costs nobody his place");
    assert_eq!(
        queue.reported(2, bytes(&[2, 3]), false),
        Reported::Answers(vec![(request(2, 9), split(2)), (request(0, 9), split(3))])
    );
    assert_eq!(queue.reported(3, Vec::new(), false), Reported::Answers(Vec::new()));
    assert_eq!(queue.request(request(0, 10)), Decision::Wait);
    let rest = [(request(1, 9), split(4)), (request(0, 10), SplitAnswer::NoMoreSplits)];
    assert_eq!(queue.reported(4, bytes(&[4]), true), Reported::Answers(rest.into()));
    assert_eq!(queue.request(request(2, 10)), Decision::Answer(SplitAnswer::NoMoreSplits));
}

#[test]
fn splits_that_are_reported_twice_are_taken_once() {
    let mut queue = underway();
    queue.reported(1, bytes(&[1]), false);
    assert_eq!(queue.reported(1, bytes(&[1]), false), Reported::Repeated);
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
    assert_eq!(queue.request(request(0, 2)), Decision::Wait);
    queue.reported(2, Vec::new(), true);
    for report in 1..=2 {
        assert_eq!(queue.reported(report, bytes(&[1]), false), Reported::Repeated);
    }
    assert_eq!(queue.request(request(0, 3)), Decision::Answer(SplitAnswer::NoMoreSplits));
}

#[test]
fn a_report_before_its_predecessor_is_not_taken() {
    let mut queue = underway();
    assert_eq!(queue.reported(2, bytes(&[2]), true), Reported::Missing { report_id: 1 });
    assert!(queue.is_enumerating(SubtaskIndex(0), AttemptNumber(0)));
    assert_eq!(queue.request(request(0, 1)), Decision::Wait);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        // The same cases in each run; another seed here tries others.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_split_goes_to_one_request_in_order(
        reports in prop::collection::vec(0..4_usize, 1..8),
        steps in prop::collection::vec((0..3_u32, any::<bool>(), any::<bool>()), 0..60),
    ) {
        let mut queue = underway();
        let mut next_request = [1_u64; 3];
        let (mut reported, mut splits) = (0, 0_u8);
        let mut handed = BTreeMap::new();
        let mut take = |request: SplitRequest, answer: &SplitAnswer, next: &mut [u64; 3]| {
            next[request.subtask.0 as usize] = request.request_id + 1;
            if let SplitAnswer::Split(split) = answer {
                let first = *handed.entry(split[0]).or_insert(request);
                assert_eq!(first, request, "split {split:?} went to two requests");
                let all_before = handed.keys().copied().eq(0..handed.len() as u8);
                assert!(all_before, "a split was passed over");
            }
        };
        for (subtask, report, repeat) in steps {
            if report && reported < reports.len() {
                let new = (splits..splits + reports[reported] as u8).map(|split| vec![split]);
                splits += reports[reported] as u8;
                reported += 1;
                let (id, new, last) = (reported as u64, new.collect::<Vec<_>>(), reported == reports.len());
                let Reported::Answers(answers) = queue.reported(id, new.clone(), last) else { panic!("it is due") };
                for (request, answer) in answers {
                    take(request, &answer, &mut next_request);
                }
                if repeat {
                    prop_assert_eq!(queue.reported(id, new, last), Reported::Repeated);
                }
            }
            let ask = request(subtask, next_request[subtask as usize]);
            let decision = queue.request(ask);
            if repeat {
                prop_assert_eq!(&queue.request(ask), &decision);
            }
            match decision {
                Decision::Answer(answer) => {
                    let ended = answer == SplitAnswer::NoMoreSplits;
                    prop_assert!(!ended || reported == reports.len(), "there will be others");
                    take(ask, &answer, &mut next_request);
                }
                Decision::Wait => prop_assert!(reported < reports.len(), "nothing more will come"),
                Decision::Stale => prop_assert!(false, "it is the subtask's newest"),
            }
        }
    }
}
