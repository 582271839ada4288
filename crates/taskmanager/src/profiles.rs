//! What threads and subtasks of this TaskManager and its task hosts do.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use flott_core::{
    JobId, SubtaskId,
    profile::{JobSamples, MAX_STACK_DEPTH, SampledStack, TaskSamples, TaskSampling, TaskStack, ThreadInfo},
};
use flott_profiling::{stack, symbols, threads};
use flott_rpc::SampleTasks;
use futures::future::join_all;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::timeout,
};
use tonic::Status;

use crate::task_manager::Input;

/// How much longer than the sampling itself a task host may take to tell of it.
const GRACE: Duration = Duration::from_secs(10);

/// How long a task host may take to tell what its threads do.
const THREADS_TIMEOUT: Duration = Duration::from_secs(2);

/// A task host that was asked.
#[derive(Debug)]
pub(crate) struct AskedHost {
    pub(crate) job_id: JobId,
    /// Its process; 0 if it has none of its own.
    pub(crate) pid: u32,
    /// What was seen there. Ends without if that can't be told.
    pub(crate) answer: oneshot::Receiver<SampledHost>,
}

/// What was seen in a task host.
#[derive(Debug)]
pub(crate) struct SampledHost {
    /// Its process; 0 if it has none of its own.
    pub(crate) pid: u32,
    /// Names and parallelism of the vertices.
    pub(crate) vertices: Vec<(String, u32)>,
    pub(crate) samples: TaskSamples,
}

impl SampledHost {
    /// A subtask as people call it.
    fn task_name(&self, SubtaskId { vertex, subtask }: SubtaskId) -> String {
        match self.vertices.get(vertex.0 as usize) {
            Some((name, parallelism)) => format!("{name} ({}/{parallelism})", subtask.0 + 1),
            None => format!("vertex {vertex}, subtask {subtask}"),
        }
    }

    /// The names of all functions that were seen. Blocks.
    fn functions(&self) -> std::io::Result<HashMap<u64, String>> {
        let addresses: BTreeSet<u64> =
            self.samples.stacks.iter().flat_map(|stack| &stack.addresses).copied().collect();
        if addresses.is_empty() { Ok(HashMap::new()) } else { symbols::resolve(process(self.pid), addresses) }
    }
}

/// The process by its number; `None` = this one.
fn process(pid: u32) -> Option<u32> {
    (pid != 0).then_some(pid)
}

/// Asks task hosts.
pub(crate) struct Profiles {
    inputs: mpsc::Sender<Input>,
}

impl Profiles {
    pub(crate) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }

    async fn ask(&self, job_id: Option<JobId>, sampling: TaskSampling) -> Result<Vec<AskedHost>, Status> {
        let (reply, asked) = oneshot::channel();
        let going_down = || Status::unavailable("the TaskManager is going down");
        self.inputs.send(Input::SampleHosts { job_id, sampling, reply }).await.map_err(|_| going_down())?;
        asked.await.map_err(|_| going_down())
    }

    /// What the subtasks of a job, or of all, do. Task hosts that do not tell are left out.
    pub(crate) async fn sample(&self, wish: SampleTasks) -> Result<Vec<JobSamples>, Status> {
        let limit = wish.sampling.duration().saturating_add(GRACE);
        let asked = self.ask(wish.job_id, wish.sampling).await?;
        let answers = asked.into_iter().map(|AskedHost { job_id, answer, .. }| async move {
            let sampled = timeout(limit, answer).await.ok()?.ok()?;
            spawn_blocking(move || named(job_id, &sampled)).await.ok()
        });
        Ok(join_all(answers).await.into_iter().flatten().collect())
    }

    /// The threads of this process and of all task hosts, and the subtasks that no thread runs.
    pub(crate) async fn threads(&self) -> Result<Vec<ThreadInfo>, Status> {
        let once = TaskSampling {
            vertices: Vec::new(),
            samples: 1,
            delay: Duration::ZERO,
            max_depth: MAX_STACK_DEPTH,
        };
        let asked = self.ask(None, once).await?;
        let answers = asked.into_iter().map(|AskedHost { job_id, pid, answer }| async move {
            (job_id, pid, timeout(THREADS_TIMEOUT, answer).await.ok().and_then(Result::ok))
        });
        let hosts = join_all(answers).await;
        let list = spawn_blocking(move || {
            let mut all = threads::of_process(None, "TaskManager")?;
            for (job_id, pid, sampled) in hosts {
                let called = format!("task host of job {job_id}");
                if let Some(pid) = process(pid) {
                    // It may have ended just now.
                    all.extend(threads::of_process(Some(pid), &called).unwrap_or_default());
                }
                if let Some(sampled) = sampled {
                    mark(&mut all, &called, &sampled);
                }
            }
            Ok::<_, std::io::Error>(all)
        });
        let list = list.await.map_err(|error| Status::internal(format!("the dump has crashed: {error}")))?;
        list.map_err(|error| Status::internal(format!("cannot list threads: {error}")))
    }
}

