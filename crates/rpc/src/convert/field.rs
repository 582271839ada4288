//! Reads single fields of a message, and tells their path if they are wrong.

use flott_core::ids::ParseIdError;

use crate::error::{Error, Problem};

/// Converts a message field that must be set.
pub(super) fn required<P, T>(value: Option<P>, field: &str) -> Result<T, Error>
where
    T: TryFrom<P>,
    Error: From<T::Error>,
{
    present(value, field)?.try_into().map_err(|error: T::Error| Error::from(error).within(field))
}

/// Converts a message field that may be unset.
pub(super) fn optional<P, T>(value: Option<P>, field: &str) -> Result<Option<T>, Error>
where
    T: TryFrom<P>,
    Error: From<T::Error>,
{
    value.map(|value| required(Some(value), field)).transpose()
}

/// Converts each element of a repeated field.
pub(super) fn each<P, T>(values: Vec<P>, field: &str) -> Result<Vec<T>, Error>
where
    T: TryFrom<P>,
    Error: From<T::Error>,
{
    let convert =
        |(index, value)| required(Some(value), "").map_err(|error| error.within_element(field, index));
    values.into_iter().enumerate().map(convert).collect()
}

/// Takes a field that must be set as it is.
pub(super) fn present<P>(value: Option<P>, field: &str) -> Result<P, Error> {
    value.ok_or_else(|| Error::invalid(field, Problem::Missing))
}

/// Reads a 16-byte id.
pub(super) fn id<T>(bytes: &[u8], field: &str) -> Result<T, Error>
where
    T: for<'a> TryFrom<&'a [u8], Error = ParseIdError>,
{
    T::try_from(bytes).map_err(|error| Error::invalid(field, Problem::MalformedId(error)))
}

/// Text that must not be empty.
pub(super) fn text(value: String, field: &str) -> Result<String, Error> {
    ensure(!value.is_empty(), field, "not empty")?;
    Ok(value)
}

/// A TCP port, which may be 0 if `0` has a meaning to the receiver.
pub(super) fn port(value: u32, field: &str) -> Result<u16, Error> {
    u16::try_from(value).map_err(|_| malformed(field, "a port from 0 to 65535"))
}

/// Fails with what the field must be, unless it is so.
pub(super) fn ensure(holds: bool, field: &str, expected: &'static str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(malformed(field, expected)) }
}

/// The error of a field that is not what it must be.
pub(super) fn malformed(field: &str, expected: &'static str) -> Error {
    Error::invalid(field, Problem::Malformed { expected })
}
