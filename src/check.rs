//! Explains a file: line by line, what was read as what. The instrument for "why did it not see that?".
//!
//! Uses the splitter, the formats and the plan directly: no bridge, no counting, no history.

mod explain;
mod report;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::error::Error;
use crate::format::{Recipe, Rules};
use crate::plan::{self, Notation, ParseError, Plan};
use crate::tail::splitter;
use explain::Explained;

/// What is to be explained, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Progress logs, terminal logs, plans.
    pub files: Vec<PathBuf>,
    /// One JSON object per file instead of a table.
    pub json: bool,
    /// For logs that no built-in format knows.
    pub rules: Rules,
}

/// A file and what it was taken for.
enum Found {
    Log(Explained),
    Plan(Plan),
    /// A document of no use, in words.
    Neither(String),
}

/// Explains each file on stdout.
pub fn run(request: &Request) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for file in &request.files {
        let name = file.display().to_string();
        let found = read(file, &request.rules)?;
        let explained = if request.json { report::json(&name, &found) } else { report::text(&name, &found) };
        match out.write_all(explained.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            // `check … | head`: enough has been read.
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(cause) => return Err(Error::Io { what: "cannot write to stdout".to_owned(), path: None, cause }),
        }
    }
    Ok(())
}

fn read(file: &Path, rules: &Rules) -> Result<Found, Error> {
    let bytes = std::fs::read(file).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::NothingToWatch(format!("{} is not there: check the path", file.display())),
        _ => Error::Io { what: "cannot read".to_owned(), path: Some(file.to_owned()), cause },
    })?;
    let is_document = file.extension().is_some_and(|extension| extension == "json");
    Ok(match plan::parse(Notation::of(&file.display().to_string()), &splitter::document(&bytes)) {
        Ok(plan) => Found::Plan(plan),
        Err(ParseError::Invalid(why)) if is_document => Found::Neither(format!("no JSON that can be read: {why}")),
        Err(ParseError::NotAPlan) if is_document => {
            Found::Neither("JSON, but no plan: no list of stories, tasks or features was found in it".to_owned())
        }
        Err(ParseError::Invalid(_) | ParseError::NotAPlan) => {
            Found::Log(explain::log(&Recipe::new(file, TimeZone::system(), rules), &bytes))
        }
    })
}
