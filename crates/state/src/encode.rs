use serde::Serialize;

use crate::{Error, Result};

/// What can be written into a snapshot; each [`StateValue`](crate::StateValue), [`Key`](crate::Key) and
/// [`Namespace`](crate::Namespace) can. Lets a visitor write what it does not know the type of, by one virtual call.
pub trait Encode {
    /// Appends the value to `out`, in postcard's format.
    ///
    /// # Errors
    /// If the value's `Serialize` implementation returns one; `out` then has an undefined tail.
    fn encode(&self, out: &mut Vec<u8>) -> Result<()>;
}

impl<T: Serialize> Encode for T {
    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        postcard::to_io(self, out)
            .map(|_| ())
            .map_err(|error| Error::Encode { what: std::any::type_name::<T>(), reason: error.to_string() })
    }
}
