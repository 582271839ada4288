//! Channels whose ends come and go while their task hosts live.

use std::{sync::Arc, time::Duration};

use flott_core::{
    AttemptNumber, ChannelId, CheckpointId, EdgeIndex, HostId, JobId, SubtaskIndex, TaskManagerId,
    checkpoint::{Alignment, Barrier, SnapshotKind},
    deployment::TaskHostAddress,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    runtime::Handle,
    sync::Notify,
    time::{sleep, timeout},
};

use super::*;
use crate::{Buffer, GateItem};

const LIMIT: Duration = Duration::from_secs(20);

fn channel(producer: u32, attempt: u32) -> ChannelId {
    let attempt = AttemptNumber(attempt);
    ChannelId { edge: EdgeIndex(0), producer: SubtaskIndex(producer), consumer: SubtaskIndex(0), attempt }
}

fn peer(channel: ChannelId, host: u32) -> ChannelPeer {
    ChannelPeer { channel, host: HostId(host) }
}

fn address(host: u32, task_manager: &str, port: u16) -> TaskHostAddress {
    TaskHostAddress {
        host: HostId(host),
        task_manager_id: TaskManagerId::new(task_manager),
        data_address: format!("127.0.0.1:{port}"),
    }
}

fn plane() -> DataPlane {
    DataPlane::new(JobId::from_bytes([1; 16]), [1; 32], Handle::current())
}

/// Task hosts 0 and 1, which know each other.
async fn pair() -> [DataPlane; 2] {
    let planes = [plane(), plane()];
    let mut hosts = Vec::new();
    for (host, plane) in (0..).zip(&planes) {
        let port = plane.listen("127.0.0.1", 0).await.unwrap();
        hosts.push(address(host, &format!("tm-{host}"), port));
    }
    for (host, plane) in (0..).zip(&planes) {
        plane.place(HostId(host), hosts.clone());
    }
    planes
}

/// The two ends of a channel, at first in no place.
struct Ends {
    sender: ChannelSender<u64>,
    gate: InputGate<u64>,
    produced: Arc<Notify>,
    consumed: Arc<Notify>,
}

impl Ends {
    fn new(from: (&DataPlane, u32), to: (&DataPlane, u32), attempt: u32) -> Self {
        let (produced, consumed) = (Arc::default(), Arc::default());
        let id = channel(0, attempt);
        let sender = from.0.sender(peer(id, to.1), &produced).unwrap();
        let gate = to.0.gate(&[peer(id, from.1)], &consumed).unwrap();
        Self { sender, gate, produced, consumed }
    }

