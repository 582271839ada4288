//! Looks at subtasks again and again.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use flott_core::{
    SubtaskId,
    profile::{TaskActivity, TaskSamples, TaskSampling, TaskStack},
};

use super::{
    SlotThreads,
    threads::{SlotThread, unpack},
};
use crate::{
    TaskCounters,
    counters::{Phase, now},
};

/// Most addresses that are kept of one sampling (4 MiB); stacks beyond are counted without their functions.
const MAX_ADDRESSES: usize = 512 * 1024;

/// Longest that a sampling sleeps at a time, so that it notices soon when nobody waits for it any more.
const NAP: Duration = Duration::from_millis(100);

/// How much longer than wanted a sampling may take.
const OVERTIME: Duration = Duration::from_secs(5);

/// A subtask that can be looked at.
pub(crate) struct Sampled {
    pub(crate) subtask: SubtaskId,
    pub(crate) counters: Arc<TaskCounters>,
    pub(crate) ended: Arc<AtomicBool>,
}

/// One sampling.
pub(crate) struct Sampler {
    pub(crate) sampling: TaskSampling,
    pub(crate) threads: SlotThreads,
    /// Those that ran when it began.
    pub(crate) subtasks: Vec<Sampled>,
}

/// What was seen: which subtask on which thread, and what it did where.
type Seen = (SubtaskId, Option<u32>, TaskActivity, Vec<u64>);

impl Sampler {
    /// Samples on a thread of its own, and hands over what was seen. It ends early if nobody `is_wanted` any more.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub(crate) fn start(
        self,
        is_wanted: impl Fn() -> bool + Send + 'static,
        hand_over: impl FnOnce(TaskSamples) + Send + 'static,
    ) -> std::io::Result<()> {
        let sample = move || {
            let samples = self.run(&is_wanted);
            hand_over(samples);
        };
        thread::Builder::new().name("flott-profiler".to_owned()).spawn(sample).map(drop)
    }

    fn run(&self, is_wanted: &dyn Fn() -> bool) -> TaskSamples {
        let problem = flott_stacks::prepare().err().map(|error| error.to_string());
        let mut stacks = Stacks::default();
        let began = now();
        for round in 0..self.sampling.samples {
            let due = began + self.sampling.delay.saturating_mul(round);
            while now() < due && is_wanted() {
                thread::sleep((due - now()).min(NAP));
            }
            // Threads that get no processor take their time to answer.
            if !is_wanted() || now() > began + self.sampling.duration() + OVERTIME {
                break;
            }
            self.look(problem.is_none(), &mut stacks);
        }
        TaskSamples { stacks: stacks.into_list(), problem }
    }

    /// Looks at each subtask once.
    fn look(&self, with_functions: bool, stacks: &mut Stacks) {
        let mut on_threads = Vec::new();
        for thread in self.threads.all() {
            let Some(subtask) = thread.running().filter(|&subtask| self.sampling.wants(subtask)) else {
                continue;
            };
            let activity = activity_of(&thread);
            let captured = if with_functions { captured(&thread, self.sampling.max_depth) } else { None };
            // It may have turned to another one in between.
            let (subtask, addresses) = captured.unwrap_or((subtask, Vec::new()));
            on_threads.push(subtask);
            if self.sampling.wants(subtask) {
                let id = (self.sampling.samples == 1).then_some(thread.id);
                stacks.add((subtask, id, activity, addresses));
            }
        }
        for task in &self.subtasks {
            if on_threads.contains(&task.subtask)
                || task.ended.load(Relaxed)
                || !self.sampling.wants(task.subtask)
            {
                continue;
            }
            let activity = match task.counters.phase() {
                Phase::Idle => TaskActivity::Idle,
                Phase::Backpressured | Phase::Blocked => TaskActivity::Backpressured,
                Phase::Busy => TaskActivity::Ready,
            };
            stacks.add((task.subtask, None, activity, Vec::new()));
        }
    }
}

/// Which subtask a thread runs, and the functions that it is in. `None` if it runs none, or does not tell.
fn captured(thread: &SlotThread, max_depth: u32) -> Option<(SubtaskId, Vec<u64>)> {
    let captured = flott_stacks::capture(thread.id, Some(thread.cell()), max_depth)?;
    Some((unpack(captured.noted)?, captured.addresses))
}

/// Whether a thread runs or is blocked. One of which that is not told runs.
fn activity_of(thread: &SlotThread) -> TaskActivity {
    let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", thread.id)).unwrap_or_default();
    // The name, in parentheses, may contain anything.
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    match state {
        Some('S' | 'D' | 'T' | 't' | 'I') => TaskActivity::Blocked,
        _ => TaskActivity::OnCpu,
    }
}

#[derive(Default)]
struct Stacks {
    counts: HashMap<Seen, u32>,
    addresses: usize,
}

impl Stacks {
    fn add(&mut self, mut seen: Seen) {
        if let Some(count) = self.counts.get_mut(&seen) {
            *count += 1;
            return;
        }
        self.addresses += seen.3.len();
        if self.addresses > MAX_ADDRESSES {
            seen.3 = Vec::new();
        }
        *self.counts.entry(seen).or_default() += 1;
    }

    fn into_list(self) -> Vec<TaskStack> {
        let stack = |((subtask, thread, activity, addresses), count)| TaskStack {
            subtask,
            thread,
            activity,
            addresses,
            count,
        };
        self.counts.into_iter().map(stack).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, sync::mpsc, time::Duration};

    use tokio::sync::Notify;

    use super::*;
    use crate::sampling::marked;

