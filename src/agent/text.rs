//! The texts that a level allows. There is no other way for a text of a session file into a signal: each type here has one constructor,
//! which asks the [`Allowance`].

use std::path::{Component, Path, PathBuf};

use jiff::tz::TimeZone;

use super::patterns::{KNOWN_TOOLS, SECRET_NAMES};
use super::signal::{FileKey, WrittenFile};
use crate::model::agent::AgentLevel;
use crate::redact::mask;
use crate::text::{CleanText, shortened};

/// Characters of a command line.
const COMMAND_LIMIT: usize = 120;
/// Characters of an item of a list.
const TODO_LIMIT: usize = 160;
/// Characters of a path; of a longer one the end is kept.
const PATH_LIMIT: usize = 120;
/// Characters of a name of a program, a script, a tool.
const NAME_LIMIT: usize = 64;

/// What may be kept of a session, and what its paths are relative to.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    pub level: AgentLevel,
    /// The folders of the tasks that it works for.
    pub projects: Vec<PathBuf>,
    /// Where it was started.
    pub cwd: Option<PathBuf>,
    /// For times without a zone.
    pub zone: TimeZone,
}

impl Allowance {
    pub fn new(level: AgentLevel, projects: Vec<PathBuf>, cwd: Option<PathBuf>, zone: TimeZone) -> Self {
        Allowance { level, projects, cwd, zone }
    }

    /// The path in the project, else in the folder where the session was started.
    fn inside<'a>(&self, absolute: &'a Path) -> Option<&'a Path> {
        self.projects.iter().chain(&self.cwd).find_map(|folder| absolute.strip_prefix(folder).ok())
    }

    fn allows_targets(&self) -> bool {
        match self.level {
            AgentLevel::Off | AgentLevel::Status => false,
            AgentLevel::Target | AgentLevel::Command => true,
        }
    }

    fn allows_commands(&self) -> bool {
        match self.level {
            AgentLevel::Off | AgentLevel::Status | AgentLevel::Target => false,
            AgentLevel::Command => true,
        }
    }

    /// The file at `path`; a relative one is in the session's own folder.
    pub fn written(&self, path: &str) -> WrittenFile {
        let absolute = self.absolute(Path::new(path));
        // A file of the task is known by its path in it, whatever links lead there.
        let of_task = self.projects.iter().find_map(|folder| absolute.strip_prefix(folder).ok());
        WrittenFile { key: FileKey::new(of_task.unwrap_or(&absolute)), name: FileName::new(self, &absolute) }
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        match self.cwd.as_ref().or(self.projects.first()) {
            Some(folder) if path.is_relative() => normal(&folder.join(path)),
            Some(_) | None => normal(path),
        }
    }
}

/// Without `.` and `..`, as the name has it: links are not followed.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

/// The path of a file in the project, relative to it; never one that looks secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName(CleanText);

impl FileName {
    fn new(allowance: &Allowance, absolute: &Path) -> Option<Self> {
        let inside = allowance.inside(absolute)?;
        if !allowance.allows_targets() || is_secret_path(inside) {
            return None;
        }
        let shown = if inside.as_os_str().is_empty() { ".".into() } else { inside.to_string_lossy() };
        Some(FileName(shortened_start(&mask(&CleanText::new(&shown)))))
    }

    pub fn text(&self) -> &CleanText {
        &self.0
    }
}

/// What a call works on: a program with a known sub-command, or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target(CleanText);

impl Target {
    /// A path in the project; one outside is only called so.
    pub fn path(allowance: &Allowance, path: &str) -> Option<Self> {
        if !allowance.allows_targets() || path.is_empty() {
            return None;
        }
        let absolute = allowance.absolute(Path::new(path));
        if allowance.inside(&absolute).is_none() {
            return Some(Target(CleanText::new("outside the project")));
        }
        FileName::new(allowance, &absolute).map(|name| Target(name.0))
    }

    /// Words that each are a program, a known sub-command, or the name of a script.
    pub fn program(allowance: &Allowance, words: &[&str]) -> Option<Self> {
        let are_names = !words.is_empty() && words.iter().all(|word| is_name(word));
        (allowance.allows_targets() && are_names).then(|| Target(CleanText::new(&mask(&words.join(" ")))))
    }

    /// The host of a URL.
    pub fn host(allowance: &Allowance, url: &str) -> Option<Self> {
        let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?;
        let is_host =
            !host.is_empty() && host.len() <= NAME_LIMIT && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        (allowance.allows_targets() && is_host).then(|| Target(CleanText::new(host)))
    }

    pub fn text(&self) -> &CleanText {
        &self.0
    }
}

/// One line of a command, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine(CleanText);

impl CommandLine {
    pub fn new(allowance: &Allowance, command: &str) -> Option<Self> {
        if !allowance.allows_commands() {
            return None;
        }
        // Masked as a whole first: a cut secret has no shape.
        let masked = mask(command);
        let line = masked.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(CommandLine(CleanText::new(&shortened(line, COMMAND_LIMIT))))
    }

    pub fn text(&self) -> &CleanText {
        &self.0
    }
}

/// An item of the agent's own list, in its words, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TodoText(CleanText);

impl TodoText {
    pub fn new(allowance: &Allowance, text: &str) -> Option<Self> {
        allowance.allows_targets().then(|| TodoText(CleanText::new(&shortened(&mask(text), TODO_LIMIT))))
    }

    pub fn text(&self) -> &CleanText {
        &self.0
    }
}

