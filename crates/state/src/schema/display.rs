//! Schemas as people read them.

use std::fmt;

use super::{
    Schema,
    node::{Id, Node},
};

impl fmt::Display for Schema {
    /// In the manner of Rust: `{ name: String, tags: Vec<String> }`, `enum { Ready, Failed(String) }`. A type that
    /// contains itself is shown once, and then as `…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        At { nodes: &self.nodes, id: 0 }.fmt(f)
    }
}

/// One type of a schema.
pub(super) struct At<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) id: Id,
}

/// What is nested deeper is not shown.
const MAX_DEPTH: usize = 64;
/// How much of a type an error message shows, in characters.
const BRIEF: usize = 100;

impl At<'_> {
    /// The type in a form that fits into a message.
    pub(super) fn brief(&self) -> String {
        let mut text = Limited { text: String::new(), rest: BRIEF };
        // A failure says that there is more, which the text shows.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{self}"));
        text.text
    }
}

/// Takes a number of characters, so that types that would fill pages are not written out.
struct Limited {
    text: String,
    rest: usize,
}

impl fmt::Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.rest == 0 {
                self.text.pop();
                self.text.push('…');
                return Err(fmt::Error);
            }
            self.rest -= 1;
            self.text.push(c);
        }
        Ok(())
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.nodes, self.id, &mut Vec::new())
    }
}

fn write(f: &mut fmt::Formatter<'_>, nodes: &[Node], id: Id, path: &mut Vec<Id>) -> fmt::Result {
    if path.contains(&id) || path.len() > MAX_DEPTH {
        return f.write_str("…");
    }
    path.push(id);
    match &nodes[id as usize] {
        Node::Unit => f.write_str("()")?,
        Node::Bool => f.write_str("bool")?,
        Node::Char => f.write_str("char")?,
        Node::String => f.write_str("String")?,
        Node::Bytes => f.write_str("Bytes")?,
        Node::F32 => f.write_str("f32")?,
        Node::F64 => f.write_str("f64")?,
        Node::Unsigned(width) => write!(f, "u{}", width.bits())?,
        Node::Signed(width) => write!(f, "i{}", width.bits())?,
        Node::Option(inner) => {
            f.write_str("Option<")?;
            write(f, nodes, *inner, path)?;
            f.write_str(">")?;
        }
        Node::Seq(element) => {
            f.write_str("Vec<")?;
            write(f, nodes, *element, path)?;
            f.write_str(">")?;
        }
        Node::Map(key, value) => {
            f.write_str("Map<")?;
            write(f, nodes, *key, path)?;
            f.write_str(", ")?;
            write(f, nodes, *value, path)?;
            f.write_str(">")?;
        }
        Node::Tuple(elements) => write_tuple(f, nodes, elements, path)?,
        Node::Struct(fields) => write_struct(f, nodes, fields, path)?,
        Node::Enum(variants) => {
            f.write_str("enum {")?;
            for (i, (name, content)) in variants.iter().enumerate() {
                write!(f, "{}{name}", if i == 0 { " " } else { ", " })?;
                match &nodes[*content as usize] {
                    Node::Unit => {}
                    Node::Tuple(elements) if !path.contains(content) && !is_array(elements) => {
                        write_tuple(f, nodes, elements, path)?;
                    }
                    Node::Struct(fields) if !path.contains(content) => {
                        f.write_str(" ")?;
                        write_struct(f, nodes, fields, path)?;
                    }
                    _ => {
                        f.write_str("(")?;
                        write(f, nodes, *content, path)?;
                        f.write_str(")")?;
                    }
                }
            }
            f.write_str(if variants.is_empty() { "}" } else { " }" })?;
        }
        Node::Opaque { type_name, .. } => f.write_str(type_name)?,
    }
    path.pop();
    Ok(())
}

/// Tuples of many elements of one type are shown as arrays.
fn is_array(elements: &[Id]) -> bool {
    elements.len() > 4 && elements.iter().all(|element| *element == elements[0])
}

fn write_tuple(
    f: &mut fmt::Formatter<'_>,
    nodes: &[Node],
    elements: &[Id],
    path: &mut Vec<Id>,
) -> fmt::Result {
    if is_array(elements) {
        f.write_str("[")?;
        write(f, nodes, elements[0], path)?;
        return write!(f, "; {}]", elements.len());
    }
    f.write_str("(")?;
    for (i, element) in elements.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        write(f, nodes, *element, path)?;
    }
    f.write_str(if elements.len() == 1 { ",)" } else { ")" })
}

fn write_struct(
    f: &mut fmt::Formatter<'_>,
    nodes: &[Node],
    fields: &[(String, Id)],
    path: &mut Vec<Id>,
) -> fmt::Result {
    f.write_str("{")?;
    for (i, (name, id)) in fields.iter().enumerate() {
        write!(f, "{}{name}: ", if i == 0 { " " } else { ", " })?;
        write(f, nodes, *id, path)?;
    }
    f.write_str(if fields.is_empty() { "}" } else { " }" })
}
