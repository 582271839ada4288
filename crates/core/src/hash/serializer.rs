//! A serde serializer whose output is a hash.

use std::fmt;

use serde::{Serialize, ser};
use xxhash_rust::xxh3::xxh3_64;

pub(super) const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
pub(super) const MULTIPLIER: u64 = 0xA076_1D64_78BD_642F;

/// The high half of the 128-bit product xor its low half.
#[inline]
pub(super) const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

pub(super) struct KeyHasher {
    state: u64,
}

impl KeyHasher {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { state: SEED }
    }

    #[inline]
    pub(super) const fn finish(self) -> u64 {
        fold(self.state, SEED)
    }

    #[inline]
    fn add(&mut self, value: u64) -> Result<(), Impossible> {
        self.state = fold(self.state ^ value, MULTIPLIER).wrapping_add(value);
        Ok(())
    }

    #[inline]
    fn add_bytes(&mut self, bytes: &[u8]) -> Result<(), Impossible> {
        self.add(xxh3_64(bytes))?;
        self.add(bytes.len() as u64)
    }
}

/// The error that only a key's own `Serialize` implementation can raise.
#[derive(Debug)]
pub(super) struct Impossible;

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key cannot be serialized")
    }
}

impl std::error::Error for Impossible {}

impl ser::Error for Impossible {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Methods that add one integer after widening it.
macro_rules! integers {
    ($($method:ident: $type:ty => |$value:ident| $widened:expr;)*) => {
        $(#[inline]
        fn $method(self, $value: $type) -> Result<(), Impossible> {
            self.add($widened)
        })*
    };
}

impl ser::Serializer for &mut KeyHasher {
    type Ok = ();
    type Error = Impossible;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    integers! {
        serialize_bool: bool => |v| u64::from(v);
        serialize_i8: i8 => |v| i64::from(v) as u64;
        serialize_i16: i16 => |v| i64::from(v) as u64;
        serialize_i32: i32 => |v| i64::from(v) as u64;
        serialize_i64: i64 => |v| v as u64;
        serialize_u8: u8 => |v| u64::from(v);
        serialize_u16: u16 => |v| u64::from(v);
        serialize_u32: u32 => |v| u64::from(v);
        serialize_u64: u64 => |v| v;
        serialize_f32: f32 => |v| u64::from(v.to_bits());
        serialize_f64: f64 => |v| v.to_bits();
        serialize_char: char => |v| u64::from(u32::from(v));
    }

    fn serialize_i128(self, v: i128) -> Result<(), Impossible> {
        self.serialize_u128(v as u128)
    }

    fn serialize_u128(self, v: u128) -> Result<(), Impossible> {
        self.add(v as u64)?;
        self.add((v >> 64) as u64)
    }

    #[inline]
    fn serialize_str(self, v: &str) -> Result<(), Impossible> {
        self.add_bytes(v.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Impossible> {
        self.add_bytes(v)
    }

    fn serialize_none(self) -> Result<(), Impossible> {
        self.add(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Impossible> {
        self.add(1)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Impossible> {
        self.add(0)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Impossible> {
        self.add(0)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Impossible> {
        self.add(u64::from(index))
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Impossible> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Impossible> {
        self.add(u64::from(index))?;
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Impossible> {
        self.add(len.map_or(u64::MAX, |len| len as u64))?;
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Impossible> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Impossible> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Impossible> {
        self.add(u64::from(index))?;
        Ok(self)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, Impossible> {
        self.serialize_seq(len)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Impossible> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Impossible> {
        self.add(u64::from(index))?;
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The compound serializers: each adds its parts in order. Names of fields do not count, so that renaming one moves
/// no key.
macro_rules! compound {
    ($($trait:ident::$method:ident($($key:ident: $key_type:ty)?);)*) => {
        $(impl ser::$trait for &mut KeyHasher {
            type Ok = ();
            type Error = Impossible;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, $($key: $key_type,)? value: &T) -> Result<(), Impossible> {
                value.serialize(&mut **self)
            }

            #[inline]
            fn end(self) -> Result<(), Impossible> {
                Ok(())
            }
        })*
    };
}

compound! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(_name: &'static str);
    SerializeStructVariant::serialize_field(_name: &'static str);
}

impl ser::SerializeMap for &mut KeyHasher {
    type Ok = ();
    type Error = Impossible;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Impossible> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Impossible> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Impossible> {
        Ok(())
    }
}
