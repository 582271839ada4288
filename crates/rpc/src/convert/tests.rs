use std::{fmt::Debug, sync::Arc, time::Duration};

use flott_control::protocol::{
    AlignedWatermark, CheckpointNotice, CheckpointOutcome, CheckpointReport, Fence, GroupWatermark, Hardware,
    LocalHost, LocalHostState, LocalJobReport, LocalTask, Order, OrderAnswer, Refusal, RegistrationAnswer,
    RegistrationRequest, Report, SlotHolder, SlotReport, SplitLog, SplitMark, SubtaskMetrics,
    TaskManagerInfo, TaskReport, TaskState,
};
use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, FailureKind, HostId, JobGraph, JobId, JobType,
    LeaderEpoch, RegistrationId, SubtaskId, TaskManagerId, VertexIndex,
    checkpoint::{
        Alignment, Barrier, Blob, CheckpointStats, OperatorSubtaskState, RestorePoint, SavepointFormat,
        SnapshotKind, SourceProgress, StateFile, StopMode, SubtaskSnapshot,
    },
    config::LogLevel,
    deployment::{EnumeratedSplits, Placement, SplitAnswer, TaskDescriptor, TaskHostAddress, TaskHostSpec},
    job_config::{JobConfig, RuntimeMode},
    logs::{FoundLines, LogLine, LogQuery, MAX_LOG_LINES},
    metrics::{HistogramSummary, MetricValue, OperatorMetric, OperatorMetrics, TaskGauges, TaskMetrics},
    profile::{
        JobSamples, MAX_SAMPLES, MAX_STACK_DEPTH, SampledStack, TaskActivity, TaskSamples, TaskSampling,
        TaskStack,
    },
    time::Timestamp,
};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    strategy::ValueTree,
};
use prost::Message;

use crate::{
    AlignWatermarks, Error, FencedOrder, Heartbeat, JobReports, LeaderInfo, LeaderView, LogFile, LogSelector,
    PROTOCOL_VERSION, ProcessMetrics, ReadLog, SampleTasks, Sender, SplitRequest, SplitsReport,
    TaskHostCommand, TaskHostHello, TaskHostMessage, TaskHostMetrics, TaskHostSetup, order_answer_response,
    pb,
};

/// Sends `value` over the wire and checks that the same arrives.
fn round_trip<P, T>(value: T)
where
    T: TryFrom<P> + Clone + PartialEq + Debug,
    T::Error: Debug,
    P: From<T> + Message + Default,
{
    let bytes = P::from(value.clone()).encode_to_vec();
    let arrived = T::try_from(P::decode(&bytes[..]).unwrap()).unwrap();
    assert_eq!(arrived, value);
}

fn job_id() -> impl Strategy<Value = JobId> {
    any::<[u8; 16]>().prop_map(JobId::from_bytes)
}

fn allocation_id() -> impl Strategy<Value = AllocationId> {
    any::<[u8; 16]>().prop_map(AllocationId::from_bytes)
}

fn task_manager_id() -> impl Strategy<Value = TaskManagerId> {
    ".{1,20}".prop_map(TaskManagerId::new)
}

fn fence() -> impl Strategy<Value = Fence> {
    (any::<u64>(), any::<[u8; 16]>()).prop_map(|(epoch, id)| Fence {
        epoch: LeaderEpoch(epoch),
        registration_id: RegistrationId::from_bytes(id),
    })
}

fn sender() -> impl Strategy<Value = Sender> {
    (task_manager_id(), fence()).prop_map(|(task_manager_id, fence)| Sender { task_manager_id, fence })
}

fn holder() -> impl Strategy<Value = SlotHolder> {
    (allocation_id(), job_id()).prop_map(|(allocation_id, job_id)| SlotHolder { allocation_id, job_id })
}

fn slot_report() -> impl Strategy<Value = SlotReport> {
    (any::<u64>(), vec(option::of(holder()), 0..5)).prop_map(|(version, slots)| SlotReport { version, slots })
}

fn attempt() -> impl Strategy<Value = (SubtaskId, AttemptNumber)> {
    any::<(u32, u32, u32)>()
        .prop_map(|(vertex, subtask, attempt)| (SubtaskId::new(vertex, subtask), AttemptNumber(attempt)))
}

fn cause() -> impl Strategy<Value = FailureCause> {
    let kinds = prop::sample::select(vec![
        FailureKind::Panic,
        FailureKind::TaskManagerLost,
        FailureKind::TaskHostOutOfMemory,
    ]);
    let text = || option::of(any::<String>());
    (kinds, any::<String>(), vec(any::<String>(), 0..3), text(), text(), text()).prop_map(
        |(kind, message, context, operator, location, stderr_tail)| FailureCause {
            kind,
            message,
            context,
            operator,
            location,
            stderr_tail,
        },
    )
}

