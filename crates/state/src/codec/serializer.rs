//! Writes postcard's format, as the `postcard` crate does but several times faster: all state goes through it, in the
//! moments after a barrier while records wait.

use std::fmt::{self, Display};

use serde::{Serialize, ser};

/// Appends values to bytes.
pub(super) struct Serializer<'a>(pub(super) &'a mut Vec<u8>);

/// Why a value cannot be written, in words.
#[derive(Debug)]
pub(super) struct Unserializable(String);

type Result<T = ()> = std::result::Result<T, Unserializable>;

impl Display for Unserializable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unserializable {}

impl ser::Error for Unserializable {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Most bytes of a number of 64 bits.
const LONGEST: usize = 10;

/// Appends a number, seven bits a byte, the lowest ones first.
#[inline(always)]
pub(super) fn put_number(number: u64, out: &mut Vec<u8>) {
    if number < 0x80 {
        out.push(number as u8);
    } else {
        put_long_number(number, out);
    }
}

#[inline]
fn put_long_number(mut number: u64, out: &mut Vec<u8>) {
    let mut bytes = [0; LONGEST];
    let mut length = 0;
    while number >= 0x80 {
        bytes[length] = number as u8 | 0x80;
        number >>= 7;
        length += 1;
    }
    bytes[length] = number as u8;
    // All of them at once, of a length that the compiler knows; then as many as there are.
    let end = out.len() + length + 1;
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

fn put_huge_number(mut number: u128, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Numbers near zero become small ones: 0, -1, 1, -2 …
#[inline(always)]
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

impl Serializer<'_> {
    fn put_length(&mut self, length: Option<usize>) -> Result {
        let length = length.ok_or_else(|| Unserializable("its length is not known in advance".to_owned()))?;
        put_number(length as u64, self.0);
        Ok(())
    }
}

impl ser::Serializer for &mut Serializer<'_> {
    type Ok = ();
    type Error = Unserializable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result {
        self.serialize_u8(value.into())
    }

    #[inline(always)]
    fn serialize_i8(self, value: i8) -> Result {
        self.serialize_u8(value as u8)
    }

    #[inline(always)]
    fn serialize_i16(self, value: i16) -> Result {
        self.serialize_i64(value.into())
    }

    #[inline(always)]
    fn serialize_i32(self, value: i32) -> Result {
        self.serialize_i64(value.into())
    }

    #[inline(always)]
    fn serialize_i64(self, value: i64) -> Result {
        self.serialize_u64(zigzag(value))
    }

    fn serialize_i128(self, value: i128) -> Result {
        self.serialize_u128((value << 1 ^ value >> 127) as u128)
    }

    #[inline(always)]
    fn serialize_u8(self, value: u8) -> Result {
        self.0.push(value);
        Ok(())
    }

    #[inline(always)]
    fn serialize_u16(self, value: u16) -> Result {
        self.serialize_u64(value.into())
    }

    #[inline(always)]
    fn serialize_u32(self, value: u32) -> Result {
        self.serialize_u64(value.into())
    }

    #[inline(always)]
    fn serialize_u64(self, value: u64) -> Result {
        put_number(value, self.0);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result {
        put_huge_number(value, self.0);
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result {
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result {
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result {
        put_number(value.len() as u64, self.0);
        self.0.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result {
        self.serialize_u8(0)
    }

    #[inline]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result {
        self.0.push(1);
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result {
        self.serialize_u32(index)
    }

    #[inline]
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result {
        put_number(index.into(), self.0);
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self> {
        self.put_length(length)?;
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self> {
        put_number(index.into(), self.0);
        Ok(self)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self> {
        self.put_length(length)?;
        Ok(self)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self> {
        put_number(index.into(), self.0);
        Ok(self)
    }

    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Result {
        self.serialize_str(&value.to_string())
    }
}

/// What consists of others is nothing but these.
macro_rules! compound {
    ($($name:ident::$element:ident $(, $key:ident)?;)*) => {$(
        impl ser::$name for &mut Serializer<'_> {
            type Ok = ();
            type Error = Unserializable;

            $(
                #[inline(always)]
                fn $key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result {
                    key.serialize(&mut **self)
                }
            )?

            #[inline(always)]
            fn $element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
                value.serialize(&mut **self)
            }

            #[inline(always)]
            fn end(self) -> Result {
                Ok(())
            }
        }
    )*};
}

/// The same, of fields with names, which are not written.
macro_rules! fields {
    ($($name:ident),*) => {$(
        impl ser::$name for &mut Serializer<'_> {
            type Ok = ();
            type Error = Unserializable;

            #[inline(always)]
            fn serialize_field<T: ?Sized + Serialize>(&mut self, _: &'static str, value: &T) -> Result {
                value.serialize(&mut **self)
            }

            #[inline(always)]
            fn end(self) -> Result {
                Ok(())
            }
        }
    )*};
}

compound! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
    SerializeMap::serialize_value, serialize_key;
}

fields!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{prelude::*, proptest};
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Unit;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(i16);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Nothing,
        One(u32),
        Two(i8, char),
        Named { text: String, number: f32 },
    }

    type Numbers = (u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        unit: Unit,
        newtype: Newtype,
        numbers: Numbers,
        float: f64,
        kinds: Vec<Kind>,
        map: BTreeMap<String, Option<bool>>,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        array: [u64; 3],
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Nothing),
            any::<u32>().prop_map(Kind::One),
            any::<(i8, char)>().prop_map(|(a, b)| Kind::Two(a, b)),
            (".*", -1e9f32..1e9).prop_map(|(text, number)| Kind::Named { text, number }),
        ]
    }

    prop_compose! {
        fn everything()(
            newtype: i16,
            small: (u8, u16, i8, i16),
            wide: (u32, u64, i32, i64),
            huge: (u128, i128),
            float in -1e300..1e300,
            kinds in prop::collection::vec(kind(), 0..4),
            map: BTreeMap<String, Option<bool>>,
            bytes: Vec<u8>,
            (shift, array) in (0u32..64, any::<[u64; 3]>()),
        ) -> Everything {
            Everything {
                unit: Unit,
                newtype: Newtype(newtype),
                numbers: (small.0, small.1, wide.0, wide.1, huge.0, small.2, small.3, wide.2, wide.3, huge.1),
                float,
                kinds,
                map,
                bytes,
                array: array.map(|number| number >> shift),
            }
        }
    }

    fn bytes_of<T: Serialize>(value: &T) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        value.serialize(&mut Serializer(&mut bytes))?;
        Ok(bytes)
    }

    proptest! {
        #[test]
        fn it_writes_what_postcard_writes(value in everything()) {
            prop_assert_eq!(bytes_of(&value).unwrap(), postcard::to_stdvec(&value).unwrap());
        }
    }

    #[test]
    fn numbers_at_the_borders_are_those_of_postcard() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                assert_eq!(bytes_of(&number).unwrap(), postcard::to_stdvec(&number).unwrap());
                let signed = number as i64;
                assert_eq!(bytes_of(&signed).unwrap(), postcard::to_stdvec(&signed).unwrap());
            }
        }
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        struct Unlucky;
        impl Serialize for Unlucky {
            fn serialize<S: ser::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
                Err(ser::Error::custom("not today"))
            }
        }
        assert_eq!(bytes_of(&Unlucky).unwrap_err().to_string(), "not today");

        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_seq(None).map(|_| unreachable!())
            }
        }
        assert_eq!(bytes_of(&Endless).unwrap_err().to_string(), "its length is not known in advance");
    }
}
