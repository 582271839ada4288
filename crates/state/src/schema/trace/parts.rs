//! The parts of made-up values: elements, entries, fields, contents of variants.

use std::any::type_name;

use serde::de::{
    self, DeserializeSeed, IntoDeserializer, Visitor,
    value::{StrDeserializer, U32Deserializer},
};

use super::{
    context::{Context, Stop, Way},
    deserializer::Tracer,
    shape::Shape,
};
use crate::schema::node::Node;

/// Makes up the part at a position of a type.
fn part<'de, S: DeserializeSeed<'de>>(
    context: &mut Context,
    id: usize,
    position: usize,
    seed: S,
) -> Result<S::Value, Stop> {
    let of = typeid::of::<S::Value>();
    let (part, value) =
        context.position(of, type_name::<S::Value>(), |context| seed.deserialize(Tracer { context }));
    context.note(id, position, part, value.is_err());
    value
}

/// The elements of a tuple.
pub(super) struct TupleElements<'a> {
    pub(super) context: &'a mut Context,
    pub(super) id: usize,
    pub(super) next: usize,
    pub(super) length: usize,
}

impl<'de> de::SeqAccess<'de> for TupleElements<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if self.next == self.length {
            return Ok(None);
        }
        self.next += 1;
        part(self.context, self.id, self.next - 1, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length - self.next)
    }
}

/// The elements of a sequence.
pub(super) struct Elements<'a> {
    pub(super) context: &'a mut Context,
    pub(super) id: usize,
    pub(super) remaining: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        part(self.context, self.id, 0, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}

/// The entries of a map.
pub(super) struct Entry<'a> {
    pub(super) context: &'a mut Context,
    pub(super) id: usize,
    pub(super) remaining: usize,
}

impl<'de> de::MapAccess<'de> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        part(self.context, self.id, 0, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        part(self.context, self.id, 1, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}

/// The fields of a struct. They are given in their order, as the format does it, as long as all goes well; else by name,
/// so that those behind one that can't be made up are seen, too.
pub(super) struct Fields<'a> {
    context: &'a mut Context,
    id: usize,
    /// The positions of the fields that are still to come, the next one last.
    rest: Vec<usize>,
    /// The position of the one whose name was given.
    named: usize,
}

impl Fields<'_> {
    pub(super) fn visit<'de, V: Visitor<'de>>(
        context: &mut Context,
        id: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let Shape::Struct(shape) = context.get(id) else { return Err(Stop::Known) };
        let mut rest: Vec<usize> = (0..shape.fields.len()).rev().collect();
        if shape.failing.is_empty() && !shape.has_aliases {
            let mut fields = Fields { context, id, rest, named: 0 };
            let value = visitor.visit_seq(&mut fields);
            let too_many = fields.rest.len();
            if value.is_ok() && too_many > 0 {
                Self::note_aliases(context, id);
            }
            return value;
        }
        // Of those that fail, one comes first in which there is something to find out.
        rest.sort_by_key(|position| {
            let field = &shape.fields[*position];
            match shape.failing.contains(field.key) {
                false => (2, 0),
                true if field.slot.is_none_or(|slot| context.is_open(slot)) => {
                    (1, context.chance(*position, 1 << 16))
                }
                true => (0, 0),
            }
        });
        let mut fields = Fields { context, id, rest, named: 0 };
        let value = visitor.visit_map(&mut fields);
        let named = fields.named;
        match value {
            Err(Stop::Twice(name)) => {
                Self::remove_alias(context, id, named, name);
                Err(Stop::Known)
            }
            value => value,
        }
    }

    /// The type has asked for fewer fields than it has names. Which is whose, its refusals of duplicates will tell.
    fn note_aliases(context: &mut Context, id: usize) {
        if let Shape::Struct(shape) = context.shape(id) {
            shape.has_aliases = true;
            for field in &mut shape.fields {
                field.slot = None;
            }
            context.news += 1;
        }
    }

    /// The key at a position is another name of a field that was there already. The names of one field stand together.
    fn remove_alias(context: &mut Context, id: usize, position: usize, name: &'static str) {
        if let Shape::Struct(shape) = context.shape(id)
            && position > 0
            && position < shape.fields.len()
        {
            shape.fields.remove(position);
            shape.fields[position - 1].name = name;
            context.news += 1;
        }
    }

    fn field<'de, S: DeserializeSeed<'de>>(&mut self, position: usize, seed: S) -> Result<S::Value, Stop> {
        let value = part(self.context, self.id, position, seed);
        if let Shape::Struct(shape) = self.context.shape(self.id)
            && value.is_err()
            && shape.failing.insert(shape.fields[position].key)
        {
            self.context.news += 1;
        }
        value
    }
}

impl<'de> de::SeqAccess<'de> for &mut Fields<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        match self.rest.pop() {
            Some(position) => self.field(position, seed).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl<'de> de::MapAccess<'de> for &mut Fields<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        let Some(position) = self.rest.pop() else { return Ok(None) };
        self.named = position;
        let Shape::Struct(shape) = self.context.shape(self.id) else { return Err(Stop::Known) };
        let key: StrDeserializer<'_, Stop> = shape.fields[position].key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        self.field(self.named, seed)
    }
}

/// The variant of an enum that was chosen, and its content.
pub(super) struct VariantChoice<'a> {
    pub(super) context: &'a mut Context,
    pub(super) id: usize,
    pub(super) variant: usize,
}

impl VariantChoice<'_> {
    fn way(&self) -> Way {
        Way::Content { of: self.id, variant: self.variant }
    }

    /// Runs what makes up the content. What the content refuses is the enum's refusal, so no new position.
    fn content<T>(self, run: impl FnOnce(Way, Tracer<'_>) -> Result<T, Stop>) -> Result<T, Stop> {
        let way = self.way();
        let Self { context, id, variant } = self;
        let (part, value) = context.content(|context| run(way, Tracer { context }));
        context.note(id, variant, part, value.is_err());
        value
    }
}

impl<'de> de::EnumAccess<'de> for VariantChoice<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let number: U32Deserializer<Stop> = (self.variant as u32).into_deserializer();
        match seed.deserialize(number) {
            Ok(value) => Ok((value, self)),
            // There are fewer variants than names.
            Err(_) if self.variant > 0 => {
                if let Shape::Enum(shape) = self.context.shape(self.id) {
                    shape.variants.truncate(self.variant);
                    shape.has_aliases = true;
                    self.context.news += 1;
                }
                Err(Stop::Known)
            }
            Err(stop) => Err(stop),
        }
    }
}

impl<'de> de::VariantAccess<'de> for VariantChoice<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.content(|_, tracer| {
            tracer.context.see_plain(Node::Unit);
            Ok(())
        })
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        part(self.context, self.id, self.variant, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        self.content(|way, tracer| tracer.tuple(way, length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.content(|way, tracer| tracer.structure(way, names, visitor))
    }
}
