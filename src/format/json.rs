//! One JSON object a line, borrowed from the line where it can be.
//!
//! Fields of a wrong type are as good as absent: one odd value must not cost the record. What the fields mean is the families' business.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::text;

/// Whether a line has one of the words in it that make a JSON line ours. The others need not be parsed, and in a big log that is nearly all.
///
/// Bare words: the search goes by them and not by the quotes, of which such lines are full.
pub(super) fn may_speak(text: &str) -> bool {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        let native = "task_started|story_started|ac_completed|story_completed|task_completed|error_occurred";
        Regex::new(&format!("{native}|timestamp_start|timestamp_end|prd_id")).expect("a constant pattern")
    });
    WORDS.is_match(text)
}

/// Parses the first value of `text`. Stray `}` behind it are tolerated (a default of claude-loop's shell script appends one), nothing else is.
pub(super) fn object<'t, T: Deserialize<'t>>(text: &'t str) -> Option<T> {
    first_value(text).or_else(|| odd_object(text))
}

fn first_value<'t, T: Deserialize<'t>>(text: &'t str) -> Option<T> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let value = values.next()?.ok()?;
    text[values.byte_offset()..].bytes().all(|b| b == b'}' || b.is_ascii_whitespace()).then_some(value)
}

/// An object that is valid JSON and that no struct takes as it stands: a key stands twice (the last one counts), or a number is too large.
fn odd_object<'t, T: Deserialize<'t>>(text: &str) -> Option<T> {
    let mended = text::without_huge_numbers(text);
    let value: serde_json::Value = first_value(mended.as_deref().unwrap_or(text))?;
    T::deserialize(value).ok()
}

/// A value that may be anything and is used only when it is simple.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    /// Absent, `null`, or of no use here.
    #[default]
    None,
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
}

impl Scalar<'_> {
    /// The text, trimmed; `None` when it is empty. Numbers are text too: an id may be `3`.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Scalar::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
            Scalar::Number(number) => Some(number.to_string()),
            Scalar::None | Scalar::Bool(_) => None,
        }
    }

    /// The text as it stands, without a copy; empty when there is none.
    pub(super) fn word(&self) -> &str {
        match self {
            Scalar::Text(text) => text.trim(),
            Scalar::None | Scalar::Number(_) | Scalar::Bool(_) => "",
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Scalar::Number(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Scalar::None | Scalar::Bool(_) => None,
        }
    }

    /// A whole number within `u32`.
    pub(super) fn count(&self) -> Option<u32> {
        self.number().filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number)).map(|number| number as u32)
    }

    pub(super) fn integer(&self) -> Option<i64> {
        self.number().filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|number| number as i64)
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Scalar::Bool(truth) => Some(*truth),
            Scalar::None | Scalar::Text(_) | Scalar::Number(_) => None,
        }
    }

    /// A time that a piece of work may have taken: absurd ones (a start that was never set counts from 1970) are left out.
    pub(super) fn duration_ms(&self) -> Option<u64> {
        const LIMIT: f64 = 30.0 * 24.0 * 3600.0 * 1000.0;
        self.number().filter(|millis| (0.0..=LIMIT).contains(millis)).map(|millis| millis as u64)
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Scalar::None
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text::clean(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text::clean(text).into_owned())))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Bool(truth))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::None)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::None)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::None)
            }
        }
        from.deserialize_any(Any)
    }
}

/// A list of texts; of a list of other things, or something that is no list, nothing remains.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                let text = text::clean(text);
                Ok(Texts(if text.trim().is_empty() { Vec::new() } else { vec![text.trim().to_owned()] }))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(value) = seq.next_element::<Scalar<'_>>()? {
                    texts.extend(value.text());
                }
                Ok(Texts(texts))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Texts::default())
            }
        }
        from.deserialize_any(Any)
    }
}

/// An object where one belongs; anything else is as good as absent.
#[derive(Debug, Clone)]
pub(super) struct Inner<T>(pub(super) Option<T>);

impl<T> Default for Inner<T> {
    fn default() -> Self {
        Inner(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Inner<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Inner(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Inner(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Inner(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Inner(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Inner(None))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Inner(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Inner(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|value| Inner(Some(value)))
            }
        }
        from.deserialize_any(Any(std::marker::PhantomData))
    }
}
