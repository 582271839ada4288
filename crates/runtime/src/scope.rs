//! Knows which operator runs on this thread, so that a panic can be blamed on it.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    sync::Once,
};

use flott_core::{FailureCause, FailureKind};

use crate::{Result, TaskEnd};

thread_local! {
    /// Position in the chain of the operator that runs now.
    static CURRENT: Cell<Option<u32>> = const { Cell::new(None) };
    static PANIC: RefCell<Option<CaughtPanic>> = const { RefCell::new(None) };
}

struct CaughtPanic {
    message: String,
    location: Option<String>,
    operator: Option<u32>,
}

/// Marks an operator as the running one until dropped.
pub(crate) struct Entered {
    previous: Option<u32>,
}

/// Enters the operator at this position of the chain.
#[inline]
pub(crate) fn enter(operator: u32) -> Entered {
    Entered { previous: CURRENT.replace(Some(operator)) }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.previous);
    }
}

/// The operator that runs now.
pub(crate) fn current() -> Option<u32> {
    CURRENT.get()
}

/// Runs user code; a panic becomes a failure that names the operator, the message and the place.
pub(crate) fn catch<T>(operators: &[String], run: impl FnOnce() -> Result<T>) -> Result<T> {
    install_hook();
    let name = |position: u32| operators.get(position as usize).cloned();
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(_) => {
            CURRENT.set(None);
            let caught = PANIC.take();
            let mut cause = FailureCause::new(FailureKind::Panic, "user code panicked");
            if let Some(caught) = caught {
                cause.message = caught.message;
                cause.location = caught.location;
                cause.operator = caught.operator.and_then(name);
            }
            Err(TaskEnd::from(cause))
        }
    }
}

/// Notes each panic before the stack unwinds, and prints it as before.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if current().is_some() {
                PANIC.set(Some(describe(info)));
            }
            print(info);
        }));
    });
}

fn describe(info: &PanicHookInfo<'_>) -> CaughtPanic {
    let message = info.payload_as_str().unwrap_or("panic with a payload that is no text");
    CaughtPanic {
        message: message.to_owned(),
        location: info.location().map(ToString::to_string),
        operator: current(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_operator_message_and_place() {
        let operators = ["source".to_owned(), "map".to_owned()];
        let end = catch(&operators, || -> Result<()> {
            let _source = enter(0);
            let _map = enter(1);
            panic!("no {}", "good");
        });
        let Err(TaskEnd::Failed(cause)) = end else { panic!("it must fail") };
        assert_eq!(cause.message, "no good");
        assert_eq!(cause.operator.as_deref(), Some("map"));
        assert!(cause.location.unwrap().contains("scope.rs"));
        assert_eq!(current(), None);
    }
}
