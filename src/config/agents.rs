//! Where agents keep their sessions, and how much is told of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::model::agent::AgentLevel;
use crate::tail::reader::SessionScope;

/// What is read and told of the agents' sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// How much at most.
    pub level: AgentLevel,
    /// The level was asked for: it holds for whoever may ask.
    pub explicit: bool,
    /// Folders that the agents are configured with; of those that are named nothing else is read.
    pub roots: AgentRoots,
}

/// The agents' own folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentRoots {
    /// Claude Code's.
    pub claude: Vec<PathBuf>,
    /// Codex's.
    pub codex: Vec<PathBuf>,
}

impl AgentConfig {
    /// No session is read.
    pub fn off() -> Self {
        AgentConfig { level: AgentLevel::Off, explicit: false, roots: AgentRoots::default() }
    }

    /// What is read; `None` for nothing.
    pub fn scope(&self) -> Option<SessionScope> {
        let below = |roots: &[PathBuf], name: &str| roots.iter().map(|root| root.join(name)).collect();
        (self.level != AgentLevel::Off).then(|| SessionScope {
            level: self.level,
            claude: below(&self.roots.claude, "projects"),
            codex: below(&self.roots.codex, "sessions"),
        })
    }
}

impl AgentRoots {
    /// Those that are named, each of whichever agent; else the agents' own variables, else their folders in the home.
    pub fn new(named: &[PathBuf], variable: impl Fn(&str) -> Option<OsString>) -> Self {
        if !named.is_empty() {
            return AgentRoots { claude: named.to_vec(), codex: named.to_vec() };
        }
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME");
        let in_home = |below: &str| home.as_deref().map(|home| home.join(below));
        let claude = match set("CLAUDE_CONFIG_DIR") {
            // Some programs take several here.
            Some(folders) => split_at_commas(&folders),
            None => [in_home(".claude"), in_home(".config/claude")].into_iter().flatten().collect(),
        };
        AgentRoots { claude, codex: set("CODEX_HOME").or_else(|| in_home(".codex")).into_iter().collect() }
    }
}

fn split_at_commas(folders: &Path) -> Vec<PathBuf> {
    match folders.to_str() {
        Some(text) => text.split(',').map(str::trim).filter(|folder| !folder.is_empty()).map(PathBuf::from).collect(),
        None => vec![folders.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_named_or_the_agents_own() {
        let roots = |named: &[&str], variables: &[(&str, &str)]| {
            let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
            let AgentRoots { claude, codex } = AgentRoots::new(&named.iter().map(PathBuf::from).collect::<Vec<_>>(), variable);
            let text = |paths: Vec<PathBuf>| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
            (text(claude), text(codex))
        };
        let expect = |claude: &str, codex: &str| (claude.to_owned(), codex.to_owned());
        assert_eq!(roots(&[], &[("HOME", "/h")]), expect("/h/.claude /h/.config/claude", "/h/.codex"));
        assert_eq!(roots(&[], &[("HOME", "/h"), ("CLAUDE_CONFIG_DIR", "/a, /b"), ("CODEX_HOME", "/c")]), expect("/a /b", "/c"));
        assert_eq!(roots(&["/x"], &[("HOME", "/h"), ("CODEX_HOME", "/c")]), expect("/x", "/x"));
        assert_eq!(roots(&[], &[("CODEX_HOME", "")]), expect("", ""));
    }
}
