//! Finds the schema of a type by running its `Deserialize` implementation against made-up input.
//!
//! One run, a *pass*, shows all that one made-up value consists of. What it doesn't show (the other variants of an enum,
//! what comes after a part that refused its input) is for the next passes, until nothing is missing or nothing new comes.
//! The made-up values are as small as can be where everything is known already, which is also what ends recursion.

mod context;
mod deserializer;
mod parts;
mod shape;

use std::any::type_name;

use serde::de::DeserializeOwned;

use self::{context::Context, deserializer::Tracer, shape::Shape};
use super::Schema;

/// Passes without any news after which the rest is given up.
const FRUITLESS_PASSES: u32 = 64;
/// Passes in all: more than there can be variants in a sane type.
const MAX_PASSES: u32 = 20_000;

pub(super) fn trace<T: DeserializeOwned>() -> Schema {
    let mut context = Context::new();
    let mut root = None;
    let mut fruitless = 0;
    for pass in 0..MAX_PASSES {
        let known = context.news;
        context.begin_pass(pass);
        run::<T>(&mut context, &mut root);
        let is_complete = root.is_some_and(|root| !context.has_gaps(root));
        if is_complete {
            break;
        }
        fruitless = if context.news == known { fruitless + 1 } else { 0 };
        if fruitless == FRUITLESS_PASSES {
            break;
        }
    }
    // With the smallest values once more, so that a type that refuses these is opaque whatever stands beside it.
    for _ in 0..FRUITLESS_PASSES {
        let known = context.news;
        context.begin_smallest_pass();
        run::<T>(&mut context, &mut root);
        if context.news == known {
            break;
        }
    }
    let root = root.unwrap_or_else(|| {
        context.add(Shape::Opaque { name: short_name(type_name::<T>()), wire: None }, type_name::<T>())
    });
    context.finish(root)
}

fn run<T: DeserializeOwned>(context: &mut Context, root: &mut Option<usize>) {
    // A failed pass has left in the context what it has found out.
    let (id, _) = context.position(typeid::of::<T>(), type_name::<T>(), |context| {
        T::deserialize(Tracer { context }).map(drop)
    });
    *root = id.or(*root);
}

/// The name of a type without the paths of modules: `Option<chrono::Utc>` for `core::option::Option<chrono::offset::Utc>`
/// would still change with a module, so it is `Option<Utc>`.
pub(super) fn short_name(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut segment = 0;
    let mut rest = name;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            short.truncate(segment);
            rest = after;
            continue;
        }
        short.push(next);
        if !next.is_alphanumeric() && next != '_' {
            segment = short.len();
        }
        rest = &rest[next.len_utf8()..];
    }
    short
}
