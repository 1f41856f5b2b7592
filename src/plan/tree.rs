//! JSON and YAML texts → one tree of values, in the order of the document.
//!
//! Knows no plan. A tree is at most 64 levels deep; a YAML alias is refused, for one line of aliases can stand for gigabytes.

use std::fmt;

use granit_parser::{Event, Parser, ScalarStyle};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::ParseError;
use crate::text::{CleanText, without_huge_numbers};

/// Deepest nesting that is looked at.
const DEPTH_LIMIT: usize = 64;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// Written out.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// A key that stands twice stands twice; the last one counts.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value under a key, in whatever case and with whatever joints the key is written.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let entries = self.entries();
        let exact = entries.iter().rev().find(|(own, _)| own == key);
        exact.or_else(|| entries.iter().rev().find(|(own, _)| is_key(own, key))).map(|(_, value)| value)
    }

    /// The first of these keys that is there.
    pub(super) fn first(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().find_map(|key| self.get(key).filter(|value| **value != Node::Null))
    }

    /// The text or number under the first of these keys that has one.
    pub(super) fn first_text(&self, keys: &[&str]) -> Option<CleanText> {
        keys.iter().find_map(|key| self.get(key)?.text())
    }

    /// The entries of a map; of anything else none.
    pub(super) fn entries(&self) -> &[(String, Node)] {
        match self {
            Node::Map(entries) => entries,
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => &[],
        }
    }

    /// The elements of a list; of anything else none.
    pub(super) fn elements(&self) -> &[Node] {
        match self {
            Node::List(list) => list,
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Map(_) => &[],
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self, Node::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Node::List(_))
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self {
            Node::Bool(value) => Some(*value),
            Node::Null | Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Map(_) => None,
        }
    }

    /// A text or a number as text: trimmed, harmless, not empty.
    pub(super) fn text(&self) -> Option<CleanText> {
        match self {
            Node::Text(text) => Some(super::words::plain(text).into()).filter(|text: &CleanText| !text.is_empty()),
            Node::Number(number) => Some(number.into()),
            Node::Null | Node::Bool(_) | Node::List(_) | Node::Map(_) => None,
        }
    }

    pub(super) fn integer<N: std::str::FromStr>(&self) -> Option<N> {
        match self {
            Node::Number(number) => number.parse().ok(),
            Node::Null | Node::Bool(_) | Node::Text(_) | Node::List(_) | Node::Map(_) => None,
        }
    }

    pub(super) fn depth(&self) -> usize {
        match self {
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => 0,
            Node::List(list) => 1 + list.iter().map(Node::depth).max().unwrap_or(0),
            Node::Map(entries) => 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
        }
    }
}

/// Whether two keys are one: `acceptanceCriteria`, `acceptance_criteria` and `Acceptance-Criteria` are.
pub(super) fn is_key(own: &str, key: &str) -> bool {
    // Most keys differ in their first letter.
    let first = |key: &str| key.bytes().next().map(|byte| byte.to_ascii_lowercase());
    first(own) == first(key) && letters(own).eq(letters(key))
}

fn letters(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')).map(|byte| byte.to_ascii_lowercase())
}

/// Reads JSON. What is not quite JSON because a text in it holds a bare quote or a control character is read all the same.
pub(super) fn json(text: &str) -> Result<Node, ParseError> {
    let strict = serde_json::from_str::<Node>(text);
    let tree = strict.or_else(|error| match without_huge_numbers(text).or_else(|| mended(text)) {
        Some(mended) => serde_json::from_str::<Node>(&mended).map_err(|_| error),
        None => Err(error),
    });
    let tree = tree.map_err(|error| ParseError::Invalid(error.to_string()))?;
    if tree.depth() > DEPTH_LIMIT { Err(too_deep()) } else { Ok(tree) }
}

