//! The producer's side of a channel's credit.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::Notify;

use crate::{CREDITS_PER_CHANNEL, Error};

/// Credits that the consumer has granted and the producer has not spent. Created by whichever end comes first.
#[derive(Default)]
pub(crate) struct Credit {
    available: AtomicU32,
    state: Mutex<CreditState>,
}

#[derive(Default)]
struct CreditState {
    /// Wakes the producing subtask.
    producer: Option<Arc<Notify>>,
    failure: Option<Error>,
}

impl Credit {
    fn state(&self) -> std::sync::MutexGuard<'_, CreditState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names whom to wake when credit comes.
    pub(crate) fn attach_producer(&self, producer: Arc<Notify>) {
        producer.notify_one();
        self.state().producer = Some(producer);
    }

    /// Takes one credit if there is one. Only the producer calls this.
    pub(crate) fn try_take(&self) -> bool {
        if self.available.load(Ordering::Acquire) == 0 {
            return false;
        }
        self.available.fetch_sub(1, Ordering::AcqRel);
        true
    }

    /// Whether there is any.
    pub(crate) fn is_available(&self) -> bool {
        self.available.load(Ordering::Acquire) > 0
    }

    /// Gives credits to the producer. Wakes it only if it had none, since otherwise it does not wait for any. Returns
    /// `false` if these are more than a channel can have, which only a consumer that breaks the rules grants.
    pub(crate) fn grant(&self, count: u32) -> bool {
        let before = self.available.fetch_add(count, Ordering::AcqRel);
        if before == 0 {
            self.wake();
        }
        before.saturating_add(count) <= CREDITS_PER_CHANNEL
    }

    /// Makes the producer fail.
    pub(crate) fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
        self.wake();
    }

    /// The failure of the channel, if it has failed.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state().failure.clone()
    }

    fn wake(&self) {
        if let Some(producer) = &self.state().producer {
            producer.notify_one();
        }
    }
}

/// Shows how many of a channel's credits are in use: for batches on their way, waiting, or being processed. Reading it
/// disturbs neither end.
#[derive(Clone)]
pub struct CreditUsage(Unspent);

#[derive(Clone)]
enum Unspent {
    Producer(Arc<Credit>),
    Consumer(Arc<AtomicU32>),
}

impl CreditUsage {
    pub(crate) fn of_producer(credit: Arc<Credit>) -> Self {
        Self(Unspent::Producer(credit))
    }

    pub(crate) fn of_consumer(unspent: Arc<AtomicU32>) -> Self {
        Self(Unspent::Consumer(unspent))
    }

    /// From 0 to [`CREDITS_PER_CHANNEL`], which it also is until the consumer is there.
    pub fn in_use(&self) -> u32 {
        let unspent = match &self.0 {
            Unspent::Producer(credit) => credit.available.load(Ordering::Relaxed),
            Unspent::Consumer(unspent) => unspent.load(Ordering::Relaxed),
        };
        CREDITS_PER_CHANNEL.saturating_sub(unspent)
    }
}

impl std::fmt::Debug for CreditUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CreditUsage").field(&self.in_use()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_are_spent_one_by_one() {
        let credit = Credit::default();
        assert!(!credit.try_take() && !credit.is_available());
        assert!(credit.grant(2));
        assert!(credit.try_take());
        assert!(credit.try_take());
        assert!(!credit.try_take());
    }

    #[test]
    fn more_credit_than_a_channel_can_have_is_noticed() {
        let credit = Credit::default();
        assert!(credit.grant(CREDITS_PER_CHANNEL));
        assert!(credit.try_take());
        assert!(credit.grant(1));
        assert!(!credit.grant(1));
    }

    #[test]
    fn usage_is_what_the_producer_has_spent() {
        let credit = Arc::new(Credit::default());
        let usage = CreditUsage::of_producer(credit.clone());
        assert_eq!(usage.in_use(), CREDITS_PER_CHANNEL, "there is no consumer yet");
        credit.grant(CREDITS_PER_CHANNEL);
        assert_eq!(usage.in_use(), 0);
        assert!(credit.try_take() && credit.try_take());
        assert_eq!(usage.in_use(), 2);
        credit.grant(1);
        assert_eq!(usage.in_use(), 1);
    }

    #[tokio::test]
    async fn a_grant_before_the_producer_came_is_seen() {
        let credit = Credit::default();
        assert!(credit.grant(1));
        let producer = Arc::new(Notify::new());
        credit.attach_producer(producer.clone());
        producer.notified().await;
        assert!(credit.try_take());
    }
}
