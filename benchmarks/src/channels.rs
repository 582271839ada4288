//! The exchange of the plain twins: two threads that each make records, keep those of their own half of the keys, and
//! send the others in batches.

use std::{
    sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    thread,
};

const BATCH: usize = 1_024;
const UNDERWAY: usize = 8;

/// One thread's end.
pub(crate) struct Peer<T> {
    outgoing: SyncSender<Vec<T>>,
    incoming: Receiver<Vec<T>>,
    returned: Receiver<Vec<T>>,
    give_back: SyncSender<Vec<T>>,
    buffer: Vec<T>,
}

/// Runs `work` on two threads, numbered 0 and 1, and gives their results.
pub(crate) fn on_two_threads<T: Send, R: Send>(work: impl Fn(usize, Peer<T>) -> R + Sync) -> [R; 2] {
    let (to_first, first_in) = sync_channel(UNDERWAY);
    let (to_second, second_in) = sync_channel(UNDERWAY);
    let (return_to_first, first_returned) = sync_channel(2 * UNDERWAY);
    let (return_to_second, second_returned) = sync_channel(2 * UNDERWAY);
    let first = Peer {
        outgoing: to_second,
        incoming: first_in,
        returned: first_returned,
        give_back: return_to_second,
        buffer: Vec::with_capacity(BATCH),
    };
    let second = Peer {
        outgoing: to_first,
        incoming: second_in,
        returned: second_returned,
        give_back: return_to_first,
        buffer: Vec::with_capacity(BATCH),
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| work(1, second));
        let own = work(0, first);
        [own, other.join().expect("the other thread does not panic")]
    })
}

impl<T> Peer<T> {
    /// Sends a record to the other thread; `take` gets what that one has sent meanwhile.
    #[inline]
    pub(crate) fn send(&mut self, record: T, take: &mut impl FnMut(T)) {
        self.buffer.push(record);
        if self.buffer.len() == BATCH {
            self.flush(take);
        }
    }

    fn flush(&mut self, take: &mut impl FnMut(T)) {
        let spare = self.returned.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH));
        let mut batch = std::mem::replace(&mut self.buffer, spare);
        loop {
            match self.outgoing.try_send(batch) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => batch = back,
                Err(TrySendError::Disconnected(_)) => panic!("the other thread waits for the end"),
            }
            if !self.receive(take) {
                thread::yield_now();
            }
        }
        self.receive(take);
    }

    /// Takes one batch, if one is there.
    fn receive(&self, take: &mut impl FnMut(T)) -> bool {
        match self.incoming.try_recv() {
            Ok(batch) => {
                self.process(batch, take);
                true
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => false,
        }
    }

    fn process(&self, mut batch: Vec<T>, take: &mut impl FnMut(T)) {
        batch.drain(..).for_each(take);
        let _ = self.give_back.try_send(batch);
    }

    /// Sends what is left and takes all that still comes.
    pub(crate) fn finish(mut self, take: &mut impl FnMut(T)) {
        self.flush(take);
        let Self { outgoing, incoming, give_back, .. } = self;
        drop(outgoing);
        while let Ok(mut batch) = incoming.recv() {
            batch.drain(..).for_each(&mut *take);
            let _ = give_back.try_send(batch);
        }
    }
}
