//! How dataflows become vertices and edges.

use std::time::Duration;

use flott_core::{JobGraph, Partitioner};

use crate::{Error, StreamExecutionEnvironment, WatermarkStrategy, connectors::GeneratorSource};

fn environment() -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(2);
    env
}

fn graph(env: &StreamExecutionEnvironment) -> JobGraph {
    env.job_program("test").unwrap().graph
}

fn problem(env: &StreamExecutionEnvironment) -> String {
    env.job_program("test").err().expect("the dataflow is refused").to_string()
}

fn names(graph: &JobGraph) -> Vec<&str> {
    graph.vertices.iter().map(|vertex| vertex.name.as_str()).collect()
}

fn edges(graph: &JobGraph) -> Vec<(u32, u32, Partitioner)> {
    graph.edges.iter().map(|edge| (edge.source.0, edge.target.0, edge.partitioner)).collect()
}

fn uid_of(graph: &JobGraph, operator: &str) -> String {
    let operators = graph.vertices.iter().flat_map(|vertex| &vertex.operators);
    operators.filter(|info| info.name == operator).map(|info| info.uid.clone()).next().unwrap()
}

#[test]
fn operators_are_chained_up_to_a_shuffle() {
    let env = environment();
    env.from_sequence(1, 10).map(|n| n).key_by(|n| *n).sum(|n| n).print();
    let graph = graph(&env);
    assert_eq!(names(&graph), ["Source: sequence -> Map", "Keyed Aggregation -> Sink: Print to Std. Out"]);
    assert_eq!(edges(&graph), [(0, 1, Partitioner::Hash)]);
    assert!(graph.vertices[0].is_source && !graph.vertices[1].is_source);
}

#[test]
fn a_chain_that_forks_is_named_as_a_tree() {
    let env = environment();
    let numbers = env.from_sequence(1, 10).name("A");
    let left = numbers.map(|n| n).name("B");
    left.filter(|_| true).name("D");
    numbers.map(|n| n).name("C");
    left.filter(|_| true).name("E");
    assert_eq!(names(&graph(&env)), ["A -> (B -> (D, E), C)"]);
}

#[test]
fn what_keeps_operators_apart() {
    let vertices = |build: &dyn Fn(&StreamExecutionEnvironment)| {
        let env = environment();
        build(&env);
        graph(&env).vertices.len()
    };
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).map(|n| n))), 1);
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).forward().map(|n| n))), 1);
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).rebalance().map(|n| n))), 2);
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).broadcast().map(|n| n))), 2);
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).map(|n| n).start_new_chain())), 2);
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).map(|n| n).set_parallelism(3))), 2);
    assert_eq!(vertices(&|env| drop(env.from_sequence(1, 10).map(|n| n).slot_sharing_group("other"))), 2);
    let disabled = |env: &StreamExecutionEnvironment| {
        env.disable_operator_chaining();
        env.from_sequence(1, 10).map(|n| n).print();
    };
    assert_eq!(vertices(&disabled), 3);
}

#[test]
fn another_max_parallelism_breaks_a_chain_also_across_operators_that_set_none() {
    let env = environment();
    let numbers = env.from_sequence(1, 10).set_max_parallelism(64);
    numbers.map(|n| n).map(|n| n).set_max_parallelism(32);
    let graph = graph(&env);
    let max: Vec<_> = graph.vertices.iter().map(|vertex| vertex.max_parallelism).collect();
    assert_eq!((names(&graph).len(), max), (2, vec![64, 32]));
}

#[test]
fn a_union_is_not_chained_and_has_an_edge_for_each_input() {
    let env = environment();
    let (left, right) = (env.from_sequence(1, 10).name("left"), env.from_sequence(1, 10).name("right"));
    left.union(&right).union(&left).map(|n| n);
    let graph = graph(&env);
    assert_eq!(names(&graph), ["left", "right", "Map"]);
    let forward = Partitioner::Forward;
    assert_eq!(edges(&graph), [(0, 2, forward), (1, 2, forward), (0, 2, forward)]);
}

#[test]
fn slot_sharing_groups_are_inherited_and_add_up() {
    let env = environment();
    let numbers = env.from_sequence(1, 10).slot_sharing_group("first");
    numbers.map(|n| n).set_parallelism(3);
    numbers.map(|n| n).slot_sharing_group("second").rebalance().map(|n| n);
    numbers.union(&env.from_sequence(1, 10)).map(|n| n).set_parallelism(5);
    let graph = graph(&env);
    let groups: Vec<_> = graph.vertices.iter().map(|vertex| vertex.slot_sharing_group.as_str()).collect();
    assert_eq!(groups, ["first", "first", "second", "second", "default", "default"]);
    assert_eq!(graph.required_slots(), 3 + 2 + 5);
}

#[test]
fn uids_stay_when_unrelated_operators_are_added() {
    let small = environment();
    small.from_sequence(1, 10).map(|n| n).print();

    let large = environment();
    large.from_collection([1u64]).filter(|_| true).print_to_err();
    let numbers = large.from_sequence(1, 10);
    numbers.filter(|_| false);
    numbers.map(|n| n).print();

    for operator in ["Source: sequence", "Map", "Sink: Print to Std. Out"] {
        assert_eq!(uid_of(&graph(&small), operator), uid_of(&graph(&large), operator), "{operator}");
    }
}

