//! Migrations, and the choice among all that can be done.

use serde::{Deserialize, Serialize};

use crate::schema::{Evolution, Migration, Plan, Schema, SchemaError};

#[derive(Serialize, Deserialize)]
struct CartV1 {
    items: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct CartV2 {
    items: Vec<String>,
    coupon: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: Vec<(String, u32)>,
    coupon: Option<String>,
}

fn migrations() -> [Migration; 2] {
    [
        Migration::new(|total: u64| Cart { items: vec![("total".to_owned(), total as u32)], coupon: None }),
        Migration::new(|old: CartV2| Cart {
            items: old.items.into_iter().map(|item| (item, 1)).collect(),
            coupon: old.coupon,
        }),
    ]
}

fn plan<Old: Serialize + serde::de::DeserializeOwned>(migrations: &[Migration]) -> Result<Plan, String> {
    Evolution::plan(&Schema::of::<Old>(), &Schema::of::<Cart>(), migrations)
}

fn apply<Old: Serialize>(plan: &Plan, old: &Old) -> Cart {
    let mut bytes = postcard::to_allocvec(old).unwrap();
    let length = bytes.len();
    bytes.push(77);
    let mut out = Vec::new();
    assert_eq!(plan.apply(&bytes, &mut out).unwrap(), length);
    postcard::from_bytes(&out).unwrap()
}

fn cart(item: &str, count: u32, coupon: Option<&str>) -> Cart {
    Cart { items: vec![(item.to_owned(), count)], coupon: coupon.map(str::to_owned) }
}

#[test]
fn each_old_version_has_its_migration() {
    let total = plan::<u64>(&migrations()).unwrap();
    assert_eq!(apply(&total, &700u64), cart("total", 700, None));
    let v2 = plan::<CartV2>(&migrations()).unwrap();
    let old = CartV2 { items: vec!["tea".to_owned()], coupon: Some("X".to_owned()) };
    assert_eq!(apply(&v2, &old), cart("tea", 1, Some("X")));
}

#[test]
fn what_fits_a_migration_is_brought_to_it() {
    let plan = plan::<CartV1>(&migrations()).unwrap();
    assert!(matches!(plan, Plan::Migrate { before: Some(_), .. }));
    assert_eq!(apply(&plan, &CartV1 { items: vec!["tea".to_owned()] }), cart("tea", 1, None));
}

#[test]
fn unchanged_state_needs_no_migration() {
    let plan = plan::<Cart>(&migrations()).unwrap();
    assert!(plan.is_same());
    assert_eq!(apply(&plan, &cart("tea", 3, None)), cart("tea", 3, None));
}

#[test]
fn a_migration_goes_before_rewriting() {
    let twice = Migration::new(|old: u32| u64::from(old) * 2);
    let plan = Evolution::plan(&Schema::of::<u32>(), &Schema::of::<u64>(), &[twice]).unwrap();
    let mut out = Vec::new();
    plan.apply(&[21], &mut out).unwrap();
    assert_eq!(out, [42]);
    let plan = Evolution::plan(&Schema::of::<u32>(), &Schema::of::<u64>(), &[]).unwrap();
    assert!(matches!(plan, Plan::Transcode(_)));
}

#[test]
fn what_does_not_fit_is_refused_with_advice() {
    assert_eq!(
        plan::<CartV1>(&[]).unwrap_err(),
        "element `items[]`: was String, is (String, u32); stored is `{ items: Vec<String> }`; give the state a migration \
         from the stored type (`StateDescriptor::migrate_from`)"
    );
    assert_eq!(
        plan::<String>(&migrations()).unwrap_err(),
        "was String, is { items: Vec<(String, u32)>, coupon: Option<String> }; stored is `String`; it doesn't fit the \
         state's migration from `u64`, `CartV2` either; give it one from the stored type"
    );
}

#[test]
fn a_migration_must_make_the_values_of_its_state() {
    let [_, migration] = migrations();
    migration.check::<Cart>().unwrap();
    assert_eq!(
        migration.check::<CartV2>().unwrap_err(),
        "the migration from `CartV2` makes a `Cart`, but the values of the state are `CartV2`: let its function \
         return that"
    );
}

#[test]
fn damaged_values_are_errors() {
    let plan = plan::<CartV2>(&migrations()).unwrap();
    let error = plan.apply(&[5, 1], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, SchemaError::Decode { .. }), "{error}");
    let before = self::plan::<CartV1>(&migrations()).unwrap();
    let error = before.apply(&[1, 5, b'a'], &mut Vec::new()).unwrap_err();
    assert_eq!(error, SchemaError::Truncated { offset: 3 });
}
