use std::{
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::core::function_failure;
use crate::{BoxError, Result, RuntimeContext, scope};

/// A function that is open, and is closed exactly once: with [`close`](Self::close) when the input has ended, else when
/// it is dropped.
pub struct Opened<F> {
    function: F,
    operator: RuntimeContext,
    close: fn(&mut F) -> Result<(), BoxError>,
    is_closed: bool,
}

impl<F> Opened<F> {
    /// Opens a function of this operator. It is closed even if `open` fails, since it may have got half-way.
    ///
    /// # Errors
    /// The failure of the task if `open` fails.
    pub fn open(
        operator: &RuntimeContext,
        function: F,
        open: impl FnOnce(&mut F) -> Result<(), BoxError>,
        close: fn(&mut F) -> Result<(), BoxError>,
    ) -> Result<Self> {
        let _scope = scope::enter(operator.position);
        let mut opened = Self { function, operator: operator.clone(), close, is_closed: false };
        match open(&mut opened.function) {
            Ok(()) => Ok(opened),
            Err(error) => Err(function_failure(operator, &error)),
        }
    }

    /// Closes the function, at the end of the input.
    ///
    /// # Errors
    /// The failure of the task if the function's `close` fails.
    pub fn close(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        let _scope = scope::enter(self.operator.position);
        (self.close)(&mut self.function).map_err(|error| function_failure(&self.operator, &error))
    }
}

impl<F> Deref for Opened<F> {
    type Target = F;

    #[inline]
    fn deref(&self) -> &F {
        &self.function
    }
}

impl<F> DerefMut for Opened<F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut F {
        &mut self.function
    }
}

impl<F> Drop for Opened<F> {
    fn drop(&mut self) {
        // The task has failed or was canceled: that is what is told, not what goes wrong after it.
        if std::thread::panicking() {
            let _ = catch_unwind(AssertUnwindSafe(|| self.close()));
        } else {
            let _ = self.close();
        }
    }
}
