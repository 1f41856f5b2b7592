//! What a session has done so far: its counters, its list, its last results. Everything has a bound.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::super::signal::{
    CallOutcome, CallResult, CallStart, Delegation, FileKey, MessageUsage, TestCounts, TodoEntry, TokenCounts, WrittenFile,
};
use super::super::text::{CommitHash, FileName, ToolName};
use super::super::todo::MAX_ITEMS;
use crate::clock::Timestamp;
use crate::model::state::CriterionStatus;

/// The last files and commits that are shown.
const RECENT: usize = 5;
/// Different files that are counted.
const MAX_FILES: usize = 10_000;
/// Messages whose tokens may still grow: the records of one message follow each other.
const MAX_MESSAGES: usize = 16;
/// Denials of one tool after which a person is needed.
const DENIALS: u32 = 3;

#[derive(Debug, Clone, Default)]
pub(super) struct SessionCounters {
    /// The file was joined in its middle.
    pub partial: bool,
    pub calls: u32,
    pub failed_calls: u32,
    pub denials: u32,
    pub compactions: u32,
    pub children: u32,
    pub cost_usd: Option<f64>,
    pub tests: Option<(TestCounts, Timestamp)>,
    /// Newest first.
    pub commits: VecDeque<CommitHash>,
    files: BTreeSet<FileKey>,
    /// Newest first.
    recent: VecDeque<FileName>,
    /// By the tool, of a closed set of names; the others together.
    denied_tools: HashMap<Option<&'static str>, ToolDenials>,
    todo: BTreeMap<u64, TodoEntry>,
    /// Ids in the order in which they came.
    todo_order: Vec<u64>,
    messages: VecDeque<MessageUsage>,
    tokens: TokenCounts,
    has_tokens: bool,
}

/// How often one tool was denied.
#[derive(Debug, Clone, Copy, Default)]
struct ToolDenials {
    count: u32,
    /// When it had been denied so often that a person is needed.
    needed_since: Option<Timestamp>,
}

impl SessionCounters {
    pub(super) fn new(partial: bool) -> Self {
        SessionCounters { partial, ..SessionCounters::default() }
    }

    pub(super) fn count_call(&mut self, start: &CallStart) {
        self.calls += 1;
        self.children += u32::from(start.delegates == Some(Delegation::Begins));
    }

    /// Counts how a call ended; `start` where it is known.
    pub(super) fn count_outcome(&mut self, outcome: &CallOutcome, start: Option<&CallStart>, at: Timestamp) {
        self.failed_calls += u32::from(outcome.result == CallResult::Failed);
        if has_worked(outcome.result) {
            start.into_iter().flat_map(|start| &start.writes).for_each(|file| self.count_file(file.clone()));
        }
        if let Some(tests) = outcome.tests {
            self.tests = Some((tests, at));
        }
        for hash in &outcome.commits {
            self.commits.retain(|known| known != hash);
            self.commits.push_front(hash.clone());
            self.commits.truncate(RECENT);
        }
    }

    pub(super) fn count_file(&mut self, file: WrittenFile) {
        if self.files.len() < MAX_FILES {
            self.files.insert(file.key);
        }
        if let Some(name) = file.name {
            self.recent.retain(|known| *known != name);
            self.recent.push_front(name);
            self.recent.truncate(RECENT);
        }
    }

    pub(super) fn count_denial(&mut self, tool: ToolName, at: Timestamp) {
        self.denials += 1;
        let denials = self.denied_tools.entry(tool.known()).or_default();
        denials.count += 1;
        if denials.count == DENIALS {
            denials.needed_since = Some(at);
        }
    }

    /// The tool whose denials need a person, how often it was denied, and since when a person is needed: the first of them.
    pub(super) fn denied_for_good(&self) -> Option<(Option<&'static str>, u32, Timestamp)> {
        let denied = self.denied_tools.iter().filter_map(|(tool, denials)| Some((*tool, denials.count, denials.needed_since?)));
        denied.min_by_key(|(tool, _, since)| (*since, *tool))
    }

    pub(super) fn set_todo(&mut self, items: Vec<TodoEntry>) {
        self.todo_order = items.iter().map(|item| item.id).collect();
        self.todo = items.into_iter().map(|item| (item.id, item)).collect();
    }

    pub(super) fn change_todo(&mut self, item: TodoEntry) {
        if item.status.is_none() {
            self.todo.remove(&item.id);
            self.todo_order.retain(|id| *id != item.id);
            return;
        }
        match self.todo.get_mut(&item.id) {
            Some(known) => {
                known.status = item.status;
                known.text = item.text.or_else(|| known.text.take());
            }
            None if self.todo_order.len() < MAX_ITEMS => {
                self.todo_order.push(item.id);
                self.todo.insert(item.id, item);
            }
            None => {}
        }
    }

    /// The list in its order, each item with its status.
    pub(super) fn todo(&self) -> impl Iterator<Item = (&TodoEntry, CriterionStatus)> {
        self.todo_order.iter().filter_map(|id| self.todo.get(id)).filter_map(|item| Some((item, item.status?)))
    }

    pub(super) fn add_usage(&mut self, usage: MessageUsage) {
        self.has_tokens = true;
        let context = usage.tokens.input + usage.tokens.cache_read + usage.tokens.cache_write;
        let grown = match self.messages.iter_mut().find(|known| known.message == usage.message) {
            Some(known) => {
                let grown = difference(usage.tokens, known.tokens);
                known.tokens = sum(known.tokens, grown);
                grown
            }
            None => {
                self.messages.push_back(usage);
                if self.messages.len() > MAX_MESSAGES {
                    self.messages.pop_front();
                }
                usage.tokens
            }
        };
        self.tokens = TokenCounts { context: Some(context), ..sum(self.tokens, grown) };
    }

    pub(super) fn set_usage(&mut self, tokens: TokenCounts) {
        self.has_tokens = true;
        self.tokens = tokens;
    }

    pub(super) fn tokens(&self) -> Option<TokenCounts> {
        self.has_tokens.then_some(self.tokens)
    }

    pub(super) fn has_written(&self, file: FileKey) -> bool {
        self.files.contains(&file)
    }

    pub(super) fn file_count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn recent_files(&self) -> impl Iterator<Item = &FileName> {
        self.recent.iter()
    }
}

/// The files of a call count only when it did what it was to do.
fn has_worked(result: CallResult) -> bool {
    match result {
        CallResult::Done | CallResult::Continues => true,
        CallResult::Failed | CallResult::Refused | CallResult::Aborted => false,
    }
}

fn sum(a: TokenCounts, b: TokenCounts) -> TokenCounts {
    TokenCounts {
        input: a.input.saturating_add(b.input),
        output: a.output.saturating_add(b.output),
        cache_read: a.cache_read.saturating_add(b.cache_read),
        cache_write: a.cache_write.saturating_add(b.cache_write),
        context: a.context,
    }
}

/// By how much each number of `a` is larger.
fn difference(a: TokenCounts, b: TokenCounts) -> TokenCounts {
    TokenCounts {
        input: a.input.saturating_sub(b.input),
        output: a.output.saturating_sub(b.output),
        cache_read: a.cache_read.saturating_sub(b.cache_read),
        cache_write: a.cache_write.saturating_sub(b.cache_write),
        context: None,
    }
}
