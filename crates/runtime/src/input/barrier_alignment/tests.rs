use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flott_core::checkpoint::SnapshotKind;
use proptest::prelude::*;

use super::*;

const ALIGNED: Alignment = Alignment::Aligned { timeout_ms: None };

fn barrier(id: u64, alignment: Alignment) -> Arc<Barrier> {
    let kind = SnapshotKind::Checkpoint { full: false };
    Arc::new(Barrier { id: CheckpointId(id), triggered_at: 0, kind, alignment })
}

fn aligned(id: u64) -> Arc<Barrier> {
    barrier(id, ALIGNED)
}

/// Time in milliseconds after a beginning that all share.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(crate::counters::now())
    }

    fn at(&self, millis: u64) -> Instant {
        self.0 + Duration::from_millis(millis)
    }
}

fn take(barrier: Arc<Barrier>, began: Instant) -> Option<Take> {
    Some(Take { barrier, began })
}

#[test]
fn channels_are_blocked_until_the_last_barrier_comes() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(3));
    let block = Decision { block: true, ..Decision::default() };
    assert_eq!(aligner.on_barrier(0, &aligned(1), clock.at(0)), block);
    assert_eq!(aligner.on_barrier(2, &aligned(1), clock.at(5)), block);
    let decision = aligner.on_barrier(1, &aligned(1), clock.at(7));
    let expected = Decision { unblock: true, take: take(aligned(1), clock.at(0)), ..Decision::default() };
    assert_eq!(decision, expected);
    assert_eq!(aligner.aligning_since(), None);
}

#[test]
fn one_channel_is_never_blocked() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(1));
    let decision = aligner.on_barrier(0, &aligned(1), clock.at(3));
    assert!(!decision.block);
    assert_eq!(decision.take, take(aligned(1), clock.at(3)));
}

#[test]
fn a_channel_that_has_ended_counts() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(3));
    assert_eq!(aligner.on_end(0), Decision::default());
    assert!(aligner.on_barrier(1, &aligned(1), clock.at(0)).block);
    assert_eq!(aligner.on_end(2).take, take(aligned(1), clock.at(0)));
    assert_eq!(aligner.on_barrier(1, &aligned(2), clock.at(9)).take, take(aligned(2), clock.at(9)));
}

#[test]
fn older_barriers_are_ignored_and_newer_ones_replace() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(2));
    assert!(aligner.on_barrier(0, &aligned(3), clock.at(0)).block);
    assert_eq!(aligner.on_barrier(1, &aligned(2), clock.at(1)), Decision::default());
    let replaced = Decision { unblock: true, block: true, ..Decision::default() };
    assert_eq!(aligner.on_barrier(1, &aligned(4), clock.at(2)), replaced);
    assert_eq!(aligner.on_barrier(1, &aligned(3), clock.at(3)), Decision::default());
    assert_eq!(aligner.on_barrier(0, &aligned(4), clock.at(4)).take, take(aligned(4), clock.at(2)));
    assert_eq!(aligner.on_barrier(0, &aligned(4), clock.at(5)), Decision::default(), "it is taken");
}

#[test]
fn what_was_given_up_is_not_taken() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(2));
    assert!(aligner.on_barrier(0, &aligned(1), clock.at(0)).block);
    assert_eq!(aligner.on_abort(CheckpointId(1)), Decision { unblock: true, ..Decision::default() });
    assert_eq!(aligner.on_barrier(1, &aligned(1), clock.at(1)), Decision::default());
    // Given up before any of its barriers came; an older one is not touched by that.
    assert_eq!(aligner.on_abort(CheckpointId(3)), Decision::default());
    assert!(aligner.on_barrier(0, &aligned(2), clock.at(2)).block);
    assert_eq!(aligner.on_barrier(1, &aligned(3), clock.at(3)), Decision::default());
    assert_eq!(aligner.on_barrier(1, &aligned(2), clock.at(4)).take, take(aligned(2), clock.at(2)));
}

