//! A line, taken apart: its spans and what one asks about it without its text.

use std::borrow::Cow;

use super::ident::IdKind;
use super::lead::Lead;
use super::mark::{Mark, Polarity};
use super::shape::{self, LineShape};
use super::structure::Structure;
use super::words::LabelClass;

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SpanKind {
    When,
    /// A pull request, branch, commit or address.
    Reference,
    Iteration,
    Id {
        kind: IdKind,
        is_planned: bool,
    },
    Hash,
    Duration,
    Counter,
    Mark(Mark),
}

/// A typed stretch of a line's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) kind: SpanKind,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The part that counts: `12` of `Task 12`.
    pub(crate) value_start: u32,
    pub(crate) value_end: u32,
}

impl Span {
    pub(crate) fn value<'t>(&self, text: &'t str) -> &'t str {
        &text[self.value_start as usize..self.value_end as usize]
    }

    pub(crate) fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..self.end as usize]
    }

    pub(crate) fn is_id(&self) -> bool {
        matches!(self.kind, SpanKind::Id { .. })
    }

    pub(crate) fn mark(&self) -> Option<Mark> {
        match self.kind {
            SpanKind::Mark(mark) => Some(mark),
            _ => None,
        }
    }
}

/// Words before a colon at the head of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) class: LabelClass,
    /// Where the label's words end.
    pub(crate) end: u32,
    /// Where the value begins; the text's length if there is none.
    pub(crate) value: u32,
    /// What the first word of the value that can be a mark says.
    pub(crate) polarity: Option<Polarity>,
}

/// What a line under this one is, by the words of a heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Section {
    /// There is no line above.
    Top,
    Plan,
    Learn,
    Criteria,
    Files,
    Done,
    Summary,
    Log,
    Other,
}

/// What one looks up about a line without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:expr,)*) => {
        impl Flags {
            $($(#[$doc])* pub(crate) const $name: Flags = Flags(1 << $bit);)*
        }
    };
}

flags! {
    WHEN = 0,
    /// A numbered iteration or session.
    ITERATION = 1,
    /// A word for an iteration stands near its head.
    FRAME_WORD = 2,
    ID = 3,
    COUNTER = 4,
    /// A hash, a pull request, an address.
    REFERENCE = 5,
    /// Its first free word reports: "added", "fixed".
    PAST = 6,
    DONE_VERB = 7,
    END_COLON = 8,
    END_QUESTION = 9,
    /// "All 5 stories", "3 tasks".
    ALL_OF = 10,
    LEAD_PLAN = 11,
    LEAD_REF = 12,
    LEAD_NOTE = 13,
    LEAD_WORK = 14,
    /// Begins with `[` and is no box.
    BRACKET = 15,
    /// The text of a criterion: `AC3`.
    CRITERION_ID = 16,
    /// Names acceptance criteria.
    ACCEPT = 17,
    /// Speaks of tests or checks.
    TEST = 18,
    /// `current`, `ongoing` in brackets or at the end.
    CURRENT = 19,
    /// Begins with an error level in capitals and goes on.
    ERROR_LEAD = 20,
    DURATION = 21,
    /// A word turns what follows round.
    NEGATED = 22,
    BOLD_START = 23,
    /// A line of a program's own log: after the time, or in brackets, its level.
    LEVEL = 24,
    PATH = 25,
}

impl Flags {
    pub(crate) fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    pub(crate) fn set(&mut self, flag: Flags, is_so: bool) {
        if is_so {
            self.0 |= flag.0;
        }
    }
}

/// Where the id stands that heads a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum IdPosition {
    First,
    AfterSpan,
    InLabelValue,
    AfterAWord,
    Middle,
    Last,
}

/// What follows the ids that head a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Separator {
    End,
    Dash,
    Colon,
    Bar,
    Bracket,
    Comma,
    Dot,
    Sign,
    Word,
}

/// Where the time stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum TimePosition {
    Alone,
    First,
    Last,
    Middle,
}

/// The kind of what a line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum First {
    NoSpan,
    Word,
    When,
    Reference,
    Iteration,
    Id,
    Hash,
    Duration,
    Counter,
    Mark,
}

/// A line, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LexedLine<'t> {
    /// Without emphasis, indent, bullet and box: of most lines a part of them. Spans point into it.
    pub(crate) text: Cow<'t, str>,
    pub(crate) structure: Structure,
    pub(crate) level: u8,
    pub(crate) indent: u16,
    pub(crate) ticked: Option<bool>,
    pub(crate) is_bold: bool,
    pub(crate) label: Option<Label>,
    pub(crate) spans: Vec<Span>,
    pub(crate) lead: Option<Box<Lead>>,
    pub(crate) id_position: IdPosition,
    pub(crate) separator: Separator,
    pub(crate) time_position: TimePosition,
    pub(crate) first: First,
    pub(crate) mark: Option<Mark>,
    /// Free words.
    pub(crate) words: u16,
    pub(crate) flags: Flags,
    pub(crate) section: Section,
    /// Which kinds of words it has that runners or ordinary documents write.
    pub(crate) head_words: u16,
    pub(crate) shape: LineShape,
}

impl LexedLine<'_> {
    pub(crate) fn is_blank(&self) -> bool {
        self.structure == Structure::Blank
    }

    pub(crate) fn is_heading(&self) -> bool {
        matches!(self.structure, Structure::Heading | Structure::RuledHeading)
    }

    /// It has no text that could say anything: blank, a rule, a fence or inside of one.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.structure, Structure::Blank | Structure::Rule | Structure::Fence | Structure::Code)
    }

    pub(crate) fn has(&self, flag: Flags) -> bool {
        self.flags.has(flag)
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().filter(|span| span.kind == SpanKind::When).map(|span| span.text(&self.text))
    }

    pub(crate) fn marks(&self) -> impl Iterator<Item = Mark> {
        self.spans.iter().filter_map(Span::mark)
    }

    /// The value after the label, if there is one.
    pub(crate) fn value(&self) -> &str {
        self.label.map_or("", |label| self.text[label.value as usize..].trim())
    }

    pub(crate) fn label_class(&self) -> Option<LabelClass> {
        self.label.map(|label| label.class)
    }

    pub(crate) fn is_label(&self, class: LabelClass) -> bool {
        self.label.is_some_and(|label| label.class == class)
    }

    pub(crate) fn has_value(&self) -> bool {
        self.label.is_some_and(|label| (label.value as usize) < self.text.len())
    }

    pub(super) fn set_shape(&mut self) {
        self.shape = shape::shape(self);
    }

    /// Another structure than its own characters say: what stands inside of a fence, or over a rule.
    pub(crate) fn restructure(&mut self, structure: Structure, level: u8) {
        self.structure = structure;
        self.level = level;
        self.set_shape();
    }
}
