//! The ways in which runners and their agents write files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// How an agent adds to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteStyle {
    /// The shell's `>>`.
    Append,
    /// An editing tool that empties the file and writes all of it again.
    Truncate,
    /// An editing tool that writes a new file and renames it over the old one.
    Rename,
    /// The same, with the newest entry first.
    InsertTop,
}

impl WriteStyle {
    /// All of them, by their names.
    pub const NAMED: [(&'static str, WriteStyle); 4] = [
        ("append", WriteStyle::Append),
        ("truncate", WriteStyle::Truncate),
        ("rename", WriteStyle::Rename),
        ("insert-top", WriteStyle::InsertTop),
    ];

    /// Adds an entry. `top` is the line that new entries go under when they go to the top.
    pub fn add(self, file: &Path, entry: &str, top: &str) -> io::Result<()> {
        match self {
            WriteStyle::Append => append(file, entry),
            WriteStyle::Truncate => truncate(file, &(fs::read_to_string(file)? + entry)),
            WriteStyle::Rename => replace(file, &(fs::read_to_string(file)? + entry)),
            WriteStyle::InsertTop => {
                let text = fs::read_to_string(file)?;
                let under = text.find(top).map_or(text.len(), |start| start + top.len());
                replace(file, &format!("{}{entry}{}", &text[..under], &text[under..]))
            }
        }
    }

    /// An agent's editing tool: it never changes a few bytes, it writes the whole file.
    pub fn edit(self, file: &Path, before: &str, after: &str) -> io::Result<()> {
        let text = fs::read_to_string(file)?.replace(before, after);
        match self {
            WriteStyle::Truncate => truncate(file, &text),
            WriteStyle::Append | WriteStyle::Rename | WriteStyle::InsertTop => replace(file, &text),
        }
    }
}

/// `>>`
pub fn append(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// `>`: there is a moment at which the file is empty.
pub fn truncate(file: &Path, text: &str) -> io::Result<()> {
    File::create(file)?.write_all(text.as_bytes())
}

/// A new file, renamed over the old one.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("tmp");
    fs::write(&new, text)?;
    fs::rename(new, file)
}

/// Sets one story's `passes` in the plan, which makes the file one byte shorter.
pub fn flip(plan: &Path, id: &str) -> io::Result<()> {
    const DOWN: &str = "\"passes\": false";
    let text = fs::read_to_string(plan)?;
    let story = text.find(&format!("\"id\": \"{id}\"")).unwrap_or(text.len());
    match text[story..].find(DOWN) {
        Some(flag) => {
            let (before, after) = text.split_at(story + flag);
            replace(plan, &format!("{before}\"passes\": true{}", &after[DOWN.len()..]))
        }
        None => Err(io::Error::new(io::ErrorKind::NotFound, format!("no open story {id} in {}", plan.display()))),
    }
}
