//! A source as the engine numbers it: its task, and what it is there.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::discover::SourceKey;
use crate::line::SourceId;
use crate::model::state::SourceCondition;
use crate::plan::run_status::RunnerProcess;

use super::ownership::SharedFileId;
use super::task::TaskEngine;

/// A source and its place in its task.
pub(super) struct SourceSlot {
    pub(super) key: SourceKey,
    pub(super) file: Option<SharedFileId>,
    pub(super) task: usize,
    pub(super) role: SourceRole,
    pub(super) condition: SourceCondition,
    pub(super) is_named: bool,
}

/// The index of a source among the logs, the plans or the status files of its task.
#[derive(Clone, Copy)]
pub(super) enum SourceRole {
    Log(usize),
    Plan(usize),
    Status(usize),
}

impl SourceRole {
    /// The index among the logs.
    pub(super) fn log(self) -> Option<usize> {
        match self {
            SourceRole::Log(log) => Some(log),
            SourceRole::Plan(_) | SourceRole::Status(_) => None,
        }
    }

    pub(super) fn path(self, task: &TaskEngine) -> &Arc<str> {
        match self {
            SourceRole::Log(log) => &task.logs[log].path,
            SourceRole::Plan(plan) => &task.plans[plan].path,
            SourceRole::Status(status) => &task.statuses[status].path,
        }
    }
}

/// The process that a status file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedProcess {
    pub source: SourceId,
    pub process: RunnerProcess,
    /// When the file was written.
    pub written: Option<Timestamp>,
}
