//! `report`: a run after the fact, as one file to look at or to send on.
//!
//! Every form is a pure function of the state and the log; only [`run`] reads and writes. Nothing was recorded beforehand: the files are the
//! recording. To add a form: a file here, an arm in `render`, and its name in [`ReportFormat::ALL`].

mod bundle;
mod chrome_trace;
mod fetch;
mod html;
mod json;
mod junit;
mod markdown;
mod patch;
mod replay;
#[cfg(test)]
mod tests;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::app;
use crate::error::Error;
use crate::event::Event;
use crate::model::state::State;
use crate::status::StateSource;

/// What `report` is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRequest {
    /// The files of the run, or a bridge that watches them.
    pub origin: StateSource,
    /// Only this task, by its id or its name.
    pub task: Option<String>,
    /// The form; by the name of `output` when none is given.
    pub format: Option<ReportFormat>,
    /// The file to write; `None` for stdout.
    pub output: Option<PathBuf>,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// One page that needs no network.
    Html,
    /// For a pull request or the summary of a CI job.
    Markdown,
    /// The state and the events.
    Json,
    /// A story is a test case.
    Junit,
    /// For trace viewers: a story is a slice of time.
    ChromeTrace,
}

impl ReportFormat {
    /// The names that people give them.
    pub const ALL: [(&'static str, ReportFormat); 5] = [
        ("html", ReportFormat::Html),
        ("md", ReportFormat::Markdown),
        ("json", ReportFormat::Json),
        ("junit", ReportFormat::Junit),
        ("chrome-trace", ReportFormat::ChromeTrace),
    ];

    /// By the ending of a file's name; a page for any other.
    fn of_file(path: &Path) -> ReportFormat {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("md" | "markdown") => ReportFormat::Markdown,
            Some("json") => ReportFormat::Json,
            Some("xml") => ReportFormat::Junit,
            Some("trace") => ReportFormat::ChromeTrace,
            Some(_) | None => ReportFormat::Html,
        }
    }
}

/// All that a report is made of.
#[derive(Debug, Clone)]
pub(crate) struct ReportData {
    /// With whole stories, and without what the agents do just now.
    pub state: State,
    /// The log, oldest first.
    pub events: Vec<Event>,
    /// Whether `events` begins with the run; else the oldest ones are gone.
    pub is_complete: bool,
    /// Whether the times of events without a time of their own are those at which they were observed; else they say when a file was found.
    pub observed_times: bool,
    /// The zone of times in formats that a reader's own program does not render.
    pub zone: TimeZone,
}

/// Reads the run and writes its report. Returns the exit code.
///
/// # Errors
///
/// There is nothing to read, the bridge does not answer, no task has this name, or the report cannot be written.
pub fn run(request: &ReportRequest) -> Result<u8, Error> {
    let mut data = fetch::fetch(&request.origin)?;
    fetch::select_tasks(&mut data, request.task.as_deref())?;
    let format = request.format.unwrap_or_else(|| request.output.as_deref().map_or(ReportFormat::Html, ReportFormat::of_file));
    let text = render(format, &data);
    match &request.output {
        Some(path) => write_file(path, &text)?,
        None => app::print_to_stdout(&text)?,
    }
    Ok(0)
}

/// The report as text.
pub(crate) fn render(format: ReportFormat, data: &ReportData) -> String {
    match format {
        ReportFormat::Html => html::page(data),
        ReportFormat::Markdown => markdown::report(data),
        ReportFormat::Json => json::report(data),
        ReportFormat::Junit => junit::report(data),
        ReportFormat::ChromeTrace => chrome_trace::report(data),
    }
}

/// Replaces the file whole: a reader has the old report or the new one. What is no regular file (a pipe, `/dev/stdout`) is written to.
fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |cause| Error::Io {
        what: "cannot write the report to".to_owned(),
        path: Some(path.to_owned()),
        cause,
        hint: "name a file in a folder that this user may write",
    };
    if path.metadata().is_ok_and(|meta| !meta.is_file()) {
        return std::fs::File::options().write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed);
    }
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(new);
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // A part of a report is of no use to anybody.
        let _is_missing = std::fs::remove_file(&new).is_err();
    }
    written.map_err(failed)
}
