//! Many stacks as one tree, and that as a picture.

use std::fmt::Write;

use serde::Serialize;

/// A function, with those that it called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlameNode {
    /// The function.
    pub name: String,
    /// In how many samples it was.
    pub value: u64,
    /// The functions that it called, in the order of their names.
    pub children: Vec<Self>,
}

impl FlameNode {
    /// A tree without stacks.
    pub fn root() -> Self {
        Self { name: "root".to_owned(), ..Self::default() }
    }

    /// Adds a stack, outermost function first, that was seen `count` times.
    pub fn add<'a>(&mut self, stack: impl IntoIterator<Item = &'a str>, count: u64) {
        let mut node = self;
        node.value += count;
        for name in stack {
            let place = match node.children.binary_search_by(|child| child.name.as_str().cmp(name)) {
                Ok(place) => place,
                Err(place) => {
                    node.children.insert(place, Self { name: name.to_owned(), ..Self::default() });
                    place
                }
            };
            node = &mut node.children[place];
            node.value += count;
        }
    }

    /// The stacks, one a line: functions separated by semicolons, a space, and how often that was seen. Most tools for flame
    /// graphs read this.
    pub fn collapsed(&self) -> String {
        let mut lines = String::new();
        self.collapse("", &mut lines);
        lines
    }

    fn collapse(&self, outer: &str, lines: &mut String) {
        let own = self.value.saturating_sub(self.children.iter().map(|child| child.value).sum());
        if own > 0 && !outer.is_empty() {
            // Writing to a string can't fail.
            let _ = writeln!(lines, "{outer} {own}");
        }
        for child in &self.children {
            let name = child.name.replace(';', ":");
            let path = if outer.is_empty() { name } else { format!("{outer};{name}") };
            child.collapse(&path, lines);
        }
    }

    fn depth(&self) -> usize {
        1 + self.children.iter().map(Self::depth).max().unwrap_or(0)
    }

    /// The tree as a page that needs nothing else, not even scripts.
    pub fn to_html(&self, title: &str) -> String {
        let title = escape(title);
        let height = self.depth() * ROW;
        let mut rows = String::new();
        self.draw(0.0, WIDTH, height, &mut rows);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>\
             body{{font:14px sans-serif;margin:1em}}svg{{width:100%;height:auto;font:11px monospace}}\
             rect{{stroke:#fff;stroke-width:.5}}g:hover rect{{stroke:#000}}text{{pointer-events:none}}\
             </style></head><body><h1>{title}</h1><p>{} samples. The width of a function is the share of samples in which \
             it was on the stack; the functions that it called stand on it.</p>\
             <svg viewBox=\"0 0 {WIDTH} {height}\">\n{rows}</svg></body></html>\n",
            self.value
        )
    }

    fn draw(&self, left: f64, width: f64, bottom: usize, rows: &mut String) {
        if width < LEAST_WIDTH {
            return;
        }
        let (name, top) = (escape(&self.name), bottom - ROW);
        let hue =
            self.name.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % 50;
        // Writing to a string can't fail.
        let _ = write!(
            rows,
            "<g><title>{name}: {}</title><rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{ROW}\" \
             fill=\"hsl({hue},80%,70%)\"/>",
            self.value
        );
        let room = (width / CHARACTER) as usize;
        if room > 2 {
            let shown: String = self.name.chars().take(room).collect();
            let _ =
                write!(rows, "<text x=\"{:.1}\" y=\"{}\">{}</text>", left + 2.0, bottom - 4, escape(&shown));
        }
        rows.push_str("</g>\n");
        let mut at = left;
        for child in &self.children {
            let part = width * child.value as f64 / self.value.max(1) as f64;
            child.draw(at, part, top, rows);
            at += part;
        }
    }
}

/// Units of the picture: its width, the height of a function, the width of a letter, and what is too narrow to be drawn.
const WIDTH: f64 = 1200.0;
const ROW: usize = 16;
const CHARACTER: f64 = 6.8;
const LEAST_WIDTH: f64 = 0.3;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> FlameNode {
        let mut root = FlameNode::root();
        root.add(["main", "b<T>"], 3);
        root.add(["main", "a;a", "c"], 2);
        root.add(["main"], 1);
        root.add(["idle"], 4);
        root
    }

    #[test]
    fn stacks_share_what_they_have_in_common() {
        let node = |name: &str, value, children| FlameNode { name: name.to_owned(), value, children };
        let called = vec![node("a;a", 2, vec![node("c", 2, vec![])]), node("b<T>", 3, vec![])];
        let expected = node("root", 10, vec![node("idle", 4, vec![]), node("main", 6, called)]);
        assert_eq!(tree(), expected);
        let json = serde_json::to_string(&tree()).unwrap();
        assert!(
            json.starts_with(
                r#"{"name":"root","value":10,"children":[{"name":"idle","value":4,"children":[]}"#
            )
        );
    }

    #[test]
    fn lines_are_for_other_tools() {
        assert_eq!(tree().collapsed(), "idle 4\nmain 1\nmain;a:a;c 2\nmain;b<T> 3\n");
        assert_eq!(FlameNode::root().collapsed(), "");
    }

    #[test]
    fn pictures_show_names_as_they_are() {
        let html = tree().to_html("job <1>");
        assert!(html.contains("<title>job &lt;1&gt;</title>"));
        assert!(html.contains("<title>b&lt;T&gt;: 3</title>") && !html.contains("b<T>"));
        assert!(html.contains("<rect x=\"480.0\" y=\"32\" width=\"720.0\""), "{html}");
    }
}
