//! A file's lines in their places: what each stands under, where its block ends, which lines share its shape or its id.
//!
//! Two things need all lines before the first one is lexed: the support of weak ids, and fences that turn out to open nothing. Then
//! lines are placed in order, and everything kept here is a sum or a link upwards, so that each costs what it holds.

use xxhash_rust::xxh3::xxh3_64;

use crate::lex::structure::is_fence;
use crate::lex::{Flags, IdKind, LabelClass, LexedLine, Lexer, LineShape, SpanKind, Structure, Terms, ident};
use crate::seeded_hash::SeededMap;

use super::evidence::is_candidate;
use super::title;

/// What stands beside a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileContext<'a> {
    /// Ids and titles of the plan's stories.
    pub(crate) plan: Vec<(Option<&'a str>, Option<&'a str>)>,
}

/// No line, no shape.
pub(crate) const NONE: u32 = u32::MAX;

/// A line's place in the file.
#[derive(Debug, Clone)]
pub(crate) struct LineLinks {
    /// The heading or label it stands under.
    pub(crate) parent: u32,
    pub(crate) shape: u32,
    pub(crate) key: u32,
    /// All ids on it, numbered by the file, each once.
    pub(crate) ids: Vec<u32>,
    /// The ids that head it.
    pub(crate) lead: Vec<u32>,
    /// A hash of its title, for lines without an id of a type that a candidate has; 0 for all others.
    pub(crate) title: u64,
    /// How much of a plan's title its words share, in tenths.
    pub(crate) plan_title: u8,
}

/// What is known of all lines of one shape.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShapeSums {
    pub(crate) lines: u32,
    pub(crate) marked: u32,
    /// Lines whose first id is the plan's.
    pub(crate) planned: u32,
    /// Different first ids, the first few.
    pub(crate) ids: Vec<u32>,
}

/// What is known of all lines that name one id.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdSums {
    pub(crate) lines: u32,
    pub(crate) first: u32,
    pub(crate) headings: u32,
    pub(crate) is_planned: bool,
}

/// Different ids of a shape are counted up to here.
const SHAPE_IDS: usize = 9;
/// The lines at the head of a file that say whether a runner writes it.
const PRIOR_LINES: usize = 400;
/// Bits of kinds of words near the head that runners write, and ordinary documents.
pub(crate) const RUNNER_WORDS: u16 = 0x01ff;
pub(crate) const DOCUMENT_WORDS: u16 = 0x3e00;
const DAY_BIT: u16 = 14;
const ID_BIT: u16 = 15;
/// A block is looked at no further.
pub(crate) const LONGEST_BLOCK: usize = 60;

#[derive(Debug, Default)]
pub(crate) struct IndexedLog<'t> {
    pub(crate) lines: Vec<LexedLine<'t>>,
    pub(crate) rows: Vec<LineLinks>,
    pub(crate) shapes: Vec<ShapeSums>,
    pub(crate) ids: Vec<IdSums>,
    pub(crate) keys: u32,
    /// Lines that could be records.
    pub(crate) candidates: Vec<usize>,
    /// How often lines without an id that have a title say the same in the same way.
    pub(crate) retold: SeededMap<(u32, u64), u32>,
    pub(crate) boxes: u32,
    /// Ids that some line names.
    pub(crate) named_ids: u32,
    /// Kinds of words near the head, as bits: [`RUNNER_WORDS`], [`DOCUMENT_WORDS`], days, ids in capitals.
    head_words: u16,
    pub(crate) plan: PlanWords,
    shape_numbers: SeededMap<LineShape, u32>,
    key_numbers: SeededMap<LineShape, u32>,
    /// By shape.
    key_of_shape: Vec<u32>,
    /// By hashes of their normal form.
    id_numbers: SeededMap<u64, u32>,
    /// Headings and labels that are open, with their levels.
    open: Vec<(u32, u32)>,
}

/// The plan's ids and titles as evidence.
#[derive(Debug, Default)]
pub(crate) struct PlanWords {
    pub(crate) is_there: bool,
    pub(crate) has_ids: bool,
    /// Sorted hashes of a title's words.
    titles: Vec<Vec<u64>>,
    by_word: SeededMap<u64, Vec<u32>>,
}

