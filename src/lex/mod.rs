//! Line → structure and typed spans. One job: what a line is made of; never what it means among its neighbours (that is `record`).
//!
//! [`Lexer::lex`] reads the outline (indent, heading, bullet, box, row: [`structure`]), cuts the rest into tokens ([`token`]) whose
//! words have classes ([`words`], `words.tsv`), and lets each kind of span take the tokens it knows, the surest first: times
//! ([`when`]), references and iterations ([`number`]), ids ([`ident`]), hashes, durations and counters ([`number`]), marks
//! ([`mark`]). What nobody takes is free text. A line's [`LineShape`] is its structure, label and spans in a row; lines of one shape
//! are of one type.
//!
//! Adding things: a word is an entry in a line of `words.tsv`, with a folder in `fixtures/` whose snapshot shows it (`tests/it/golden.rs`
//! finds it) and its ids in `tests/it/event_ids.tsv`. A new kind of span is a variant of [`SpanKind`], a function that takes tokens, its
//! place in `Lexer::spans_of` and its code in [`shape`]; the weights of `record` then have to be fitted again (`tests/extra/fit`).
//!
//! Byte scanners and one table, no regular expression; every text is allowed and the time is linear in its length.

pub(crate) mod ident;
mod lead;
mod line;
pub(crate) mod mark;
mod number;
pub(crate) mod shape;
pub(crate) mod structure;
pub(crate) mod token;
mod when;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use self::ident::{IdKind, Terms};
pub(crate) use self::lead::Lead;
pub(crate) use self::line::{First, Flags, IdPosition, Label, LexedLine, Section, Separator, Span, SpanKind, TimePosition};
pub(crate) use self::mark::{Mark, Polarity, Position};
pub(crate) use self::shape::LineShape;
pub(crate) use self::structure::Structure;
use self::token::{TextToken, TokenKind, TokenSums};
pub(crate) use self::words::LabelClass;
use self::words::{Class, Classes, Table};

/// Longer text is prose, or a dump: it has no spans.
const LONGEST: usize = 2000;

/// Words are counted up to here.
const MOST_WORDS: u32 = 60_000;

/// Scratch room that lines share.
#[derive(Debug, Default)]
pub(crate) struct Lexer {
    tokens: Vec<TextToken>,
}

impl Lexer {
    /// Takes `raw` apart. `is_code` is said by the lines before: it stands inside of a fence.
    pub(crate) fn lex<'t>(&mut self, raw: &'t str, terms: &Terms) -> LexedLine<'t> {
        let outline = structure::outline(raw);
        let text = match without_emphasis(outline.body) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) if text.trim().len() < text.len() => Cow::Owned(text.trim().to_owned()),
            text @ Cow::Owned(_) => text,
        };
        let mut line = LexedLine {
            text,
            structure: outline.structure,
            level: outline.level,
            indent: outline.indent,
            ticked: outline.ticked,
            is_bold: outline.is_bold,
            label: None,
            spans: Vec::new(),
            lead: None,
            id_position: IdPosition::First,
            separator: Separator::End,
            time_position: TimePosition::Alone,
            first: First::NoSpan,
            mark: None,
            words: 0,
            flags: Flags::default(),
            section: Section::Other,
            head_words: 0,
            shape: LineShape::default(),
        };
        line.flags.set(Flags::BOLD_START, outline.body.starts_with("**"));
        if line.is_silent() || line.text.is_empty() {
            if line.text.is_empty() && line.structure == Structure::Text {
                line.structure = Structure::Blank;
            }
            if line.structure == Structure::Fence {
                line.text = outline.body.into();
            }
            line.set_shape();
            return line;
        }
        self.spans_of(&mut line, terms, outline.is_numbered);
        line.set_shape();
        line
    }

    fn spans_of(&mut self, line: &mut LexedLine, terms: &Terms, is_numbered: bool) {
        let text: &str = &line.text;
        let tokens = &mut self.tokens;
        if text.len() > LONGEST {
            let mut stop = LONGEST;
            while !text.is_char_boundary(stop) {
                stop -= 1;
            }
            token::tokenize(&text[..stop], tokens);
            line.words = (tokens.len() as u32).min(MOST_WORDS) as u16;
            return;
        }
        let sums = token::tokenize(text, tokens);
        line.label = label(text, tokens, &sums);
        let mut spans = Vec::new();
        // Most lines have few kinds of tokens, and only those kinds of spans that are made of them.
        if sums.may_have_time() {
            number::times(text, tokens, &mut spans);
        }
        if sums.classes.has(Class::Reference) {
            number::references(text, tokens, &mut spans);
        }
        if sums.classes.has(Class::Iteration) || sums.has_wide() {
            number::iterations(text, tokens, &mut spans);
        }
        ident::plan_ids(text, tokens, &mut spans, terms);
        if sums.has_mixed() {
            number::hashes(text, tokens, &mut spans);
        }
        if sums.has_digits() || sums.has_joint() {
            let is_titled = line.is_heading() || line.is_label(LabelClass::Story);
            let label_value = line.label.map(|label| label.value);
            ident::ids(text, tokens, &mut spans, terms, &ident::IdContext { is_titled, label_value });
        }
        if sums.has_digits() && !spans.iter().any(Span::is_id) {
            number::bare_id(text, tokens, &mut spans, line.label, line.structure == Structure::Heading && !is_numbered);
        }
        if sums.may_have_duration() {
            number::durations(text, tokens, &mut spans);
        }
        if sums.may_have_counter() {
            number::counters(text, tokens, &mut spans);
        }
        if sums.may_have_mark() {
            mark::marks(text, tokens, &mut spans, line.structure, line.ticked == Some(true));
        }
        spans.sort_unstable_by_key(|span| span.start);
        line.lead = lead::lead(text, &spans, terms).map(Box::new);
        line.mark = spans.iter().filter_map(Span::mark).min_by_key(|mark| mark.position);
        line.words = free_words(tokens);
        line.section = if sums.classes.any(Classes::SECTION) { section(tokens) } else { Section::Other };
        line.head_words = sums.classes.head_words();
        line.flags = flags(text, tokens, &sums, &spans, line);
        (line.id_position, line.separator) =
            line.lead.as_deref().map_or((IdPosition::First, Separator::End), |lead| id_position(text, tokens, lead, line.label));
        line.time_position = time_position(tokens, line);
        line.first = first(tokens, &spans);
        line.spans = spans;
    }
}

