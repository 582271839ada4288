//! Bytes that no value has: errors with offsets, never a panic, a huge allocation or hours of work.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::schema::{Compatibility, Schema, SchemaError, Transcoder};

#[derive(Serialize, Deserialize)]
struct Old {
    flag: bool,
    name: String,
    letter: char,
    small: (u8, i8),
    counts: BTreeMap<String, u32>,
    raw: serde_bytes::ByteBuf,
    tree: Option<Box<Old>>,
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    A,
    B(i64),
    C { x: f64, y: Vec<u16> },
}

#[derive(Serialize, Deserialize)]
struct New {
    kind: Option<Kind>,
    added: Option<u8>,
    tree: Option<Box<New>>,
    counts: BTreeMap<String, u64>,
    raw: serde_bytes::ByteBuf,
    letter: char,
    small: (u16, i32),
    name: String,
    flag: bool,
}

fn transcoder<A, B>() -> Transcoder
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    match Schema::compatibility(&Schema::of::<A>(), &Schema::of::<B>()) {
        Compatibility::Transcode(transcoder) => transcoder,
        other => panic!("{other:?}"),
    }
}

fn error<A, B>(bytes: &[u8]) -> String
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    transcoder::<A, B>().transcode(bytes, &mut Vec::new()).unwrap_err().to_string()
}

#[test]
fn errors_tell_what_and_where() {
    type Pair<T> = (u8, T);
    assert_eq!(error::<u32, u64>(&[]), "value ends too early: byte 0 is missing");
    assert_eq!(error::<u32, u64>(&[0x80]), "value ends too early: byte 1 is missing");
    let wide = [0xff, 0xff, 0xff, 0xff, 0x1f];
    assert_eq!(error::<u32, u64>(&wide), "value is damaged: no integer of this width at byte 0");
    assert_eq!(error::<Pair<bool>, Pair<Option<bool>>>(&[0, 2]), "value is damaged: no bool at byte 1");
    assert_eq!(error::<Pair<char>, Pair<Option<char>>>(&[0, 9]), "value is damaged: no char at byte 1");
    assert_eq!(error::<Pair<char>, Pair<Option<char>>>(&[0, 0]), "value is damaged: no char at byte 1");
    let text = [0, 2, 0xff, 0xff];
    assert_eq!(
        error::<Pair<String>, Pair<Option<String>>>(&text),
        "value is damaged: no text in UTF-8 at byte 1"
    );
    assert_eq!(error::<Option<u8>, Option<u16>>(&[3]), "value is damaged: no option at byte 0");
    assert_eq!(error::<Kind, Option<Kind>>(&[3]), "value is damaged: no variant at byte 0");
    assert_eq!(error::<Vec<u8>, Vec<u16>>(&[200, 1, 0]), "value ends too early: byte 3 is missing");
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(error::<Vec<u8>, Vec<u16>>(&huge), "value ends too early: byte 10 is missing");
    assert_eq!(error::<String, Option<String>>(&huge), "value ends too early: byte 10 is missing");
    #[derive(Serialize, Deserialize)]
    struct Nothing {}
    #[derive(Serialize, Deserialize)]
    struct Something {
        option: Option<u8>,
    }
    assert_eq!(
        error::<Vec<Nothing>, Vec<Something>>(&huge),
        "value is damaged: no number of elements at byte 0"
    );
    let mut out = Vec::new();
    transcoder::<Vec<Nothing>, Vec<Something>>().transcode(&[3], &mut out).unwrap();
    assert_eq!(out, [3, 0, 0, 0]);
}

#[test]
fn deep_nesting_takes_no_stack() {
    #[derive(Serialize, Deserialize)]
    struct List {
        next: Option<Box<List>>,
    }
    #[derive(Serialize, Deserialize)]
    struct NewList {
        new: Option<u8>,
        next: Option<Box<NewList>>,
    }
    let mut bytes = vec![1; 1_000_000];
    let mut out = Vec::new();
    assert_eq!(Schema::of::<List>().skip(&bytes), Err(SchemaError::Truncated { offset: bytes.len() }));
    let last = bytes.len() - 1;
    bytes[last] = 0;
    assert_eq!(Schema::of::<List>().skip(&bytes), Ok(bytes.len()));
    bytes.drain(..999_000);
    assert_eq!(transcoder::<List, NewList>().transcode(&bytes, &mut out), Ok(1_000));
    assert_eq!(out.len(), 2_000);
}

#[test]
fn a_type_without_values_has_no_bytes() {
    #[derive(Serialize, Deserialize)]
    struct Endless {
        inner: Box<Endless>,
    }
    let error = Schema::of::<Endless>().skip(&[0; 10]).unwrap_err();
    assert_eq!(error.to_string(), "value is damaged: no value is possible at byte 0");
    assert_eq!(Schema::of::<Vec<Endless>>().skip(&[0]).unwrap(), 1);
    assert!(Schema::of::<Vec<Endless>>().skip(&[1]).is_err());
}

#[test]
fn damaged_schemas_are_refused() {
    for bytes in [&[][..], &[0], &[1, 9, 7], &[1, 99], &[1, 13, 2, 1, b'a', 0, 1, b'a', 0], &[0xff; 12]] {
        assert!(postcard::from_bytes::<Schema>(bytes).is_err(), "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..200)) {
        let transcoder = transcoder_of_old();
        let mut out = Vec::new();
        if let Ok(length) = transcoder.transcode(&bytes, &mut out) {
            prop_assert!(length <= bytes.len());
            // What it lets pass is a value.
            prop_assert!(postcard::from_bytes::<New>(&out).is_ok());
            prop_assert!(postcard::take_from_bytes::<Old>(&bytes).is_ok());
        }
        prop_assert!(out.len() <= 20 * bytes.len() + 20);
    }

    #[test]
    fn random_schemas_never_panic(bytes in prop::collection::vec(prop_oneof![0u8..16, any::<u8>()], 0..60)) {
        if let Ok(schema) = postcard::from_bytes::<Schema>(&bytes) {
            let _ = schema.skip(&bytes);
            let _ = schema.fingerprint();
            let _ = Schema::compatibility(&schema, &Schema::of::<Old>());
            let _ = Schema::compatibility(&Schema::of::<Old>(), &schema);
        }
    }
}

fn transcoder_of_old() -> &'static Transcoder {
    static TRANSCODER: std::sync::OnceLock<Transcoder> = std::sync::OnceLock::new();
    TRANSCODER.get_or_init(transcoder::<Old, New>)
}
