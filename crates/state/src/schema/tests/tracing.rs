//! Which schemas types have.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroU32},
    ops::{Bound, Range},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};

use crate::schema::Schema;

fn of<T: Serialize + DeserializeOwned>() -> String {
    Schema::of::<T>().to_string()
}

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
    age: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Pair<A, B> {
    left: A,
    right: B,
}

#[derive(Serialize, Deserialize)]
struct Meters(f64);

#[derive(Serialize, Deserialize)]
struct Point(i32, i32);

#[derive(Serialize, Deserialize)]
struct Marker;

#[derive(Serialize, Deserialize)]
enum Event {
    Start,
    Text(String),
    At(i64, i64),
    Moved { to: Point, by: Option<User> },
}

#[derive(Serialize, Deserialize)]
struct Tree {
    value: u8,
    children: Vec<Tree>,
}

#[derive(Serialize, Deserialize)]
struct Link {
    next: Option<Box<Link>>,
    previous: Option<Box<Link>>,
}

#[derive(Serialize, Deserialize)]
enum Expression {
    Sum(Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    Call { name: String, arguments: HashMap<String, Expression> },
    Number(f64),
}

#[derive(Serialize, Deserialize)]
struct Statement {
    expression: Expression,
    then: Option<Box<Statement>>,
}

/// Has no finite value.
#[derive(Serialize, Deserialize)]
struct Endless {
    inner: Box<Endless>,
}

#[test]
fn plain_types() {
    assert_eq!(of::<(bool, char, u8, u16, u32, u64, u128)>(), "(bool, char, u8, u16, u32, u64, u128)");
    assert_eq!(of::<(i8, i16, i32, i64, i128, f32, f64)>(), "(i8, i16, i32, i64, i128, f32, f64)");
    assert_eq!(of::<(usize, isize)>(), "(u64, i64)");
    assert_eq!(of::<(String, Box<str>, Arc<str>)>(), "(String, String, String)");
    assert_eq!(of::<()>(), "()");
    assert_eq!(of::<serde_bytes::ByteBuf>(), "Bytes");
    assert_eq!(of::<Vec<u8>>(), "Vec<u8>");
}

#[test]
fn containers() {
    assert_eq!(of::<Option<Vec<String>>>(), "Option<Vec<String>>");
    assert_eq!(of::<HashMap<u32, HashSet<String>>>(), "Map<u32, Vec<String>>");
    assert_eq!(of::<BTreeMap<(u8, u8), Arc<Option<()>>>>(), "Map<(u8, u8), Option<()>>");
    assert_eq!(of::<[u64; 32]>(), "[u64; 32]");
    assert_eq!(of::<(u8,)>(), "(u8,)");
}

#[test]
fn types_of_the_standard_library() {
    assert_eq!(of::<Duration>(), "{ secs: u64, nanos: u32 }");
    assert_eq!(of::<SystemTime>(), "{ secs_since_epoch: u64, nanos_since_epoch: u32 }");
    assert_eq!(of::<Result<u8, String>>(), "enum { Ok(u8), Err(String) }");
    assert_eq!(of::<Range<i64>>(), "{ start: i64, end: i64 }");
    assert_eq!(of::<Bound<i64>>(), "enum { Unbounded, Included(i64), Excluded(i64) }");
    assert_eq!(of::<PhantomData<String>>(), "()");
    assert_eq!(of::<IpAddr>(), "enum { V4(u8, u8, u8, u8), V6([u8; 16]) }");
    assert_eq!(of::<SocketAddr>(), "enum { V4((u8, u8, u8, u8), u16), V6([u8; 16], u16) }");
}

#[test]
fn structs_and_enums() {
    assert_eq!(of::<User>(), "{ name: String, age: Option<u32> }");
    assert_eq!(of::<Meters>(), "f64");
    assert_eq!(of::<Point>(), "(i32, i32)");
    assert_eq!(of::<Marker>(), "()");
    assert_eq!(
        of::<Event>(),
        "enum { Start, Text(String), At(i64, i64), Moved { to: (i32, i32), by: Option<{ name: String, age: \
         Option<u32> }> } }"
    );
}

#[test]
fn generic_struct_used_with_several_types() {
    assert_eq!(
        of::<Pair<Pair<u8, String>, Pair<bool, Vec<Pair<u8, u8>>>>>(),
        "{ left: { left: u8, right: String }, right: { left: bool, right: Vec<{ left: u8, right: u8 }> } }"
    );
}

#[test]
fn types_of_one_name_are_not_confused() {
    mod other {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(super) struct User {
            pub(super) id: u64,
        }
    }
    fn local_1() -> impl Serialize + DeserializeOwned {
        #[derive(Serialize, Deserialize)]
        struct User(u8);
        User(1)
    }
    fn local_2() -> impl Serialize + DeserializeOwned {
        #[derive(Serialize, Deserialize)]
        struct User(bool);
        User(true)
    }
    fn both<A: Serialize + DeserializeOwned, B: Serialize + DeserializeOwned>(_: A, _: B) -> String {
        of::<(A, B, User, other::User)>()
    }
    let _ = other::User { id: 1 };
    assert_eq!(both(local_1(), local_2()), "(u8, bool, { name: String, age: Option<u32> }, { id: u64 })");

    // Even the full names of these are equal.
    let (a, b);
    {
        #[derive(Serialize, Deserialize)]
        struct Same {
            x: u8,
        }
        a = Same { x: 1 };
    }
    {
        #[derive(Serialize, Deserialize)]
        struct Same {
            x: String,
        }
        b = Same { x: String::new() };
    }
    let _ = (a.x, &b.x);
    assert_eq!(both(a, b), "({ x: u8 }, { x: String }, { name: String, age: Option<u32> }, { id: u64 })");
}

#[test]
fn recursion() {
    assert_eq!(of::<Tree>(), "{ value: u8, children: Vec<…> }");
    assert_eq!(of::<Link>(), "{ next: Option<…>, previous: Option<…> }");
    let expression =
        "enum { Sum(…, …), Negative(…), Call { name: String, arguments: Map<String, …> }, Number(f64) }";
    assert_eq!(of::<Expression>(), expression);
    assert_eq!(of::<Statement>(), format!("{{ expression: {expression}, then: Option<…> }}"));
    assert_eq!(
        of::<(Tree, Vec<Tree>)>(),
        "({ value: u8, children: Vec<…> }, Vec<{ value: u8, children: … }>)"
    );
    assert_eq!(of::<Endless>(), "{ inner: … }");
    assert_eq!(of::<(u8, Endless)>(), "(u8, { inner: … })");
}

#[test]
fn enums_with_many_variants() {
    macro_rules! many {
        ($names:ident: $($name:ident)*) => {
            #[derive(Serialize, Deserialize)]
            enum Many { $($name(Box<(u8, Option<Many>)>)),*, End }
            #[derive(Serialize, Deserialize)]
            enum Flat { $($name),* }
            let $names = [$(stringify!($name)),*];
        };
    }
    many!(names: A B C D E F G H I J K L M N O P Q R S T U V W X Y Z A1 B1 C1 D1 E1 F1 G1 H1 I1 J1 K1 L1 M1 N1 O1 P1
        Q1 R1 S1 T1 U1 V1 W1 X1 Y1 Z1 A2 B2 C2 D2 E2 F2 G2 H2 I2 J2 K2 L2 M2 N2 O2 P2 Q2 R2 S2 T2 U2 V2 W2 X2
        A3 B3 C3 D3 E3 F3 G3 H3 I3 J3 K3 L3 M3 N3 O3 P3 Q3 R3 S3 T3 U3 V3 W3 X3 A4 B4 C4 D4 E4 F4 G4 H4 I4 J4);
    assert_eq!(of::<Flat>(), format!("enum {{ {} }}", names.join(", ")));
    let many: Vec<String> = names.iter().map(|name| format!("{name}(u8, Option<…>)")).collect();
    assert_eq!(of::<Many>(), format!("enum {{ {}, End }}", many.join(", ")));
    assert_eq!(Schema::of::<Many>().skip(&[0, 7, 1, 110]).unwrap(), 4);
}

/// Validates what it is read from.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "(u8, u8)", into = "(u8, u8)")]
#[derive(Clone)]
struct Ordered(u8, u8);

impl TryFrom<(u8, u8)> for Ordered {
    type Error = String;

