//! Takes the samples.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flott_core::{JobId, JobStatus, MonoTime, TaskManagerId};

use super::{
    History, INTERVAL, Subject,
    load::Load,
    of_cluster::{self, Machines, Usage},
    of_job::{self, Before, Throughput},
    recorder::Recorder,
    series::Tick,
};
use crate::{
    clock::{Clock, unix_ms},
    dispatcher::DispatcherHandle,
    process::own_metrics,
    resource_manager::ResourceManagerHandle,
    view::{ClusterOverview, JobView, ProcessMetrics, TaskManagerView},
};

/// When a sample is taken.
pub(super) fn time_of(tick: Tick) -> MonoTime {
    MonoTime::ZERO + INTERVAL.saturating_mul(u32::try_from(tick).unwrap_or(u32::MAX))
}

/// Looks at the published views again and again.
pub(crate) struct Sampler {
    history: History,
    clock: Clock,
    dispatcher: DispatcherHandle,
    resource_manager: ResourceManagerHandle,
    /// What the last sample has left for the next.
    state: State,
}

/// What there is at one moment.
struct Views {
    /// In Unix milliseconds.
    now: i64,
    overview: ClusterOverview,
    jobs: Vec<Arc<JobView>>,
    task_managers: Vec<Arc<TaskManagerView>>,
    own: ProcessMetrics,
    own_cores: u32,
}

#[derive(Default)]
struct State {
    /// What the subtasks of each job had done.
    jobs: BTreeMap<JobId, Vec<Before>>,
    loads: BTreeMap<TaskManagerId, Load>,
    own_load: Load,
}

impl Sampler {
    pub(crate) fn new(
        history: History,
        dispatcher: DispatcherHandle,
        resource_manager: ResourceManagerHandle,
    ) -> Self {
        let clock = history.clock;
        Self { history, clock, dispatcher, resource_manager, state: State::default() }
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            // Samples that this process was too late for are left out.
            let tick = next_tick(self.clock.now());
            self.clock.sleep_until(Some(time_of(tick))).await;
            let views = self.views();
            self.state.sample(tick, &views, &mut self.history.lock());
        }
    }

    fn views(&self) -> Views {
        Views {
            now: unix_ms(),
            overview: self.resource_manager.overview(),
            jobs: self.dispatcher.jobs(),
            task_managers: self.resource_manager.task_managers(),
            own: own_metrics(),
            own_cores: std::thread::available_parallelism()
                .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        }
    }
}

fn next_tick(now: MonoTime) -> Tick {
    (now.since(MonoTime::ZERO).as_millis() / INTERVAL.as_millis()) as Tick + 1
}

impl State {
    fn sample(&mut self, tick: Tick, views: &Views, recorder: &mut Recorder) {
        recorder.begin(tick);
        let throughput = self.sample_jobs(views, recorder);
        let mut machines = Machines::default();
        for view in &views.task_managers {
            let load = self.loads.entry(view.id.clone()).or_default();
            let usage = Usage { cpu_load: load.of_task_manager(view), memory: view.resident_bytes() as f64 };
            usage.record(&mut recorder.sample(Subject::TaskManager(view.id.clone())));
            machines.add(view, usage);
        }
        self.loads.retain(|id, _| views.task_managers.iter().any(|view| view.id == *id));
        let own = Usage {
            cpu_load: self.own_load.sample(views.now, views.own_cores, std::iter::once((0, views.own))),
            memory: views.own.resident_bytes as f64,
        };
        own.record(&mut recorder.sample(Subject::JobManager));
        let running = views.jobs.iter().filter(|job| job.status == JobStatus::Running).count();
        let mut sample = recorder.sample(Subject::Cluster);
        of_cluster::sample(&views.overview, running, throughput, machines.usage(), &mut sample);
    }

    fn sample_jobs(&mut self, views: &Views, recorder: &mut Recorder) -> Throughput {
        let interval = i64::try_from(INTERVAL.as_millis()).unwrap_or(i64::MAX);
        let mut throughput = Throughput::default();
        for job in &views.jobs {
            let subject = Subject::Job(job.job_id);
            // What had ended before the last sample and was not recorded then was not this leader's.
            let is_old = job.ended_unix_ms.is_some_and(|ended| ended < views.now - 2 * interval);
            if recorder.is_over(&subject) || is_old && !self.jobs.contains_key(&job.job_id) {
                continue;
            }
            let before = self.jobs.entry(job.job_id).or_default();
            let done = of_job::sample(before, job, views.now, &mut recorder.sample(subject.clone()));
            throughput = throughput.plus(done);
            if job.ended_unix_ms.is_some() {
                recorder.end(&subject);
            }
        }
        let known: BTreeSet<JobId> = views.jobs.iter().map(|job| job.job_id).collect();
        recorder.retain_subjects(|subject| match subject {
            Subject::Job(id) => known.contains(id),
            _ => true,
        });
        self.jobs.retain(|id, _| known.contains(id) && !recorder.is_over(&Subject::Job(*id)));
        throughput
    }
}

#[cfg(test)]
mod tests;
