use flott_core::{
    JobType, JobVertex, OperatorInfo, SubtaskIndex, VertexId,
    job_config::LatencyGranularity,
    metrics::{HistogramSummary, MetricValue},
};

use super::*;
use crate::{
    operators::{CoMap, Map},
    output::{Downstream, SideOutputs},
    testing::{Collected, Event, operator},
    watermark::{TimestampsAndWatermarks, WatermarkStrategy},
};

/// A source, and behind it a vertex with two operators.
fn graph(runtime_mode: RuntimeMode) -> JobGraph {
    let vertex = |id, operators: &[&str]| JobVertex {
        id: VertexId::from_bytes([id; 16]),
        name: operators.join(" -> "),
        operators: operators
            .iter()
            .map(|name| OperatorInfo { uid: (*name).to_owned(), name: (*name).to_owned() })
            .collect(),
        parallelism: 2,
        max_parallelism: 128,
        slot_sharing_group: "default".to_owned(),
        is_source: id == 1,
    };
    JobGraph {
        name: "job".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode,
        parallelism: 2,
        vertices: vec![vertex(1, &["source"]), vertex(2, &["map", "sink"])],
        edges: Vec::new(),
        recovery: Default::default(),
    }
}

fn tracking(vertex: u32, granularity: LatencyGranularity) -> LatencyTracking {
    let settings = LatencySettings { interval_ms: 100, granularity, history_size: 4 };
    let task = SubtaskId { vertex: VertexIndex(vertex), subtask: SubtaskIndex(1) };
    LatencyTracking::of_task(settings, &graph(RuntimeMode::Streaming), task).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn marked_at(millis: i64, subtask: u32) -> Mark {
    let (source, subtask) = (VertexIndex(0), SubtaskIndex(subtask));
    Mark::Latency(LatencyMarker { marked_at_us: millis * 1_000, source, subtask })
}

/// What is noted, by name.
fn noted(operator: &RuntimeContext) -> Vec<(String, HistogramSummary)> {
    let metrics = operator.task.counters.read_operators();
    let of = |metric: &flott_core::metrics::OperatorMetric| match metric.value {
        MetricValue::Histogram(summary) if metric.is_latency() => Some((metric.name.to_string(), summary)),
        _ => None,
    };
    metrics.iter().filter_map(of).collect()
}

#[test]
fn it_is_off_unless_it_is_asked_for_and_in_batch_mode() {
    let task = SubtaskId { vertex: VertexIndex(0), subtask: SubtaskIndex(0) };
    let on = LatencySettings { interval_ms: 1, ..LatencySettings::default() };
    let is_on = |settings, mode| LatencyTracking::of_task(settings, &graph(mode), task).is_some();
    assert!(is_on(on, RuntimeMode::Streaming));
    assert!(!is_on(on, RuntimeMode::Batch));
    assert!(!is_on(LatencySettings::default(), RuntimeMode::Streaming));
}

#[test]
fn a_source_marks_the_time_at_each_interval() {
    let clock = ProcessingClock::manual(at(1_000));
    let mut ticker = tracking(0, LatencyGranularity::Operator).ticker(&clock);
    assert_eq!(clock.take_due(), Some(at(1_000)), "the first at once");
    assert_eq!(ticker.take_due(at(1_000)), Some(marked_at(1_000, 1)));
    assert_eq!(clock.next_due(), Some(at(1_100)));
    // Another operator of the chain was due.
    clock.set(at(1_050));
    assert!(clock.take_any());
    assert_eq!(ticker.take_due(at(1_050)), None);
    assert_eq!(clock.next_due(), Some(at(1_100)), "it is asked for again");
    // The subtask was held back for long: marks that were missed are not made up for.
    clock.set(at(1_730));
    assert_eq!(ticker.take_due(at(1_720)), Some(marked_at(1_730, 1)), "the mark tells when it was made");
    assert_eq!(clock.next_due(), Some(at(1_100)));
    assert_eq!(clock.take_due(), Some(at(1_730)));
    assert_eq!(ticker.take_due(at(1_730)), None);
    assert_eq!(clock.next_due(), Some(at(1_820)));
}

#[test]
fn each_operator_of_a_chain_notes_how_old_marks_are_and_hands_them_on() {
    let (map, sink) = (operator("map"), operator("sink"));
    let sink = RuntimeContext { position: 1, task: map.task.clone(), ..sink };
    let output = Collected::default();
    let tracking = tracking(1, LatencyGranularity::Operator);
    let behind = tracking.watch(&sink, Box::new(output.clone()));
    let mut chain = tracking.watch(&map, Box::new(Map::new(&map, |n: u64| n + 1, behind)));

    map.clock().set(at(5_000));
    chain.emit(&mut vec![1].into()).unwrap();
    chain.mark(marked_at(4_750, 0)).unwrap();
    chain.emit(&mut vec![2].into()).unwrap();
    chain.mark(marked_at(4_000, 1)).unwrap();
    chain.mark(Mark::Watermark(at(7))).unwrap();

    let expected = [
        Event::Batch(vec![2].into()),
        Event::Mark(marked_at(4_750, 0)),
        Event::Batch(vec![3].into()),
        Event::Mark(marked_at(4_000, 1)),
        Event::Mark(Mark::Watermark(at(7))),
    ];
    assert_eq!(output.events(), expected, "they keep their place");
    let noted = noted(&map);
    let source = "01".repeat(16);
    let names = [
        // The head of a chain has the id of its vertex.
        format!(
            "latency.source_id.{source}.operator_id.{}.operator_subtask_index.1.latency",
            "02".repeat(16)
        ),
        format!(
            "latency.source_id.{source}.operator_id.{}.operator_subtask_index.1.latency",
            VertexId::of_operators(["sink"])
        ),
    ];
    assert_eq!(noted.iter().map(|(name, _)| name).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for (_, summary) in noted {
        assert_eq!((summary.count, summary.min, summary.max), (2, 250.0, 1_000.0));
    }
}

#[test]
fn sources_are_told_apart_as_asked_for_and_the_latest_values_count() {
    for (granularity, expected) in [
        (LatencyGranularity::Single, vec![6]),
        (LatencyGranularity::Operator, vec![6]),
        (LatencyGranularity::Subtask, vec![1, 5]),
    ] {
        let map = operator("map");
        let mut watched = tracking(1, granularity).watch::<u64>(&map, Box::new(Collected::<u64>::default()));
        map.clock().set(at(100));
        watched.mark(marked_at(0, 0)).unwrap();
        for _ in 0..5 {
            watched.mark(marked_at(99, 1)).unwrap();
        }
        let noted = noted(&map);
        assert_eq!(noted.iter().map(|(_, summary)| summary.count).collect::<Vec<_>>(), expected);
        let (_, latest) = noted.last().unwrap();
        assert_eq!(latest.max, 1.0, "four are kept");
    }
}

#[test]
fn a_mark_of_a_vertex_that_is_not_there_is_not_noted() {
    let map = operator("map");
    let mut watched =
        tracking(1, LatencyGranularity::Operator).watch::<u64>(&map, Box::new(Collected::default()));
    let (source, subtask) = (VertexIndex(7), SubtaskIndex(0));
    watched.mark(Mark::Latency(LatencyMarker { marked_at_us: 0, source, subtask })).unwrap();
    assert_eq!(noted(&map), []);
}

#[test]
fn operators_with_two_inputs_and_those_that_make_watermarks_let_marks_pass() {
    let co = operator("co");
    let output = Collected::<u64>::default();
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let map = CoMap::new(&co, |n: u64| n, |text: String| text.len() as u64, next);
    let mut watched = tracking(1, LatencyGranularity::Operator).watch_two::<u64, String>(&co, Box::new(map));
    watched.mark(marked_at(0, 0)).unwrap();
    assert_eq!(output.events(), [Event::Mark(marked_at(0, 0))]);
    assert_eq!(noted(&co)[0].1.count, 1);

    let output = Collected::<u64>::default();
    let strategy = WatermarkStrategy::for_monotonous_timestamps();
    let mut stamps =
        TimestampsAndWatermarks::new(operator("stamps"), strategy, Box::new(output.clone())).unwrap();
    stamps.mark(Mark::Idle).unwrap();
    stamps.mark(marked_at(0, 0)).unwrap();
    assert_eq!(output.events(), [Event::Mark(marked_at(0, 0))], "but none that others have made");
}
