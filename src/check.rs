//! Explains a file line by line: what each line was read as. It answers "why did it not see that?".
//!
//! Uses the splitter, the formats and the plan directly: no bridge, no counting, no history.

mod explain;
mod report;
mod table;

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::app;
use crate::discover::Shape;
use crate::error::Error;
use crate::format::{ParserConfig, Rules};
use crate::plan::run_status::{self, RunStatus};
use crate::plan::{self, Notation, ParseError, Plan};
use crate::redact::mask;
use crate::tail::splitter;
use crate::text;
use explain::Explanation;

/// The files to explain, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckRequest {
    /// Progress logs, terminal logs, plans, status files.
    pub files: Vec<PathBuf>,
    /// One JSON object per file instead of a table.
    pub json: bool,
    /// For logs that no built-in format reads.
    pub rules: Rules,
}

/// What a file was read as.
enum FileContent {
    Log(Explanation),
    Plan(Plan),
    Status(RunStatus),
    /// A document that is no plan, with the reason.
    Unusable(String),
}

/// Explains each file on stdout.
pub fn run(request: &CheckRequest) -> Result<(), Error> {
    for file in &request.files {
        let name = text::clean(&file.display().to_string()).into_owned();
        let content = read_content(file, &request.rules)?;
        let explanation =
            if request.json { report::render_json(&name, &content) } else { text::clean_lines(&report::render_text(&name, &content)) };
        app::print_to_stdout(&explanation)?;
    }
    Ok(())
}

fn read_content(file: &Path, rules: &Rules) -> Result<FileContent, Error> {
    if file.metadata().is_ok_and(|meta| meta.file_type().is_char_device() || meta.file_type().is_block_device()) {
        return Err(Error::Usage(format!("{} is a device, which has no end: name a file", file.display())));
    }
    let bytes = std::fs::read(file).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::NothingToWatch(format!("{} is not there: check the path", file.display())),
        io::ErrorKind::IsADirectory => {
            Error::Usage(format!("{0} is a folder: name files of it, or use progress-bridge doctor {0}", file.display()))
        }
        _ => Error::unreadable(file, &cause),
    })?;
    let path = file.display().to_string();
    // A Markdown file may be a log with boxes in it: only its place tells.
    let shape = Shape::of(file);
    if shape == Shape::Status {
        let status = run_status::read(&path, &splitter::decode_document(bytes));
        return Ok(status.map_or_else(|| FileContent::Unusable("does not say how a run stands".to_owned()), FileContent::Status));
    }
    let is_document = shape == Shape::Document;
    let notation = match Notation::of(&path) {
        Notation::Markdown if !is_document => Notation::Json,
        notation => notation,
    };
    let name = match notation {
        Notation::Json | Notation::JsonLines => "JSON",
        Notation::Markdown => "Markdown",
        Notation::Yaml => "YAML",
    };
    Ok(match plan::parse(notation, &splitter::decode_document(bytes.clone())) {
        Ok(plan) => FileContent::Plan(without_secrets(plan)),
        Err(ParseError::Invalid(why)) if is_document => FileContent::Unusable(format!("no {name} that can be read: {why}")),
        Err(ParseError::NotAPlan) if is_document => {
            FileContent::Unusable(format!("{name}, but no plan: no list of stories, tasks or features was found in it"))
        }
        Err(ParseError::Invalid(_) | ParseError::NotAPlan) => {
            FileContent::Log(explain::explain_log(&ParserConfig::new(file, TimeZone::system(), rules), &bytes))
        }
    })
}

fn without_secrets(mut plan: Plan) -> Plan {
    for story in plan.stories.iter_mut().map(Arc::make_mut) {
        let texts = story.title.iter_mut().chain(story.criteria.iter_mut().map(|criterion| &mut criterion.text));
        for text in texts {
            *text = mask(text).into_owned().into();
        }
    }
    plan
}
