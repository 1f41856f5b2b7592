//! What was named → the files meant by it: folders and globs become their files.

use std::collections::HashMap;
use std::fs::DirEntry;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;
use walkdir::WalkDir;

use super::files::{FileKind, kind_of, resolve};
use super::known_files::{self, KNOWN_FILES, is_prose, is_runner_folder, known_file};
use super::{has_extension, is_standard_input, name_of};
use crate::error::Error;

/// How deep below a named folder is looked for runs; below a runner's own folder three levels more.
const MAX_DEPTH: usize = 4;
const MAX_DEPTH_IN_RUNNER_FOLDER: usize = 7;
/// At most so many folders: whoever has more names the ones that matter.
const MAX_FOLDERS: usize = 1000;
/// Folders that are looked at to find those.
const MAX_VISITED: usize = 20_000;
/// What others keep there is no run of this project: packages, builds, and runs that are over.
const IGNORED_FOLDERS: [&str; 3] = ["node_modules", "target", "archive"];

/// A file that was named, by itself or by its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// As named; relative to the current folder if it was.
    pub(super) as_named: PathBuf,
    /// Absolute, links left as they are.
    pub(super) path: PathBuf,
    /// By itself, not found in a folder or by a glob.
    pub(super) is_explicit: bool,
    /// Not there yet; it is what a folder without anything is watched for.
    pub(super) is_awaited: bool,
}

/// The files meant, and the folders in which more may turn up.
#[derive(Default)]
pub(super) struct Expanded {
    pub(super) named: Vec<Named>,
    pub(super) folders: Vec<PathBuf>,
}

pub(super) fn expand(named: &[PathBuf], current: &Path) -> Result<Expanded, Error> {
    let mut found = Expanded::default();
    if named.is_empty() {
        found.add_folder(Path::new(""), current);
        if found.named.is_empty() {
            return Err(nothing_in(current));
        }
        return Ok(found);
    }
    for name in named {
        if is_standard_input(name) {
            found.named.push(explicit(name, name.clone()));
            continue;
        }
        let path = current.join(name);
        match kind_of(&path) {
            FileKind::Folder => {
                let before = found.named.len();
                found.add_folder(name, &path);
                if found.named.len() == before {
                    found.named.extend(awaited(name, &path));
                }
            }
            // A device is refused when it is read, with the reason.
            FileKind::File | FileKind::Pipe | FileKind::Other => found.named.push(explicit(name, path)),
            FileKind::Missing if is_glob(name) => found.add_glob(name, current),
            FileKind::Missing if is_folder_like(name) => {
                found.named.extend(awaited(name, &path));
                found.folders.push(path);
            }
            FileKind::Missing => found.named.push(explicit(name, path)),
        }
    }
    Ok(found)
}

impl Expanded {
    /// The files of a folder: those in the table of places, and those whose names say that they are logs; further down the table's only.
    fn add_folder(&mut self, name: &Path, folder: &Path) {
        let mut found: Vec<(usize, Named)> = Vec::new();
        let folders = folders_below(folder);
        for (at, inside) in folders.iter().enumerate() {
            let below = inside.strip_prefix(folder).unwrap_or(Path::new(""));
            for file in regular_files(inside) {
                let path = inside.join(&file);
                let line = known_file(&path).map(|(line, _)| line);
                if line.is_some() || (at == 0 && is_text(&file) && !is_prose(&file)) {
                    let as_named = name.join(below).join(&file);
                    found.push((line.unwrap_or(KNOWN_FILES.len()), Named { as_named, path, is_explicit: false, is_awaited: false }));
                }
            }
        }
        // The plugin's file lies in a folder that is full of other things.
        let plugin = folder.join(".claude/ralph-loop.local.md");
        if kind_of(&plugin) == FileKind::File {
            let line = known_file(&plugin).map_or(KNOWN_FILES.len(), |(line, _)| line);
            found.push((
                line,
                Named { as_named: name.join(".claude/ralph-loop.local.md"), path: plugin, is_explicit: false, is_awaited: false },
            ));
        }
        found.sort_by_key(|(line, _)| *line);
        self.named.extend(newest_event_files(found));
        self.folders.extend(folders);
    }

    /// The files that fit a pattern. `*` finds no hidden names but where a point is written.
    fn add_glob(&mut self, name: &Path, current: &Path) {
        let is_wild = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?']);
        let literal: PathBuf = name.components().take_while(|part| !is_wild(part)).collect();
        let wild: Vec<String> =
            name.components().skip_while(|part| !is_wild(part)).map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let base = current.join(&literal);
        if kind_of(&base) != FileKind::Folder {
            self.folders.push(base);
            return;
        }
        let pattern = wild.join("/");
        // Every pattern of `*` and `?` is a valid one.
        let Ok(glob) = GlobBuilder::new(&pattern.replace(['[', ']', '{', '}'], "?")).literal_separator(true).build() else { return };
        let glob = glob.compile_matcher();
        let depth = if wild.iter().any(|part| part == "**") { MAX_DEPTH + wild.len() - 1 } else { wild.len() };
        let names_hidden = wild.iter().any(|part| part.starts_with('.'));
        let folders = folders_within(&base, depth - 1, names_hidden);
        for folder in &folders {
            for file in regular_files_with(folder, names_hidden) {
                let path = folder.join(&file);
                let below = path.strip_prefix(&base).unwrap_or(&path).to_owned();
                if glob.is_match(&below) {
                    self.named.push(Named { as_named: literal.join(&below), path, is_explicit: false, is_awaited: false });
                }
            }
        }
        self.folders.extend(folders);
    }
}