impl<'t> IndexedLog<'t> {
    /// Reads all lines. The texts have no line ends and no control characters.
    pub(crate) fn read(texts: &[&'t str], context: &FileContext<'_>) -> IndexedLog<'t> {
        let mut terms = Terms::default();
        let mut file = IndexedLog { plan: PlanWords::new(context, &mut terms), ..IndexedLog::default() };
        for (id, _) in &context.plan {
            if let Some(id) = id {
                let number = file.id_number(id);
                file.ids[number as usize].is_planned = true;
            }
        }
        for text in texts {
            terms.prefixes.note(text);
        }
        let code = fenced(texts);
        file.lines.reserve_exact(texts.len());
        file.rows.reserve_exact(texts.len());
        let mut lexer = Lexer::default();
        for (at, text) in texts.iter().enumerate() {
            let mut line = if code[at] { lexer.lex("", &terms) } else { lexer.lex(text, &terms) };
            if code[at] {
                line.restructure(Structure::Code, 0);
            }
            // `=====` under a short line makes a heading of it.
            let is_underline = |text: &str| {
                text.trim().len() >= 4 && (text.trim().bytes().all(|byte| byte == b'=') || text.trim().bytes().all(|byte| byte == b'-'))
            };
            let stands_free = file.lines.last().is_none_or(|before| before.is_blank() || before.structure == Structure::Rule);
            if line.structure == Structure::Text
                && line.words < 12
                && stands_free
                && texts.get(at + 1).is_some_and(|next| is_underline(next))
            {
                line.restructure(Structure::RuledHeading, 2);
            }
            file.push(line);
        }
        file.candidates = (0..file.lines.len()).filter(|at| is_candidate(&file, *at)).collect();
        file.note_titles();
        file
    }

    fn id_number(&mut self, id: &str) -> u32 {
        let next = self.ids.len() as u32;
        let number = *self.id_numbers.entry(xxh3_64(ident::normal(id).as_bytes())).or_insert(next);
        if number == next {
            self.ids.push(IdSums { first: NONE, ..IdSums::default() });
        }
        number
    }

    fn push(&mut self, line: LexedLine<'t>) {
        let at = self.lines.len() as u32;
        let parent = self.nest(&line, at);
        let next_shape = self.shapes.len() as u32;
        let shape = *self.shape_numbers.entry(line.shape).or_insert(next_shape);
        if shape == next_shape {
            self.shapes.push(ShapeSums::default());
            let key = *self.key_numbers.entry(line.shape.key()).or_insert_with(|| {
                self.keys += 1;
                self.keys - 1
            });
            self.key_of_shape.push(key);
        }
        let key = self.key_of_shape[shape as usize];
        let mut row = LineLinks { parent, shape, key, ids: Vec::new(), lead: Vec::new(), title: 0, plan_title: 0 };
        if !line.is_silent() {
            self.count(&line, &mut row, at);
        }
        self.lines.push(line);
        self.rows.push(row);
    }

    /// Adds a line's part to the sums.
    fn count(&mut self, line: &LexedLine, row: &mut LineLinks, at: u32) {
        if (at as usize) < PRIOR_LINES {
            self.head_words |= line.head_words | u16::from(line.times().any(|time| time.starts_with("202"))) << DAY_BIT;
            self.head_words |=
                u16::from(line.spans.iter().any(|span| span.kind == SpanKind::Id { kind: IdKind::Upper, is_planned: false })) << ID_BIT;
        }
        self.boxes += u32::from(line.ticked.is_some());
        for span in line.spans.iter().filter(|span| span.is_id()) {
            let id = self.id_number(span.value(&line.text));
            if !row.ids.contains(&id) {
                row.ids.push(id);
            }
        }
        if let Some(lead) = &line.lead {
            for id in &lead.ids {
                let id = self.id_number(id);
                if !row.lead.contains(&id) {
                    row.lead.push(id);
                }
            }
        }
        for id in &row.ids {
            let sums = &mut self.ids[*id as usize];
            self.named_ids += u32::from(sums.lines == 0);
            sums.lines += 1;
            sums.first = sums.first.min(at);
        }
        let sums = &mut self.shapes[row.shape as usize];
        sums.lines += 1;
        sums.marked += u32::from(line.mark.is_some());
        if let Some(first) = row.ids.first() {
            sums.planned += u32::from(self.ids[*first as usize].is_planned);
            if sums.ids.len() < SHAPE_IDS && !sums.ids.contains(first) {
                sums.ids.push(*first);
            }
            self.ids[*first as usize].headings += u32::from(line.is_heading());
        }
        if self.plan.may_name(line) || row.lead.is_empty() && may_be_titled(line) && self.plan.has_titles() {
            row.plan_title = self.plan.likeness(title::of(line).unwrap_or_default());
        }
    }

