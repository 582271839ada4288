//! Messages for another actor, in order and without waiting for it.

use std::{collections::VecDeque, time::Duration};

use tokio::sync::mpsc::{Sender, error::TrySendError};

/// How soon a peer that was too busy for a message is offered it again.
pub(crate) const RETRY: Duration = Duration::from_millis(10);

/// What did not fit into the peer's channel stays here until it does. Bounded by what the machines have to say: a grant for
/// each slot that a job requires, a loss for each TaskManager, a requirement for each phase of a job.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    sender: Sender<T>,
    backlog: VecDeque<T>,
}

impl<T> Outbox<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        Self { sender, backlog: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, message: T) {
        self.backlog.push_back(message);
        self.flush();
    }

    /// Sends what fits. A peer that has ended needs nothing more.
    pub(crate) fn flush(&mut self) {
        while let Some(message) = self.backlog.pop_front() {
            match self.sender.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.backlog.push_front(message);
                    return;
                }
                Err(TrySendError::Closed(_)) => self.backlog.clear(),
            }
        }
    }

    /// Waits until the peer may have room, then sends what fits; forever if nothing waits.
    pub(crate) async fn retry(&mut self) {
        if self.backlog.is_empty() {
            std::future::pending().await
        }
        tokio::time::sleep(RETRY).await;
        self.flush();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_over_a_full_channel() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        outbox.push(1);
        outbox.push(2);
        outbox.push(3);
        assert_eq!(receiver.try_recv(), Ok(1));
        outbox.flush();
        assert_eq!(receiver.try_recv(), Ok(2));
        outbox.flush();
        assert_eq!(receiver.try_recv(), Ok(3));
        assert!(outbox.is_empty());
    }
}
