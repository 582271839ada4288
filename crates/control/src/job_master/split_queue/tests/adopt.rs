//! The queue of a JobMaster that is gone.

use flott_core::deployment::EnumeratedSplits;

use super::*;

fn reader(subtask: u32, answers: &[(u64, SplitAnswer)], reports: &[EnumeratedSplits]) -> Reader {
    Reader {
        subtask: SubtaskIndex(subtask),
        attempt: AttemptNumber(0),
        answers: answers.to_vec(),
        reports: reports.to_vec(),
        enumerating: None,
        goes_on: true,
        has_ended: false,
    }
}

fn report(report_id: u64, splits: &[u8], complete: bool) -> EnumeratedSplits {
    EnumeratedSplits { report_id, result: Ok(bytes(splits)), complete }
}

fn base(remaining: &[u8], enumeration: EnumerationState) -> SplitQueue {
    SplitQueue::new(QueueSnapshot { remaining: bytes(remaining), enumeration })
}

const ENUMERATE: SplitAnswer = SplitAnswer::Enumerate { resume: None };

/// All that the queue still hands out, to subtask 9.
fn rest(queue: &mut SplitQueue) -> Vec<u8> {
    let mut rest = Vec::new();
    for request_id in 1.. {
        match queue.request(request(9, request_id)) {
            Decision::Answer(SplitAnswer::Split(bytes)) => rest.extend(bytes),
            _ => break,
        }
    }
    rest
}

#[test]
fn an_enumeration_that_nobody_has_begun_begins() {
    let mut queue = base(&[], EnumerationState::NotBegun).adopt(&[reader(0, &[], &[])]).unwrap();
    assert_eq!(queue.request(request(1, 1)), Decision::Answer(ENUMERATE));
}

#[test]
fn what_is_found_later_follows() {
    let readers =
        [reader(0, &[(1, ENUMERATE)], &[report(1, &[1, 2], false)]), reader(1, &[(1, split(1))], &[])];
    let mut queue = base(&[], EnumerationState::NotBegun).adopt(&readers).unwrap();
    assert_eq!(queue.request(request(1, 2)), Decision::Answer(split(2)));
    assert_eq!(queue.reported(1, bytes(&[1, 2]), false), Reported::Repeated);
    assert_eq!(queue.reported(2, bytes(&[3]), true), Reported::Answers(Vec::new()));
    assert_eq!(rest(&mut queue), [3]);
}

#[test]
fn a_split_that_nobody_has_reported_or_two_that_enumerate_are_too_little_to_go_on() {
    let queue = base(&[], EnumerationState::NotBegun);
    assert!(queue.adopt(&[reader(1, &[(1, split(1))], &[])]).is_none());
    let both = [reader(0, &[(1, ENUMERATE)], &[]), reader(1, &[(1, ENUMERATE)], &[])];
    assert!(queue.adopt(&both).is_none());
    let gap = [reader(0, &[(1, ENUMERATE)], &[report(2, &[1], false)])];
    assert!(queue.adopt(&gap).is_none());
    let ended = Reader { has_ended: true, ..reader(0, &[(1, ENUMERATE)], &[]) };
    assert!(queue.adopt(&[ended]).is_none());
    let again = [reader(0, &[(1, ENUMERATE)], &[])];
    assert!(base(&[1], EnumerationState::Complete).adopt(&again).is_none());
}

#[test]
fn who_does_not_go_on_gives_back_what_it_has_when_it_starts_again() {
    let leaving = Reader { goes_on: false, ..reader(1, &[(1, split(1))], &[]) };
    let mut queue = base(&[1, 2], EnumerationState::Complete).adopt(&[leaving, reader(0, &[], &[])]).unwrap();
    assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(2)), "it still has the first");
    queue.restore(&BTreeSet::from([SubtaskIndex(1)]));
    assert_eq!(queue.request(request(0, 2)), Decision::Answer(split(1)));
}