#[test]
fn at_least_once_waits_but_blocks_nothing() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(2));
    let loose = barrier(1, Alignment::AtLeastOnce);
    assert_eq!(aligner.on_barrier(1, &loose, clock.at(0)), Decision::default());
    let decision = aligner.on_barrier(0, &loose, clock.at(4));
    assert_eq!(decision, Decision { take: take(loose, clock.at(0)), ..Decision::default() });
}

#[test]
fn the_first_barrier_that_overtakes_takes_the_snapshot() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(2));
    let urgent = barrier(1, Alignment::Unaligned);
    let decision = aligner.on_barrier(1, &urgent, clock.at(0));
    assert_eq!(decision, Decision { take: take(urgent.clone(), clock.at(0)), ..Decision::default() });
    assert!(!aligner.is_passed(0) && !aligner.is_passed(1), "what is in front of it is still there");
    assert_eq!(aligner.on_barrier(0, &urgent, clock.at(3)), Decision::default());
    assert_eq!(aligner.aligning_since(), None);
}

#[test]
fn after_its_timeout_an_aligned_barrier_overtakes() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(3));
    let patient = barrier(1, Alignment::Aligned { timeout_ms: Some(10) });
    let urgent = barrier(1, Alignment::Unaligned);
    assert!(aligner.on_barrier(2, &patient, clock.at(5)).block);
    assert_eq!(aligner.due(), Some(clock.at(15)));
    assert_eq!(aligner.on_time(clock.at(14)), Decision::default());
    let decision = aligner.on_time(clock.at(15));
    let expected = Decision { unblock: true, take: take(urgent.clone(), clock.at(5)), ..Decision::default() };
    assert_eq!(decision, expected);
    assert_eq!(aligner.due(), None);
    assert!(aligner.is_passed(2) && !aligner.is_passed(0));
    // The others may come in either form.
    assert_eq!(aligner.on_barrier(0, &patient, clock.at(16)), Decision::default());
    assert_eq!(aligner.on_barrier(1, &urgent, clock.at(17)), Decision::default());
    assert_eq!(aligner.aligning_since(), None);
}

#[test]
fn one_whose_turn_does_not_come_overtakes_too() {
    let clock = Clock::new();
    let patient = |id| barrier(id, Alignment::Aligned { timeout_ms: Some(10) });
    let mut aligner = BarrierAligner::new(2);
    aligner.on_announcement(&patient(1), clock.at(3));
    aligner.on_announcement(&patient(1), clock.at(8));
    assert_eq!(aligner.due(), Some(clock.at(13)), "the first one counts");
    assert_eq!(aligner.on_time(clock.at(12)), Decision::default());
    let decision = aligner.on_time(clock.at(13));
    let urgent = barrier(1, Alignment::Unaligned);
    assert_eq!(decision, Decision { take: take(urgent, clock.at(3)), ..Decision::default() });
    assert!(!aligner.is_passed(0) && !aligner.is_passed(1));
    assert_eq!(aligner.on_barrier(0, &patient(1), clock.at(20)), Decision::default());
    assert_eq!(aligner.on_barrier(1, &patient(1), clock.at(21)), Decision::default());
    assert_eq!((aligner.aligning_since(), aligner.due()), (None, None));

    // One that comes in its turn has waited since it was announced.
    aligner.on_announcement(&patient(2), clock.at(30));
    assert!(aligner.on_barrier(0, &patient(2), clock.at(35)).block);
    assert_eq!(aligner.due(), Some(clock.at(40)));
    aligner.on_announcement(&patient(3), clock.at(36));
    assert_eq!(aligner.due(), Some(clock.at(40)), "the older one comes first");
    assert!(aligner.on_barrier(1, &patient(2), clock.at(37)).take.is_some());
    assert_eq!(aligner.due(), Some(clock.at(46)));
    assert_eq!(aligner.on_abort(CheckpointId(3)), Decision::default());
    assert_eq!(aligner.due(), None);
}

