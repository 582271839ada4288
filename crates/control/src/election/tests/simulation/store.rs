//! A store as etcd is one: leases, one key, revisions, and its oddities.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::super::super::{Action, Answer, Created, LeaderKey, LeaseId, Observation, Renewed, Revision};

/// A lease, in milliseconds of the store's time.
struct Lease {
    time: u64,
    expires_at: u64,
}

pub(super) struct Store {
    /// How often it has lost everything; epochs of different lives are not compared.
    pub(super) life: u64,
    revision: i64,
    leases: BTreeMap<LeaseId, Lease>,
    key: Option<LeaderKey>,
    lease_time: u64,
    next_lease: i64,
    /// Life and epoch of the last write that succeeded.
    last_write: (u64, Revision),
}

impl Store {
    pub(super) fn new(lease_time: Duration, revision: i64) -> Self {
        Self {
            life: 0,
            revision,
            leases: BTreeMap::new(),
            key: None,
            lease_time: lease_time.as_millis() as u64,
            next_lease: 1_000,
            last_write: (0, Revision(0)),
        }
    }

    pub(super) fn observation(&self) -> Observation {
        Observation { leader: self.key.clone(), revision: Revision(self.revision) }
    }

    /// Carries out everything but watches.
    pub(super) fn execute(&mut self, action: &Action, now: u64) -> Answer {
        match action {
            Action::GrantLease => {
                self.next_lease += 1;
                let (lease, time) = (LeaseId(self.next_lease), self.lease_time);
                self.leases.insert(lease, Lease { time, expires_at: now + time });
                Answer::Granted(Ok((lease, Duration::from_millis(time))))
            }
            Action::CreateKey { lease } => Answer::Created(Ok(if self.key.is_some() {
                Created::Lost(self.observation())
            } else if !self.leases.contains_key(lease) {
                Created::LeaseGone
            } else {
                self.revision += 1;
                let created = Revision(self.revision);
                self.key = Some(LeaderKey { created, lease: *lease, value: Arc::from(&b"me"[..]) });
                Created::Won(created)
            })),
            Action::ReadKey => Answer::Read(Ok(self.observation())),
            Action::RenewLease { lease } => Answer::Renewed(Ok(match self.leases.get_mut(lease) {
                Some(lease) => {
                    lease.expires_at = now + lease.time;
                    Renewed::Lives(Duration::from_millis(lease.time))
                }
                None => Renewed::Gone,
            })),
            Action::RevokeLease { lease } => {
                self.end_lease(*lease);
                Answer::Revoked(Ok(()))
            }
            Action::WatchKey { .. } => unreachable!("the world keeps the watches"),
        }
    }

    /// A write on the condition of an epoch: whether it succeeds. Holds the order of writes.
    pub(super) fn write(&mut self, epoch: Revision, lease: LeaseId) -> bool {
        let succeeds = self.key.as_ref().is_some_and(|key| key.created == epoch && key.lease == lease);
        if succeeds {
            self.revision += 1;
            let write = (self.life, epoch);
            assert!(write >= self.last_write, "{write:?} succeeded after {:?}", self.last_write);
            self.last_write = write;
        }
        succeeds
    }

    /// Something else changes.
    pub(super) fn advance(&mut self) {
        self.revision += 1;
    }

    /// Ends what has run out. Whether there was anything.
    pub(super) fn expire(&mut self, now: u64) -> bool {
        let gone: Vec<_> =
            self.leases.iter().filter(|(_, lease)| now > lease.expires_at).map(|(id, _)| *id).collect();
        gone.iter().for_each(|lease| self.end_lease(*lease));
        !gone.is_empty()
    }

    /// Ends the lease of the leader, as a server that was the leader of the servers may do.
    pub(super) fn revoke(&mut self) -> bool {
        let lease = self.key.as_ref().map(|key| key.lease);
        lease.into_iter().for_each(|lease| self.end_lease(lease));
        lease.is_some()
    }

    /// Somebody deletes the leader key, but not its lease.
    pub(super) fn delete_key(&mut self) -> bool {
        let existed = self.key.take().is_some();
        self.revision += i64::from(existed);
        existed
    }

    /// Leases begin anew.
    pub(super) fn restart(&mut self, now: u64) {
        self.leases.values_mut().for_each(|lease| lease.expires_at = now + lease.time);
    }

    /// Everything is lost.
    pub(super) fn wipe(&mut self) {
        self.life += 1;
        self.revision = 1;
        self.leases.clear();
        self.key = None;
    }

    fn end_lease(&mut self, lease: LeaseId) {
        self.leases.remove(&lease);
        if self.key.as_ref().is_some_and(|key| key.lease == lease) {
            self.key = None;
            self.revision += 1;
        }
    }
}