    async fn send(&mut self, record: u64) -> Result<(), Error> {
        let mut buffer = Buffer::from(vec![record]);
        while !self.sender.try_send(&mut buffer)? {
            timeout(LIMIT, self.produced.notified()).await.expect("there is no credit");
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<GateItem<u64>, Error> {
        loop {
            match self.gate.poll()? {
                GateItem::Empty => timeout(LIMIT, self.consumed.notified()).await.expect("nothing comes"),
                item => return Ok(item),
            }
        }
    }

    /// The next record, whose credit goes back.
    async fn record(&mut self) -> u64 {
        match self.receive().await.unwrap() {
            GateItem::Batch { channel, records, .. } => {
                let record = records.records[0];
                self.gate.recycle(channel, records);
                record
            }
            item => panic!("{item:?}"),
        }
    }
}

/// What a plane knows of channels: local ones; waiting producers and consumers elsewhere; entries of any kind.
fn known(plane: &DataPlane) -> (usize, [usize; 3]) {
    (plane.local.len(), plane.routes.counts())
}

#[tokio::test]
async fn a_thousand_restarts_in_one_process_leave_nothing() {
    let [plane, _] = pair().await;
    for attempt in 0..1_000 {
        let mut ends = Ends::new((&plane, 0), (&plane, 0), attempt);
        ends.send(u64::from(attempt)).await.unwrap();
        ends.send(7).await.unwrap();
        assert_eq!(ends.record().await, u64::from(attempt), "the other record of the last attempt is gone");
        assert_eq!(known(&plane).0, 1);
        match attempt % 3 {
            0 => drop(ends),
            1 => {
                let Ends { mut sender, gate, .. } = ends;
                drop(gate);
                while sender.try_send(&mut vec![1].into()).unwrap() {}
                assert!(sender.try_end().unwrap(), "nobody hears it");
            }
            _ => {
                let Ends { sender, mut gate, .. } = ends;
                drop(sender);
                assert!(matches!(gate.poll().unwrap(), GateItem::Batch { .. }));
            }
        }
        assert_eq!(known(&plane), (0, [0, 0, 0]));
    }
}

#[tokio::test]
async fn a_thousand_restarts_over_one_connection_leave_nothing() {
    let [first, second] = pair().await;
    for attempt in 0..1_000 {
        let (from, to) =
            if attempt % 2 == 0 { ((&first, 0), (&second, 1)) } else { ((&second, 1), (&first, 0)) };
        let mut ends = Ends::new(from, to, attempt);
        ends.send(u64::from(attempt)).await.unwrap();
        ends.send(7).await.unwrap();
        assert_eq!(ends.record().await, u64::from(attempt));
        // One end goes while the other still sends, or grants.
        if attempt % 3 == 0 {
            let Ends { mut sender, gate, .. } = ends;
            drop(gate);
            while sender.try_send(&mut vec![1].into()).unwrap() {}
        } else {
            drop(ends);
        }
        for plane in [&first, &second] {
            let (_, [producers, consumers, all]) = known(plane);
            // The grant may have come for an attempt of which the end here never came: that is replaced by the next.
            assert!(producers + consumers == 0 && all <= 2, "{producers} {consumers} {all}");
        }
    }
    assert_eq!((first.connections.len(), second.connections.len()), (1, 1));
}

#[tokio::test]
async fn ends_of_an_attempt_may_come_in_any_order() {
    let [first, second] = pair().await;
    let mut connecting = Ends::new((&first, 0), (&second, 1), 0);
    connecting.send(1).await.unwrap();
    assert_eq!(connecting.record().await, 1);

    // The next attempt's gate grants credit while the last attempt's sender is still there.
    let (produced, consumed) = (Arc::default(), Arc::default());
    let gate = second.gate::<u64>(&[peer(channel(0, 1), 0)], &consumed).unwrap();
    timeout(LIMIT, async {
        while connecting.sender.try_send(&mut vec![2].into()).unwrap() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    drop(connecting);
    let sender = first.sender::<u64>(peer(channel(0, 1), 1), &produced).unwrap();
    let mut ends = Ends { sender, gate, produced, consumed };
    ends.send(3).await.unwrap();
    assert_eq!(ends.record().await, 3, "not what the last attempt has sent");
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_gets_nothing_of_its_successor() {
    let [first, second] = pair().await;
    let mut new = Ends::new((&first, 0), (&second, 1), 5);
    new.send(1).await.unwrap();
    let old = Ends::new((&first, 0), (&second, 1), 4);
    let mut old_sender = old.sender;
    assert!(!old_sender.try_send(&mut vec![9].into()).unwrap());
    drop((old_sender, old.gate));
    assert_eq!(new.record().await, 1);
    new.send(2).await.unwrap();
    assert_eq!(new.record().await, 2, "the old one's end has taken nothing with it");
}

#[tokio::test]
async fn a_task_host_that_was_started_anew_is_another_one() {
    let [first, second] = pair().await;
    let mut before = Ends::new((&first, 0), (&second, 1), 0);
    before.send(1).await.unwrap();
    assert_eq!(before.record().await, 1);
    // The connection of the old one breaks; the new one listens elsewhere.
    first
        .connections
        .to(HostId(1))
        .close(&Error::ConnectionLost { peer: "it".into(), reason: "dead".into() });
    let third = plane();
    let port = third.listen("127.0.0.1", 0).await.unwrap();
    let hosts = vec![address(0, "tm-0", 1), address(7, "tm-1", port)];
    first.place(HostId(0), hosts.clone());
    third.place(HostId(7), hosts);
    let mut after = Ends::new((&first, 0), (&third, 7), 1);
    after.send(2).await.unwrap();
    assert_eq!(after.record().await, 2);
    assert_eq!(first.connections.len(), 1, "the broken one is forgotten");
}

#[tokio::test]
async fn channels_over_a_broken_connection_fail_and_the_next_attempt_gets_another() {
    // A relay that can be cut, in front of task host 1.
    let [first, second] = [plane(), plane()];
    let port = second.listen("127.0.0.1", 0).await.unwrap();
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relayed = relay.local_addr().unwrap().port();
    let (cut, mut is_cut) = tokio::sync::watch::channel(0u32);
    #[expect(clippy::disallowed_methods, reason = "the test's runtime ends it")]
    tokio::spawn(async move {
        while let Ok((mut inward, _)) = relay.accept().await {
            let mut outward = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            is_cut.mark_unchanged();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut inward, &mut outward) => {}
                _ = is_cut.changed() => {}
            }
            let _ = inward.shutdown().await;
        }
    });
    let hosts = vec![address(0, "tm-0", 1), address(1, "tm-1", relayed)];
    first.place(HostId(0), hosts.clone());
    second.place(HostId(1), hosts);
    for attempt in 0..3 {
        let mut there = Ends::new((&first, 0), (&second, 1), attempt);
        there.send(u64::from(attempt)).await.unwrap();
        assert_eq!(there.record().await, u64::from(attempt));
        cut.send_replace(attempt);
        let error = there.receive().await.unwrap_err();
        assert!(error.to_string().contains("lost the data connection"), "{error}");
        let error = timeout(LIMIT, async {
            loop {
                match there.send(0).await {
                    Ok(()) => sleep(Duration::from_millis(1)).await,
                    Err(error) => return error,
                }
            }
        });
        assert!(error.await.unwrap().to_string().contains("lost the data connection"));
    }
}

fn barrier(id: u64) -> Arc<Barrier> {
    Arc::new(Barrier {
        id: CheckpointId(id),
        triggered_at: 0,
        kind: SnapshotKind::Checkpoint { full: false },
        alignment: Alignment::Unaligned,
    })
}

#[tokio::test]
async fn barriers_keep_their_place_or_overtake_here_and_elsewhere() {
    let [first, second] = pair().await;
    for (to, host) in [(&first, 0), (&second, 1)] {
        let mut ends = Ends::new((&first, 0), (to, host), host);
        ends.send(1).await.unwrap();
        assert_eq!(ends.record().await, 1);
        // In its place: behind the record.
        let mut buffer = Buffer::from(vec![2]);
        buffer.set_barrier(barrier(1));
        assert!(ends.sender.try_send(&mut buffer).unwrap());
        assert_eq!(ends.record().await, 2);
        assert_eq!(ends.receive().await.unwrap(), GateItem::Barrier { channel: 0, barrier: barrier(1) });
        // One that has a timeout is announced, too.
        let mut buffer = Buffer::from(vec![5]);
        let alignment = Alignment::Aligned { timeout_ms: Some(1) };
        let patient = Arc::new(Barrier { alignment, ..Barrier::clone(&barrier(1)) });
        buffer.set_barrier(patient.clone());
        assert!(ends.sender.try_send(&mut buffer).unwrap());
        assert_eq!(ends.receive().await.unwrap(), GateItem::Announcement { barrier: patient.clone() });
        assert_eq!(ends.record().await, 5);
        assert_eq!(ends.receive().await.unwrap(), GateItem::Barrier { channel: 0, barrier: patient });
        // In front of all that waits, without credit.
        let mut sent = 0;
        while ends.sender.try_send(&mut vec![3].into()).unwrap() {
            sent += 1;
        }
        assert!(sent > 0);
        assert!(ends.sender.try_send_barrier(&barrier(2)).unwrap());
        timeout(LIMIT, async {
            while ends.gate.poll_urgent().unwrap().is_none() {
                ends.consumed.notified().await;
            }
        })
        .await
        .unwrap();
        ends.gate.begin_capture(CheckpointId(2), |_| true).unwrap();
        let captured = ends.gate.take_capture().unwrap().expect("the barrier has come");
        assert_eq!(captured.len(), 1);
        assert_eq!(captured[0].buffers.len(), sent);
        assert_eq!(ends.record().await, 3, "what was captured is delivered all the same");
    }
}

#[tokio::test]
async fn no_barrier_overtakes_before_its_consumer_is_there() {
    let [first, second] = pair().await;
    for (to, host) in [(&first, 0), (&second, 1)] {
        let signal = Arc::default();
        let mut sender = first.sender::<u64>(peer(channel(3, host), host), &signal).unwrap();
        assert!(!sender.try_send_barrier(&barrier(1)).unwrap());
        let consumed = Arc::default();
        let mut gate = to.gate::<u64>(&[peer(channel(3, host), 0)], &consumed).unwrap();
        timeout(LIMIT, async {
            while !sender.try_send_barrier(&barrier(1)).unwrap() {
                signal.notified().await;
            }
            while gate.poll().unwrap() == GateItem::Empty {
                consumed.notified().await;
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_gate_grants_no_more_than_it_is_told() {
    let [plane, _] = pair().await;
    let mut ends = Ends::new((&plane, 0), (&plane.clone().with_credits(1), 0), 0);
    ends.send(1).await.unwrap();
    assert!(!ends.sender.try_send(&mut vec![2].into()).unwrap());
    assert_eq!(ends.record().await, 1);
    assert!(ends.sender.try_send(&mut vec![2].into()).unwrap());
}