fn metrics() -> impl Strategy<Value = TaskMetrics> {
    let parts = (any::<[u64; 12]>(), gauges(), watermark(), watermark());
    parts.prop_map(|(counts, now, input_watermark, output_watermark)| {
        let [
            records_in,
            records_out,
            bytes_in,
            bytes_out,
            buffers_out,
            busy_ms,
            backpressured_ms,
            hard_backpressured_ms,
            idle_ms,
            bytes_in_local,
            buffers_in_local,
            buffers_in_remote,
        ] = counts;
        TaskMetrics {
            records_in,
            records_out,
            bytes_in,
            bytes_out,
            buffers_out,
            busy_ms,
            backpressured_ms,
            hard_backpressured_ms,
            idle_ms,
            bytes_in_local,
            buffers_in_local,
            buffers_in_remote,
            input_watermark,
            output_watermark,
            now,
        }
    })
}

fn gauges() -> impl Strategy<Value = TaskGauges> {
    any::<(bool, [u32; 4], [u64; 4])>().prop_map(|(is_backpressured, queues, times)| {
        let [input_queue, input_credits, output_queue, output_credits] = queues;
        let [
            checkpoint_alignment_ms,
            checkpoint_start_delay_ms,
            max_soft_backpressured_ms,
            max_hard_backpressured_ms,
        ] = times;
        TaskGauges {
            is_backpressured,
            input_queue,
            input_credits,
            output_queue,
            output_credits,
            checkpoint_alignment_ms,
            checkpoint_start_delay_ms,
            max_soft_backpressured_ms,
            max_hard_backpressured_ms,
        }
    })
}

fn watermark() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(Timestamp::MIN), Just(Timestamp::MAX), any::<i64>().prop_map(Timestamp::from_millis)]
}

fn operator_metrics() -> impl Strategy<Value = OperatorMetrics> {
    let histogram = any::<(u64, [f64; 11])>().prop_map(|(count, values)| {
        let [min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999] = values;
        HistogramSummary { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 }
    });
    let value = prop_oneof![
        any::<i64>().prop_map(MetricValue::Integer),
        any::<f64>().prop_map(MetricValue::Float),
        any::<f64>().prop_map(MetricValue::Rate),
        histogram.prop_map(MetricValue::Histogram),
    ];
    let metric = (any::<String>(), ".{1,9}", value).prop_map(|(operator, name, value)| OperatorMetric {
        operator: operator.into(),
        name: name.into(),
        value,
    });
    vec(metric, 0..3).prop_map(Into::into)
}

fn process_metrics() -> impl Strategy<Value = ProcessMetrics> {
    any::<(u64, u64, u64, u32)>().prop_map(|(resident_bytes, peak_resident_bytes, cpu_ms, threads)| {
        ProcessMetrics { resident_bytes, peak_resident_bytes, cpu_ms, threads }
    })
}

fn subtask_metrics() -> impl Strategy<Value = SubtaskMetrics> {
    (attempt(), metrics(), operator_metrics()).prop_map(|((subtask, attempt), metrics, operators)| {
        SubtaskMetrics { subtask, attempt, metrics, operators }
    })
}

fn task_state() -> impl Strategy<Value = TaskState> {
    prop_oneof![
        Just(TaskState::Initializing),
        Just(TaskState::Running),
        Just(TaskState::Finished),
        Just(TaskState::Canceled),
        cause().prop_map(TaskState::Failed),
    ]
}

fn task_report() -> impl Strategy<Value = TaskReport> {
    (attempt(), task_state(), metrics(), operator_metrics()).prop_map(
        |((subtask, attempt), state, metrics, operators)| TaskReport {
            subtask,
            attempt,
            state,
            metrics,
            operators,
        },
    )
}

fn barrier() -> impl Strategy<Value = Barrier> {
    let stop = prop_oneof![Just(None), Just(Some(StopMode::Suspend)), Just(Some(StopMode::Drain))];
    let kind = prop_oneof![
        any::<bool>().prop_map(|full| SnapshotKind::Checkpoint { full }),
        (any::<String>(), stop).prop_map(|(directory, stop)| SnapshotKind::Savepoint {
            directory,
            format: SavepointFormat::Native,
            stop
        }),
    ];
    let alignment = prop_oneof![
        option::of(any::<u64>()).prop_map(|timeout_ms| Alignment::Aligned { timeout_ms }),
        Just(Alignment::Unaligned),
        Just(Alignment::AtLeastOnce),
    ];
    (any::<u64>(), any::<i64>(), kind, alignment).prop_map(|(id, triggered_at, kind, alignment)| Barrier {
        id: CheckpointId(id),
        triggered_at,
        kind,
        alignment,
    })
}

