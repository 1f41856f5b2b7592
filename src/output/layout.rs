//! State → lines of text: the box of `--stream`, for any width and height.
//!
//! Pure: the clock, the terminal's size and the zone are arguments. Nothing here knows how lines reach a terminal (`stream`).
//!
//! - [`body`] has the rows of one task, [`work`] those of a task at work, [`agent`] what its agent does;
//! - [`stories`] lists a task's stories, [`tasks`] several tasks;
//! - [`row`] makes a row exactly as wide as it must be, [`glyph`] has the signs.

mod agent;
mod body;
mod glyph;
mod row;
mod stories;
mod tasks;
mod work;

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::model::state::State;
use crate::output::text::Charset;

use self::glyph::Glyphs;
use self::row::Row;
use self::stories::StoryList;

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
    /// By the clock of the bridge that made the state.
    pub now: Timestamp,
    /// For the few times of day.
    pub zone: &'a TimeZone,
    /// Where the page is served.
    pub url: Option<&'a str>,
    pub connection: &'a Connection,
}

/// How the state comes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// This process made it.
    Local,
    /// Another bridge pushes it.
    Streaming,
    /// Another bridge is asked for it, because its stream does not come through.
    Polling,
    /// The first answer of another bridge is awaited.
    Connecting { reason: String },
    /// Another bridge does not answer since `as_of`.
    CutOff { as_of: Timestamp, attempt: u32, retry_at: Timestamp, reason: String },
}

impl Scene<'_> {
    /// The moment that the state is shown for: it stands still while nothing comes.
    fn shown_time(&self) -> Timestamp {
        match self.connection {
            Connection::CutOff { as_of, .. } => *as_of,
            Connection::Local | Connection::Streaming | Connection::Polling | Connection::Connecting { .. } => self.now,
        }
    }
}

impl Connection {
    /// Whether what is shown is how it is now.
    pub fn is_live(&self) -> bool {
        match self {
            Connection::Local | Connection::Streaming | Connection::Polling => true,
            Connection::Connecting { .. } | Connection::CutOff { .. } => false,
        }
    }
}

/// One line of the picture: its segments stand one after the other, each as wide as the columns from its start to the start of the next
/// one. A terminal that disagrees about a width is told where each begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PictureLine {
    pub segments: Vec<Segment>,
}

/// Text from a column on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// From 0.
    pub column: usize,
    pub text: String,
}

impl From<String> for PictureLine {
    fn from(text: String) -> PictureLine {
        PictureLine { segments: vec![Segment { column: 0, text }] }
    }
}

impl PictureLine {
    /// The line as one string.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text.as_str()).collect()
    }
}

/// Below this many columns a frame costs more than it gives.
const FRAMED_FROM: usize = 48;
/// Below this many, one line has all.
const ROWS_FROM: usize = 30;
/// From this many on, the stories have a pane of their own.
const PANES_FROM: usize = 110;
/// Wider than this the eye loses the row between its two ends.
const WIDEST: usize = 160;

