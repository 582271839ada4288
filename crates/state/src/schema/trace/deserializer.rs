//! The deserializer that makes up its input.

use std::any::type_name;

use serde::{
    de::{self, Visitor},
    forward_to_deserialize_any,
};

use super::{
    context::{Context, Stop, Way},
    parts::{Elements, Entry, Fields, TupleElements, VariantChoice},
    shape::{EnumShape, Shape, StructShape},
};
use crate::schema::node::{Node, Width};

/// Deserializes one value, whatever it is.
pub(super) struct Tracer<'a> {
    pub(super) context: &'a mut Context,
}

/// Texts that one or the other type that is written as text takes.
const TEXTS: [&str; 16] = [
    "",
    "0",
    "a",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "00:00:00",
    "UTC",
    "127.0.0.1",
    "127.0.0.1:80",
    "00000000-0000-0000-0000-000000000000",
    "http://localhost/",
    "1.0.0",
    "PT0S",
    "1970-01-01T00:00:00+00:00[UTC]",
    "a@b.example",
];
/// The same for bytes: of these lengths.
const LENGTHS: [usize; 16] = [0, 16, 4, 8, 12, 20, 24, 32, 48, 64, 1, 2, 3, 6, 10, 128];
static ZEROS: [u8; 128] = [0; 128];

impl Tracer<'_> {
    fn number(&self) -> u8 {
        [0, 1, 2, 10, 100][self.context.candidate % 5]
    }

    fn text(&self) -> &'static str {
        TEXTS[self.context.candidate % TEXTS.len()]
    }

    fn bytes(&self) -> &'static [u8] {
        &ZEROS[..LENGTHS[self.context.candidate % LENGTHS.len()]]
    }

    /// Also for the contents of variants.
    pub(super) fn tuple<'de, V: Visitor<'de>>(
        self,
        way: Way,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let context = self.context;
        let shape = || Shape::Tuple(vec![None; length]);
        let id = context.enter((typeid::of::<V>(), way), type_name::<V::Value>(), shape)?;
        let value = visitor.visit_seq(TupleElements { context, id, next: 0, length });
        context.leave();
        value
    }

    /// Also for the contents of variants.
    pub(super) fn structure<'de, V: Visitor<'de>>(
        self,
        way: Way,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let context = self.context;
        let shape = || Shape::Struct(StructShape::new(names));
        let id = context.enter((typeid::of::<V>(), way), type_name::<V::Value>(), shape)?;
        let value = Fields::visit(context, id, visitor);
        context.leave();
        value
    }
}

macro_rules! plain {
    ($($method:ident $visit:ident $node:expr, |$self:ident| $value:expr;)*) => {
        $(fn $method<V: Visitor<'de>>($self, visitor: V) -> Result<V::Value, Stop> {
            $self.context.see_plain($node);
            visitor.$visit($value)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Tracer<'_> {
    type Error = Stop;

    fn is_human_readable(&self) -> bool {
        false
    }

    // The format doesn't describe itself: nobody can read any of these.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop::Refused)
    }

    forward_to_deserialize_any! { identifier ignored_any }

    plain! {
        deserialize_bool visit_bool Node::Bool, |self| self.number() % 2 == 1;
        deserialize_u8 visit_u8 Node::Unsigned(Width::W8), |self| self.number();
        deserialize_u16 visit_u16 Node::Unsigned(Width::W16), |self| self.number().into();
        deserialize_u32 visit_u32 Node::Unsigned(Width::W32), |self| self.number().into();
        deserialize_u64 visit_u64 Node::Unsigned(Width::W64), |self| self.number().into();
        deserialize_u128 visit_u128 Node::Unsigned(Width::W128), |self| self.number().into();
        deserialize_i8 visit_i8 Node::Signed(Width::W8), |self| self.number() as i8;
        deserialize_i16 visit_i16 Node::Signed(Width::W16), |self| self.number().into();
        deserialize_i32 visit_i32 Node::Signed(Width::W32), |self| self.number().into();
        deserialize_i64 visit_i64 Node::Signed(Width::W64), |self| self.number().into();
        deserialize_i128 visit_i128 Node::Signed(Width::W128), |self| self.number().into();
        deserialize_f32 visit_f32 Node::F32, |self| self.number().into();
        deserialize_f64 visit_f64 Node::F64, |self| self.number().into();
        deserialize_char visit_char Node::Char, |self| ['a', '0', 'A'][self.context.candidate % 3];
        deserialize_str visit_borrowed_str Node::String, |self| self.text();
        deserialize_string visit_str Node::String, |self| self.text();
        deserialize_bytes visit_borrowed_bytes Node::Bytes, |self| self.bytes();
        deserialize_byte_buf visit_bytes Node::Bytes, |self| self.bytes();
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.context.see_plain(Node::Unit);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let context = self.context;
        let (of, name) = (typeid::of::<V>(), type_name::<V::Value>());
        let id = context.enter((of, Way::Option), name, || Shape::Option(None))?;
        let value = if context.is_worth_looking(id) {
            // Options have no seed that would tell what is in them, so it is taken from the option's name.
            let inner = name
                .strip_prefix("core::option::Option<")
                .and_then(|name| name.strip_suffix('>'))
                .unwrap_or(name);
            let (part, value) = context.position(of, inner, |context| visitor.visit_some(Tracer { context }));
            context.note(id, 0, part, value.is_err());
            value
        } else {
            visitor.visit_none()
        };
        context.leave();
        value
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let context = self.context;
        let id =
            context.enter((typeid::of::<V>(), Way::Seq), type_name::<V::Value>(), || Shape::Seq(None))?;
        let remaining = usize::from(context.is_worth_looking(id));
        let value = visitor.visit_seq(Elements { context, id, remaining });
        context.leave();
        value
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(Way::Tuple(length), length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.tuple(Way::Tuple(length), length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let context = self.context;
        let shape = || Shape::Map(None, None);
        let id = context.enter((typeid::of::<V>(), Way::Map), type_name::<V::Value>(), shape)?;
        let remaining = usize::from(context.is_worth_looking(id));
        let value = visitor.visit_map(Entry { context, id, remaining });
        context.leave();
        value
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(Way::Struct, names, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let context = self.context;
        let shape = || Shape::Enum(EnumShape::new(names));
        let id = context.enter((typeid::of::<V>(), Way::Enum), type_name::<V::Value>(), shape)?;
        let variant = match context.choose_variant(id) {
            Ok(variant) => variant,
            Err(stop) => {
                context.leave();
                return Err(stop);
            }
        };
        if let Shape::Enum(shape) = context.shape(id)
            && !shape.variants[variant].is_tried
        {
            shape.variants[variant].is_tried = true;
            context.news += 1;
        }
        let value = visitor.visit_enum(VariantChoice { context, id, variant });
        if let Shape::Enum(shape) = context.shape(id)
            && value.is_ok()
            && shape.base.is_none()
        {
            shape.base = Some(variant);
            context.news += 1;
        }
        context.leave();
        value
    }
}
