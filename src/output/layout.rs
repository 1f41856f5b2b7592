//! State → lines of text: the box of `--stream`, for any width and height.
//!
//! Pure: the clock, the terminal's size and the zone are arguments. Nothing here knows how lines reach a terminal (`stream`).

mod body;
mod glyph;
mod row;
mod tasks;

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::model::state::State;
use crate::output::text::Charset;

use self::glyph::Glyphs;
use self::row::Row;

/// What is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    pub columns: usize,
    /// The terminal's height; the last row stays free for the cursor.
    pub rows: usize,
    pub charset: Charset,
    pub color: bool,
}

/// What is shown beside the state.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene<'a> {
    pub now: Timestamp,
    /// For the few times of day.
    pub zone: &'a TimeZone,
    /// Where the page is served.
    pub url: Option<&'a str>,
}

/// Below this many columns a frame costs more than it gives.
const FRAMED_FROM: usize = 48;
/// Below this many, one line says it all.
const ROWS_FROM: usize = 30;

/// The picture: every line exactly `columns` wide, never more than `rows - 1` of them, no control characters but colours.
pub fn lines(state: &State, scene: &Scene, canvas: &Canvas) -> Vec<String> {
    let limit = canvas.rows.saturating_sub(1);
    if canvas.columns >= ROWS_FROM {
        let framed = canvas.columns >= FRAMED_FROM;
        let mut detail = Detail { spacers: framed, done: framed, list: usize::MAX, footer: true, framed, criteria: true, rules: true };
        let picture = |detail: &Detail| Picture::of(state, scene, canvas, detail);
        let height = |detail: &Detail| picture(detail).height();
        // What goes first when the height does not suffice.
        let steps: [fn(&mut Detail); 7] = [
            |_| {},
            |d| d.spacers = false,
            |d| d.done = false,
            |d| d.footer = false,
            |d| d.framed = false,
            |d| d.criteria = false,
            |d| d.rules = false,
        ];
        for (step, shorten) in steps.into_iter().enumerate() {
            shorten(&mut detail);
            if height(&detail) <= limit {
                return picture(&detail).render(canvas);
            }
            // Once done criteria are a count, what is still to come gets the rows that are left.
            let counted = Detail { list: 0, ..detail };
            let bare = height(&counted);
            if step >= 2 && bare <= limit {
                return picture(&Detail { list: limit - bare, ..detail }).render(canvas);
            }
        }
    }
    let one = body::one_line(state, scene, canvas).render(canvas.columns, canvas.charset, canvas.color);
    Vec::from_iter((limit > 0).then_some(one))
}

/// How much is told.
#[derive(Debug, Clone, Copy)]
struct Detail {
    /// Empty rows between the parts.
    spacers: bool,
    /// Done criteria one by one, or counted.
    done: bool,
    /// Rows for what can be counted instead: pending criteria, awaited files.
    list: usize,
    /// Last sign of life and address.
    footer: bool,
    framed: bool,
    /// The checklist under its bar.
    criteria: bool,
    /// Lines between the parts; without them only what is never left out is shown.
    rules: bool,
}

/// Rows in sections, mostly with a line between two sections.
struct Picture {
    sections: Vec<Vec<Row>>,
    rules: bool,
    framed: bool,
}

impl Picture {
    fn of(state: &State, scene: &Scene, canvas: &Canvas, detail: &Detail) -> Picture {
        let columns = if detail.framed { canvas.columns - 4 } else { canvas.columns };
        let mut sections = body::Body { scene, detail, glyphs: Glyphs::of(canvas.charset), columns }.sections(state, canvas.rows);
        sections.retain(|section| !section.is_empty());
        Picture { sections, rules: detail.rules, framed: detail.framed }
    }

    fn height(&self) -> usize {
        let rows: usize = self.sections.iter().map(Vec::len).sum();
        let lines = if self.rules { self.sections.len().saturating_sub(1) } else { 0 };
        rows + lines + if self.framed { 2 } else { 0 }
    }

    fn render(&self, canvas: &Canvas) -> Vec<String> {
        let Canvas { columns, charset, color, .. } = *canvas;
        let glyphs = Glyphs::of(charset);
        let mut lines = Vec::with_capacity(self.height());
        if !self.framed {
            let divider = glyphs.rule.repeat(columns);
            for (at, section) in self.sections.iter().enumerate() {
                lines.extend((at > 0 && self.rules).then(|| divider.clone()));
                lines.extend(section.iter().map(|row| row.render(columns, charset, color)));
            }
            return lines;
        }
        let border = |[left, right]: [&str; 2]| format!("{left}{}{right}", glyphs.horizontal.repeat(columns - 2));
        for (at, section) in self.sections.iter().enumerate() {
            lines.push(border(if at == 0 { glyphs.top } else { glyphs.middle }));
            let side = glyphs.vertical;
            lines.extend(section.iter().map(|row| format!("{side} {} {side}", row.render(columns - 4, charset, color))));
        }
        lines.push(border(glyphs.bottom));
        lines
    }
}

#[cfg(test)]
mod tests;
