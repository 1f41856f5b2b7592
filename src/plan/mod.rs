//! A plan document → the one model of a plan: its groups, its stories and where they stand.
//!
//! Knows the shapes that plans come in, one file a shape; not what a change of a status means (`ledger`) nor which story a log line
//! names (`subject`). A new kind of plan: a reader in a file of its own here, a line in [`parse`], a line in the table of places
//! (`discover`), and a fixture of its whole life.

mod json;
mod json_edit;
mod jsonl;
mod markdown;
mod ralph_tui;
pub mod run_status;
mod taskmaster;
mod tree;
mod words;
mod yaml;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::text::CleanText;

/// Longest text that is looked at.
const TEXT_LIMIT: usize = 16 << 20;
/// Most stories of a plan.
const STORY_LIMIT: usize = 10_000;
/// Most criteria of a story.
pub const CRITERION_LIMIT: usize = 200;

/// A plan as its document says it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// As the document names the project or the feature.
    pub name: Option<CleanText>,
    /// The branch or the milestone: another one is another run.
    pub branch: Option<CleanText>,
    /// Which of a document's lists of tasks it is (task-master): another one is another run.
    #[serde(default)]
    pub tag: Option<CleanText>,
    pub description: Option<CleanText>,
    /// Seconds for the whole plan, where the document gives a number.
    pub estimated_secs: Option<u64>,
    /// When the document says that it was written last.
    pub updated_at: Option<Timestamp>,
    /// In the order of the document.
    pub groups: Vec<PlanGroup>,
    /// In the order of the document. The next version of the plan shares those that it leaves as they are.
    pub stories: Vec<Arc<PlanStory>>,
    /// Errors that the document keeps a list of.
    pub errors: Vec<CleanText>,
    /// Set when a limit cut something off or an element was no story, in words for a notice.
    pub truncation: Option<CleanText>,
}

/// Stories that the document keeps together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGroup {
    pub name: CleanText,
    pub kind: GroupKind,
}

/// What the document calls its groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupKind {
    Phase,
    Section,
    Wave,
    Epic,
}

/// A story of a plan. It has an id or a title.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanStory {
    /// As written; a number is written out.
    pub id: Option<CleanText>,
    /// Where there is none, the description stands for it.
    pub title: Option<CleanText>,
    /// Index into [`Plan::groups`].
    pub group: Option<u32>,
    /// Only where it is a number.
    pub priority: Option<i64>,
    /// Ids of the stories that must have passed before, as written.
    pub dependencies: Vec<CleanText>,
    pub estimated_secs: Option<u64>,
    pub status: PlanStatus,
    /// Why it failed, is blocked or was put off, in the document's words.
    pub reason: Option<CleanText>,
    pub started_at: Option<Timestamp>,
    /// When it passed or failed.
    pub ended_at: Option<Timestamp>,
    /// Hashes that the document writes beside a finished story.
    pub commits: Vec<CleanText>,
    pub criteria: Vec<PlanCriterion>,
}

/// Where the plan says that a story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PlanStatus {
    /// Not begun, or the document does not say.
    #[default]
    Open,
    InProgress,
    Passed,
    Failed,
    /// Cannot go on; counts in the total.
    Blocked,
    /// Put off: out of the total.
    Deferred,
    /// Given up: out of the total.
    Cancelled,
}

/// An acceptance criterion, a step or a subtask of a story.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanCriterion {
    /// Empty where the document has a criterion without a text: those behind it keep their numbers.
    pub text: CleanText,
    /// Where the document gives the criterion a state of its own.
    pub done: Option<bool>,
}

/// Why a text gives no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseError {
    /// Half-written, or broken. In the parser's words, with line and column from 1.
    Invalid(String),
    /// Well-formed, but of no shape that a plan has.
    NotAPlan,
}

impl PlanStory {
    /// Whether the plan calls it done.
    pub fn is_passed(&self) -> bool {
        self.status == PlanStatus::Passed
    }

    /// Whether it counts in the total: stories that were put off or given up do not.
    pub fn is_counted(&self) -> bool {
        !matches!(self.status, PlanStatus::Deferred | PlanStatus::Cancelled)
    }
}