/// The text without `**`, `__`, `~~` and backticks, tabs as blanks.
fn without_emphasis(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if memchr::memchr3(b'*', b'_', b'`', bytes).is_none() && memchr::memchr2(b'~', b'\t', bytes).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut remainder = text;
    while let Some(at) = remainder.bytes().position(|byte| matches!(byte, b'*' | b'_' | b'`' | b'~' | b'\t')) {
        plain.push_str(&remainder[..at]);
        let sign = remainder.as_bytes()[at];
        let twice = remainder.as_bytes().get(at + 1) == Some(&sign);
        let skipped = match sign {
            b'\t' => {
                plain.push(' ');
                1
            }
            b'`' => 1,
            _ if twice => 2,
            _ => {
                // `*word*` and `_word_` too, where the sign does not stand between letters.
                let before = remainder[..at].ends_with(|ch: char| ch.is_alphanumeric())
                    || (at == 0 && plain.ends_with(|ch: char| ch.is_alphanumeric()));
                let after = remainder[at + 1..].starts_with(|ch: char| ch.is_alphanumeric());
                if sign == b'~' || before == after {
                    plain.push(sign as char);
                }
                1
            }
        };
        remainder = &remainder[at + skipped..];
    }
    plain.push_str(remainder);
    Cow::Owned(plain)
}

/// The longest label, in bytes.
const LONGEST_LABEL: u32 = 48;

fn label(text: &str, tokens: &[TextToken], sums: &TokenSums) -> Option<Label> {
    if !sums.may_have_label() {
        return None;
    }
    let signs = tokens.iter().take_while(|token| token.kind == TokenKind::Symbol).count();
    let label = label_from(text, &tokens[signs..], sums)?;
    // `⚠️ Status: blocked`; of anything else the sign says how it ended.
    (signs == 0 || label.class == LabelClass::Status).then_some(label)
}

fn label_from(text: &str, tokens: &[TextToken], sums: &TokenSums) -> Option<Label> {
    let first = tokens.first()?;
    if !first.is_wordy() || first.is_number() {
        return None;
    }
    let mut words = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.start > LONGEST_LABEL {
            return None;
        }
        // A word is none of the signs that count here.
        let sign = if token.is_wordy() { 'w' } else { text[token.start as usize..].chars().next().unwrap_or(' ') };
        if matches!(sign, ':' | '：') && at > 0 {
            let remainder = &text[token.end as usize..];
            if !remainder.is_empty() && !remainder.starts_with(|ch: char| ch.is_whitespace() || !ch.is_ascii()) {
                return None;
            }
            let value = text.len() - remainder.trim_start().len();
            let class = Table::get().label(&text[first.start as usize..token.start as usize]);
            let polarity = if sums.may_have_mark() { mark::value_polarity(text, tokens, at + 1) } else { None };
            return Some(Label { class, end: token.start, value: value as u32, polarity });
        }
        words += usize::from(token.is_wordy() && (token.is_spaced || at == 0));
        let is_inner = token.is_wordy() || matches!(sign, '#' | '/' | '(' | ')' | '\'' | '’' | '-' | '&' | '+');
        if !is_inner || words > 5 {
            return None;
        }
    }
    None
}

