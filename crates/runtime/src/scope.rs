//! Knows which operator runs on this thread, so that a panic can be blamed on it.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind},
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

/// Runs user code; a panic becomes a failure that names the operator, the message and the place. What no operator has
/// entered, such as the decoding of its input, belongs to the head of the chain.
pub(crate) fn catch<T>(operators: &[String], run: impl FnOnce() -> Result<T>) -> Result<T> {
    install_hook();
    let name = |position: u32| operators.get(position as usize).cloned();
    let head = enter(0);
    let result = catch_unwind(AssertUnwindSafe(run));
    drop(head);
    match result {
        Ok(Err(TaskEnd::Failed(mut cause))) => {
            if cause.kind == FailureKind::UserError && cause.operator.is_none() {
                cause.operator = name(0);
            }
            Err(TaskEnd::Failed(cause))
        }
        Ok(result) => result,
        Err(payload) => Err(match payload.downcast::<TaskEnd>() {
            Ok(end) => *end,
            Err(payload) => {
                let caught = PANIC.take().unwrap_or_else(|| CaughtPanic::from_payload(&*payload));
                let mut cause = FailureCause::new(FailureKind::Panic, caught.message);
                cause.location = caught.location;
                cause.operator = caught.operator.and_then(name);
                cause.into()
            }
        }),
    }
}

/// Leaves user code that can't be told otherwise that the task has ended; [`catch`] returns `end`. Where panics abort,
/// or while the code is unwinding already, this is not possible and `end` comes back.
pub(crate) fn unwind_with(end: TaskEnd) -> TaskEnd {
    if cfg!(panic = "unwind") && !std::thread::panicking() {
        resume_unwind(Box::new(end));
    }
    end
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
    let location = info.location().map(ToString::to_string);
    CaughtPanic { location, operator: current(), ..CaughtPanic::from_payload(info.payload()) }
}

impl CaughtPanic {
    /// All that is known if user code has replaced the hook.
    fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("panic with a payload that is no text");
        Self { message: message.to_owned(), location: None, operator: None }
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

    #[test]
    fn a_panic_outside_of_any_operator_is_the_heads() {
        let end = catch(&["source".to_owned()], || -> Result<()> { panic!("early") });
        let Err(TaskEnd::Failed(cause)) = end else { panic!("it must fail") };
        assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("early", Some("source")));
    }

    #[test]
    fn user_code_can_be_left_with_an_end() {
        let end = catch(&[], || -> Result<()> {
            let _operator = enter(3);
            unwind_with(TaskEnd::Canceled);
            unreachable!("the stack has unwound");
        });
        assert!(matches!(end, Err(TaskEnd::Canceled)));
        assert_eq!(current(), None);
    }
}
