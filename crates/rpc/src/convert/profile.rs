//! What subtasks and threads are seen doing.

use std::time::Duration;

use flott_core::{
    SubtaskId, VertexIndex,
    profile::{
        JobSamples, MAX_SAMPLES, MAX_STACK_DEPTH, SampledStack, TaskActivity, TaskSamples, TaskSampling,
        TaskStack, ThreadInfo,
    },
};

use super::field::{each, ensure, id, required};
use crate::{Error, Problem, SampleTasks, pb};

impl TryFrom<pb::TaskSampling> for TaskSampling {
    type Error = Error;

    fn try_from(sampling: pb::TaskSampling) -> Result<Self, Error> {
        ensure((1..=MAX_SAMPLES).contains(&sampling.samples), "samples", "from 1 to 60000")?;
        ensure((1..=MAX_STACK_DEPTH).contains(&sampling.max_depth), "max_depth", "from 1 to 128")?;
        Ok(Self {
            vertices: sampling.vertices.into_iter().map(VertexIndex).collect(),
            samples: sampling.samples,
            delay: Duration::from_millis(sampling.delay_ms),
            max_depth: sampling.max_depth,
        })
    }
}

impl From<TaskSampling> for pb::TaskSampling {
    fn from(sampling: TaskSampling) -> Self {
        Self {
            vertices: sampling.vertices.into_iter().map(|vertex| vertex.0).collect(),
            samples: sampling.samples,
            delay_ms: u64::try_from(sampling.delay.as_millis()).unwrap_or(u64::MAX),
            max_depth: sampling.max_depth,
        }
    }
}

fn activity(number: i32) -> Result<TaskActivity, Error> {
    use pb::TaskActivity as Pb;
    Ok(match Pb::try_from(number) {
        Ok(Pb::OnCpu) => TaskActivity::OnCpu,
        Ok(Pb::Blocked) => TaskActivity::Blocked,
        Ok(Pb::Idle) => TaskActivity::Idle,
        Ok(Pb::Backpressured) => TaskActivity::Backpressured,
        Ok(Pb::Ready) => TaskActivity::Ready,
        Ok(Pb::Unspecified) | Err(_) => {
            return Err(Error::invalid("activity", Problem::UnknownValue(number.to_string())));
        }
    })
}

fn activity_number(activity: TaskActivity) -> i32 {
    use pb::TaskActivity as Pb;
    let activity = match activity {
        TaskActivity::OnCpu => Pb::OnCpu,
        TaskActivity::Blocked => Pb::Blocked,
        TaskActivity::Idle => Pb::Idle,
        TaskActivity::Backpressured => Pb::Backpressured,
        TaskActivity::Ready => Pb::Ready,
    };
    activity.into()
}

impl TryFrom<pb::SamplesReport> for TaskSamples {
    type Error = Error;

    fn try_from(report: pb::SamplesReport) -> Result<Self, Error> {
        Ok(Self { stacks: each(report.stacks, "stacks")?, problem: optional_text(report.problem) })
    }
}

impl From<TaskSamples> for pb::SamplesReport {
    /// Without the number of the request.
    fn from(samples: TaskSamples) -> Self {
        Self {
            request_id: 0,
            problem: samples.problem.unwrap_or_default(),
            stacks: samples.stacks.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::TaskStack> for TaskStack {
    type Error = Error;

    fn try_from(stack: pb::TaskStack) -> Result<Self, Error> {
        Ok(Self {
            subtask: SubtaskId::new(stack.vertex, stack.subtask),
            thread: (stack.thread != 0).then_some(stack.thread),
            activity: activity(stack.activity)?,
            addresses: stack.addresses,
            count: stack.count,
        })
    }
}

impl From<TaskStack> for pb::TaskStack {
    fn from(stack: TaskStack) -> Self {
        Self {
            vertex: stack.subtask.vertex.0,
            subtask: stack.subtask.subtask.0,
            thread: stack.thread.unwrap_or_default(),
            activity: activity_number(stack.activity),
            addresses: stack.addresses,
            count: stack.count,
        }
    }
}

impl TryFrom<pb::SampleTasksRequest> for SampleTasks {
    type Error = Error;

    fn try_from(request: pb::SampleTasksRequest) -> Result<Self, Error> {
        let job_id = &request.job_id;
        Ok(Self {
            job_id: if job_id.is_empty() { None } else { Some(id(job_id, "job_id")?) },
            sampling: required(request.sampling, "sampling")?,
        })
    }
}

impl From<SampleTasks> for pb::SampleTasksRequest {
    fn from(request: SampleTasks) -> Self {
        Self {
            job_id: request.job_id.map_or_else(Vec::new, |job_id| job_id.as_bytes().to_vec()),
            sampling: Some(request.sampling.into()),
        }
    }
}

impl TryFrom<pb::JobSamples> for JobSamples {
    type Error = Error;

    fn try_from(samples: pb::JobSamples) -> Result<Self, Error> {
        let stacks: Vec<SampledStack> = each(samples.stacks, "stacks")?;
        let known = |frame: &u32| (*frame as usize) < samples.functions.len();
        let all_known = stacks.iter().all(|stack| stack.frames.iter().all(known));
        ensure(all_known, "stacks", "of functions that are among `functions`")?;
        Ok(Self {
            job_id: id(&samples.job_id, "job_id")?,
            functions: samples.functions,
            stacks,
            problem: optional_text(samples.problem),
        })
    }
}

impl From<JobSamples> for pb::JobSamples {
    fn from(samples: JobSamples) -> Self {
        Self {
            job_id: samples.job_id.as_bytes().to_vec(),
            functions: samples.functions,
            stacks: samples.stacks.into_iter().map(Into::into).collect(),
            problem: samples.problem.unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::SampledStack> for SampledStack {
    type Error = Error;

    fn try_from(stack: pb::SampledStack) -> Result<Self, Error> {
        Ok(Self {
            subtask: SubtaskId::new(stack.vertex, stack.subtask),
            activity: activity(stack.activity)?,
            frames: stack.frames,
            count: stack.count,
        })
    }
}

impl From<SampledStack> for pb::SampledStack {
    fn from(stack: SampledStack) -> Self {
        Self {
            vertex: stack.subtask.vertex.0,
            subtask: stack.subtask.subtask.0,
            activity: activity_number(stack.activity),
            frames: stack.frames,
            count: stack.count,
        }
    }
}

impl From<pb::ThreadInfo> for ThreadInfo {
    fn from(thread: pb::ThreadInfo) -> Self {
        Self {
            name: thread.name,
            id: thread.id,
            process: thread.process,
            state: thread.state,
            cpu_ms: thread.cpu_ms,
            waits_in: optional_text(thread.waits_in),
            task: optional_text(thread.task),
            frames: thread.frames,
        }
    }
}

impl From<ThreadInfo> for pb::ThreadInfo {
    fn from(thread: ThreadInfo) -> Self {
        Self {
            name: thread.name,
            id: thread.id,
            process: thread.process,
            state: thread.state,
            cpu_ms: thread.cpu_ms,
            waits_in: thread.waits_in.unwrap_or_default(),
            task: thread.task.unwrap_or_default(),
            frames: thread.frames,
        }
    }
}

/// Empty on the wire if there is none.
fn optional_text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