    fn try_from((low, high): (u8, u8)) -> Result<Self, String> {
        if low < high { Ok(Self(low, high)) } else { Err("wrong order".to_owned()) }
    }
}

impl From<Ordered> for (u8, u8) {
    fn from(ordered: Ordered) -> Self {
        (ordered.0, ordered.1)
    }
}

/// A text of a certain form.
struct Code;

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("Q-7")
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "Q-7" { Ok(Self) } else { Err(de::Error::custom(format!("bad code {text}"))) }
    }
}

/// As what a self-describing format would be needed.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Text(String),
}

struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(7)
    }
}

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        std::panic::resume_unwind(Box::new(number));
    }
}

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Panics")
    }
}

#[test]
fn what_refuses_made_up_input_is_opaque() {
    assert_eq!(of::<NonZeroU32>(), "NonZero<u32>");
    assert_eq!(of::<Option<NonZeroU32>>(), "Option<NonZero<u32>>");
    assert_eq!(of::<Vec<Option<(NonZeroU16, u8)>>>(), "Vec<Option<(NonZero<u16>, u8)>>");
    assert_eq!(of::<Ordered>(), "Ordered");
    assert_eq!(of::<(Code, Code, u8)>(), "(Code, Code, u8)");
    assert_eq!(of::<Untagged>(), "Untagged");
    assert_eq!(of::<Panics>(), "Panics");
}

