//! claude-loop's `logs/error.log`: blocks between rules, with the story, the exit code, the kind of error and its message.
//!
//! A block is one error. That its attempt failed is the execution log's to say.

use std::sync::Arc;

use super::{LineContext, time, words};
use crate::fact::{Fact, Failure, Provenance, RecordedTime, Statement, StatementForm, StoryName, entry_hash};

/// Longest message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 4096;

/// What has been read of such a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    state: BlockState,
    /// Blocks that said something.
    reported: u64,
}

#[derive(Debug, Clone, Default)]
enum BlockState {
    #[default]
    Outside,
    /// A rule has been read: a block may follow.
    Rule,
    /// A rule and `Timestamp:`; a line about the story makes it a block.
    Dated(Option<RecordedTime>),
    Block(Box<ErrorBlock>),
}

#[derive(Debug, Clone)]
struct ErrorBlock {
    when: Option<RecordedTime>,
    story: Option<String>,
    exit_code: Option<i64>,
    kind: String,
    message: String,
    part: Part,
    /// Of the first line of the message, else of the line about the story.
    line: u32,
    text: Arc<str>,
    emitted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fields,
    Message,
    /// Suggestions and output: the error has been told.
    Trailing,
}

impl Failures {
    pub(super) fn is_sure(&self) -> bool {
        self.reported > 0
    }

    /// Whether a line that begins with this byte may be one of a block.
    pub(super) fn wants(&self, first: u8) -> bool {
        match self.state {
            BlockState::Outside => first == b'=',
            BlockState::Rule | BlockState::Dated(_) | BlockState::Block(_) => true,
        }
    }

    /// Takes a line; says whether it is one of a block.
    pub(super) fn line(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let rule = context.text.len() >= 20 && context.text.bytes().all(|b| b == b'=');
        match &mut self.state {
            BlockState::Block(block) if rule => {
                self.reported += u64::from(block.emit(facts));
                self.state = BlockState::Outside;
                true
            }
            BlockState::Block(block) => {
                let emitted = block.emitted;
                block.take(context, facts);
                self.reported += u64::from(block.emitted && !emitted);
                true
            }
            BlockState::Dated(when) => match context.text.strip_prefix("Story ID:") {
                Some(story) => {
                    let story = Some(story.trim().to_owned()).filter(|story| !story.is_empty());
                    self.state = BlockState::Block(Box::new(ErrorBlock::new(*when, story, context)));
                    true
                }
                None => {
                    self.state = BlockState::Outside;
                    false
                }
            },
            BlockState::Rule => {
                self.state = match context.text.strip_prefix("Timestamp:") {
                    Some(stamp) => BlockState::Dated(time::whole(stamp.trim(), context.clock)),
                    None if rule => BlockState::Rule,
                    None => BlockState::Outside,
                };
                // In a file of such blocks it is the next one's.
                self.reported > 0 && matches!(self.state, BlockState::Dated(_))
            }
            BlockState::Outside => {
                if rule {
                    self.state = BlockState::Rule;
                }
                // Between two blocks a rule is nobody else's.
                rule && self.reported > 0
            }
        }
    }

    /// Nothing has followed for a while: a block that was broken off says what it got to.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        if let BlockState::Block(block) = &mut self.state {
            self.reported += u64::from(block.emit(facts));
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(&self.state, BlockState::Block(block) if block.is_waiting())
    }
}

impl ErrorBlock {
    fn new(when: Option<RecordedTime>, story: Option<String>, context: &LineContext<'_>) -> Self {
        let (line, text) = (context.number, context.raw.into());
        ErrorBlock {
            when,
            story,
            exit_code: None,
            kind: String::new(),
            message: String::new(),
            part: Part::Fields,
            line,
            text,
            emitted: false,
        }
    }

    fn take(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) {
        match self.part {
            Part::Trailing => {}
            _ if context.text.starts_with("--- ") && context.text.ends_with(" ---") => {
                self.part = Part::Trailing;
                self.emit(facts);
            }
            Part::Fields => self.field(context),
            Part::Message => self.message(context.raw, context),
        }
    }

    fn field(&mut self, context: &LineContext<'_>) {
        let Some((label, value)) = context.text.split_once(':') else { return };
        let value = value.trim();
        match label {
            "Exit Code" => self.exit_code = value.split(' ').next().and_then(|code| code.parse().ok()),
            "Error Type" => value.clone_into(&mut self.kind),
            "Error Message" => {
                self.part = Part::Message;
                if !value.is_empty() {
                    self.message(value, context);
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, text: &str, context: &LineContext<'_>) {
        if self.message.is_empty() {
            self.line = context.number;
            self.text = context.raw.into();
        } else if self.message.len() < MESSAGE_LIMIT {
            self.message.push('\n');
        }
        let text = text.trim_end();
        self.message.push_str(&text[..text.floor_char_boundary(MESSAGE_LIMIT.saturating_sub(self.message.len()))]);
    }

    fn is_waiting(&self) -> bool {
        !self.emitted && (!self.message.trim().is_empty() || self.has_kind())
    }

    /// The kind alone is worth saying for a story.
    fn has_kind(&self) -> bool {
        self.story.is_some() && !self.kind.is_empty()
    }

    /// Pushes the error, once; says whether there was one.
    fn emit(&mut self, facts: &mut Vec<Fact>) -> bool {
        if std::mem::replace(&mut self.emitted, true) {
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
            story: self.story.as_deref().map(StoryName::of_id),
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
