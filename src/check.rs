//! Explains a file: line by line, what was read as what. The instrument for "why did it not see that?".
//!
//! Uses the formats and the plan directly: no bridge, no counting, no history.

mod explain;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::plan::{self, NoPlan};

/// Explains each file on stdout.
pub fn run(files: &[PathBuf]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for file in files {
        let explained = explain_file(file)?;
        match out.write_all(explained.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            // `check … | head`: enough has been read.
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(cause) => return Err(Error::Io { what: "cannot write to stdout".to_owned(), path: None, cause }),
        }
    }
    Ok(())
}

fn explain_file(file: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(file).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::NothingToWatch(format!("{} is not there: check the path", file.display())),
        _ => Error::Io { what: "cannot read".to_owned(), path: Some(file.to_owned()), cause },
    })?;
    let name = file.display().to_string();
    // SEAM(tail): tail::splitter::document(&bytes) for documents, a Splitter fed once for lines.
    let text = String::from_utf8_lossy(&bytes);
    let is_document = file.extension().is_some_and(|extension| extension == "json");
    match plan::parse(&text) {
        Ok(plan) => Ok(table::plan(&name, &plan)),
        Err(NoPlan::Broken(why)) if is_document => Ok(format!("{name}: no JSON that can be read: {why}\n")),
        Err(NoPlan::Foreign) if is_document => {
            Ok(format!("{name}: JSON, but no plan: no list of stories, tasks or features was found in it\n"))
        }
        Err(NoPlan::Broken(_) | NoPlan::Foreign) => Ok(table::log(&name, &explain::lines(&text))),
    }
}
