//! Tables of names: the agents' own tools, and names that look secret.

use super::signal::Delegation;
use crate::model::agent::AgentVerb;

/// The tools that the agents bring along; their names are nobody's text.
pub(super) const KNOWN_TOOLS: &[&str] = &[
    "Agent",
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "Edit",
    "EnterPlanMode",
    "ExitPlanMode",
    "Glob",
    "Grep",
    "KillShell",
    "LS",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "Read",
    "Skill",
    "SlashCommand",
    "Task",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "TodoRead",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Write",
    "apply_patch",
    "exec",
    "exec_command",
    "list_dir",
    "local_shell",
    "request_user_input",
    "shell",
    "shell_command",
    "spawn_agent",
    "update_plan",
    "view_image",
    "wait_agent",
    "web_search",
    "write_stdin",
];

/// What a tool does, and whether it ends at once. A tool that is not listed runs something.
pub(super) fn verb_of(tool: &str) -> (AgentVerb, bool) {
    match tool {
        "Read" | "NotebookRead" | "view_image" => (AgentVerb::Reading, true),
        "LS" | "list_dir" | "Glob" | "Grep" | "ToolSearch" => (AgentVerb::Searching, true),
        "Edit" | "MultiEdit" | "NotebookEdit" | "apply_patch" => (AgentVerb::Editing, true),
        "Write" => (AgentVerb::Writing, true),
        "WebFetch" | "WebSearch" | "web_search" => (AgentVerb::Fetching, false),
        "TodoWrite" | "TodoRead" | "TaskCreate" | "TaskUpdate" | "TaskGet" | "TaskList" | "update_plan" | "EnterPlanMode" => {
            (AgentVerb::Planning, false)
        }
        "Task" | "Agent" | "spawn_agent" | "wait_agent" => (AgentVerb::Delegating, false),
        "AskUserQuestion" | "ExitPlanMode" | "request_user_input" => (AgentVerb::Asking, false),
        _ => (AgentVerb::Running, false),
    }
}

/// What a tool has to do with a sub-agent.
pub(super) fn delegation_of(tool: &str) -> Option<Delegation> {
    match tool {
        "Task" | "Agent" | "spawn_agent" => Some(Delegation::Begins),
        "wait_agent" => Some(Delegation::Awaits),
        _ => None,
    }
}

/// A pattern of a file's name in lower case.
pub(super) struct NamePattern {
    start: &'static str,
    middle: &'static str,
    end: &'static str,
}

impl NamePattern {
    pub(super) fn matches(&self, name: &str) -> bool {
        name.starts_with(self.start) && name.ends_with(self.end) && name.contains(self.middle)
    }
}

const fn start(start: &'static str) -> NamePattern {
    NamePattern { start, middle: "", end: "" }
}

const fn middle(middle: &'static str) -> NamePattern {
    NamePattern { start: "", middle, end: "" }
}

const fn end(end: &'static str) -> NamePattern {
    NamePattern { start: "", middle: "", end }
}

/// Names of files and folders that may themselves be secret or tell where secrets are.
pub(super) const SECRET_NAMES: &[NamePattern] = &[
    start(".env"),
    end(".env"),
    end(".pem"),
    end(".key"),
    end(".p12"),
    end(".pfx"),
    end(".jks"),
    end(".keystore"),
    end(".kdbx"),
    start("id_"),
    start(".netrc"),
    start(".npmrc"),
    start(".pgpass"),
    start(".ssh"),
    start(".aws"),
    start(".gnupg"),
    middle("credential"),
    middle("secret"),
    middle("password"),
    middle("passwd"),
];
