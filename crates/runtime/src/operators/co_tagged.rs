//! Records of two streams as one stream.

use serde::{Deserialize, Serialize};

use super::KeySelector;

/// A record of one of two streams. Windows of a join hold such records: this is what a window assigner, a trigger or an
/// evictor of a join sees.
///
/// ```
/// use flott_runtime::operators::TaggedUnion;
///
/// let records = [TaggedUnion::Left(7), TaggedUnion::Right("seven")];
/// assert!(matches!(records[0], TaggedUnion::Left(number) if number > 5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaggedUnion<A, B> {
    /// Of the first stream.
    Left(A),
    /// Of the second stream.
    Right(B),
}

/// Knows the key of records of both streams.
#[derive(Clone, Copy, Debug)]
pub struct TaggedKey<L, R> {
    /// Knows the key of the first stream's.
    pub left: L,
    /// Knows the key of the second stream's.
    pub right: R,
}

impl<A, B, L, R> KeySelector<TaggedUnion<A, B>> for TaggedKey<L, R>
where
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    type Key = L::Key;

    #[inline]
    fn with<X>(&self, record: &TaggedUnion<A, B>, then: impl FnOnce(&L::Key) -> X) -> X {
        match record {
            TaggedUnion::Left(record) => self.left.with(record, then),
            TaggedUnion::Right(record) => self.right.with(record, then),
        }
    }
}