#[test]
fn one_that_has_overtaken_elsewhere_overtakes_here() {
    let (clock, mut aligner) = (Clock::new(), BarrierAligner::new(2));
    let patient = barrier(1, Alignment::Aligned { timeout_ms: Some(10) });
    let urgent = barrier(1, Alignment::Unaligned);
    assert!(aligner.on_barrier(0, &patient, clock.at(0)).block);
    let decision = aligner.on_barrier(1, &urgent, clock.at(1));
    assert_eq!(decision, Decision { unblock: true, take: take(urgent, clock.at(0)), ..Decision::default() });
    assert!(aligner.is_passed(0) && !aligner.is_passed(1));
}

#[test]
fn nothing_is_kept_any_more_for_what_was_given_up_or_replaced() {
    let (clock, urgent) = (Clock::new(), barrier(1, Alignment::Unaligned));
    let stop = Decision { stop_capture: true, ..Decision::default() };
    let mut aligner = BarrierAligner::new(2);
    aligner.on_barrier(0, &urgent, clock.at(0));
    assert_eq!(aligner.on_abort(CheckpointId(1)), stop);
    let mut aligner = BarrierAligner::new(2);
    aligner.on_barrier(0, &urgent, clock.at(0));
    assert_eq!(aligner.on_barrier(1, &aligned(2), clock.at(1)), Decision { block: true, ..stop });
}

#[test]
fn where_it_is_triggered_it_waits_for_the_ends_only() {
    let clock = Clock::new();
    let mut aligner = BarrierAligner::new(2);
    aligner.on_end(0);
    assert_eq!(aligner.on_trigger(&aligned(1), clock.at(0)), Decision::default());
    assert_eq!(aligner.on_end(1).take, take(aligned(1), clock.at(0)));
    assert_eq!(aligner.on_trigger(&aligned(2), clock.at(5)).take, take(aligned(2), clock.at(5)));
    assert_eq!(aligner.on_trigger(&aligned(2), clock.at(6)), Decision::default(), "it is taken");
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Barrier(usize, u64),
    End(usize),
    Abort(u64),
    Trigger(u64),
}

fn event(channels: usize) -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..channels, 1u64..6).prop_map(|(channel, id)| Event::Barrier(channel, id)),
        1 => (0..channels).prop_map(Event::End),
        1 => (1u64..6).prop_map(Event::Abort),
        1 => (1u64..6).prop_map(Event::Trigger),
    ]
}

/// What the rules say of a whole history of aligned barriers: which checkpoint is the current one, whether its snapshot has
/// been taken, and which channels are blocked.
fn judge(channels: usize, history: &[Event]) -> (Option<u64>, bool, BTreeSet<usize>) {
    let aborted =
        |until: usize, id| history[..until].iter().any(|event| matches!(event, Event::Abort(a) if *a == id));
    let ended = |until: usize, channel| {
        history[..until].iter().any(|event| matches!(event, Event::End(c) if *c == channel))
    };
    // A checkpoint begins with its first message, unless it was given up before, or a newer one has begun.
    let mut begun: Option<(usize, u64)> = None;
    for (at, event) in history.iter().enumerate() {
        let id = match *event {
            Event::Barrier(channel, id) if !ended(at, channel) => id,
            Event::Trigger(id) => id,
            _ => continue,
        };
        if begun.is_none_or(|(_, current)| id > current) && !aborted(at, id) {
            begun = Some((at, id));
        }
    }
    let Some((start, id)) = begun else { return (None, false, BTreeSet::new()) };
    let mut arrived = BTreeSet::new();
    for (end, event) in history.iter().enumerate().skip(start) {
        match *event {
            Event::Abort(given_up) if given_up == id => return (Some(id), false, BTreeSet::new()),
            Event::Barrier(channel, of) if of == id && !ended(end, channel) => drop(arrived.insert(channel)),
            _ => {}
        }
        if (0..channels).all(|channel| arrived.contains(&channel) || ended(end + 1, channel)) {
            return (Some(id), true, BTreeSet::new());
        }
    }
    (Some(id), false, arrived)
}