/// Of ralph-orchestrator's event files in one folder only the newest is written.
fn newest_event_files(found: Vec<(usize, Named)>) -> Vec<Named> {
    let is_events = |line: usize| KNOWN_FILES.get(line).is_some_and(|known| known.pattern.contains("events-*"));
    let mut newest: HashMap<PathBuf, PathBuf> = HashMap::new();
    for (_, named) in found.iter().filter(|(line, _)| is_events(*line)) {
        let known = newest.entry(named.path.parent().unwrap_or(Path::new("")).to_owned()).or_default();
        *known = named.path.clone().max(std::mem::take(known));
    }
    let is_newest = |named: &Named| named.path.parent().and_then(|folder| newest.get(folder)) == Some(&named.path);
    found.into_iter().filter(|(line, named)| !is_events(*line) || is_newest(named)).map(|(_, named)| named).collect()
}

fn explicit(name: &Path, path: PathBuf) -> Named {
    Named { as_named: name.to_owned(), path, is_explicit: true, is_awaited: false }
}

/// The folder itself and those below it in which runs may lie, the shallow ones first. Links are not followed.
fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let walk = WalkDir::new(folder).max_depth(MAX_DEPTH_IN_RUNNER_FOLDER).sort_by_file_name().into_iter().filter_entry(|entry| {
        if entry.depth() == 0 {
            return true;
        }
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let is_runners = below.components().any(|part| part.as_os_str().to_str().is_some_and(is_runner_folder));
        entry.file_type().is_dir() && is_walked(entry.file_name().to_str()) && (entry.depth() <= MAX_DEPTH || is_runners)
    });
    let mut folders: Vec<(usize, PathBuf)> =
        walk.take(MAX_VISITED).filter_map(|entry| entry.ok().map(|entry| (entry.depth(), entry.into_path()))).collect();
    folders.sort_by_key(|(depth, _)| *depth);
    folders.truncate(MAX_FOLDERS);
    folders.sort_by(|(_, one), (_, other)| one.cmp(other));
    folders.into_iter().map(|(_, path)| path).collect()
}

fn folders_within(base: &Path, depth: usize, names_hidden: bool) -> Vec<PathBuf> {
    let walk = WalkDir::new(base).max_depth(depth).sort_by_file_name().into_iter().filter_entry(|entry| {
        let name = entry.file_name().to_str();
        let is_entered = is_walked(name) || (names_hidden && name.is_some_and(|name| name.starts_with('.') && name != ".git"));
        entry.depth() == 0 || (entry.file_type().is_dir() && is_entered)
    });
    walk.take(MAX_FOLDERS).filter_map(|entry| entry.ok().map(walkdir::DirEntry::into_path)).collect()
}

fn is_walked(name: Option<&str>) -> bool {
    name.is_some_and(|name| is_runner_folder(name) || !(name.starts_with('.') || IGNORED_FOLDERS.contains(&name)))
}

/// The files of a folder whose names are not hidden, and those that the table knows.
fn regular_files(folder: &Path) -> Vec<String> {
    let mut names = regular_files_with(folder, true);
    names.retain(|name| !name.starts_with('.') || known_file(&folder.join(name)).is_some());
    names
}

/// The names of a folder's files, sorted. They must be regular and stay inside: a link may lead anywhere.
fn regular_files_with(folder: &Path, names_hidden: bool) -> Vec<String> {
    // What cannot be listed holds nothing that could be read: the caller says what it looked for.
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let real = resolve(folder);
    let stays_inside = |entry: &DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => kind_of(&entry.path()) == FileKind::File && resolve(&entry.path()).starts_with(&real),
        Ok(kind) => kind.is_file(),
        Err(_) => false,
    };
    let mut names: Vec<String> = entries.filter(stays_inside).filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| names_hidden || !name.starts_with('.'));
    names.sort_unstable();
    names
}

fn is_text(file: &str) -> bool {
    has_extension(Path::new(file), &["log", "txt", "md", "jsonl", "ndjson", "out"])
}

/// The usual files of a folder that has nothing yet.
fn awaited(name: &Path, folder: &Path) -> Vec<Named> {
    let usual = ["prd.json", "progress.txt"].iter();
    usual.map(|file| Named { as_named: name.join(file), path: folder.join(file), is_explicit: false, is_awaited: true }).collect()
}

fn is_glob(name: &Path) -> bool {
    name.to_string_lossy().contains(['*', '?'])
}

/// A missing name without an extension, or with a slash behind it, is a folder to come.
fn is_folder_like(name: &Path) -> bool {
    name.as_os_str().as_encoded_bytes().ends_with(b"/")
        || (name.extension().is_none() && !name_of(name).is_some_and(|name| name.starts_with('.')))
}

/// Says what was looked for, and what of it lies there without being one of the files.
fn nothing_in(folder: &Path) -> Error {
    let mut families: Vec<&str> = Vec::new();
    for known in KNOWN_FILES.iter().filter(|known| matches!(known.holds, known_files::Holds::Plan(_))) {
        for family in known.family.split(", ") {
            if !families.contains(&family) {
                families.push(family);
            }
        }
    }
    let hidden = folder.read_dir().into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut empty: Vec<String> = hidden.filter(|name| is_runner_folder(name)).map(|name| format!("{name}/")).collect();
    empty.sort_unstable();
    let there = if empty.is_empty() { String::new() } else { format!(" ({} has nothing of these)", empty.join(", ")) };
    Error::NothingToWatch(format!(
        "nothing to watch in {}: looked for progress.txt, prd.json, *.log, *.txt, *.md, *.jsonl, *.out and the plans and logs of {} kinds of runners (docs/formats.md){there}; name a file or a folder, there already or not yet: progress-bridge --watch progress.txt",
        folder.display(),
        families.len(),
    ))
}
