//! Storage that fails on purpose, at places that a test chooses.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{FailureKind, Operation, StorageUri, error::Failure};

/// Rules by which operations fail. Each attempt at an operation is counted, also those that are made again by themselves. Give
/// it to [`StorageOptions::with_faults`](crate::StorageOptions::with_faults); a clone follows the same rules, and rules can be
/// added and removed while it is in use.
///
/// ```
/// use flott_storage::{FailureKind, Operation, testing::{Fault, Faults}};
///
/// let faults = Faults::default();
/// // The third and the fourth attempt to write something in a directory `shared` find the disk full.
/// faults.add(Fault::fail(FailureKind::Full).on(Operation::Write).at("/shared/").after(2).times(2));
/// ```
#[derive(Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Fault>>>,
}

/// One rule: what happens, to which operations, and when.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    operation: Option<Operation>,
    part: String,
    skip: u32,
    left: u32,
    hits: u32,
}

#[derive(Clone, Copy, Debug)]
enum Effect {
    /// Nothing is done but to fail.
    Fail(FailureKind),
    /// Fails, although it is done.
    FailAfter(FailureKind),
    /// It is done later.
    Delay(Duration),
    /// There is never an answer, and nothing is done.
    Hang,
}

impl Fault {
    /// The operation fails, and nothing happens.
    pub fn fail(kind: FailureKind) -> Self {
        Self::new(Effect::Fail(kind))
    }

    /// The operation is carried out, but seems to fail.
    pub fn fail_after(kind: FailureKind) -> Self {
        Self::new(Effect::FailAfter(kind))
    }

    /// The operation takes longer; nothing is done if that is longer than an attempt may take.
    pub fn delay(by: Duration) -> Self {
        Self::new(Effect::Delay(by))
    }

    /// The operation never comes to an end, until its timeout.
    pub fn hang() -> Self {
        Self::new(Effect::Hang)
    }

    fn new(effect: Effect) -> Self {
        Self { effect, operation: None, part: String::new(), skip: 0, left: u32::MAX, hits: 0 }
    }

    /// Only operations of this kind; without it all.
    #[must_use]
    pub const fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only with files whose URI contains this text.
    #[must_use]
    pub fn at(mut self, part: &str) -> Self {
        part.clone_into(&mut self.part);
        self
    }

    /// Not the first `count` attempts.
    #[must_use]
    pub const fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Only so many attempts; without it all.
    #[must_use]
    pub const fn times(mut self, count: u32) -> Self {
        self.left = count;
        self
    }

    fn applies(&self, operation: Operation, uri: &str) -> bool {
        self.left > 0 && self.operation.is_none_or(|wanted| wanted == operation) && uri.contains(&self.part)
    }
}

impl Faults {
    /// Adds a rule. Of those that apply the oldest is followed.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Removes all rules: the storage works again.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many attempts the rules that are there have hit.
    pub fn hits(&self) -> u32 {
        self.lock().iter().map(|fault| fault.hits).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, operation: Operation, uri: &StorageUri) -> Option<Effect> {
        let uri = uri.to_string();
        let mut rules = self.lock();
        for fault in rules.iter_mut().filter(|fault| fault.applies(operation, &uri)) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.left = fault.left.saturating_sub(1);
            fault.hits += 1;
            return Some(fault.effect);
        }
        None
    }

    /// Carries out an operation as the rules say.
    pub(crate) async fn around<T>(
        &self,
        operation: Operation,
        uri: &StorageUri,
        limit: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let failure = |kind| Failure::new(kind, "a fault was injected");
        match self.next(operation, uri) {
            None => work.await,
            Some(Effect::Fail(kind)) => Err(failure(kind)),
            Some(Effect::FailAfter(kind)) => {
                work.await?;
                Err(failure(kind))
            }
            Some(Effect::Delay(by)) if by < limit => {
                tokio::time::sleep(by).await;
                work.await
            }
            Some(Effect::Delay(_) | Effect::Hang) => {
                tokio::time::sleep(limit).await;
                Err(Failure::timed_out(limit))
            }
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().iter()).finish()
    }
}

/// Two are equal if they are clones of each other.
impl PartialEq for Faults {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rules, &other.rules)
    }
}

impl Eq for Faults {}