fn snapshot() -> impl Strategy<Value = SubtaskSnapshot> {
    let file = || (".{1,20}", any::<u64>()).prop_map(|(path, size)| StateFile { path, size });
    let blob = || prop_oneof![vec(any::<u8>(), 0..9).prop_map(Blob::Inline), file().prop_map(Blob::File)];
    let operator = (any::<String>(), blob(), vec(file(), 0..3), any::<bool>(), any::<u64>()).prop_map(
        |(uid, manifest, files, has_union, state_size)| OperatorSubtaskState {
            uid,
            manifest,
            files,
            has_union,
            state_size,
        },
    );
    let source = (any::<u64>(), option::of((any::<u64>(), vec(any::<u8>(), 0..9))))
        .prop_map(|(last_answered, enumerator)| SourceProgress { last_answered, enumerator });
    (vec(operator, 0..3), option::of(blob()), option::of(source), any::<bool>()).prop_map(
        |(operators, channels, source, finished)| SubtaskSnapshot {
            operators,
            channels,
            source,
            finished,
            ..SubtaskSnapshot::default()
        },
    )
}

fn checkpoint_report() -> impl Strategy<Value = CheckpointReport> {
    let stats = any::<(u64, u64, u64, u64, bool)>().prop_map(
        |(written, sync_ms, async_ms, alignment_ms, unaligned)| CheckpointStats {
            written,
            sync_ms,
            async_ms,
            alignment_ms,
            unaligned,
            ..CheckpointStats::default()
        },
    );
    let outcome = prop_oneof![
        (snapshot(), stats).prop_map(|(snapshot, stats)| CheckpointOutcome::Acknowledged {
            snapshot: Box::new(snapshot),
            stats
        }),
        cause().prop_map(CheckpointOutcome::Declined),
    ];
    (attempt(), any::<u64>(), outcome).prop_map(|((subtask, attempt), id, outcome)| CheckpointReport {
        subtask,
        attempt,
        checkpoint_id: CheckpointId(id),
        outcome,
    })
}

fn notice() -> impl Strategy<Value = CheckpointNotice> {
    prop_oneof![
        any::<u64>().prop_map(|id| CheckpointNotice::Completed(CheckpointId(id))),
        any::<u64>().prop_map(|id| CheckpointNotice::Aborted(CheckpointId(id))),
    ]
}

fn restore_point() -> impl Strategy<Value = RestorePoint> {
    (any::<u64>(), ".{1,20}", any::<bool>()).prop_map(|(id, metadata, owned)| RestorePoint {
        checkpoint_id: CheckpointId(id),
        metadata,
        owned,
    })
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        (any::<u32>(), ".{1,20}").prop_map(|(attempt, data_address)| Report::HostReady {
            attempt: AttemptNumber(attempt),
            data_address
        }),
        (any::<u32>(), cause())
            .prop_map(|(attempt, cause)| Report::HostEnded { attempt: AttemptNumber(attempt), cause }),
        task_report().prop_map(Report::Task),
        checkpoint_report().prop_map(Report::Checkpoint),
        attempt().prop_map(|(subtask, attempt)| Report::AwaitsCheckpoint { subtask, attempt }),
    ]
}

fn placement() -> impl Strategy<Value = Placement> {
    let hosts = btree_map(any::<u32>(), (task_manager_id(), ".{1,20}"), 1..4).prop_map(|hosts| {
        let address = |(host, (task_manager_id, data_address))| TaskHostAddress {
            host: HostId(host),
            task_manager_id,
            data_address,
        };
        hosts.into_iter().map(address).collect::<Vec<_>>()
    });
    hosts.prop_flat_map(|hosts| {
        let numbers: Vec<_> = hosts.iter().map(|address| address.host).collect();
        let host = option::of(prop::sample::select(numbers));
        vec(vec(host, 0..4), 0..4).prop_map(move |vertices| Placement { hosts: hosts.clone(), vertices })
    })
}

fn tasks() -> impl Strategy<Value = Vec<TaskDescriptor>> {
    let task = (attempt(), allocation_id(), option::of(restore_point())).prop_map(
        |((subtask, attempt), allocation_id, restore)| TaskDescriptor {
            subtask,
            attempt,
            allocation_id,
            restore,
        },
    );
    vec(task, 0..4)
}

