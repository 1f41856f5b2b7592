//! What a heading says of the entry that it opens, and what its family means by silence.

use super::words::Status;
use crate::fact::{RecordedTime, StoryName};

/// What an entry means that ends without any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Silence {
    /// The family appends an entry only after the checks passed (snarktank).
    Passed,
    /// The family always writes a status; it has not come (claude-loop).
    Started,
    /// Only a status, or what a report alone has, makes it an entry at all: the heading alone is not certain.
    #[default]
    Nothing,
    /// Its fields say how it went, wherever among its lines they stand; without them it says nothing.
    Awaits,
}

impl Silence {
    /// Whether the end of an entry says something where no status does.
    pub(super) fn speaks(self) -> bool {
        match self {
            Silence::Passed | Silence::Started => true,
            Silence::Nothing | Silence::Awaits => false,
        }
    }
}

/// A record that is a step of a story's work: what passes there is the step, not the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Of the story that it names.
    Work,
    /// A check of the story under way; passing it is a criterion done.
    Check(String),
}

/// What a heading says.
#[derive(Debug, Clone, Default)]
pub(super) struct Opening {
    /// Of the heading: one of the same level or above ends the entry. See [`PLAIN`].
    pub(super) level: u8,
    /// Empty where a `**Story**:` line is to name them.
    pub(super) stories: Vec<StoryName>,
    pub(super) when: Option<RecordedTime>,
    pub(super) iteration: Option<u32>,
    pub(super) status: Option<Status>,
    pub(super) silence: Silence,
    /// Names the story where neither the heading nor a line below gives it an id.
    pub(super) title: Option<String>,
    pub(super) step: Option<Step>,
}

/// The level of a heading that is a plain line: any real heading ends its entry, unless rules fence it in.
pub(super) const PLAIN: u8 = 7;