/// The same text with every quote escaped that cannot end its text, and every control character in a text; `None` when there is none.
///
/// A quote ends a text when what follows it is what may follow a text. Shell scripts and models write the others.
fn mended(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 64);
    let (mut inside, mut escaped, mut changed) = (false, false, false);
    for (at, c) in text.char_indices() {
        if !inside {
            inside = c == '"';
            out.push(c);
        } else if escaped {
            escaped = false;
            out.push(c);
        } else if c == '\\' {
            escaped = true;
            out.push(c);
        } else if c == '"' {
            if text[at + 1..].trim_start().starts_with([',', ':', '}', ']']) || text[at + 1..].trim_start().is_empty() {
                inside = false;
                out.push(c);
            } else {
                changed = true;
                out.push_str("\\\"");
            }
        } else if c.is_control() {
            changed = true;
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    changed.then_some(out)
}

/// Reads the first document of a YAML text.
pub(super) fn yaml(text: &str) -> Result<Node, ParseError> {
    // What has been opened, with the key that waits for its value where it is a map.
    let mut open: Vec<(Node, Option<String>)> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| ParseError::Invalid(error.to_string()))?;
        let value = match event {
            Event::Scalar(text, style, _, _) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push((Node::List(Vec::new()), None));
                if open.len() > DEPTH_LIMIT {
                    return Err(too_deep());
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Node::Map(Vec::new()), None));
                if open.len() > DEPTH_LIMIT {
                    return Err(too_deep());
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((value, _)) => value,
                None => return Err(ParseError::NotAPlan),
            },
            Event::Alias(_) => return Err(ParseError::Invalid("has aliases, which are not followed".to_owned())),
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(value),
            Some((Node::List(list), _)) => list.push(value),
            Some((Node::Map(entries), key)) => match key.take() {
                Some(key) => entries.push((key, value)),
                None => *key = Some(String::from(&value.text().unwrap_or_default())),
            },
            Some((Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_), _)) => return Err(ParseError::NotAPlan),
        }
    }
    Err(ParseError::NotAPlan)
}

/// What a plain word of YAML stands for.
fn scalar(text: &str, style: ScalarStyle) -> Node {
    match text {
        _ if style != ScalarStyle::Plain => Node::Text(text.to_owned()),
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        number if number.parse::<f64>().is_ok() && number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            Node::Number(number.to_owned())
        }
        text => Node::Text(text.to_owned()),
    }
}

fn too_deep() -> ParseError {
    ParseError::Invalid(format!("nested deeper than {DEPTH_LIMIT} levels"))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = from.next_element()? {
            list.push(value);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = from.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_bare_quotes_and_control_characters_is_read() {
        let tree = json("{\"a\": \"say \"hello\" twice\", \"b\": \"one\u{1b}[0m\ntwo\"}").expect("readable");
        assert_eq!(tree.first_text(&["a"]).as_deref(), Some("say \"hello\" twice"));
        assert_eq!(tree.first_text(&["b"]).as_deref(), Some("one [0m two"));
        assert!(json("{\"a\": \"half").is_err());
        assert!(json("{\"a\": [1,").is_err());
    }

    #[test]
    fn yaml_is_read_in_its_order() {
        let tree = yaml("# head\nb: done\na:\n  - x: 1\n    'y': \"2\"\n  - true\n").expect("readable");
        let keys: Vec<&str> = tree.entries().iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        let list = tree.get("a").expect("a list").elements();
        assert_eq!(list[0].get("x"), Some(&Node::Number("1".to_owned())));
        assert_eq!(list[0].get("y"), Some(&Node::Text("2".to_owned())));
        assert_eq!(list[1], Node::Bool(true));
    }

    #[test]
    fn budgets_hold() {
        let deep = "[".repeat(70) + &"]".repeat(70);
        assert!(matches!(json(&deep), Err(ParseError::Invalid(why)) if why.contains("64")));
        assert!(matches!(yaml(&deep), Err(ParseError::Invalid(why)) if why.contains("64")));
        assert!(matches!(json(&"[".repeat(100_000)), Err(ParseError::Invalid(_))));
        assert!(yaml("a: &x [1]\nb: *x\n").is_err());
    }
}