fn spec() -> impl Strategy<Value = TaskHostSpec> {
    let config = (1..100_u32, option::of(any::<String>()), any::<bool>()).prop_map(
        |(parallelism, name, operator_chaining)| JobConfig {
            parallelism,
            name,
            operator_chaining,
            ..JobConfig::default()
        },
    );
    (
        job_id(),
        any::<(String, String, Vec<String>, Option<String>)>(),
        "[0-9a-f]{64}",
        config,
        1..9_u32,
        any::<[u8; 32]>(),
    )
        .prop_map(
            |(job_id, (job_name, graph_name, arguments, entry), artifact, config, slots, secret)| {
                TaskHostSpec {
                    job_id,
                    job_name,
                    artifact,
                    arguments,
                    entry,
                    config,
                    graph: Arc::new(JobGraph {
                        name: graph_name,
                        job_type: JobType::Streaming,
                        runtime_mode: RuntimeMode::Streaming,
                        parallelism: 1,
                        vertices: Vec::new(),
                        edges: Vec::new(),
                        recovery: Default::default(),
                    }),
                    secret,
                    slots,
                    checkpoint_dir: "file:///checkpoints".to_owned(),
                }
            },
        )
}

fn split_answer() -> impl Strategy<Value = SplitAnswer> {
    prop_oneof![
        option::of(vec(any::<u8>(), 0..20)).prop_map(|resume| SplitAnswer::Enumerate { resume }),
        Just(SplitAnswer::NoMoreSplits),
        vec(any::<u8>(), 0..20).prop_map(SplitAnswer::Split),
    ]
}

fn split_request() -> impl Strategy<Value = SplitRequest> {
    (attempt(), any::<u64>()).prop_map(|((subtask, attempt), request_id)| SplitRequest {
        subtask,
        attempt,
        request_id,
    })
}

fn aligned_watermark() -> impl Strategy<Value = AlignedWatermark> {
    (attempt(), ".{1,9}", option::of(watermark())).prop_map(|((subtask, attempt), group, watermark)| {
        AlignedWatermark { subtask, attempt, group: group.into(), watermark }
    })
}

fn group_watermark() -> impl Strategy<Value = GroupWatermark> {
    (".{1,9}", option::of(watermark()))
        .prop_map(|(group, watermark)| GroupWatermark { group: group.into(), watermark })
}

fn host_message() -> impl Strategy<Value = TaskHostMessage> {
    let splits = prop_oneof![vec(vec(any::<u8>(), 0..9), 0..4).prop_map(Ok), cause().prop_map(Err)];
    prop_oneof![
        any::<(u32, String, u32)>().prop_map(|(protocol, token, pid)| TaskHostMessage::Hello(
            TaskHostHello { protocol, token, pid }
        )),
        (1..=u16::MAX).prop_map(|data_port| TaskHostMessage::Listening { data_port }),
        cause().prop_map(TaskHostMessage::Refused),
        task_report().prop_map(TaskHostMessage::TaskState),
        split_request().prop_map(TaskHostMessage::SplitRequest),
        (attempt(), splits, 1..=u64::MAX, any::<bool>()).prop_map(
            |((subtask, attempt), result, report_id, complete)| TaskHostMessage::SplitsReport(SplitsReport {
                subtask,
                attempt,
                splits: EnumeratedSplits { report_id, result, complete },
            })
        ),
        vec(subtask_metrics(), 0..3).prop_map(TaskHostMessage::Metrics),
        vec(aligned_watermark(), 0..3).prop_map(TaskHostMessage::Watermarks),
        checkpoint_report().prop_map(TaskHostMessage::Checkpoint),
        attempt().prop_map(|(subtask, attempt)| TaskHostMessage::AwaitsCheckpoint { subtask, attempt }),
        (any::<u64>(), samples())
            .prop_map(|(request_id, samples)| TaskHostMessage::Samples { request_id, samples }),
    ]
}

fn host_command() -> impl Strategy<Value = TaskHostCommand> {
    prop_oneof![
        (spec(), ".{1,20}", any::<u16>(), btree_map(any::<String>(), any::<String>(), 0..3)).prop_map(
            |(spec, bind_host, bind_port, storage_options)| TaskHostCommand::Setup(Box::new(TaskHostSetup {
                spec,
                bind_host,
                bind_port,
                storage_options
            }))
        ),
        (barrier(), vec(attempt(), 0..4))
            .prop_map(|(barrier, tasks)| TaskHostCommand::TriggerCheckpoint { barrier, tasks }),
        notice().prop_map(|notice| TaskHostCommand::NotifyCheckpoint { notice }),
        (placement(), tasks()).prop_map(|(placement, tasks)| TaskHostCommand::Deploy {
            own_host: placement.hosts[0].host,
            placement,
            tasks,
        }),
        vec(attempt(), 0..4).prop_map(|tasks| TaskHostCommand::Cancel { tasks }),
        (split_request(), split_answer())
            .prop_map(|(request, answer)| TaskHostCommand::SplitResponse { request, answer }),
        vec(group_watermark(), 0..3).prop_map(|groups| TaskHostCommand::Align { groups }),
        (any::<u64>(), sampling())
            .prop_map(|(request_id, sampling)| TaskHostCommand::Sample { request_id, sampling }),
        Just(TaskHostCommand::Shutdown),
    ]
}