#[test]
fn uids_of_equal_operators_differ_and_the_authors_own_are_kept() {
    let env = environment();
    let numbers = env.from_sequence(1, 10).uid("numbers");
    numbers.map(|n| n);
    numbers.map(|n| n);
    let graph = graph(&env);
    let uids: Vec<_> = graph.vertices[0].operators.iter().map(|operator| operator.uid.as_str()).collect();
    assert_eq!(uids[0], "numbers");
    assert_ne!(uids[1], uids[2]);
}

#[test]
fn mistakes_are_told_by_name() {
    let told = |build: &dyn Fn(&StreamExecutionEnvironment)| {
        let env = environment();
        build(&env);
        problem(&env)
    };
    assert!(told(&|_| ()).contains("empty"));
    assert!(told(&|env| drop(env.from_sequence(1, 10).set_parallelism(0))).contains("parallelism 0"));
    assert!(told(&|env| drop(env.from_sequence(1, 10).set_max_parallelism(1))).contains("max parallelism 1"));
    assert!(told(&|env| drop(env.from_sequence(1, 10).set_max_parallelism(1 << 16))).contains("32768"));
    let forward = told(&|env| drop(env.from_sequence(1, 10).forward().map(|n| n).set_parallelism(3)));
    assert!(forward.contains("\"Map\" (parallelism 3) needs equal parallelism"), "{forward}");
    let twice = told(&|env| drop(env.from_sequence(1, 10).uid("x").map(|n| n).uid("x")));
    assert!(twice.contains("the same uid \"x\""), "{twice}");
    assert!(told(&|env| drop(env.from_sequence(5, 3))).contains("from 5 to 3"));
    assert!(told(&|env| drop(env.from_sequence(0, u64::MAX))).contains("2^64"));
    let unbounded = told(&|env| {
        env.set_runtime_mode(crate::RuntimeMode::Batch);
        env.generate(None, |n| n).name("Ticks");
    });
    assert!(unbounded.contains("\"Ticks\" is unbounded"), "{unbounded}");
}

#[test]
fn sequences_reach_to_the_largest_number() {
    let env = environment();
    env.from_sequence(u64::MAX, u64::MAX).union(&env.from_sequence(1, u64::MAX)).print();
    assert_eq!(graph(&env).vertices.len(), 3);
}

#[cfg(feature = "local")]
#[test]
fn an_environment_executes_once() {
    let env = environment();
    env.from_sequence(1, 10).filter(|_| false).print();
    env.execute("first").unwrap();
    assert!(
        matches!(env.execute("second"), Err(Error::Setting(problem)) if problem.contains("new environment"))
    );
}

#[cfg(not(feature = "local"))]
#[test]
fn without_local_mode_a_program_says_where_it_runs() {
    let env = environment();
    env.from_sequence(1, 10).print();
    assert!(matches!(env.execute("first"), Err(Error::NoLocalMode)));
}

#[test]
fn streams_of_two_environments_do_not_mix() {
    let (one, other) = (StreamExecutionEnvironment::new(), StreamExecutionEnvironment::new());
    one.from_sequence(1, 2).union(&other.from_sequence(3, 4)).print();
    for env in [one, other] {
        assert!(problem(&env).contains("a union of streams of two environments"));
    }
}

#[test]
fn a_watermark_strategy_that_can_do_no_good_is_refused() {
    let env = StreamExecutionEnvironment::new();
    let strategy = WatermarkStrategy::for_monotonous_timestamps().with_idleness(Duration::ZERO);
    env.from_sequence(1, 2).assign_timestamps_and_watermarks(strategy).print();
    assert!(problem(&env).contains("with_idleness must be greater than zero"));
}

#[test]
fn settings_of_a_source_with_watermarks_are_the_sources() {
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(4);
    let strategy =
        WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &u64, _| *n as i64);
    env.from_source(GeneratorSource::new(Some(10), |n| n), strategy, "numbers")
        .name("Source: mine")
        .set_parallelism(2)
        .map(|n| n)
        .print();
    let graph = graph(&env);
    assert_eq!(graph.vertices[0].name, "Source: mine -> Timestamps/Watermarks");
    assert_eq!([graph.vertices[0].parallelism, graph.vertices[1].parallelism], [2, 4]);
}

#[test]
fn a_rescaled_job_keeps_its_chains_and_key_groups() {
    let build = || {
        let env = environment();
        env.from_sequence(1, 10).map(|n| n).key_by(|n| *n).sum(|n| n).print();
        env
    };
    let submitted = graph(&build());
    let env = build();
    let ids = submitted.vertices.iter().map(|vertex| vertex.id);
    env.graph.borrow_mut().config.rescaled = ids.zip([100, 3]).collect();
    let rescaled = env.job_program("test").expect("it can be built").graph;
    assert_eq!(rescaled, submitted.with_parallelisms(&[100, 3]));
    // That of parallelism 2, while one of 100 would have 256.
    assert_eq!(rescaled.vertices[0].max_parallelism, 128);
}
