//! The shape of a line: structure, label and spans in a row, without its words. Lines of one shape are of one type.

use std::hash::{Hash, Hasher};

use super::words::LabelClass;
use super::{LexedLine, Polarity, SpanKind, Structure};

/// The parts that count.
const PARTS: usize = 7;

/// Structure, label, parts. The key of a record type keeps the parts up to the first free text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(crate) struct LineShape {
    form: u8,
    label: u8,
    parts: [u8; PARTS],
}

/// Every line is looked up by its shape: in two words, which the derived one does in bytes.
impl Hash for LineShape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g] = self.parts;
        state.write_u64(u64::from_le_bytes([self.label, a, b, c, d, e, f, g]));
        state.write_u8(self.form);
    }
}

const WORDS: u8 = 1;
/// Values between [`WORDS`] and this one are the first bytes of separators, 128 one that is not ASCII.
const WHEN: u8 = 130;
const REFERENCE: u8 = 131;
const ITERATION: u8 = 132;
const HASH: u8 = 133;
const DURATION: u8 = 134;
const COUNTER: u8 = 135;
const MARK: u8 = 140;
const ID: u8 = 150;

/// The forms that a line can have, for shapes and features: structure, level, box, indent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Form {
    Heading1,
    Heading2,
    Heading3,
    Heading4,
    Heading5,
    Heading6,
    RuledHeading2,
    RuledHeading3,
    RuledHeading4,
    Ticked,
    Unticked,
    Bold,
    Bracket,
    Text,
    TextIndented,
    Bullet,
    BulletIndented,
    Numbered,
    NumberedIndented,
    Row,
    Rule,
    Fence,
    Code,
    Blank,
}

impl Form {
    pub(crate) const COUNT: usize = 24;

    pub(crate) fn of(line: &LexedLine) -> Form {
        let is_indented = line.indent >= 2;
        match (line.structure, line.ticked) {
            (Structure::Heading, _) => [Form::Heading1, Form::Heading2, Form::Heading3, Form::Heading4, Form::Heading5, Form::Heading6]
                [usize::from(line.level.clamp(1, 6)) - 1],
            (Structure::RuledHeading, _) => match line.level {
                0..=2 => Form::RuledHeading2,
                3 => Form::RuledHeading3,
                _ => Form::RuledHeading4,
            },
            (Structure::Rule, _) => Form::Rule,
            (Structure::Fence, _) => Form::Fence,
            (Structure::Code, _) => Form::Code,
            (Structure::Blank, _) => Form::Blank,
            (_, Some(true)) => Form::Ticked,
            (_, Some(false)) => Form::Unticked,
            (Structure::Row, _) => Form::Row,
            (Structure::Text, _) if line.is_bold => Form::Bold,
            (Structure::Text, _) if line.text.starts_with('[') => Form::Bracket,
            (Structure::Text, _) => {
                if is_indented {
                    Form::TextIndented
                } else {
                    Form::Text
                }
            }
            (Structure::Bullet, _) => {
                if is_indented {
                    Form::BulletIndented
                } else {
                    Form::Bullet
                }
            }
            (Structure::Numbered, _) => {
                if is_indented {
                    Form::NumberedIndented
                } else {
                    Form::Numbered
                }
            }
        }
    }
}

pub(super) fn shape(line: &LexedLine) -> LineShape {
    let text: &str = &line.text;
    let mut shape = LineShape { form: Form::of(line) as u8, label: 0, parts: [0; PARTS] };
    if let Some(class) = line.label_class().filter(|class| *class != LabelClass::Other) {
        shape.label = class as u8 + 1;
    }
    let mut count = 0;
    let mut put = |part: u8| {
        if count < PARTS {
            shape.parts[count] = part;
            count += 1;
        }
    };
    let between = |from: usize, to: usize| -> Option<u8> {
        let part = text.get(from..to)?;
        // As most texts begin.
        if part.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) {
            return Some(WORDS);
        }
        let part = part.trim();
        if part.contains(char::is_alphanumeric) {
            return Some(WORDS);
        }
        part.chars().next().map(|ch| match ch {
            '–' | '—' => b'-',
            '：' => b':',
            _ => {
                if ch.is_ascii() {
                    (ch as u8).max(2)
                } else {
                    128
                }
            }
        })
    };
    let mut at = 0;
    for span in &line.spans {
        if let Some(part) = between(at, span.start as usize) {
            put(part);
        }
        at = at.max(span.end as usize);
        put(match span.kind {
            SpanKind::When => WHEN,
            SpanKind::Reference => REFERENCE,
            SpanKind::Iteration => ITERATION,
            SpanKind::Id { kind, .. } => ID + kind as u8,
            SpanKind::Hash => HASH,
            SpanKind::Duration => DURATION,
            SpanKind::Counter => COUNTER,
            SpanKind::Mark(mark) => MARK + mark.polarity as u8,
        });
    }
    if let Some(part) = between(at, text.len()) {
        put(part);
    }
    shape
}

impl LineShape {
    /// The type of record that lines of this shape would be: the parts up to the first free text, without what varies.
    pub(crate) fn key(&self) -> LineShape {
        let mut key = LineShape { form: self.form, label: self.label, parts: [0; PARTS] };
        let mut count = 0;
        for part in self.parts.into_iter().take_while(|part| *part != 0) {
            let varies = matches!(part, REFERENCE | HASH | DURATION) || (MARK..MARK + 4).contains(&part);
            if varies {
                continue;
            }
            if count < 5 {
                key.parts[count] = part;
                count += 1;
            }
            if part == WORDS {
                break;
            }
        }
        key
    }

    /// The shape in words, for explanations: `heading 2: time - id words`.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::from(FORMS[usize::from(self.form).min(FORMS.len() - 1)]);
        if self.label > 0 {
            text.push_str(" with label");
        }
        for (n, part) in self.parts.into_iter().take_while(|part| *part != 0).enumerate() {
            text.push_str(if n == 0 { ": " } else { " " });
            match part {
                WORDS => text.push_str("words"),
                WHEN => text.push_str("time"),
                REFERENCE => text.push_str("reference"),
                ITERATION => text.push_str("iteration"),
                HASH => text.push_str("hash"),
                DURATION => text.push_str("duration"),
                COUNTER => text.push_str("counter"),
                MARK..ID => text.push_str(match part - MARK {
                    x if x == Polarity::Positive as u8 => "mark(passed)",
                    x if x == Polarity::Negative as u8 => "mark(failed)",
                    x if x == Polarity::Open as u8 => "mark(open)",
                    _ => "mark(void)",
                }),
                ID.. => text.push_str("id"),
                sign => text.push(if sign < 128 { sign as char } else { '·' }),
            }
        }
        text
    }
}

const FORMS: [&str; Form::COUNT] = [
    "heading 1",
    "heading 2",
    "heading 3",
    "heading 4",
    "heading 5",
    "heading 6",
    "underlined heading",
    "ruled heading",
    "ruled line",
    "ticked box",
    "open box",
    "bold line",
    "bracketed line",
    "line",
    "indented line",
    "bullet",
    "indented bullet",
    "numbered item",
    "indented numbered item",
    "table row",
    "rule",
    "fence",
    "code",
    "blank",
];