#[test]
fn what_comes_behind_an_opaque_type_is_seen() {
    #[derive(Serialize, Deserialize)]
    struct Order {
        code: Code,
        id: NonZeroU32,
        event: Event2,
        codes: Vec<Code>,
        panics: Option<Panics>,
        last: u8,
    }
    #[derive(Serialize, Deserialize)]
    enum Event2 {
        Code(Code),
        Named { code: Code, then: u16 },
        Other(Untagged),
        Plain,
    }
    assert_eq!(
        of::<Order>(),
        "{ code: Code, id: NonZero<u32>, event: enum { Code(Code), Named { code: Code, then: u16 }, \
         Other(Untagged), Plain }, codes: Vec<Code>, panics: Option<Panics>, last: u8 }"
    );
    // What they read is known, though not what it means, so one can pass over them.
    let schema = Schema::of::<Order>();
    let order = Order {
        code: Code,
        id: NonZeroU32::MIN,
        event: Event2::Named { code: Code, then: 300 },
        codes: vec![Code, Code],
        panics: Some(Panics),
        last: 3,
    };
    let bytes = postcard::to_allocvec(&order).unwrap();
    assert_eq!(
        schema.skip(&bytes).unwrap_err().to_string(),
        "cannot pass over values of type `Untagged`, whose format is known to itself alone"
    );
    let schema = Schema::of::<Pair<Code, Pair<NonZeroU32, Option<Ordered>>>>();
    assert_eq!(schema.skip(b"\x03Q-7\x05\x01\x01\x02rest").unwrap(), 8);
}

#[test]
fn no_failing_field_hides_another() {
    #[derive(Serialize, Deserialize)]
    enum First {
        A(Code),
        B(Code),
        C(Code),
    }
    #[derive(Serialize, Deserialize)]
    enum Second {
        D(Untagged),
        E(Untagged),
        F { code: Code, third: First },
    }
    #[derive(Serialize, Deserialize)]
    struct All {
        code: Code,
        first: First,
        second: Second,
        last: Second,
    }
    let first = "enum { A(Code), B(Code), C(Code) }";
    let second = format!("enum {{ D(Untagged), E(Untagged), F {{ code: Code, third: {first} }} }}");
    assert_eq!(of::<All>(), format!("{{ code: Code, first: {first}, second: {second}, last: {second} }}"));
}

#[test]
fn a_type_behind_what_cannot_be_made_up_is_opaque_as_a_whole() {
    // Elements of tuples have no names by which one could go on.
    assert_eq!(of::<(Untagged, u8)>(), "(Untagged, u8)");
    assert!(Schema::of::<(Untagged, u8)>().copier().is_err());
    assert_ne!(Schema::of::<(Untagged, u8)>(), Schema::of::<(Untagged, u16)>());
}

#[test]
fn an_opaque_type_does_not_depend_on_its_neighbors() {
    #[derive(Serialize, Deserialize)]
    #[serde(try_from = "Vec<u8>")]
    struct NotEmpty(Vec<u8>);
    impl TryFrom<Vec<u8>> for NotEmpty {
        type Error = &'static str;
        fn try_from(bytes: Vec<u8>) -> Result<Self, &'static str> {
            if bytes.is_empty() { Err("empty") } else { Ok(Self(bytes)) }
        }
    }
    assert_eq!(of::<NotEmpty>(), "NotEmpty");
    assert_eq!(of::<(NotEmpty, Event)>(), format!("(NotEmpty, {})", of::<Event>()));
}

#[test]
fn attributes_of_serde() {
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Renamed {
        first_name: String,
        #[serde(rename = "x")]
        last: u8,
        #[serde(skip)]
        _cache: u64,
        #[serde(default)]
        defaulted: bool,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        #[serde(with = "serde_bytes")]
        more: Vec<u8>,
    }
    assert_eq!(of::<Renamed>(), "{ firstName: String, x: u8, defaulted: bool, bytes: Bytes, more: Bytes }");

    #[derive(Serialize, Deserialize)]
    struct Aliases {
        first: u8,
        #[serde(alias = "aaa", alias = "zzz")]
        middle: Option<String>,
        third: bool,
        #[serde(alias = "l")]
        last: NonZeroU16,
    }
    assert_eq!(of::<Aliases>(), "{ first: u8, middle: Option<String>, third: bool, last: NonZero<u16> }");

    #[derive(Serialize, Deserialize)]
    enum AliasedVariants {
        A,
        #[serde(alias = "Old")]
        B(u8),
        C {
            x: bool,
        },
    }
    assert_eq!(of::<AliasedVariants>(), "AliasedVariants");
    assert_eq!(of::<(AliasedVariants, u8)>(), "(AliasedVariants, u8)");
}

#[test]
fn opaque_types_in_json() {
    assert_eq!(of::<(serde_json_like::Value, u8)>(), "(Value, u8)");
    mod serde_json_like {
        use serde::{Deserialize, Deserializer, Serialize};
        #[derive(Serialize)]
        pub(super) struct Value;
        impl<'de> Deserialize<'de> for Value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(serde::de::IgnoredAny).map(|_| Self)
            }
        }
    }
}
