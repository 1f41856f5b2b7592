//! claude-loop's `logs/error.log`: blocks between rules, with the story, the exit code, the kind of error and its message.
//!
//! A block is one error. That its attempt failed is the execution log's to say.

use super::{Seen, time, words};
use crate::fact::{Fact, Failure, Provenance, RecordedTime, Statement, StatementForm, StoryName, entry_hash};

/// Longest message that is kept.
const MESSAGE_LIMIT: usize = 4096;

/// What has been read of such a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    place: Place,
    /// Blocks that said something.
    said: u64,
}

#[derive(Debug, Clone, Default)]
enum Place {
    #[default]
    Outside,
    /// A rule has been read: a block may follow.
    Rule,
    /// A rule and `Timestamp:`; a line about the story makes it a block.
    Dated(Option<RecordedTime>),
    Block(Box<Block>),
}

#[derive(Debug, Clone)]
struct Block {
    when: Option<RecordedTime>,
    story: Option<String>,
    exit_code: Option<i64>,
    kind: String,
    message: String,
    part: Part,
    /// Of the first line of the message, else of the line about the story.
    line: u32,
    text: Box<str>,
    told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fields,
    Message,
    /// Suggestions and output: the error has been told.
    Rest,
}

impl Failures {
    pub(super) fn is_sure(&self) -> bool {
        self.said > 0
    }

    /// Whether a line that begins with this byte may be one of a block.
    pub(super) fn wants(&self, first: u8) -> bool {
        match self.place {
            Place::Outside => first == b'=',
            Place::Rule | Place::Dated(_) | Place::Block(_) => true,
        }
    }

    /// Takes a line; says whether it is one of a block.
    pub(super) fn line(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> bool {
        let rule = seen.text.len() >= 20 && seen.text.bytes().all(|b| b == b'=');
        match &mut self.place {
            Place::Block(block) if rule => {
                self.said += u64::from(block.tell(facts));
                self.place = Place::Outside;
                true
            }
            Place::Block(block) => {
                let told = block.told;
                block.take(seen, facts);
                self.said += u64::from(block.told && !told);
                true
            }
            Place::Dated(when) => match seen.text.strip_prefix("Story ID:") {
                Some(story) => {
                    let story = Some(story.trim().to_owned()).filter(|story| !story.is_empty());
                    self.place = Place::Block(Box::new(Block::new(*when, story, seen)));
                    true
                }
                None => {
                    self.place = Place::Outside;
                    false
                }
            },
            Place::Rule => {
                self.place = match seen.text.strip_prefix("Timestamp:") {
                    Some(stamp) => Place::Dated(time::whole(stamp.trim(), seen.clock)),
                    None if rule => Place::Rule,
                    None => Place::Outside,
                };
                // In a file of such blocks it is the next one's.
                self.said > 0 && matches!(self.place, Place::Dated(_))
            }
            Place::Outside => {
                if rule {
                    self.place = Place::Rule;
                }
                // Between two blocks a rule is nobody else's.
                rule && self.said > 0
            }
        }
    }

    /// Nothing has followed for a while: a block that was broken off says what it got to.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        if let Place::Block(block) = &mut self.place {
            self.said += u64::from(block.tell(facts));
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(&self.place, Place::Block(block) if block.is_waiting())
    }
}

impl Block {
    fn new(when: Option<RecordedTime>, story: Option<String>, seen: &Seen<'_>) -> Self {
        let (line, text) = (seen.number, seen.raw.into());
        Block { when, story, exit_code: None, kind: String::new(), message: String::new(), part: Part::Fields, line, text, told: false }
    }

    fn take(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        match self.part {
            Part::Rest => {}
            _ if seen.text.starts_with("--- ") && seen.text.ends_with(" ---") => {
                self.part = Part::Rest;
                self.tell(facts);
            }
            Part::Fields => self.field(seen),
            Part::Message => self.message(seen.raw, seen),
        }
    }

    fn field(&mut self, seen: &Seen<'_>) {
        let Some((label, value)) = seen.text.split_once(':') else { return };
        let value = value.trim();
        match label {
            "Exit Code" => self.exit_code = value.split(' ').next().and_then(|code| code.parse().ok()),
            "Error Type" => value.clone_into(&mut self.kind),
            "Error Message" => {
                self.part = Part::Message;
                if !value.is_empty() {
                    self.message(value, seen);
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, text: &str, seen: &Seen<'_>) {
        if self.message.is_empty() {
            self.line = seen.number;
            self.text = seen.raw.into();
        } else {
            self.message.push('\n');
        }
        if self.message.len() + text.len() <= MESSAGE_LIMIT {
            self.message.push_str(text.trim_end());
        }
    }

    fn is_waiting(&self) -> bool {
        !self.told && (!self.message.trim().is_empty() || self.has_kind())
    }

    /// The kind alone is worth saying for a story.
    fn has_kind(&self) -> bool {
        self.story.is_some() && !self.kind.is_empty()
    }

    /// Pushes the error, once; says whether there was one.
    fn tell(&mut self, facts: &mut Vec<Fact>) -> bool {
        if std::mem::replace(&mut self.told, true) {
            return false;
        }
        let message = match self.message.trim() {
            "" if self.has_kind() => self.kind.clone(),
            "" => return false,
            message => message.to_owned(),
        };
        let kind = words::error_kind(Some(&self.kind), &message);
        let open = entry_hash(&format!("{:?} {:?} {message}", self.when.map(|stamp| stamp.at), self.story));
        facts.push(Fact {
            statement: Statement::Error(Failure { kind, message, retryable: None, exit_code: self.exit_code }),
            story: self.story.clone().map(|id| StoryName { id: Some(id), title: None }),
            form: StatementForm::Entry,
            provenance: Provenance::Explicit,
            line: self.line,
            text: self.text.clone(),
            entry_hash: open,
            recorded_at: self.when,
            late: false,
        });
        true
    }
}