impl Plan {
    /// The index of a group, which is added when it is new.
    fn group(&mut self, group: PlanGroup) -> u32 {
        // Stories of a group stand together in nearly every plan: the last one first.
        let index = self.groups.iter().rposition(|known| *known == group).unwrap_or_else(|| {
            self.groups.push(group);
            self.groups.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// Whether both have the same groups, and the same stories with the same criteria: they differ in how these stand.
    pub fn has_work_of(&self, other: &Plan) -> bool {
        let is_same = |(one, other): (&Arc<PlanStory>, &Arc<PlanStory>)| {
            let has_names = || one.id == other.id && one.title == other.title && one.group == other.group;
            let has_texts = || one.criteria.iter().map(|one| &one.text).eq(other.criteria.iter().map(|other| &other.text));
            Arc::ptr_eq(one, other) || has_names() && has_texts()
        };
        let is_same_length = self.stories.len() == other.stories.len();
        is_same_length && self.groups == other.groups && self.stories.iter().zip(&other.stories).all(is_same)
    }

    /// Whether every story that counts has passed; never of none.
    pub fn is_complete(&self) -> bool {
        let mut counted = self.stories.iter().filter(|story| story.is_counted()).peekable();
        counted.peek().is_some() && counted.all(|story| story.is_passed())
    }
}

impl From<&str> for PlanCriterion {
    fn from(text: &str) -> Self {
        PlanCriterion { text: text.into(), done: None }
    }
}

/// How a document is written: known by its name, so that a text which breaks off half-way is not taken for another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    Json,
    /// One object a line.
    JsonLines,
    Markdown,
    Yaml,
}

impl Notation {
    /// The notation of a file of this name; JSON where the name does not tell.
    pub fn of(name: &str) -> Notation {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("jsonl" | "ndjson") => Notation::JsonLines,
            Some("md" | "markdown" | "mdx") => Notation::Markdown,
            Some("yaml" | "yml") => Notation::Yaml,
            Some(_) | None => Notation::Json,
        }
    }
}

/// Reads a plan of any known shape; of a document that holds several under tags the one that is worked on, as far as it says so.
///
/// # Errors
///
/// [`ParseError::Invalid`] for what is broken or too long to look at, [`ParseError::NotAPlan`] for what is something else.
pub fn parse(notation: Notation, text: &str) -> Result<Plan, ParseError> {
    parse_tag(notation, text, None)
}

/// The same with the `tag` that is worked on, as another document says.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_tag(notation: Notation, text: &str, tag: Option<&str>) -> Result<Plan, ParseError> {
    if text.len() > TEXT_LIMIT {
        return Err(ParseError::Invalid(format!("{} MiB long; plans of up to {} MiB are read", text.len() >> 20, TEXT_LIMIT >> 20)));
    }
    let text = text.trim_start_matches('\u{feff}');
    match notation {
        Notation::Json => json_document(&tree::json(text)?, tag),
        Notation::JsonLines => jsonl::read(text),
        Notation::Markdown => markdown::read(text),
        Notation::Yaml => yaml::read(text),
    }
}

/// Reads a plan again whose document was `old` and meant `plan`. Of a large one in JSON that differs in one story, that story alone is read;
/// a document with tags is read whole, because stories of two tags may be alike.
///
/// # Errors
///
/// As those of [`parse`].
pub fn parse_again(notation: Notation, (plan, old): (&Plan, &str), new: &str, tag: Option<&str>) -> Result<Plan, ParseError> {
    let may_be_edited = notation == Notation::Json && new.len() <= TEXT_LIMIT && plan.tag.is_none();
    let edited = may_be_edited.then(|| json_edit::read(plan, old, new)).flatten();
    edited.map_or_else(|| parse_tag(notation, new, tag), Ok)
}

fn json_document(top: &tree::Node, tag: Option<&str>) -> Result<Plan, ParseError> {
    if let Some(session) = ralph_tui::read(top) {
        return session;
    }
    match taskmaster::current_tag(top, tag) {
        Some((tag, tasks)) => {
            let plan = json::read(tasks)?;
            // Its description is about the tag, not about the project.
            let tag = CleanText::from(tag);
            let branch = Some(tag.clone()).filter(|tag| tag != "master");
            Ok(Plan { name: None, description: None, branch, tag: Some(tag), ..plan })
        }
        None => json::read(top),
    }
}

/// What limits and bad elements cost.
#[derive(Default)]
struct Truncation {
    bad: usize,
    stories: usize,
    criteria: usize,
}

impl Truncation {
    fn words(&self) -> Option<CleanText> {
        let losses = [
            (self.stories, "stories beyond the first 10,000 left out"),
            (self.criteria, "criteria beyond the first 200 of their story left out"),
            (self.bad, "elements that are no stories skipped"),
        ];
        let losses: Vec<String> = losses.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!losses.is_empty()).then(|| losses.join(", ").into())
    }
}

#[cfg(test)]
mod tests;