fn sampling() -> impl Strategy<Value = TaskSampling> {
    (vec(any::<u32>(), 0..3), 1..=MAX_SAMPLES, any::<u32>(), 1..=MAX_STACK_DEPTH).prop_map(
        |(vertices, samples, delay_ms, max_depth)| TaskSampling {
            vertices: vertices.into_iter().map(VertexIndex).collect(),
            samples,
            delay: Duration::from_millis(delay_ms.into()),
            max_depth,
        },
    )
}

fn activity() -> impl Strategy<Value = TaskActivity> {
    use TaskActivity::{Backpressured, Blocked, Idle, OnCpu, Ready};
    prop::sample::select(vec![OnCpu, Blocked, Idle, Backpressured, Ready])
}

fn samples() -> impl Strategy<Value = TaskSamples> {
    let thread = option::of(1_u32..);
    let stack = (attempt(), thread, activity(), vec(any::<u64>(), 0..4), any::<u32>()).prop_map(
        |((subtask, _), thread, activity, addresses, count)| TaskStack {
            subtask,
            thread,
            activity,
            addresses,
            count,
        },
    );
    (vec(stack, 0..3), option::of(".{1,9}")).prop_map(|(stacks, problem)| TaskSamples { stacks, problem })
}

fn job_samples() -> impl Strategy<Value = JobSamples> {
    let stack = (attempt(), activity(), vec(0_u32..3, 0..4), any::<u32>()).prop_map(
        |((subtask, _), activity, frames, count)| SampledStack { subtask, activity, frames, count },
    );
    (job_id(), vec(any::<String>(), 3), vec(stack, 0..3), option::of(".{1,9}"))
        .prop_map(|(job_id, functions, stacks, problem)| JobSamples { job_id, functions, stacks, problem })
}

fn log_level() -> impl Strategy<Value = LogLevel> {
    prop::sample::select(vec![
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ])
}

fn found_lines() -> impl Strategy<Value = FoundLines> {
    let line = (any::<i64>(), log_level(), any::<String>()).prop_map(|(unix_ms, level, text)| LogLine {
        unix_ms,
        level,
        text,
    });
    (vec(line, 0..4), any::<bool>()).prop_map(|(lines, truncated)| FoundLines { lines, truncated })
}

fn log_query() -> impl Strategy<Value = LogQuery> {
    (any::<String>(), any::<String>(), log_level(), 0..=MAX_LOG_LINES)
        .prop_map(|(about, search, level, lines)| LogQuery { about, search, level, lines })
}

proptest! {
    #[test]
    fn profiles_and_logs_survive_the_wire(
        samples in job_samples(),
        wish in (option::of(job_id()), sampling()),
        query in log_query(),
        found in found_lines(),
    ) {
        round_trip::<pb::JobSamples, _>(samples);
        let (job_id, sampling) = wish;
        round_trip::<pb::SampleTasksRequest, _>(SampleTasks { job_id, sampling });
        round_trip::<pb::SearchLogRequest, _>(query);
        round_trip::<pb::SearchLogResponse, _>(found);
    }
}

#[test]
fn stacks_of_unknown_functions_are_refused() {
    let stack = pb::SampledStack { activity: 1, frames: vec![0, 1], count: 1, ..Default::default() };
    let samples = pb::JobSamples {
        job_id: vec![0; 16],
        functions: vec!["one".to_owned()],
        stacks: vec![stack],
        ..Default::default()
    };
    let error = JobSamples::try_from(samples).unwrap_err().to_string();
    assert!(error.contains("stacks"), "{error}");
    let error = TaskStack::try_from(pb::TaskStack::default()).unwrap_err().to_string();
    assert!(error.contains("activity"), "{error}");
}

fn local_host() -> impl Strategy<Value = LocalHost> {
    let state = prop_oneof![
        Just(LocalHostState::Starting),
        ".{1,20}".prop_map(|data_address| LocalHostState::Ready { data_address }),
        Just(LocalHostState::Stopping),
        Just(LocalHostState::Ended),
    ];
    (any::<u32>(), state).prop_map(|(attempt, state)| LocalHost { attempt: AttemptNumber(attempt), state })
}

