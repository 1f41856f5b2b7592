//! The part of a checkpoint that the engine fills: plain data, from which a restarted engine goes on counting.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::discover::SourceKey;
use crate::event::Seq;
use crate::format::reader_version;
use crate::ledger::{CountKey, RunLedger, SourceLedger};
use crate::model::TaskModel;

use super::plan_source::PlanSource;
use super::resolve::FactResolver;

/// All that the engine counted and shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EngineCheckpoint {
    /// The last event that it covers.
    pub seq: Seq,
    pub(super) at: Timestamp,
    /// See `format::reader_version`.
    pub(super) reader: u64,
    /// By the folder of the task.
    pub(super) tasks: HashMap<PathBuf, TaskCheckpoint>,
    pub(super) sources: HashMap<SourceKey, SourceCheckpoint>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskCheckpoint {
    pub(super) run: RunLedger,
    pub(super) run_name: Option<String>,
    pub(super) run_name_uses: HashMap<String, u32>,
    pub(super) run_is_empty: bool,
    pub(super) resolver: FactResolver,
    pub(super) model: TaskModel,
    /// The records of shared logs that the task owns.
    pub(super) records: Vec<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum SourceCheckpoint {
    Log(Box<LogCheckpoint>),
    Plan(Box<PlanSource>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LogCheckpoint {
    pub(super) ledger: SourceLedger,
    /// See `LogSource::provisional`.
    pub(super) provisional: Vec<(CountKey, u32)>,
    pub(super) restored: RestoredLog,
}

/// What an earlier process knew of a log, until the log is read again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RestoredLog {
    /// The last entry was settled, so that its facts are counted.
    pub(super) settled: bool,
    pub(super) start_line: Option<String>,
    /// The content was a machine log's.
    pub(super) machine: bool,
}

impl EngineCheckpoint {
    /// Whether another version of the reader has counted: the same lines may give other facts now.
    pub fn is_of_another_reader(&self) -> bool {
        self.reader != reader_version()
    }

    pub(super) fn new(seq: Seq, at: Timestamp) -> Self {
        EngineCheckpoint { seq, at, reader: reader_version(), tasks: HashMap::new(), sources: HashMap::new() }
    }
}