/// A run of channels that deliver records in order, each record its own number, with barriers between them.
#[derive(Debug)]
struct Run {
    /// What each channel still holds.
    channels: Vec<VecDeque<Item>>,
    blocked: BTreeSet<usize>,
    /// The records that each channel has delivered.
    delivered: Vec<u32>,
    aborted: BTreeSet<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Record,
    Barrier(u64),
}

/// A channel that holds the barriers of all checkpoints, with as many records before each as `gaps` says.
fn filled(gaps: &[u8]) -> VecDeque<Item> {
    let mut items = VecDeque::new();
    for (id, gap) in (1..).zip(gaps) {
        items.extend(std::iter::repeat_n(Item::Record, usize::from(*gap)));
        items.push_back(Item::Barrier(id));
    }
    items
}

proptest! {
    #[test]
    fn it_does_what_the_rules_say_of_the_whole_history(
        channels in 1usize..4, events in prop::collection::vec(event(3), 0..40)
    ) {
        let clock = Clock::new();
        let mut aligner = BarrierAligner::new(channels);
        let (mut history, mut blocked, mut taken) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        for event in events {
            let decision = match event {
                Event::Barrier(channel, _) | Event::End(channel) if channel >= channels => continue,
                // A blocked channel delivers nothing.
                Event::Barrier(channel, _) | Event::End(channel) if blocked.contains(&channel) => continue,
                Event::Barrier(channel, id) => aligner.on_barrier(channel, &aligned(id), clock.at(0)),
                Event::End(channel) => aligner.on_end(channel),
                Event::Abort(id) => aligner.on_abort(CheckpointId(id)),
                Event::Trigger(id) => aligner.on_trigger(&aligned(id), clock.at(0)),
            };
            history.push(event);
            if decision.unblock {
                blocked.clear();
            }
            if let Event::Barrier(channel, _) = event
                && decision.block
            {
                blocked.insert(channel);
            }
            let (current, is_taken, expected) = judge(channels, &history);
            prop_assert_eq!(&blocked, &expected, "{:?}", history);
            prop_assert!(!decision.stop_capture);
            if let Some(Take { barrier, .. }) = decision.take {
                prop_assert_eq!((Some(barrier.id.0), true), (current, is_taken), "{:?}", history);
                prop_assert_eq!(taken.insert(barrier.id, ()), None, "twice: {:?}", history);
            }
            if is_taken {
                prop_assert!(current.is_some_and(|id| taken.contains_key(&CheckpointId(id))), "{:?}", history);
            }
        }
    }

    #[test]
    fn every_cut_is_exact_in_each_mode(
        gaps in prop::collection::vec(prop::collection::vec(0u8..5, 4), 1..4),
        mode in 0u8..4,
        schedule in prop::collection::vec((any::<prop::sample::Index>(), 0u8..20), 0..200),
    ) {
        let clock = Clock::new();
        let alignment = match mode {
            0 => ALIGNED,
            1 => Alignment::AtLeastOnce,
            2 => Alignment::Unaligned,
            _ => Alignment::Aligned { timeout_ms: Some(5) },
        };
        let count = gaps.len();
        let mut run = Run {
            channels: gaps.iter().map(|gaps| filled(gaps)).collect(),
            blocked: BTreeSet::new(),
            delivered: vec![0; count],
            aborted: BTreeSet::new(),
        };
        let before = |channel: usize, id: u64| gaps[channel][..id as usize].iter().map(|gap| u32::from(*gap)).sum::<u32>();
        let mut aligner = BarrierAligner::new(count);
        let (mut now, mut last) = (0, 0);
        // Barriers that overtake, by channel: told of already.
        let mut told = vec![0u64; count];
        // After the random part all channels are run dry.
        let rest = (0..400).map(|step| (step % count, 1));
        let schedule = schedule.into_iter().map(|(index, what)| (index.index(count), what)).chain(rest);
        for (channel, what) in schedule {
            let is_last = run.channels.iter().all(VecDeque::is_empty);
            let decision = match what {
                0 => {
                    let id = last + 1;
                    run.aborted.insert(id);
                    aligner.on_abort(CheckpointId(id))
                }
                17.. => {
                    now += 4;
                    aligner.on_time(clock.at(now))
                }
                // A barrier jumps the queue, if it is one of those; no further than to the next one.
                10..17 if mode == 2 => {
                    let next = run.channels[channel].iter().find_map(|item| match item {
                        Item::Barrier(id) => Some(*id),
                        Item::Record => None,
                    });
                    match next {
                        Some(id) if told[channel] < id => {
                            told[channel] = id;
                            aligner.on_barrier(channel, &barrier(id, alignment), clock.at(now))
                        }
                        _ => continue,
                    }
                }
                _ if run.blocked.contains(&channel) => continue,
                10..17 if mode == 3 => {
                    let next = run.channels[channel].iter().find_map(|item| match item {
                        Item::Barrier(id) => Some(*id),
                        Item::Record => None,
                    });
                    if let Some(id) = next {
                        aligner.on_announcement(&barrier(id, alignment), clock.at(now));
                    }
                    continue;
                }
                // One that overtakes is told of at the latest when its turn comes.
                _ if mode == 2 && matches!(run.channels[channel].front(), Some(Item::Barrier(id)) if told[channel] < *id) => {
                    let Some(Item::Barrier(id)) = run.channels[channel].front().copied() else { continue };
                    told[channel] = id;
                    aligner.on_barrier(channel, &barrier(id, alignment), clock.at(now))
                }
                _ => match run.channels[channel].pop_front() {
                    None if is_last => break,
                    None => continue,
                    Some(Item::Record) => {
                        run.delivered[channel] += 1;
                        continue;
                    }
                    Some(Item::Barrier(id)) if told[channel] >= id => continue,
                    Some(Item::Barrier(id)) => {
                        told[channel] = id;
                        aligner.on_barrier(channel, &barrier(id, alignment), clock.at(now))
                    }
                },
            };
            if decision.unblock {
                run.blocked.clear();
            }
            if decision.block {
                prop_assert_ne!(mode, 1, "at least once never blocks");
                prop_assert_ne!(mode, 2);
                run.blocked.insert(channel);
            }
            let Some(Take { barrier, .. }) = decision.take else { continue };
            let id = barrier.id.0;
            prop_assert!(id > last && !run.aborted.contains(&id));
            last = id;
            for index in 0..count {
                let cut = before(index, id);
                let delivered = run.delivered[index];
                match barrier.alignment {
                    Alignment::Aligned { .. } => prop_assert_eq!(delivered, cut),
                    Alignment::AtLeastOnce => prop_assert!(delivered >= cut),
                    Alignment::Unaligned => {
                        // What is kept: all that is in front of its barrier in the channel.
                        let held = run.channels[index].iter().take_while(|item| **item != Item::Barrier(id));
                        let held = held.filter(|item| **item == Item::Record).count() as u32;
                        let kept = if aligner.is_passed(index) { 0 } else { held };
                        prop_assert_eq!(delivered + kept, cut);
                    }
                }
            }
        }
        prop_assert!(run.blocked.is_empty(), "{:?}", run);
        prop_assert!(run.channels.iter().all(VecDeque::is_empty));
        prop_assert_eq!(aligner.aligning_since(), None);
        prop_assert!(last == 4 || run.aborted.contains(&4), "{}", last);
    }
}