#[test]
fn an_enumerator_that_had_told_all_is_needed_no_more() {
    let all = [report(1, &[1, 2], true)];
    let leaving = Reader { goes_on: false, ..reader(0, &[(1, ENUMERATE)], &all) };
    let readers = [leaving, reader(1, &[(1, split(2))], &[])];
    let mut queue = base(&[], EnumerationState::NotBegun).adopt(&readers).unwrap();
    assert!(!queue.needs_all(&BTreeSet::from([SubtaskIndex(0)])));
    assert_eq!(rest(&mut queue), [1]);

    let begun = [report(1, &[1, 2], false)];
    let leaving = Reader { goes_on: false, ..reader(0, &[(1, ENUMERATE)], &begun) };
    let queue = base(&[], EnumerationState::NotBegun);
    assert!(queue.adopt(&[leaving.clone(), reader(1, &[(1, split(2))], &[])]).is_none());
    let mut anew = queue.adopt(&[leaving, reader(1, &[], &[])]).unwrap();
    assert_eq!(anew.request(request(1, 1)), Decision::Answer(ENUMERATE), "nobody has seen what it had found");
}

#[derive(Clone, Debug)]
enum Step {
    /// A subtask asks, and the answer reaches it or not.
    Ask(u32, bool),
    /// The enumerator tells of so many more, and the acknowledgment reaches it or not.
    Report(u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_u32, proptest::bool::weighted(0.9)).prop_map(|(subtask, arrives)| Step::Ask(subtask, arrives)),
        2 => (0..3_u8, proptest::bool::weighted(0.9)).prop_map(|(count, arrives)| Step::Report(count, arrives)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        // The same cases in each run; another seed here tries others.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_split_is_handed_out_once(script in prop::collection::vec(step(), 0..60), resumes in any::<bool>()) {
        let (remaining, enumeration): (&[u8], _) = match resumes {
            true => (&[1, 2, 3], EnumerationState::Underway(vec![0])),
            false => (&[], EnumerationState::NotBegun),
        };
        let base = base(remaining, enumeration);
        let mut all = remaining.to_vec();
        let mut queue = base.clone();
        let mut readers: Vec<_> = (0..3).map(|subtask| reader(subtask, &[], &[])).collect();
        // The number of a request, until it is answered.
        let mut asking = [1_u64; 3];
        let mut enumerator = None;
        let mut next = 10;
        // What was told and not acknowledged.
        let mut unheard: Option<EnumeratedSplits> = None;
        for step in script {
            let mut answered = Vec::new();
            match step {
                Step::Ask(subtask, arrives) => {
                    let request = request(subtask, asking[subtask as usize]);
                    if let Decision::Answer(answer) = queue.request(request) && arrives {
                        answered.push((request, answer));
                    }
                }
                Step::Report(count, arrives) => {
                    let Some(by) = enumerator else { continue };
                    let told = unheard.clone().unwrap_or_else(|| {
                        let splits: Vec<u8> = (next..next + count).collect();
                        next += count;
                        all.extend(&splits);
                        report(readers[by as usize].reports.len() as u64 + 1, &splits, false)
                    });
                    match queue.reported(told.report_id, told.result.clone().unwrap(), false) {
                        Reported::Answers(answers) => answered = answers,
                        other => prop_assert_eq!(other, Reported::Repeated),
                    }
                    unheard = Some(told);
                    if arrives {
                        readers[by as usize].reports.extend(unheard.take());
                    }
                }
            }
            for (request, answer) in answered {
                let subtask = request.subtask.0;
                if matches!(answer, SplitAnswer::Enumerate { .. }) {
                    enumerator = Some(subtask);
                }
                readers[subtask as usize].answers.push((request.request_id, answer));
                asking[subtask as usize] += 1;
            }
        }
        let mut adopted = base.adopt(&readers);
        if let (Some(told), Some(by)) = (unheard, enumerator) {
            // It is told again, at the latest when it is needed.
            match &mut adopted {
                Some(queue) => drop(queue.reported(told.report_id, told.result.unwrap(), false)),
                None => {
                    readers[by as usize].reports.push(told);
                    adopted = base.adopt(&readers);
                }
            }
        }
        let mut queue = adopted.expect("what readers have was reported");
        let answers = readers.iter().flat_map(|reader| &reader.answers);
        let mut seen: Vec<u8> = answers
            .filter_map(|(_, answer)| match answer {
                SplitAnswer::Split(bytes) => Some(bytes[0]),
                _ => None,
            })
            .collect();
        seen.extend(rest(&mut queue));
        seen.sort_unstable();
        // Who resumes may not have been told to: then nothing was found by it that anybody has.
        if enumerator.is_some() || !resumes {
            prop_assert_eq!(seen, all);
        }
    }
}