fn local_task() -> impl Strategy<Value = LocalTask> {
    let checkpoint = || option::of(any::<u64>().prop_map(CheckpointId));
    let state = (option::of(task_state()), any::<bool>(), any::<bool>());
    (attempt(), allocation_id(), checkpoint(), state, checkpoint()).prop_map(
        |((subtask, attempt), allocation_id, restored, (state, awaits_checkpoint, is_canceling), drained)| {
            LocalTask {
                subtask,
                attempt,
                allocation_id,
                restored,
                state,
                awaits_checkpoint,
                is_canceling,
                drained,
            }
        },
    )
}

fn split_log() -> impl Strategy<Value = SplitLog> {
    let report = (vec(vec(any::<u8>(), 0..9), 0..4), 1..=u64::MAX, any::<bool>()).prop_map(
        |(splits, report_id, complete)| EnumeratedSplits { report_id, result: Ok(splits), complete },
    );
    let mark = (any::<u64>(), any::<u64>(), option::of(any::<u64>())).prop_map(
        |(id, last_answered, last_report)| SplitMark {
            checkpoint_id: CheckpointId(id),
            last_answered,
            last_report,
        },
    );
    let answers = vec((any::<u64>(), split_answer()), 0..4);
    (attempt(), answers, vec(report, 0..3), vec(mark, 0..3), any::<bool>()).prop_map(
        |((subtask, attempt), answers, reports, marks, is_cut)| SplitLog {
            subtask,
            attempt,
            answers,
            reports,
            marks,
            is_cut,
        },
    )
}

fn local_job() -> impl Strategy<Value = LocalJobReport> {
    let last_checkpoint = option::of(any::<u64>());
    (
        job_id(),
        option::of(local_host()),
        vec(local_task(), 0..4),
        vec(split_log(), 0..3),
        last_checkpoint,
        any::<u64>(),
    )
        .prop_map(|(job_id, host, tasks, splits, last_checkpoint, next_sequence)| LocalJobReport {
            job_id,
            host,
            tasks,
            splits,
            last_checkpoint: last_checkpoint.map(CheckpointId),
            next_sequence,
        })
}

fn leader_view() -> impl Strategy<Value = LeaderView> {
    let leader = (".{1,20}", ".{1,20}", ".{0,20}", any::<u64>()).prop_map(
        |(instance_id, rpc_address, rest_address, epoch)| LeaderInfo {
            instance_id,
            rpc_address,
            rest_address,
            epoch: LeaderEpoch(epoch),
        },
    );
    (".{1,20}", option::of(leader)).prop_map(|(instance_id, leader)| LeaderView { instance_id, leader })
}

fn registration() -> impl Strategy<Value = RegistrationRequest> {
    let hardware = any::<(u32, u64, u64, u64)>().prop_map(
        |(cpu_cores, physical_memory, free_memory, managed_memory)| Hardware {
            cpu_cores,
            physical_memory,
            free_memory,
            managed_memory,
        },
    );
    let jobs = vec(local_job(), 0..3);
    (task_manager_id(), any::<u64>(), ".{1,20}", ".{1,20}", hardware, slot_report(), jobs).prop_map(
        |(task_manager_id, generation, rpc_address, data_host, hardware, slots, jobs)| RegistrationRequest {
            task_manager_id,
            generation,
            info: TaskManagerInfo {
                rpc_address,
                data_host,
                slots: u32::try_from(slots.slots.len()).unwrap(),
                hardware,
            },
            slots,
            jobs,
        },
    )
}