    /// Titles of lines without an id, and how often each is written. Only lines of a type that a candidate without an id has are asked
    /// for them.
    fn note_titles(&mut self) {
        let mut is_asked = vec![false; self.keys as usize];
        for at in &self.candidates {
            let row = &self.rows[*at];
            is_asked[row.key as usize] |= row.lead.is_empty();
        }
        for (line, row) in self.lines.iter().zip(&mut self.rows) {
            let is_counted = is_asked[row.key as usize] && row.lead.is_empty() && !line.is_silent();
            if !is_counted || !(may_be_titled(line) || self.plan.may_name(line)) {
                continue;
            }
            let title = title::of(line).unwrap_or_default();
            if !title.is_empty() {
                row.title = title::digest(title);
                *self.retold.entry((row.key, row.title)).or_default() += 1;
            }
        }
    }

    /// The line's parent; headings and bare labels are put on the stack.
    fn nest(&mut self, line: &LexedLine, at: u32) -> u32 {
        let level = if line.is_heading() {
            Some(u32::from(line.level.max(1)))
        } else if line.is_bold && line.indent == 0 {
            Some(5)
        } else {
            None
        };
        if let Some(level) = level {
            while self.open.last().is_some_and(|(open, _)| *open >= level) {
                self.open.pop();
            }
        } else {
            let indent = 10 + u32::from(line.indent);
            let is_label = is_bare_label(line);
            let is_text = line.structure == Structure::Text && !line.is_blank();
            while let Some((open, _)) = self.open.last().filter(|(open, _)| *open >= 10) {
                let ends = if is_text || is_label { *open >= indent } else { *open > indent };
                if !ends || line.is_blank() {
                    break;
                }
                self.open.pop();
            }
        }
        let parent = self.open.last().map_or(NONE, |(_, at)| *at);
        if let Some(level) = level {
            self.open.push((level, at));
        } else if is_bare_label(line) {
            self.open.push((10 + u32::from(line.indent), at));
        }
        parent
    }

    /// The lines above that this one stands under, the nearest first.
    pub(crate) fn ancestors(&self, at: usize) -> impl Iterator<Item = usize> {
        let mut next = self.rows[at].parent;
        std::iter::from_fn(move || {
            let here = (next != NONE).then_some(next as usize)?;
            next = self.rows[here].parent;
            Some(here)
        })
    }

    /// Where the block of a line ends: after it come the lines that belong to it.
    pub(crate) fn block_end(&self, at: usize) -> usize {
        let line = &self.lines[at];
        let stop = self.lines.len().min(at + LONGEST_BLOCK);
        for next in at + 1..stop {
            let below = &self.lines[next];
            if below.structure == Structure::Rule && next > at + 1 && line.structure != Structure::Row {
                return next;
            }
            let ends = if line.is_heading() {
                below.is_heading() && below.level <= line.level
            } else {
                let is_beside = !below.is_blank() && below.indent <= line.indent;
                below.is_heading()
                    || (is_beside && self.rows[next].shape == self.rows[at].shape)
                    || (is_beside && matches!(line.structure, Structure::Bullet | Structure::Numbered))
                    || line.structure == Structure::Row
            };
            if ends {
                return next;
            }
        }
        stop
    }

    /// The nearest line above or below that is not blank.
    pub(crate) fn neighbour(&self, at: usize, below: bool) -> Option<usize> {
        const FAR: usize = 20;
        if below {
            (at + 1..self.lines.len().min(at + FAR)).find(|next| !self.lines[*next].is_blank())
        } else {
            (at.saturating_sub(FAR)..at).rev().find(|next| !self.lines[*next].is_blank())
        }
    }

    /// How many kinds of a runner's words stand near the head.
    pub(crate) fn prior(&self) -> u32 {
        (self.head_words & !DOCUMENT_WORDS).count_ones()
    }

    /// The same, of words only: neither dates nor ids.
    pub(crate) fn prior_words(&self) -> u32 {
        (self.head_words & RUNNER_WORDS).count_ones()
    }

    pub(crate) fn head_words(&self) -> u16 {
        self.head_words
    }

    pub(crate) fn shape_sums(&self, at: usize) -> &ShapeSums {
        &self.shapes[self.rows[at].shape as usize]
    }
}

/// The line may have a title without an id: it is set as an entry is, or has what entries have.
fn may_be_titled(line: &LexedLine) -> bool {
    line.is_heading() || line.is_bold || line.has(Flags::WHEN) || line.has(Flags::ITERATION) || line.mark.is_some() || line.label.is_some()
}

/// `Done:` with nothing behind it: what follows stands under it.
fn is_bare_label(line: &LexedLine) -> bool {
    line.label.is_some()
        && !line.has_value()
        && matches!(line.structure, Structure::Text | Structure::Bullet)
        && !line.has(Flags::ID)
        && line.has(Flags::END_COLON)
        && !line.is_label(LabelClass::Date)
}

