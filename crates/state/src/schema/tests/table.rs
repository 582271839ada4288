//! Which changes of a type its values survive, and what is said of those that they don't survive.

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroU32},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::schema::{Compatibility, Schema};

/// Old state structs in `v1`, new ones in `v2` and so on.
macro_rules! versions {
    ($($version:ident { $($item:item)* })*) => {
        $(mod $version {
            #![allow(dead_code)]
            use super::*;
            $(#[derive(Debug, PartialEq, Serialize, Deserialize)] $item)*
        })*
    };
}

versions! {
    v1 {
        pub(super) struct Address { pub(super) street: String, pub(super) zip: u32 }
        pub(super) struct User { pub(super) name: String, pub(super) age: u8, pub(super) address: Address }
        pub(super) enum Mode { Fast, Slow(u32), Custom { level: i8, name: String } }
        pub(super) struct Tree { pub(super) value: u16, pub(super) children: Vec<Tree> }
        pub(super) struct List { pub(super) value: String, pub(super) next: Option<Box<List>> }
        pub(super) struct Unit;
        pub(super) struct WithOpaque { pub(super) port: NonZeroU16, pub(super) name: String }
    }
    v2 {
        pub(super) struct Address {
            pub(super) country: Option<String>,
            pub(super) zip: Option<u64>,
            pub(super) street: String,
        }
        pub(super) struct User {
            pub(super) address: Address,
            pub(super) email: Option<String>,
            pub(super) name: String,
            pub(super) age: u64,
        }
        pub(super) enum Mode {
            Unknown,
            Custom { name: String, level: i64, note: Option<u8> },
            Slow(u128),
            Fast { why: Option<String> },
        }
        pub(super) struct Tree {
            pub(super) children: Vec<Tree>,
            pub(super) label: Option<String>,
            pub(super) value: u32,
        }
        pub(super) struct List {
            pub(super) next: Option<Box<List>>,
            pub(super) value: Option<String>,
        }
        pub(super) struct Unit { pub(super) now: Option<u8> }
        pub(super) struct WithOpaque {
            pub(super) name: String,
            pub(super) port: NonZeroU16,
            pub(super) host: Option<String>,
        }
    }
    v3 {
        pub(super) struct Address { street: String, zip: String }
        pub(super) struct User { name: String, age: i8, address: Address, email: String }
        pub(super) enum Mode { Fast(u8), Custom { level: i8 } }
        pub(super) struct Tree { value: u8, children: Vec<Tree> }
        pub(super) struct List { value: String, next: Vec<List> }
        pub(super) struct WithOpaque { port: NonZeroU32, name: String }
    }
}

/// What becomes of `old` when a `New` is expected.
fn evolve<Old, New>(old: &Old) -> New
where
    Old: Serialize + DeserializeOwned,
    New: Serialize + DeserializeOwned,
{
    let mut bytes = postcard::to_allocvec(old).unwrap();
    let length = bytes.len();
    bytes.extend_from_slice(b"the next value");
    let Compatibility::Transcode(transcoder) =
        Schema::compatibility(&Schema::of::<Old>(), &Schema::of::<New>())
    else {
        panic!("{:?}", Schema::compatibility(&Schema::of::<Old>(), &Schema::of::<New>()));
    };
    let mut out = b"before".to_vec();
    assert_eq!(transcoder.transcode(&bytes, &mut out).unwrap(), length);
    assert_eq!(transcoder.length(&bytes).unwrap(), length);
    transcoder.transcode_all(&bytes[..length], &mut Vec::new()).unwrap();
    assert!(transcoder.transcode_all(&bytes[..=length], &mut Vec::new()).is_err());
    assert_eq!(&out[..6], b"before");
    postcard::from_bytes(&out[6..]).unwrap()
}

fn refusal<Old, New>() -> String
where
    Old: Serialize + DeserializeOwned,
    New: Serialize + DeserializeOwned,
{
    match Schema::compatibility(&Schema::of::<Old>(), &Schema::of::<New>()) {
        Compatibility::Incompatible(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_structure_is_the_same_type() {
    #[derive(Serialize, Deserialize)]
    struct Renamed {
        street: Box<str>,
        zip: std::num::Wrapping<u32>,
    }
    #[derive(Serialize, Deserialize)]
    struct Id(u64);
    let same = |a: Schema, b: Schema| matches!(Schema::compatibility(&a, &b), Compatibility::Same) && a == b;
    assert!(same(Schema::of::<v1::Address>(), Schema::of::<Renamed>()));
    assert!(same(Schema::of::<Id>(), Schema::of::<u64>()));
    assert!(same(Schema::of::<NonZeroU32>(), Schema::of::<NonZeroU32>()));
    assert!(!same(Schema::of::<NonZeroU32>(), Schema::of::<NonZeroU16>()));
    assert!(!same(Schema::of::<NonZeroU32>(), Schema::of::<u32>()));
}

#[test]
fn structs_gain_options_and_change_their_order() {
    let address = v1::Address { street: "Elm".to_owned(), zip: 70_000 };
    let old = v1::User { name: "Ann".to_owned(), age: 200, address };
    let address = v2::Address { street: "Elm".to_owned(), zip: Some(70_000), country: None };
    let new = v2::User { name: "Ann".to_owned(), age: 200, address, email: None };
    assert_eq!(evolve::<v1::User, v2::User>(&old), new);
    assert_eq!(evolve::<Vec<v1::User>, Vec<v2::User>>(&vec![old]), [new]);
    assert_eq!(evolve::<_, v2::Unit>(&v1::Unit), v2::Unit { now: None });
}

#[test]
fn enums_gain_variants_and_change_their_order() {
    assert_eq!(evolve::<_, v2::Mode>(&v1::Mode::Fast), v2::Mode::Fast { why: None });
    assert_eq!(evolve::<_, v2::Mode>(&v1::Mode::Slow(u32::MAX)), v2::Mode::Slow(u32::MAX.into()));
    let custom = v1::Mode::Custom { level: -100, name: "x".to_owned() };
    let new = v2::Mode::Custom { level: -100, name: "x".to_owned(), note: None };
    assert_eq!(evolve::<_, v2::Mode>(&custom), new);
}

#[test]
fn recursive_types_evolve_at_each_level() {
    let leaf = |value| v1::Tree { value, children: Vec::new() };
    let old =
        v1::Tree { value: 1, children: vec![leaf(2), v1::Tree { value: 3, children: vec![leaf(40_000)] }] };
    let leaf = |value| v2::Tree { value, children: Vec::new(), label: None };
    let inner = v2::Tree { value: 3, children: vec![leaf(40_000)], label: None };
    let new = v2::Tree { value: 1, children: vec![leaf(2), inner], label: None };
    assert_eq!(evolve::<_, v2::Tree>(&old), new);

    let mut list = v1::List { value: "0".to_owned(), next: None };
    for i in 1..200 {
        list = v1::List { value: i.to_string(), next: Some(Box::new(list)) };
    }
    let mut list = &evolve::<_, v2::List>(&list);
    for i in (1..200).rev() {
        assert_eq!(list.value, Some(i.to_string()));
        list = list.next.as_deref().unwrap();
    }
    assert_eq!(list, &v2::List { value: Some("0".to_owned()), next: None });
}

#[test]
fn integers_widen() {
    for value in [0u8, 1, 127, 128, 255] {
        assert_eq!(evolve::<u8, u16>(&value), u16::from(value));
        assert_eq!(evolve::<u8, u128>(&value), u128::from(value));
        assert_eq!(evolve::<[u8; 2], [u32; 2]>(&[value, 7]), [u32::from(value), 7]);
    }
    for value in [0i8, 1, -1, 63, -64, 64, -65, 127, -128] {
        assert_eq!(evolve::<i8, i16>(&value), i16::from(value));
        assert_eq!(evolve::<i8, i64>(&value), i64::from(value));
    }
    for value in [0u16, 300, u16::MAX] {
        assert_eq!(evolve::<u16, u64>(&value), u64::from(value));
    }
    for value in [i32::MIN, -1, 0, 1, i32::MAX] {
        assert_eq!(evolve::<i32, i128>(&value), i128::from(value));
    }
    assert_eq!(evolve::<u64, u128>(&u64::MAX), u128::from(u64::MAX));
}

#[test]
fn values_become_optional() {
    assert_eq!(evolve::<u8, Option<u8>>(&200), Some(200));
    assert_eq!(evolve::<u8, Option<u16>>(&200), Some(200));
    assert_eq!(evolve::<Option<u8>, Option<Option<u8>>>(&Some(3)), Some(Some(3)));
    assert_eq!(evolve::<Option<u8>, Option<Option<u8>>>(&None), None);
    assert_eq!(
        evolve::<Vec<String>, Option<Vec<Option<String>>>>(&vec!["a".to_owned()]),
        Some(vec![Some("a".to_owned())])
    );
    let map = BTreeMap::from([(1u8, "a".to_owned()), (200, "b".to_owned())]);
    let new = BTreeMap::from([(1u32, Some("a".to_owned())), (200, Some("b".to_owned()))]);
    assert_eq!(evolve::<_, BTreeMap<u32, Option<String>>>(&map), new);
    assert_eq!(evolve::<_, (u64, Option<f32>, bool)>(&(7u32, 1.5f32, true)), (7, Some(1.5), true));
}

#[test]
fn what_stands_beside_an_opaque_type_may_change() {
    let old = v1::WithOpaque { port: NonZeroU16::MAX, name: "db".to_owned() };
    let new = v2::WithOpaque { port: NonZeroU16::MAX, name: "db".to_owned(), host: None };
    assert_eq!(evolve::<_, v2::WithOpaque>(&old), new);
}

#[test]
fn refused_changes_name_their_place() {
    assert_eq!(refusal::<u32, String>(), "was u32, is String");
    assert_eq!(refusal::<u64, u32>(), "was u64, is u32");
    assert_eq!(refusal::<u32, i64>(), "was u32, is i64");
    assert_eq!(refusal::<u32, i32>(), "was u32, is i32");
    assert_eq!(refusal::<f32, f64>(), "was f32, is f64");
    assert_eq!(refusal::<u32, f64>(), "was u32, is f64");
    assert_eq!(refusal::<bool, u8>(), "was bool, is u8");
    assert_eq!(refusal::<Option<u32>, u32>(), "was Option<u32>, is u32");
    assert_eq!(refusal::<u32, Option<String>>(), "was u32, is Option<String>");
    assert_eq!(refusal::<Vec<u8>, serde_bytes::ByteBuf>(), "was Vec<u8>, is Bytes");
    assert_eq!(refusal::<(u8, u8), (u8, u8, Option<u8>)>(), "was (u8, u8), is (u8, u8, Option<u8>)");
    assert_eq!(refusal::<(u8, u16), (u8, u8)>(), "element `1`: was u16, is u8");
    assert_eq!(refusal::<Vec<u32>, Vec<bool>>(), "element `[]`: was u32, is bool");
    assert_eq!(refusal::<BTreeMap<u8, u8>, BTreeMap<char, u8>>(), "key `[key]`: was u8, is char");
    assert_eq!(refusal::<BTreeMap<u8, u8>, BTreeMap<u8, ()>>(), "value `[value]`: was u8, is ()");
    assert_eq!(refusal::<Vec<u8>, BTreeMap<u8, u8>>(), "was Vec<u8>, is Map<u8, u8>");
    assert_eq!(refusal::<v1::Address, (String, u32)>(), "was { street: String, zip: u32 }, is (String, u32)");
    assert_eq!(
        refusal::<v1::User, v3::User>(),
        "field `age`: was u8, is i8; field `address.zip`: was u32, is String; field `email`: is new, and String \
         instead of an Option"
    );
    assert_eq!(
        refusal::<v2::User, v1::User>(),
        "field `address.country`: was Option<String>, is gone; field `address.zip`: was Option<u64>, is u32; field \
         `email`: was Option<String>, is gone; field `age`: was u64, is u8"
    );
    assert_eq!(
        refusal::<Vec<Option<v1::User>>, Vec<Option<v3::User>>>(),
        "field `[].age`: was u8, is i8; field `[].address.zip`: was u32, is String; field `[].email`: is new, and \
         String instead of an Option"
    );
    assert_eq!(
        refusal::<v1::Mode, v3::Mode>(),
        "variant `Fast`: was (), is u8; variant `Slow`: is gone; field `Custom.name`: was String, is gone"
    );
    assert_eq!(
        refusal::<(u8, v1::Mode), (u8, v3::Mode)>(),
        "variant `1::Fast`: was (), is u8; variant `1::Slow`: is gone; field `1::Custom.name`: was String, is gone"
    );
    assert_eq!(refusal::<v1::Tree, v3::Tree>(), "field `value`: was u16, is u8");
    assert_eq!(
        refusal::<v1::List, v3::List>(),
        "field `next`: was Option<{ value: String, next: … }>, is Vec<{ value: String, next: … }>"
    );
    assert_eq!(refusal::<v1::Address, Option<v3::Address>>(), "field `zip`: was u32, is String");
    assert_eq!(
        refusal::<v1::WithOpaque, v3::WithOpaque>(),
        "field `port`: was NonZero<u16>, is NonZero<u32>"
    );
    assert_eq!(refusal::<NonZeroU32, u32>(), "was NonZero<u32>, is u32");
    assert_eq!(refusal::<u32, NonZeroU32>(), "was u32, is NonZero<u32>");
}

#[test]
fn nothing_changes_beside_a_type_that_nobody_can_pass_over() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Any {
        Text(String),
        Number(u8),
    }
    #[derive(Serialize, Deserialize)]
    struct Old {
        any: Any,
        n: u8,
    }
    #[derive(Serialize, Deserialize)]
    struct New {
        any: Any,
        n: u16,
    }
    assert!(matches!(Schema::compatibility(&Schema::of::<Old>(), &Schema::of::<Old>()), Compatibility::Same));
    assert_eq!(
        refusal::<Old, New>(),
        "field `any`: is of the opaque type `Any`, beside which nothing can change"
    );
}

#[test]
fn long_messages_are_cut() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
    }
    assert_eq!(refusal::<Old, v1::Unit>(), "was { a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8 }, is ()");
    #[derive(Serialize, Deserialize)]
    struct New {
        x: Option<u8>,
    }
    assert_eq!(
        refusal::<Old, New>(),
        "field `a`: was u8, is gone; field `b`: was u8, is gone; field `c`: was u8, is gone; field `d`: was u8, is \
         gone; field `e`: was u8, is gone; and 2 more"
    );
    assert_eq!(
        refusal::<(v1::User, v2::User, v3::User), u8>(),
        "was ({ name: String, age: u8, address: { street: String, zip: u32 } }, { address: { country: Option<Str…, is \
         u8"
    );
}