proptest! {
    #[test]
    fn registrations_arrive_as_sent(request in registration(), fence in fence(), reason: String) {
        round_trip::<pb::RegisterRequest, _>(request);
        round_trip::<pb::RegisterResponse, _>(RegistrationAnswer::Registered { fence, heartbeat_interval_ms: 7 });
        round_trip::<pb::RegisterResponse, _>(RegistrationAnswer::Refused { reason });
    }

    #[test]
    fn leaders_arrive_as_sent(view in leader_view()) {
        round_trip::<pb::GetLeaderResponse, _>(view);
    }

    #[test]
    fn heartbeats_arrive_as_sent(
        sender in sender(), slots in slot_report(), process in process_metrics(), job_id in job_id(), pid: u32,
        subtasks in vec(subtask_metrics(), 0..3),
    ) {
        let task_hosts = vec![TaskHostMetrics { job_id, pid, process, subtasks }];
        round_trip::<pb::HeartbeatRequest, _>(Heartbeat { sender, slots, task_hosts, process });
    }

    #[test]
    fn reports_arrive_as_sent(sender in sender(), job_id in job_id(), reports in vec((any::<u64>(), report()), 1..5)) {
        round_trip::<pb::ReportRequest, _>(JobReports { sender, job_id, reports });
    }

    #[test]
    fn talk_with_task_hosts_arrives_as_sent(message in host_message(), command in host_command()) {
        round_trip::<pb::TaskHostMessage, _>(message);
        round_trip::<pb::TaskHostCommand, _>(command);
    }

    #[test]
    fn watermarks_of_aligned_sources_arrive_as_sent(
        sender in sender(), job_id in job_id(), watermarks in vec(aligned_watermark(), 0..4),
        groups in vec(group_watermark(), 0..4),
    ) {
        round_trip::<pb::AlignWatermarksRequest, _>(AlignWatermarks { sender, job_id, watermarks });
        round_trip::<pb::AlignWatermarksResponse, _>(groups);
    }

    #[test]
    fn answers_to_orders_arrive_as_sent(slots in slot_report()) {
        for answer in [
            OrderAnswer::Accepted { slots: slots.clone() },
            OrderAnswer::Refused { reason: Refusal::SlotOccupied, slots },
        ] {
            let response = order_answer_response(answer.clone()).unwrap();
            prop_assert_eq!(OrderAnswer::try_from(response).unwrap(), answer);
        }
    }

    #[test]
    fn no_bytes_make_a_conversion_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = pb::TaskHostMessage::decode(&bytes[..]).map(TaskHostMessage::try_from);
        let _ = pb::TaskHostCommand::decode(&bytes[..]).map(TaskHostCommand::try_from);
        let _ = pb::DeployTasksRequest::decode(&bytes[..]).map(FencedOrder::try_from);
        let _ = pb::TriggerCheckpointRequest::decode(&bytes[..]).map(FencedOrder::try_from);
        let _ = pb::HeartbeatRequest::decode(&bytes[..]).map(Heartbeat::try_from);
        let _ = pb::ReportRequest::decode(&bytes[..]).map(JobReports::try_from);
        let _ = pb::AlignWatermarksRequest::decode(&bytes[..]).map(AlignWatermarks::try_from);
        let _ = pb::GetLeaderResponse::decode(&bytes[..]).map(LeaderView::try_from);
        let _ = pb::LocalJobReport::decode(&bytes[..]).map(LocalJobReport::try_from);
    }
}

#[test]
fn log_requests_arrive_as_sent() {
    for file in [LogSelector::Log, LogSelector::Stdout, LogSelector::Name("taskmanager.log.1".to_owned())] {
        round_trip::<pb::ReadLogRequest, _>(ReadLog { file: file.clone(), offset: 3, limit: None });
        round_trip::<pb::ReadLogRequest, _>(ReadLog { file, offset: 0, limit: Some(9) });
    }
    round_trip::<pb::LogFile, _>(LogFile { name: "a.log".to_owned(), size: 1, modified_unix_ms: 2 });
}

fn message_of<T: Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

fn some_fence() -> Option<pb::Fence> {
    Some(pb::Fence { epoch: 1, registration_id: vec![0; 16] })
}

#[test]
fn missing_fields_are_named_with_their_path() {
    let empty = pb::TaskHostMessage::default();
    assert_eq!(message_of(TaskHostMessage::try_from(empty)), "invalid message: field message is missing");

    let state = pb::task_host_message::Message::TaskState(pb::TaskStateUpdate {
        subtask: Some(pb::Subtask::default()),
        state: pb::ExecutionState::Failed.into(),
        cause: None,
        metrics: Some(pb::TaskMetrics::default()),
        operators: Vec::new(),
    });
    assert_eq!(
        message_of(TaskHostMessage::try_from(pb::TaskHostMessage { message: Some(state) })),
        "invalid message: field task_state.cause is missing"
    );

    let deploy = pb::DeployTasksRequest {
        fence: some_fence(),
        job_id: vec![0; 16],
        placement: Some(pb::Placement::default()),
        tasks: vec![
            pb::TaskDescriptor {
                subtask: Some(pb::Subtask::default()),
                allocation_id: vec![0; 16],
                restore: None,
            },
            pb::TaskDescriptor { subtask: None, allocation_id: vec![0; 16], restore: None },
        ],
    };
    assert_eq!(
        message_of(FencedOrder::try_from(deploy)),
        "invalid message: field tasks[1].subtask is missing"
    );
}