/// Which lines stand inside of a fence. A fence that opens nothing fences nothing: one that is never closed, or a bare one with the end
/// of an entry (a rule, then a heading) before the next. (A note may begin inside a fence, so that its only one closes it.)
fn fenced(texts: &[&str]) -> Vec<bool> {
    let mut code = vec![false; texts.len()];
    let fences: Vec<usize> = (0..texts.len()).filter(|at| is_fence(texts[*at].trim_start())).collect();
    let mut next = 0;
    while next + 1 < fences.len() {
        let (open, close) = (fences[next], fences[next + 1]);
        let has_info = |at: usize| !texts[at].trim().trim_matches(['`', '~']).trim().is_empty();
        let is_lone = if has_info(open) { false } else { has_info(close) || ends_entry(&texts[open + 1..close]) };
        if is_lone {
            next += 1;
            continue;
        }
        for inner in &mut code[open + 1..close] {
            *inner = true;
        }
        next += 2;
    }
    code
}

/// A rule, and a heading as the next thing after it.
fn ends_entry(texts: &[&str]) -> bool {
    let mut after_rule = false;
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        if after_rule && text.starts_with('#') {
            return true;
        }
        after_rule = text.len() >= 3 && text.bytes().all(|byte| byte == b'-');
    }
    false
}

impl PlanWords {
    fn new(context: &FileContext<'_>, terms: &mut Terms) -> PlanWords {
        let mut plan = PlanWords { is_there: !context.plan.is_empty(), ..PlanWords::default() };
        for (id, title) in &context.plan {
            if let Some(id) = id {
                plan.has_ids = true;
                let is_telling = id.len() > 1
                    && !id.bytes().all(|byte| byte.is_ascii_digit())
                    && id.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
                if is_telling {
                    terms.plan_ids.insert(id.to_uppercase().into());
                }
            }
            let Some(words) = title.map(word_hashes).filter(|words| words.len() > 1) else { continue };
            let number = plan.titles.len() as u32;
            for word in &words {
                plan.by_word.entry(*word).or_default().push(number);
            }
            plan.titles.push(words);
        }
        plan
    }

    fn has_titles(&self) -> bool {
        !self.titles.is_empty()
    }

    /// Whether the line may be one of its titles, whatever its layout: no long prose is.
    fn may_name(&self, line: &LexedLine) -> bool {
        self.has_titles() && line.words < 40
    }

    /// The largest share of words that a title of the plan has in common with this one, in tenths.
    fn likeness(&self, title: &str) -> u8 {
        if self.titles.is_empty() {
            return 0;
        }
        let words = word_hashes(title);
        if words.len() < 2 {
            return 0;
        }
        let mut shared: SeededMap<u32, u32> = SeededMap::default();
        // A word of very many titles says little and would cost much.
        for titles in words.iter().filter_map(|word| self.by_word.get(word)) {
            for title in titles.iter().take(200) {
                *shared.entry(*title).or_default() += 1;
            }
        }
        let best = shared
            .into_iter()
            .map(|(title, shared)| shared as usize * 10 / (words.len() + self.titles[title as usize].len() - shared as usize))
            .max();
        best.unwrap_or(0).min(10) as u8
    }
}

/// The different words of a text, as hashes.
fn word_hashes(text: &str) -> Vec<u64> {
    let mut words: Vec<u64> = title::words(text).map(title::digest).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Vec<usize> {
        let texts: Vec<&str> = text.lines().collect();
        fenced(&texts).iter().enumerate().filter(|(_, code)| **code).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_lone_fence_closes_nothing_it_did_not_open() {
        assert_eq!(code("```rust\na\n```\nb"), [1]);
        assert_eq!(code("a\n```\nb\n---\n\n## c\n```\nd\n```"), [7]);
        assert_eq!(code("a\n```\nb"), [] as [usize; 0]);
        assert_eq!(code("a\n```\nb\n```sh\nc\n```"), [4]);
    }

    #[test]
    fn lines_stand_under_headings_and_bare_labels() {
        let texts: Vec<&str> = "# Log\n## Day\n- Done:\n  - one\ntext\n# Other\nend".lines().collect();
        let file = IndexedLog::read(&texts, &FileContext::default());
        let up = |at: usize| file.ancestors(at).collect::<Vec<_>>();
        assert_eq!(up(3), [2, 1, 0]);
        assert_eq!(up(4), [1, 0]);
        assert_eq!(up(6), [5]);
        assert_eq!(file.block_end(1), 5);
        assert_eq!(file.block_end(2), 4);
    }
}
