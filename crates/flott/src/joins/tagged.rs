//! Two streams as one.

use flott_runtime::{
    Record,
    operators::{KeySelector, TaggedKey, TaggedUnion},
};

use crate::{DataStream, KeyedStream, SingleOutputStream};

/// The records of both streams by key.
pub(super) fn keyed_union<A, B, L, R>(
    left: &DataStream<A>,
    right: &DataStream<B>,
    key: TaggedKey<L, R>,
) -> KeyedStream<TaggedUnion<A, B>, TaggedKey<L, R>>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    let (left, right) = (tagged(left, TaggedUnion::Left), tagged(right, TaggedUnion::Right));
    KeyedStream::new(&left.union(&right), key)
}

/// Each record with its tag, made where the record comes from.
fn tagged<T: Record, U: Record>(stream: &DataStream<T>, tag: fn(T) -> U) -> SingleOutputStream<U> {
    let parallelism = match stream.upstreams.as_slice() {
        [upstream] => stream.env.graph.borrow().nodes[upstream.node.0].parallelism,
        _ => None,
    };
    let tagged = stream.map(tag);
    match parallelism {
        Some(parallelism) => tagged.set_parallelism(parallelism),
        None => tagged,
    }
}

/// The records of both streams apart, each in the order in which they came.
pub(super) fn split<A, B>(records: Vec<TaggedUnion<A, B>>) -> (Vec<A>, Vec<B>) {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            TaggedUnion::Left(record) => lefts.push(record),
            TaggedUnion::Right(record) => rights.push(record),
        }
    }
    (lefts, rights)
}
