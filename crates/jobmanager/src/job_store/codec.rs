//! The form of records: JSON, or a reference to a file that holds it.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::ha::{Store, StoreError};

/// Which form this is. A later one that can't be read here has another number.
const FORMAT: u32 = 1;
/// Larger records lie in files. Several of them go into one change, of which a store may take no more than 1.5 MiB.
const INLINE_BYTES: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    record: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// A record as it is to be stored.
pub(super) enum Encoded {
    /// As it is.
    Inline(Bytes),
    /// In a file with this content, with a [`reference`] to it.
    Large(Bytes),
}

/// A record in the form in which it is stored.
pub(super) fn encode(record: &impl Serialize) -> Encoded {
    let json = to_json(record);
    if json.len() > INLINE_BYTES { Encoded::Large(json.into()) } else { Encoded::Inline(inline(json)) }
}

/// The JSON of a record.
pub(super) fn to_json(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have nothing that JSON can't hold")
}

/// A small record.
pub(super) fn inline(json: Vec<u8>) -> Bytes {
    let json = String::from_utf8(json).expect("JSON is text");
    let record = RawValue::from_string(json).expect("this was JSON before");
    to_json(&Envelope { format: FORMAT, record: Some(&record), file: None }).into()
}

/// A record that stands in this file.
pub(super) fn reference(name: &str) -> Bytes {
    to_json(&Envelope { format: FORMAT, record: None, file: Some(name.to_owned()) }).into()
}

/// The file that a record refers to, if any.
pub(super) fn file_of(value: &[u8]) -> Option<String> {
    serde_json::from_slice::<Envelope<'_>>(value).ok()?.file
}

/// Reads a record, or says why it can't be read.
///
/// # Errors
/// [`StoreError`], if its file can't be read at present.
pub(super) async fn decode<T: DeserializeOwned>(
    store: &Store,
    value: &[u8],
) -> Result<Result<T, String>, StoreError> {
    let envelope = match serde_json::from_slice::<Envelope<'_>>(value) {
        Ok(envelope) => envelope,
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(match envelope {
        Envelope { format, .. } if format != FORMAT => {
            Err(format!("its format is {format}, and only {FORMAT} is known here"))
        }
        Envelope { record: Some(record), .. } => parse(record.get().as_bytes()),
        Envelope { file: Some(name), .. } => match store.get_blob(&name).await {
            Ok(content) => parse(&content),
            Err(error) if error.is_missing() => Err(format!("its file {name} is missing")),
            // What can't be read now may be read later: that is no damage.
            Err(error) => return Err(error),
        },
        Envelope { .. } => Err("it is empty".to_owned()),
    })
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| error.to_string())
}