fn free_words(tokens: &[TextToken]) -> u16 {
    tokens.iter().filter(|token| token.is_free()).map(TextToken::words).sum::<u32>().min(MOST_WORDS) as u16
}

/// Only words that begin in the first bytes of a line say which section it names.
const SECTION_BYTES: u32 = 80;

fn section(tokens: &[TextToken]) -> Section {
    let all = tokens.iter().filter(|token| token.start < SECTION_BYTES).fold(Classes::NONE, |all, token| all.union(token.classes));
    let of = [
        (Class::SectionPlan, Section::Plan),
        (Class::SectionLearn, Section::Learn),
        (Class::SectionCriteria, Section::Criteria),
        (Class::SectionFiles, Section::Files),
        (Class::SectionDone, Section::Done),
        (Class::SectionSummary, Section::Summary),
        (Class::SectionLog, Section::Log),
    ];
    of.into_iter().find(|(class, _)| all.has(*class)).map_or(Section::Other, |(_, section)| section)
}

fn flags(text: &str, tokens: &[TextToken], sums: &TokenSums, spans: &[Span], line: &LexedLine) -> Flags {
    let (all, mut flags) = (sums.classes, line.flags);
    for span in spans {
        match span.kind {
            SpanKind::When => flags.set(Flags::WHEN, true),
            SpanKind::Iteration => flags.set(Flags::ITERATION, true),
            SpanKind::Id { .. } => flags.set(Flags::ID, true),
            SpanKind::Counter => flags.set(Flags::COUNTER, true),
            SpanKind::Hash | SpanKind::Reference => flags.set(Flags::REFERENCE, true),
            SpanKind::Duration => flags.set(Flags::DURATION, true),
            SpanKind::Mark(mark) => flags.set(Flags::NEGATED, mark.polarity == Polarity::Void),
        }
    }
    let has_near_head = |class: Class| tokens.iter().take_while(|token| token.start < 40).any(|token| token.classes.has(class));
    flags.set(Flags::FRAME_WORD, all.has(Class::Frame) && has_near_head(Class::Frame));
    flags.set(Flags::ACCEPT, all.has(Class::Accept));
    flags.set(Flags::TEST, all.has(Class::TestWord));
    let free = tokens.iter().find(|token| {
        token.is_free() || token.taken.is_some_and(|kind| matches!(kind, SpanKind::Mark(_))) && token.classes.has(Class::Past)
    });
    if let Some(free) = free {
        flags.set(Flags::PAST, free.classes.has(Class::Past));
        flags.set(Flags::DONE_VERB, free.classes.has(Class::DoneVerb));
    }
    let mut wordy = tokens.iter().filter(|token| token.is_wordy());
    if let Some(lead) = wordy.next() {
        flags.set(Flags::LEAD_PLAN, lead.classes.has(Class::LeadPlan));
        flags.set(Flags::LEAD_REF, lead.classes.has(Class::LeadRef));
        flags.set(Flags::LEAD_NOTE, lead.classes.has(Class::LeadNote));
        flags.set(Flags::LEAD_WORK, lead.classes.has(Class::LeadWork));
        let counts = lead.classes.has(Class::All) || lead.is_number();
        flags.set(Flags::ALL_OF, counts && wordy.take(3).any(|token| token.classes.has(Class::Plural)));
    }
    let last = text.chars().next_back();
    flags.set(Flags::END_COLON, matches!(last, Some(':' | '：')));
    flags.set(Flags::END_QUESTION, matches!(last, Some('?' | '？')));
    flags.set(Flags::BRACKET, text.starts_with('[') && line.ticked.is_none());
    let is_joint = |three: &[TextToken]| three[1].is(text, b'/') && !three[1].is_spaced && !three[2].is_spaced;
    flags.set(Flags::PATH, sums.has_sign(b'/') && tokens.windows(3).any(is_joint));
    let is_criterion = |id: &str| {
        id.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("ac"))
            && id[2..].starts_with(|ch: char| ch.is_ascii_digit() || ch == '-')
    };
    flags.set(Flags::CRITERION_ID, spans.iter().any(|span| span.is_id() && is_criterion(span.value(text))) || is_criterion(text));
    flags.set(
        Flags::CURRENT,
        all.has(Class::Current)
            && tokens.iter().enumerate().any(|(at, token)| {
                let bracketed = at > 0 && (tokens[at - 1].is(text, b'(') || tokens[at - 1].is(text, b'['));
                token.classes.has(Class::Current) && (at + 1 == tokens.len() || bracketed)
            }),
    );
    flags.set(Flags::ERROR_LEAD, error_lead(text, tokens));
    flags.set(Flags::LEVEL, has_level(text, tokens));
    flags
}