/// Notes which subtasks threads run, and adds those that none runs. Blocks.
fn mark(all: &mut Vec<ThreadInfo>, called: &str, sampled: &SampledHost) {
    let functions = sampled.functions().unwrap_or_default();
    for stack in &sampled.samples.stacks {
        let task = Some(sampled.task_name(stack.subtask));
        let mut frames: Vec<_> = of_stack(stack, &functions).into_iter().map(str::to_owned).collect();
        frames.reverse();
        match all.iter_mut().find(|thread| stack.thread == Some(thread.id)) {
            Some(thread) => (thread.task, thread.frames) = (task, frames),
            None => all.push(ThreadInfo {
                name: "(no thread)".to_owned(),
                process: called.to_owned(),
                task,
                frames,
                ..ThreadInfo::default()
            }),
        }
    }
}

/// The functions of a stack, outermost first, or what the subtask waits for.
fn of_stack<'a>(stack: &TaskStack, functions: &'a HashMap<u64, String>) -> Vec<&'a str> {
    let names: Vec<_> =
        stack.addresses.iter().filter_map(|address| functions.get(address)).map(String::as_str).collect();
    let mut names = stack::of_subtask(&names);
    if names.is_empty() {
        names.push(stack.activity.description());
    }
    names
}

/// Gives functions their names. Blocks.
fn named(job_id: JobId, sampled: &SampledHost) -> JobSamples {
    let mut problem = sampled.samples.problem.clone();
    let names = sampled.functions().unwrap_or_else(|error| {
        problem = Some(format!("cannot find the names of functions: {error}"));
        HashMap::new()
    });
    let mut functions = Vec::new();
    let mut numbers = HashMap::new();
    let mut counts = HashMap::new();
    for stack in &sampled.samples.stacks {
        let mut number = |name| {
            *numbers.entry(name).or_insert_with(|| {
                functions.push(str::to_owned(name));
                u32::try_from(functions.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let frames: Vec<u32> = of_stack(stack, &names).into_iter().map(&mut number).collect();
        *counts.entry((stack.subtask, stack.activity, frames)).or_insert(0_u32) += stack.count;
    }
    let stack = |((subtask, activity, frames), count)| SampledStack { subtask, activity, frames, count };
    JobSamples { job_id, functions, stacks: counts.into_iter().map(stack).collect(), problem }
}

#[cfg(test)]
mod tests {
    use flott_core::profile::TaskActivity;

    use super::*;

    fn sampled() -> SampledHost {
        let stack = |activity, addresses, thread, count| TaskStack {
            subtask: SubtaskId::new(0, 1),
            thread,
            activity,
            addresses,
            count,
        };
        let own = named as *const () as u64;
        SampledHost {
            pid: 0,
            vertices: vec![("Source: text".to_owned(), 2)],
            samples: TaskSamples {
                stacks: vec![
                    stack(TaskActivity::OnCpu, vec![own + 1], None, 2),
                    stack(TaskActivity::OnCpu, vec![own + 2], None, 3),
                    stack(TaskActivity::Idle, vec![], None, 4),
                ],
                problem: None,
            },
        }
    }

    #[test]
    fn places_within_a_function_are_one() {
        let job_id = JobId::from_bytes([1; 16]);
        let mut samples = named(job_id, &sampled());
        samples.stacks.sort_by_key(|stack| stack.count);
        let seen: Vec<_> = samples
            .stacks
            .iter()
            .map(|stack| (stack.count, samples.functions[stack.frames[0] as usize].as_str()))
            .collect();
        assert_eq!(seen, [(4, "waiting for input"), (5, "flott_taskmanager::profiles::named")]);
        assert!(samples.stacks.iter().all(|stack| stack.subtask == SubtaskId::new(0, 1)));
    }

    #[test]
    fn threads_are_told_with_their_subtasks() {
        let mut sampled = sampled();
        sampled.samples.stacks.truncate(1);
        sampled.samples.stacks[0].thread = Some(7);
        let mut all = vec![ThreadInfo { id: 7, name: "flott-slot".to_owned(), ..ThreadInfo::default() }];
        mark(&mut all, "host", &sampled);
        assert_eq!(all[0].task.as_deref(), Some("Source: text (2/2)"));
        assert_eq!(all[0].frames, ["flott_taskmanager::profiles::named"]);
        sampled.samples.stacks[0].thread = None;
        mark(&mut all, "host", &sampled);
        assert_eq!((all.len(), all[1].process.as_str()), (2, "host"));
    }

    #[tokio::test]
    async fn who_has_no_task_hosts_tells_of_itself() {
        let (inputs, mut inbox) = mpsc::channel(1);
        let profiles = Profiles::new(inputs);
        let (threads, ()) = tokio::join!(profiles.threads(), async {
            let Some(Input::SampleHosts { reply, .. }) = inbox.recv().await else { panic!("nobody asks") };
            reply.send(Vec::new()).unwrap();
        });
        let threads = threads.unwrap();
        assert!(threads.iter().any(|thread| thread.id == std::process::id()), "{threads:?}");
    }
}