#[test]
fn fields_that_make_no_sense_are_named_with_what_is_wanted() {
    let slot = pb::RequestSlotRequest {
        fence: some_fence(),
        slot: 0,
        holder: Some(pb::SlotHolder { allocation_id: vec![1, 2], job_id: vec![0; 16] }),
    };
    assert_eq!(
        message_of(FencedOrder::try_from(slot)),
        "invalid message: field holder.allocation_id cannot parse AllocationID from \"0102\": \
         expected 32 hexadecimal digits"
    );

    let cause = pb::FailureCause { kind: "MOOD".to_owned(), ..Default::default() };
    assert_eq!(
        message_of(FailureCause::try_from(cause)),
        "invalid message: field kind has the unknown value \"MOOD\""
    );

    let update = pb::TaskStateUpdate { state: 77, ..Default::default() };
    assert_eq!(
        message_of(TaskReport::try_from(update)),
        "invalid message: field state has the unknown value 77"
    );

    let trigger =
        pb::TriggerCheckpointRequest { fence: some_fence(), job_id: vec![0; 16], ..Default::default() };
    assert_eq!(
        message_of(FencedOrder::try_from(trigger)),
        "invalid message: field barrier is not valid: Hit the end of buffer, expected more data"
    );

    let placement =
        pb::Placement { hosts: Vec::new(), vertices: vec![pb::VertexPlacement { hosts: vec![0] }] };
    assert_eq!(
        message_of(Placement::try_from(placement)),
        "invalid message: field vertices[0].hosts must be numbers of task hosts in hosts, or -1"
    );

    let spec = pb::TaskHostSpec { artifact: "../../etc/passwd".to_owned(), slots: 1, ..Default::default() };
    assert_eq!(
        message_of(TaskHostSpec::try_from(spec)),
        "invalid message: field artifact must be 64 lower-case hexadecimal digits, or empty"
    );
}

#[test]
fn reports_of_local_jobs_name_what_is_wrong() {
    let job = |tasks, splits| pb::RegisterRequest {
        task_manager_id: "tm".to_owned(),
        protocol: PROTOCOL_VERSION,
        info: Some(pb::TaskManagerInfo {
            rpc_address: "a:1".to_owned(),
            data_host: "a".to_owned(),
            slots: 0,
            hardware: Some(pb::Hardware::default()),
        }),
        slots: Some(pb::SlotReport::default()),
        jobs: vec![pb::LocalJobReport { job_id: vec![0; 16], tasks, splits, ..Default::default() }],
        ..Default::default()
    };
    let task = pb::LocalTask {
        subtask: Some(pb::Subtask::default()),
        allocation_id: vec![0; 16],
        state: Some(pb::ExecutionState::Failed.into()),
        ..Default::default()
    };
    assert_eq!(
        message_of(RegistrationRequest::try_from(job(vec![task], Vec::new()))),
        "invalid message: field jobs[0].tasks[0].cause is missing"
    );
    let cause = FailureCause::new(FailureKind::Panic, "boom");
    let failed = pb::EnumeratedSplits { report_id: 1, error: Some(cause.into()), ..Default::default() };
    let log =
        pb::SplitLog { subtask: Some(pb::Subtask::default()), reports: vec![failed], ..Default::default() };
    assert_eq!(
        message_of(RegistrationRequest::try_from(job(Vec::new(), vec![log]))),
        "invalid message: field jobs[0].splits[0].reports must be without errors"
    );
}

#[test]
fn a_task_manager_of_another_version_is_refused() {
    let request = pb::RegisterRequest { protocol: 99, ..Default::default() };
    assert!(message_of(RegistrationRequest::try_from(request)).contains("different versions of Flott"));
}

#[test]
fn storage_options_are_kept_out_of_logs() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let spec = spec().new_tree(&mut runner).unwrap().current();
    let storage_options = [("s3.secret-key".to_owned(), "hush".to_owned())].into();
    let setup = TaskHostSetup { spec, bind_host: "h".to_owned(), bind_port: 0, storage_options };
    let shown = format!("{setup:?}");
    assert!(shown.contains("s3.secret-key") && !shown.contains("hush"), "{shown}");
}

#[test]
fn orders_keep_their_fence() {
    let request = pb::KillTaskHostRequest { fence: some_fence(), job_id: vec![5; 16], attempt: 3 };
    let order = FencedOrder::try_from(request).unwrap();
    assert_eq!(order.fence.epoch, LeaderEpoch(1));
    assert_eq!(
        order.order,
        Order::KillTaskHost { job_id: JobId::from_bytes([5; 16]), attempt: AttemptNumber(3) }
    );
    let request = pb::RequestSlotRequest {
        fence: None,
        slot: 0,
        holder: Some(pb::SlotHolder { allocation_id: vec![0; 16], job_id: vec![0; 16] }),
    };
    assert_eq!(message_of(FencedOrder::try_from(request)), "invalid message: field fence is missing");
}