/// The name of a tool: a known one, or where the level allows it one of its user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolName {
    Known(&'static str),
    Other(Option<CleanText>),
}

impl ToolName {
    pub fn new(allowance: &Allowance, name: &str) -> Self {
        match KNOWN_TOOLS.iter().find(|known| **known == name) {
            Some(known) => ToolName::Known(known),
            None => ToolName::Other((allowance.allows_targets() && is_name(name)).then(|| CleanText::new(&mask(name)))),
        }
    }

    /// The name of a tool that belongs to the agent: no text of anybody's.
    pub fn known(&self) -> Option<&'static str> {
        match self {
            ToolName::Known(name) => Some(name),
            ToolName::Other(_) => None,
        }
    }

    pub fn text(&self) -> Option<CleanText> {
        match self {
            ToolName::Known(name) => Some(CleanText::new(name)),
            ToolName::Other(name) => name.clone(),
        }
    }
}

/// The first seven digits of a commit's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitHash(CleanText);

impl CommitHash {
    /// Kept at every level, because it tells whose run a session belongs to; shown from `target` on.
    pub fn new(hash: &str) -> Option<Self> {
        let is_hash = (7..=40).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        is_hash.then(|| CommitHash(CleanText::new(&hash[..7])))
    }

    pub fn text(&self) -> &CleanText {
        &self.0
    }
}

/// Letters, digits and what stands in names of programs; no longer than a name.
fn is_name(word: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-:@/".contains(&byte);
    !word.is_empty() && word.len() <= NAME_LIMIT && word.bytes().all(allowed) && !word.starts_with('-')
}

fn is_secret_path(path: &Path) -> bool {
    let is_secret = |name: &str| SECRET_NAMES.iter().any(|pattern| pattern.matches(name));
    path.iter().any(|part| is_secret(&part.to_string_lossy().to_ascii_lowercase()))
}

fn shortened_start(text: &str) -> CleanText {
    let length = text.chars().count();
    if length <= PATH_LIMIT {
        return CleanText::new(text);
    }
    CleanText::new(&['…'].into_iter().chain(text.chars().skip(length - PATH_LIMIT + 1)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(level: AgentLevel) -> Allowance {
        Allowance::new(level, vec!["/work/shop".into()], Some("/work/shop-trees/one".into()), TimeZone::UTC)
    }

    #[test]
    fn paths_are_the_projects_or_nobodys() {
        let shown = |path: &str| Target::path(&allowance(AgentLevel::Target), path).map(|target| target.text().to_string());
        for (path, expected) in [
            ("/work/shop/src/pay.rs", Some("src/pay.rs")),
            ("/work/shop-trees/one/src/pay.rs", Some("src/pay.rs")),
            ("src/pay.rs", Some("src/pay.rs")),
            ("/work/shop/../shop/src/./pay.rs", Some("src/pay.rs")),
            ("/work/shop/../../etc/passwd", Some("outside the project")),
            ("/work/shopping/list", Some("outside the project")),
            ("/work/shop/.env.local", None),
            ("/work/shop/keys/id_ed25519", None),
            ("/work/shop/aws_credentials.json", None),
            ("/work/shop/server.pem", None),
            ("/work/shop/secrets/list.txt", None),
            ("/work/shop/src/keyboard.rs", Some("src/keyboard.rs")),
            ("", None),
        ] {
            assert_eq!(shown(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_level_lets_through_what_it_names() {
        for (level, target, command) in [
            (AgentLevel::Off, false, false),
            (AgentLevel::Status, false, false),
            (AgentLevel::Target, true, false),
            (AgentLevel::Command, true, true),
        ] {
            let allowance = allowance(level);
            assert_eq!(Target::path(&allowance, "src/pay.rs").is_some(), target);
            assert_eq!(Target::program(&allowance, &["cargo", "test"]).is_some(), target);
            assert_eq!(Target::host(&allowance, "https://example.org/x?y").is_some(), target);
            assert_eq!(TodoText::new(&allowance, "Pay by card").is_some(), target);
            assert_eq!(allowance.written("src/pay.rs").name.is_some(), target);
            assert_eq!(ToolName::new(&allowance, "mcp__shop__sell").text().is_some(), target);
            assert_eq!(CommandLine::new(&allowance, "cargo test").is_some(), command);
        }
    }

    #[test]
    fn texts_are_masked_and_short() {
        let allowance = allowance(AgentLevel::Command);
        let line = CommandLine::new(&allowance, "\n  API_KEY=h4ckme7x run\nsecond line").expect("it is allowed");
        assert_eq!(line.text().as_str(), "API_KEY=*** run");
        let long = CommandLine::new(&allowance, &"x y ".repeat(200)).expect("it is allowed");
        assert_eq!(long.text().chars().count(), COMMAND_LIMIT);
        let deep = Target::path(&allowance, &format!("src/{}pay.rs", "deep/".repeat(60))).expect("it is inside");
        assert!(deep.text().starts_with('…') && deep.text().ends_with("pay.rs") && deep.text().chars().count() == PATH_LIMIT);
    }

    #[test]
    fn a_url_is_its_host() {
        let host = |url: &str| Target::host(&allowance(AgentLevel::Target), url).map(|target| target.text().to_string());
        assert_eq!(host("https://user:pass@docs.example.org:8443/a?b=c").as_deref(), Some("docs.example.org"));
        assert_eq!(host("not a url"), None);
        assert_eq!(host("https://exa mple.org"), None);
    }
}