/// The picture: every line exactly as wide as the canvas, 160 columns at most; never more than `rows - 1` lines; no control characters
/// but colours.
pub fn lines(state: &State, scene: &Scene, canvas: &Canvas) -> Vec<PictureLine> {
    let canvas = &Canvas { columns: canvas.columns.min(WIDEST), ..*canvas };
    let limit = canvas.rows.saturating_sub(1);
    if canvas.columns >= ROWS_FROM {
        let framed = canvas.columns >= FRAMED_FROM;
        let mut detail = Detail {
            side: usize::MAX,
            todo: framed,
            spacers: framed,
            done: framed,
            list: usize::MAX,
            footer: true,
            framed,
            criteria: true,
            rules: true,
        };
        let picture = |detail: &Detail| Picture::of(state, scene, canvas, detail);
        let height = |detail: &Detail| picture(detail).height();
        // What goes first when the height does not suffice.
        let steps: [fn(&mut Detail); 9] = [
            |_| {},
            |d| d.side = 0,
            |d| d.spacers = false,
            |d| d.todo = false,
            |d| d.done = false,
            |d| d.footer = false,
            |d| d.framed = false,
            |d| d.criteria = false,
            |d| d.rules = false,
        ];
        for (step, shorten) in steps.into_iter().enumerate() {
            shorten(&mut detail);
            let needed = height(&detail);
            if needed <= limit {
                // The list of stories gets the rows that are left.
                let side = if detail.side == 0 { picture(&detail).split_height() + limit - needed } else { detail.side };
                return picture(&Detail { side, ..detail }).render(canvas);
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
    Vec::from_iter((limit > 0).then_some(PictureLine::from(one)))
}

/// How much is shown.
#[derive(Debug, Clone, Copy)]
struct Detail {
    /// Rows that the pane with the stories may have; it is never lower than the pane beside it.
    side: usize,
    /// The items of the agent's own list.
    todo: bool,
    /// Empty rows between the parts.
    spacers: bool,
    /// Done criteria one by one, or counted.
    done: bool,
    /// Rows for what can be counted instead: pending criteria, awaited files, stories.
    list: usize,
    /// Last sign of life and address.
    footer: bool,
    framed: bool,
    /// The checklist under its bar.
    criteria: bool,
    /// Lines between the parts; without them only what is never left out is shown.
    rules: bool,
}

/// A part of the picture.
enum PictureSection {
    Whole(Vec<Row>),
    /// Two panes; the right one lists the stories.
    Split(Vec<Row>, StoryList),
}

/// Rows in sections, mostly with a line between two sections.
struct Picture {
    sections: Vec<PictureSection>,
    side: usize,
    rules: bool,
    framed: bool,
}

impl Picture {
    fn of(state: &State, scene: &Scene, canvas: &Canvas, detail: &Detail) -> Picture {
        let columns = if detail.framed { canvas.columns - 4 } else { canvas.columns };
        let side = (detail.framed && canvas.columns >= PANES_FROM).then(|| side_columns(canvas.columns));
        let body = body::Body { scene, detail, glyphs: Glyphs::of(canvas.charset), columns, side };
        let mut sections = body.sections(state, canvas.rows);
        sections.retain(|section| match section {
            PictureSection::Whole(rows) => !rows.is_empty(),
            PictureSection::Split(..) => true,
        });
        Picture { sections, side: detail.side, rules: detail.rules, framed: detail.framed }
    }

    fn height(&self) -> usize {
        let rows: usize = self.sections.iter().map(|section| self.rows_of(section)).sum();
        let lines = if self.rules { self.sections.len().saturating_sub(1) } else { 0 };
        rows + lines + if self.framed { 2 } else { 0 }
    }

    fn rows_of(&self, section: &PictureSection) -> usize {
        match section {
            PictureSection::Whole(rows) => rows.len(),
            PictureSection::Split(rows, stories) => rows.len().max(stories.len().min(self.side)),
        }
    }

    /// Rows of the section with two panes.
    fn split_height(&self) -> usize {
        self.sections.iter().filter(|section| matches!(section, PictureSection::Split(..))).map(|section| self.rows_of(section)).sum()
    }

    fn render(&self, canvas: &Canvas) -> Vec<PictureLine> {
        let Canvas { columns, charset, color, .. } = *canvas;
        let glyphs = Glyphs::of(charset);
        let mut lines = Vec::with_capacity(self.height());
        if !self.framed {
            let divider = glyphs.rule.repeat(columns);
            for (at, section) in self.sections.iter().enumerate() {
                lines.extend((at > 0 && self.rules).then(|| PictureLine::from(divider.clone())));
                let (PictureSection::Whole(rows) | PictureSection::Split(rows, _)) = section;
                lines.extend(rows.iter().map(|row| PictureLine::from(row.render(columns, charset, color))));
            }
            return lines;
        }
        let side = side_columns(columns);
        let divider = columns - side - 4;
        let frame = &glyphs.frame;
        let mut above = false;
        for (at, section) in self.sections.iter().enumerate() {
            let below = matches!(section, PictureSection::Split(..));
            if at == 0 || self.rules {
                let tee = if below { Some(frame.tee_down) } else { above.then_some(frame.tee_up) };
                lines.push(border(
                    if at == 0 { frame.top } else { frame.middle },
                    frame.horizontal,
                    columns,
                    tee.map(|tee| (divider, tee)),
                ));
            }
            above = below;
            let wall = frame.vertical;
            match section {
                PictureSection::Whole(rows) => lines.extend(rows.iter().map(|row| PictureLine {
                    segments: vec![
                        Segment { column: 0, text: format!("{wall} {} ", row.render(columns - 4, charset, color)) },
                        Segment { column: columns - 1, text: wall.to_owned() },
                    ],
                })),
                PictureSection::Split(rows, stories) => {
                    let listed = stories.window(self.rows_of(section), glyphs);
                    let blank = Row::blank();
                    for at in 0..self.rows_of(section) {
                        let main = rows.get(at).unwrap_or(&blank).render(divider - 3, charset, color);
                        let story = listed.get(at).unwrap_or(&blank).render(side, charset, color);
                        lines.push(PictureLine {
                            segments: vec![
                                Segment { column: 0, text: format!("{wall} {main} ") },
                                Segment { column: divider, text: format!("{wall} {story} ") },
                                Segment { column: columns - 1, text: wall.to_owned() },
                            ],
                        });
                    }
                }
            }
        }
        lines.push(border(frame.bottom, frame.horizontal, columns, above.then_some((divider, frame.tee_up))));
        lines
    }
}

/// Columns of the right pane's text.
fn side_columns(columns: usize) -> usize {
    (columns * 2 / 5).min(columns.saturating_sub(8))
}

/// A line of the frame, with a tee where a divider ends.
fn border([left, right]: [&str; 2], horizontal: &str, columns: usize, tee: Option<(usize, &str)>) -> PictureLine {
    let text = match tee {
        Some((at, tee)) => format!("{left}{}{tee}{}{right}", horizontal.repeat(at - 1), horizontal.repeat(columns - at - 2)),
        None => format!("{left}{}{right}", horizontal.repeat(columns - 2)),
    };
    PictureLine::from(text)
}

#[cfg(test)]
mod tests;
