//! Clients that stay with their job and want it to end when they vanish.
//!
//! A client that wants this says so when it submits the job, and from then on tells again and again until when it is
//! certainly there. A job whose client has let that time pass is canceled, once. Times are leases in the sense of Gray &
//! Cheriton (1989): nobody has to notice that a client has gone.

use std::collections::BTreeMap;

use flott_core::{JobId, MonoTime};

/// Until when the clients of which jobs are there. Jobs whose clients did not ask for it are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachedClients {
    leases: BTreeMap<JobId, MonoTime>,
}

impl AttachedClients {
    /// From now on `job` lives only as long as its client is there, which it is until `until`.
    pub fn attach(&mut self, job: JobId, until: MonoTime) {
        self.leases.insert(job, until);
    }

    /// The client of `job` is there until `until`, which may also be earlier than it has said before. Without effect on jobs
    /// that were not attached: only who submits a job can tie it to a client.
    pub fn renew(&mut self, job: JobId, until: MonoTime) {
        if let Some(lease) = self.leases.get_mut(&job) {
            *lease = until;
        }
    }

    /// `job` has ended.
    pub fn remove(&mut self, job: JobId) {
        self.leases.remove(&job);
    }

    /// When [`take_expired`](Self::take_expired) has something to say next.
    pub fn next_wakeup(&self) -> Option<MonoTime> {
        self.leases.values().min().copied()
    }

    /// The jobs to cancel, since their clients have not been heard of in time. Each is returned once.
    pub fn take_expired(&mut self, now: MonoTime) -> Vec<JobId> {
        let expired: Vec<JobId> =
            self.leases.iter().filter(|(_, until)| **until <= now).map(|(job, _)| *job).collect();
        for job in &expired {
            self.leases.remove(job);
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const JOB: JobId = JobId::from_bytes([1; 16]);
    const OTHER: JobId = JobId::from_bytes([2; 16]);

    fn at(seconds: u64) -> MonoTime {
        MonoTime::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_job_is_canceled_once_when_its_client_is_silent() {
        let mut clients = AttachedClients::default();
        clients.attach(JOB, at(10));
        clients.attach(OTHER, at(20));
        assert_eq!(clients.next_wakeup(), Some(at(10)));
        assert_eq!(clients.take_expired(at(9)), []);
        assert_eq!(clients.take_expired(at(10)), [JOB]);
        assert_eq!(clients.take_expired(at(10)), []);
        clients.renew(JOB, at(30));
        assert_eq!(clients.next_wakeup(), Some(at(20)), "a late heartbeat revives nothing");
    }

    #[test]
    fn heartbeats_prolong_or_end_a_lease() {
        let mut clients = AttachedClients::default();
        clients.attach(JOB, at(10));
        clients.renew(JOB, at(40));
        assert_eq!(clients.take_expired(at(39)), []);
        clients.renew(JOB, at(5));
        assert_eq!(clients.take_expired(at(39)), [JOB], "the client has said that it goes");
    }

    #[test]
    fn jobs_without_such_a_client_are_left_alone() {
        let mut clients = AttachedClients::default();
        clients.renew(JOB, at(1));
        assert_eq!(clients.next_wakeup(), None);
        clients.attach(JOB, at(1));
        clients.remove(JOB);
        assert_eq!(clients.take_expired(at(2)), []);
    }
}