    const BUSY: SubtaskId = SubtaskId::new(0, 0);
    const BLOCKED: SubtaskId = SubtaskId::new(0, 1);
    const IDLE: SubtaskId = SubtaskId::new(1, 0);

    #[inline(never)]
    fn spin(stop: &AtomicBool) -> u64 {
        let mut sum = 0_u64;
        while !stop.load(Relaxed) {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        sum
    }

    fn sample(sampler: Sampler) -> TaskSamples {
        let (sender, samples) = mpsc::sync_channel(1);
        sampler.start(|| true, move |samples| sender.send(samples).unwrap()).unwrap();
        samples.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    fn sampled(subtask: SubtaskId, phase: Phase) -> Sampled {
        let counters = Arc::<TaskCounters>::default();
        counters.enter(phase);
        Sampled { subtask, counters, ended: Arc::default() }
    }

    #[test]
    fn each_subtask_is_seen_doing_what_it_does() {
        let threads = SlotThreads::default();
        let (entering, leaving) = (threads.clone(), threads.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_start(move || entering.enter())
            .on_thread_stop(move || leaving.leave())
            .build()
            .unwrap();
        let (stop, started) = (Arc::<AtomicBool>::default(), Arc::<Notify>::default());
        let (release, blocked) = mpsc::sync_channel::<()>(0);
        let (busy_stop, busy_started) = (stop.clone(), started.clone());
        runtime.spawn(marked(BUSY, async move {
            busy_started.notify_one();
            spin(&busy_stop);
        }));
        runtime.spawn(marked(BLOCKED, async move {
            let _ = blocked.recv();
        }));
        runtime.block_on(started.notified());
        while threads.all().iter().filter(|thread| thread.running().is_some()).count() < 2 {
            thread::yield_now();
        }

        let sampling =
            TaskSampling { vertices: Vec::new(), samples: 5, delay: Duration::from_millis(2), max_depth: 64 };
        let subtasks = || vec![sampled(BUSY, Phase::Busy), sampled(IDLE, Phase::Idle)];
        let samples =
            sample(Sampler { sampling: sampling.clone(), threads: threads.clone(), subtasks: subtasks() });
        assert_eq!(samples.problem, None);
        let of = |subtask| {
            let stacks = samples.stacks.iter().filter(move |stack| stack.subtask == subtask);
            stacks.map(|stack| stack.count).sum::<u32>()
        };
        assert_eq!([of(BUSY), of(BLOCKED), of(IDLE)], [5, 5, 5], "{samples:?}");
        let spinning = spin as *const () as u64;
        let spins = samples.stacks.iter().any(|stack| {
            stack.subtask == BUSY
                && stack.addresses.iter().any(|&at| (spinning..spinning + 4096).contains(&at))
        });
        assert!(spins, "{samples:?}");
        let blocks = |stack: &TaskStack| {
            stack.subtask == BLOCKED && stack.activity == TaskActivity::Blocked && stack.addresses.len() > 3
        };
        assert!(samples.stacks.iter().any(blocks), "{samples:?}");

        let once = TaskSampling { samples: 1, vertices: vec![BUSY.vertex], ..sampling };
        let samples = sample(Sampler { sampling: once, threads: threads.clone(), subtasks: subtasks() });
        let mut seen: Vec<_> = samples.stacks.iter().map(|stack| stack.subtask).collect();
        seen.sort();
        assert_eq!(seen, [BUSY, BLOCKED]);
        assert!(samples.stacks.iter().all(|stack| stack.thread.is_some()), "{samples:?}");
        stop.store(true, Relaxed);
        drop(release);
    }

    /// A walk through the unwinder while it throws a panic would end the process.
    #[test]
    fn a_thread_that_panics_again_and_again_can_be_looked_at() {
        let threads = SlotThreads::default();
        let stop = AtomicBool::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                threads.enter();
                while !stop.load(Relaxed) {
                    let work = async {
                        for _ in 0..100 {
                            // Without the hook, which would print.
                            let panic = || std::panic::resume_unwind(Box::new(black_box(7)));
                            let caught: Result<(), _> = std::panic::catch_unwind(panic);
                            assert!(caught.is_err());
                        }
                    };
                    let mut work = marked(BUSY, work);
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    assert!(std::pin::Pin::new(&mut work).poll(&mut context).is_ready());
                }
                threads.leave();
            });
            while threads.all().iter().all(|thread| thread.running().is_none()) {
                thread::yield_now();
            }
            let sampling = TaskSampling {
                vertices: Vec::new(),
                samples: 300,
                delay: Duration::from_micros(100),
                max_depth: 64,
            };
            let samples = sample(Sampler { sampling, threads: threads.clone(), subtasks: Vec::new() });
            stop.store(true, Relaxed);
            assert!(samples.stacks.iter().any(|stack| !stack.addresses.is_empty()), "{samples:?}");
        });
    }

    #[test]
    fn what_is_too_much_is_counted_without_functions() {
        let mut stacks = Stacks::default();
        for number in 0..3 {
            stacks.add((BUSY, None, TaskActivity::OnCpu, vec![number; MAX_ADDRESSES / 2]));
        }
        stacks.add((BUSY, None, TaskActivity::OnCpu, vec![0; MAX_ADDRESSES / 2]));
        let mut list = stacks.into_list();
        list.sort_by_key(|stack| (stack.addresses.len(), stack.count));
        let shape: Vec<_> = list.iter().map(|stack| (stack.addresses.len(), stack.count)).collect();
        assert_eq!(shape, [(0, 1), (MAX_ADDRESSES / 2, 1), (MAX_ADDRESSES / 2, 2)]);
    }
}
