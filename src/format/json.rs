//! One JSON object a line, borrowed from the line where it can be.
//!
//! Fields of a wrong type are as good as absent: one odd value must not cost the record. What the fields mean is the families' business.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::LazyLock;

use regex::Regex;
use serde::de::value::MapAccessDeserializer;
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

/// A list of texts; of a list of other things, or something that is no list, nothing remains.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Texts(pub(super) Vec<String>);

/// An object where one belongs; anything else is as good as absent.
#[derive(Debug, Clone)]
pub(super) struct Inner<T>(pub(super) Option<T>);

impl<T> Default for Inner<T> {
    fn default() -> Self {
        Inner(None)
    }
}

/// What a value becomes, by its kind. A kind that a type has no use for is passed over and gives the default.
///
/// `serde_with` and untagged enums were no match: they take a list for a struct's fields in order, keep in memory what is passed over, and take a
/// mistake inside an object for the absence of the whole, so that `odd_object` would never see it.
trait Lenient<'de>: Default {
    fn of_text(_: Cow<'de, str>) -> Self {
        Self::default()
    }

    fn of_number(_: f64) -> Self {
        Self::default()
    }

    fn of_bool(_: bool) -> Self {
        Self::default()
    }

    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::of_text(text::clean(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(Cow::Owned(text::clean(text).into_owned())))
    }
    fn visit_bool<E>(self, truth: bool) -> Result<T, E> {
        Ok(T::of_bool(truth))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::of_number(number as f64))
    }
    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::of_number(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::of_number(number))
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::of_list(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::of_object(object)
    }
}

fn lenient<'de, T: Lenient<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from.deserialize_any(LenientVisitor(PhantomData))
}

impl<'de: 'a, 'a> Lenient<'de> for Scalar<'a> {
    fn of_text(text: Cow<'de, str>) -> Self {
        Scalar::Text(text)
    }

    fn of_number(number: f64) -> Self {
        Scalar::Number(number)
    }

    fn of_bool(truth: bool) -> Self {
        Scalar::Bool(truth)
    }
}

impl<'de> Lenient<'de> for Texts {
    /// One text is a list of it.
    fn of_text(text: Cow<'de, str>) -> Self {
        Texts(Scalar::Text(text).text().into_iter().collect())
    }

    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut texts = Vec::new();
        while let Some(value) = list.next_element::<Scalar<'_>>()? {
            texts.extend(value.text());
        }
        Ok(Texts(texts))
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Inner<T> {
    fn of_object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|value| Inner(Some(value)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        lenient(from)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        lenient(from)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        lenient(from)
    }
}
