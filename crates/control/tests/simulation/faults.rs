//! What goes wrong.

use super::{
    network::{ToJobManager, ToTaskManager},
    task_manager::Process,
    world::{Action, MILLI, SECOND, World},
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    StartTaskManager(usize),
    /// Its task hosts die soon after it.
    CrashTaskManager(usize),
    /// It does nothing for a while; its task hosts go on.
    FreezeTaskManager(usize, u64),
    Thaw(usize),
    /// Another one takes its place.
    CrashJobManager,
    /// It does nothing for so long, and does not know then that another one leads.
    FreezeJobManager(u64),
    StartJobManager,
    /// One that leads no more learns it.
    RetireJobManager(u64),
    /// One or both ends see the heartbeat stream break.
    BreakStream(usize),
    /// No message gets through for a while.
    Partition(usize, u64),
    /// A task host that happens to run there dies.
    CrashHost(usize),
}

impl Fault {
    pub(crate) fn any_of_leader(world: &mut World) -> Self {
        if world.random.percent(60) {
            return Self::CrashJobManager;
        }
        Self::FreezeJobManager(world.random.between(100 * MILLI, 8 * SECOND))
    }

    pub(crate) fn any(world: &mut World) -> Self {
        let place = world.random.below(world.places.len() as u64) as usize;
        let duration = world.random.between(100 * MILLI, 6 * SECOND);
        match world.random.below(100) {
            0..20 => Self::CrashTaskManager(place),
            20..35 => Self::FreezeTaskManager(place, duration),
            35..48 => Self::any_of_leader(world),
            48..60 => Self::BreakStream(place),
            60..75 => Self::Partition(place, duration),
            _ => Self::CrashHost(place),
        }
    }
}

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::StartTaskManager(place) => self.start_task_manager(place),
            Fault::CrashTaskManager(place) => {
                if self.crash_task_manager(place) {
                    self.count("TaskManager crashed");
                    let restart = Action::Fault(Fault::StartTaskManager(place));
                    self.at_between(50 * MILLI, 5 * SECOND, restart);
                }
            }
            Fault::FreezeTaskManager(place, duration) => {
                if self.places[place].process.is_some() && !self.places[place].frozen {
                    self.count("TaskManager froze");
                    self.places[place].frozen = true;
                    self.at(duration, Action::Fault(Fault::Thaw(place)));
                }
            }
            Fault::Thaw(place) => {
                self.places[place].frozen = false;
                for (process, event) in std::mem::take(&mut self.places[place].backlog) {
                    self.task_manager_event(process, event);
                }
            }
            Fault::CrashJobManager => {
                self.look_at_jobs();
                if let Some(old) = self.job_manager.take() {
                    self.count("JobManager crashed");
                    self.close_streams_of(old.epoch);
                    self.leave_orders_behind(old);
                    self.at_between(50 * MILLI, 4 * SECOND, Action::Fault(Fault::StartJobManager));
                }
            }
            Fault::FreezeJobManager(duration) => {
                self.look_at_jobs();
                if let Some(mut old) = self.job_manager.take() {
                    self.count("JobManager froze");
                    let until = self.now() + std::time::Duration::from_micros(duration);
                    old.frozen_until = Some(until);
                    if let Some(older) = &self.deposed {
                        let epoch = older.epoch;
                        self.retire(epoch);
                    }
                    let retire = Action::Fault(Fault::RetireJobManager(old.epoch));
                    // It looks at its clock before it does anything else, if it can.
                    let late = if self.calm { 0 } else { 2 * SECOND };
                    self.at_between(duration, duration + late, retire);
                    self.deposed = Some(old);
                    self.at_between(50 * MILLI, 4 * SECOND, Action::Fault(Fault::StartJobManager));
                }
            }
            Fault::RetireJobManager(epoch) => self.retire(epoch),
            Fault::StartJobManager => self.start_job_manager(),
            Fault::BreakStream(place) => {
                let Some(registration_id) = self.places[place].registration_id() else { return };
                let process = Process { place, incarnation: self.places[place].incarnation };
                let ends = self.random.between(1, 3);
                if ends & 1 != 0 {
                    self.send_to_task_manager(ToTaskManager::StreamClosed { process, registration_id });
                }
                if ends & 2 != 0 {
                    let id = self.places[place].id();
                    self.send_to_job_manager(place, ToJobManager::StreamClosed { id, registration_id });
                }
            }
            Fault::Partition(place, duration) => {
                self.count("partition");
                let until = self.now() + std::time::Duration::from_micros(duration);
                self.places[place].cut_off_until = until;
            }
            Fault::CrashHost(place) => self.crash_any_host(place),
        }
    }

    /// A JobManager that leads no more ends.
    pub(crate) fn retire(&mut self, epoch: u64) {
        if let Some(old) = self.deposed.take_if(|old| old.epoch == epoch) {
            self.close_streams_of(epoch);
            self.leave_orders_behind(old);
        }
    }

    fn close_streams_of(&mut self, epoch: u64) {
        for place in 0..self.places.len() {
            let Some(registration_id) = self.places[place].registration_id() else { continue };
            if registration_id.as_bytes()[..8] == epoch.to_be_bytes() {
                let process = Process { place, incarnation: self.places[place].incarnation };
                self.send_to_task_manager(ToTaskManager::StreamClosed { process, registration_id });
            }
        }
    }

    /// Something has begun that takes so long: now and then it is all that the JobManager does.
    pub(crate) fn ambush(&mut self, within: u64) {
        if self.ambushes > 0 && self.faults_go_on() && !self.is_deposed && self.random.percent(4) {
            self.ambushes -= 1;
            let fault = Fault::any_of_leader(self);
            self.at_between(0, within, Action::Fault(fault));
        }
    }

    pub(crate) fn is_cut_off(&self, place: usize) -> bool {
        self.now() < self.places[place].cut_off_until
    }
}