/// `TIME INFO …`, `[TIME] [ERROR] …`, `[WARN] …`.
fn has_level(text: &str, tokens: &[TextToken]) -> bool {
    let begins = text.starts_with('[') || tokens.first().is_some_and(|token| token.taken == Some(SpanKind::When));
    if !begins {
        return false;
    }
    let word = tokens.iter().find(|token| token.is_wordy() && token.taken != Some(SpanKind::When)).map(|token| token.text(text));
    matches!(word, Some("INFO" | "WARN" | "WARNING" | "ERROR" | "DEBUG" | "TRACE" | "FATAL" | "LOOP"))
}

/// `ERROR: …`, `[FAILED] …`, `BLOCKED — …`: an error's own line, with something that it says.
fn error_lead(text: &str, tokens: &[TextToken]) -> bool {
    let Some(at) =
        tokens.iter().position(|token| token.is_wordy() && token.taken != Some(SpanKind::When) || token.kind == TokenKind::Symbol)
    else {
        return false;
    };
    let at = if tokens[at].kind == TokenKind::Symbol { at + 1 } else { at };
    let Some(word) = tokens.get(at).map(|token| token.text(text)) else { return false };
    if !matches!(word, "ERROR" | "FAILED" | "BLOCKED" | "FATAL" | "BLOCKER" | "CANNOT") {
        return false;
    }
    let remainder = tokens[at + 1..].iter().find(|token| token.is_wordy());
    remainder.is_some_and(|token| !token.classes.has(Class::Negate) && token.text(text) != "0")
}

fn id_position(text: &str, tokens: &[TextToken], lead: &Lead, label: Option<Label>) -> (IdPosition, Separator) {
    let before = tokens.iter().take_while(|token| token.end <= lead.start);
    let (all, free) =
        before.filter(|token| token.is_wordy()).fold((0, 0), |(all, free), token| (all + 1, free + usize::from(token.is_free())));
    let remainder = text[lead.end as usize..].trim_start_matches([')', ']', ' ']);
    let separator = match remainder.chars().next() {
        None => Separator::End,
        Some('-' | '–' | '—') => Separator::Dash,
        Some(':' | '：') => Separator::Colon,
        Some('|') => Separator::Bar,
        Some('(' | '（') => Separator::Bracket,
        Some(',') => Separator::Comma,
        Some('.') => Separator::Dot,
        Some('✅' | '✓' | '✔' | '❌' | '→' | '☑') => Separator::Sign,
        Some(_) => Separator::Word,
    };
    let in_value = label.is_some_and(|label| (label.value as usize) < text.len() && lead.start + 1 >= label.value);
    let id_position = if in_value {
        IdPosition::InLabelValue
    } else if all == 0 {
        IdPosition::First
    } else if free == 0 {
        IdPosition::AfterSpan
    } else if separator == Separator::End {
        IdPosition::Last
    } else if free > 2 {
        IdPosition::Middle
    } else {
        IdPosition::AfterAWord
    };
    (id_position, separator)
}

fn time_position(tokens: &[TextToken], line: &LexedLine) -> TimePosition {
    if line.words == 0 && line.lead.is_none() {
        return TimePosition::Alone;
    }
    if !line.has(Flags::WHEN) {
        return TimePosition::Middle;
    }
    let is_when = |token: &TextToken| token.taken == Some(SpanKind::When);
    let mut wordy = tokens.iter().filter(|token| token.is_wordy());
    if wordy.clone().next().is_some_and(is_when) {
        TimePosition::First
    } else if wordy.next_back().is_some_and(is_when) {
        TimePosition::Last
    } else {
        TimePosition::Middle
    }
}

fn first(tokens: &[TextToken], spans: &[Span]) -> First {
    if spans.is_empty() {
        return First::NoSpan;
    }
    let token = tokens.iter().find(|token| token.is_wordy() || token.taken.is_some());
    match token.and_then(|token| token.taken) {
        None => First::Word,
        Some(SpanKind::When) => First::When,
        Some(SpanKind::Reference) => First::Reference,
        Some(SpanKind::Iteration) => First::Iteration,
        Some(SpanKind::Id { .. }) => First::Id,
        Some(SpanKind::Hash) => First::Hash,
        Some(SpanKind::Duration) => First::Duration,
        Some(SpanKind::Counter) => First::Counter,
        Some(SpanKind::Mark(_)) => First::Mark,
    }
}
