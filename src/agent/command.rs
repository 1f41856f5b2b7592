//! A shell command → the program that it runs, its known sub-command, and what that does. Arguments are never kept.

use super::outcome::CallKind;
use crate::model::agent::AgentVerb;

/// What a command does, and the words that may be shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandFacts<'a> {
    pub verb: AgentVerb,
    /// The program, and a sub-command or a script's name. Empty when no word of the command is certain to be a program.
    pub words: Vec<&'a str>,
    pub kind: CallKind,
}

/// Programs that run another one, with how many of their own words that are no options stand before it, and those of their options whose
/// value is a word of its own.
const WRAPPERS: &[(&str, usize, &[&str])] = &[
    ("sudo", 0, &["-u", "-g", "--user", "--group"]),
    ("env", 0, &["-u", "-C"]),
    ("time", 0, &["-o", "-f"]),
    ("nice", 0, &["-n"]),
    ("nohup", 0, &[]),
    ("command", 0, &[]),
    ("exec", 0, &["-a"]),
    ("timeout", 1, &["-k", "-s", "--kill-after", "--signal"]),
    ("npx", 0, &["-p", "--package"]),
    ("bunx", 0, &["-p", "--package"]),
    ("xvfb-run", 0, &["-s", "-n", "-e", "-f"]),
    // Words of the shell in front of a command.
    ("if", 0, &[]),
    ("elif", 0, &[]),
    ("then", 0, &[]),
    ("else", 0, &[]),
    ("while", 0, &[]),
    ("until", 0, &[]),
    ("do", 0, &[]),
    ("!", 0, &[]),
    ("{", 0, &[]),
];

/// Words of the shell with which no command begins.
const SHELL_WORDS: &[&str] = &["for", "select", "case", "esac", "in", "fi", "done", "function"];

/// Programs whose first word says what they run in the project's environment: `uv run pytest`.
const RUNNERS: &[(&str, &str)] = &[
    ("uv", "run"),
    ("poetry", "run"),
    ("pipenv", "run"),
    ("pnpm", "exec"),
    ("yarn", "exec"),
    ("bundle", "exec"),
    ("rye", "run"),
    ("hatch", "run"),
    ("mise", "exec"),
];

/// Built into the shell, or only a step on the way: a command behind them says more.
const PASSING: &[&str] =
    &["cd", "pushd", "popd", "export", "set", "source", ".", "echo", "printf", "true", "sleep", "mkdir", "wait", "unset"];

/// Programs with sub-commands, and those that are known.
const SUB_COMMANDS: &[(&str, &[&str])] = &[
    (
        "cargo",
        &[
            "test", "nextest", "build", "check", "clippy", "fmt", "run", "bench", "doc", "add", "update", "install", "publish", "fix",
            "tree",
        ],
    ),
    (
        "git",
        &[
            "add",
            "commit",
            "status",
            "diff",
            "log",
            "show",
            "push",
            "pull",
            "fetch",
            "clone",
            "checkout",
            "switch",
            "branch",
            "merge",
            "rebase",
            "stash",
            "reset",
            "restore",
            "grep",
            "worktree",
            "tag",
            "rev-parse",
            "blame",
            "init",
            "mv",
            "rm",
            "cherry-pick",
            "revert",
            "bisect",
            "clean",
            "ls-files",
        ],
    ),
    ("go", &["test", "build", "vet", "run", "mod", "get", "generate", "install", "fmt"]),
    ("npm", &["test", "install", "ci", "start", "audit", "exec", "publish", "update", "ls"]),
    ("pnpm", &["test", "install", "add", "start", "dlx", "update", "build", "lint"]),
    ("yarn", &["test", "install", "add", "start", "build", "lint"]),
    ("bun", &["test", "install", "add", "build", "start"]),
    ("deno", &["test", "lint", "fmt", "check", "run", "task"]),
    ("docker", &["build", "compose", "run", "exec", "ps", "logs", "push", "pull"]),
    ("kubectl", &["get", "apply", "logs", "describe", "delete", "rollout"]),
    ("gh", &["pr", "issue", "run", "repo", "api", "release"]),
    ("uv", &["sync", "add", "pip", "lock", "venv", "build"]),
    ("pip", &["install", "list", "show", "freeze"]),
    ("poetry", &["install", "add", "update", "build", "lock"]),
    ("dotnet", &["test", "build", "run", "restore", "format", "publish"]),
    ("gradle", &["test", "build", "check", "assemble", "clean"]),
    ("gradlew", &["test", "build", "check", "assemble", "clean"]),
    ("mvn", &["test", "package", "verify", "compile", "install", "clean"]),
    ("mix", &["test", "compile", "format", "credo", "deps.get"]),
    ("swift", &["test", "build", "run", "package"]),
    ("terraform", &["plan", "apply", "init", "validate", "fmt"]),
    ("composer", &["install", "require", "update", "test"]),
    ("rails", &["test", "db:migrate", "generate", "server"]),
    ("playwright", &["test", "install"]),
    ("cypress", &["run", "open"]),
    ("ruff", &["check", "format"]),
    ("prisma", &["migrate", "generate", "db", "validate"]),
    ("alembic", &["upgrade", "revision", "downgrade"]),
    ("brew", &["install", "update"]),
    ("apt-get", &["install", "update"]),
];

/// Programs whose next word is the name of a script of the project; with a word in between where there is one.
const SCRIPT_RUNNERS: &[(&str, Option<&str>)] = &[
    ("npm", Some("run")),
    ("npm", Some("run-script")),
    ("pnpm", Some("run")),
    ("yarn", Some("run")),
    ("bun", Some("run")),
    ("deno", Some("task")),
    ("mise", Some("run")),
    ("make", None),
    ("just", None),
    ("rake", None),
    ("task", None),
];

const TESTERS: &[&str] = &[
    "pytest",
    "jest",
    "vitest",
    "mocha",
    "ava",
    "rspec",
    "phpunit",
    "ctest",
    "tox",
    "nox",
    "bats",
    "karma",
    "unittest",
    "cargo-nextest",
    "gotestsum",
];
const BUILDERS: &[&str] =
    &["tsc", "cmake", "ninja", "webpack", "vite", "rollup", "esbuild", "gcc", "g++", "clang", "javac", "rustc", "make", "xcodebuild"];
const LINTERS: &[&str] = &[
    "eslint",
    "prettier",
    "biome",
    "ruff",
    "black",
    "flake8",
    "mypy",
    "pyright",
    "golangci-lint",
    "gofmt",
    "shellcheck",
    "rubocop",
    "stylelint",
    "isort",
    "rustfmt",
    "pylint",
];
const READERS: &[&str] = &["cat", "head", "tail", "less", "wc", "stat", "file", "jq", "bat", "xxd", "diff"];
const SEARCHERS: &[&str] = &["grep", "rg", "find", "ls", "ag", "fd", "tree", "ack"];
const FETCHERS: &[&str] = &["curl", "wget", "http", "xh"];

/// Takes a command apart.
pub(super) fn command_facts(command: &str) -> CommandFacts<'_> {
    let steps = steps(command).into_iter().filter_map(|words| step_facts(&words));
    // The step that tells most of what it is for; of equals the first.
    let most = steps.fold(None, |best: Option<(u8, CommandFacts<'_>)>, next| match best {
        Some(best) if best.0 >= next.0 => Some(best),
        Some(_) | None => Some(next),
    });
    most.map_or(CommandFacts { verb: AgentVerb::Running, words: Vec::new(), kind: CallKind::Other }, |(_, facts)| facts)
}

/// The words of a command that is given as a list: `["bash", "-lc", "cargo test"]` has it behind the flag.
pub(super) fn script_of<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        [shell, flag, script, ..] if is_shell(shell) && flag.starts_with('-') && flag.ends_with('c') => Some(script),
        [..] => None,
    }
}

fn is_shell(word: &str) -> bool {
    ["sh", "bash", "zsh", "dash", "fish"].contains(&program_name(word))
}

/// Facts of a list of words that is one command.
pub(super) fn words_facts<'a>(words: &[&'a str]) -> CommandFacts<'a> {
    match script_of(words) {
        Some(script) => command_facts(script),
        None => step_facts(words)
            .map_or(CommandFacts { verb: AgentVerb::Running, words: Vec::new(), kind: CallKind::Other }, |(_, facts)| facts),
    }
}

/// The steps of a command, each as its bare words: words in quotes are left out, and nothing behind a here-document or an open quote is
/// taken for a program.
fn steps(command: &str) -> Vec<Vec<&str>> {
    let mut reader = StepReader { command, at: 0, start: None, quote: None, is_quoted: false, steps: vec![Vec::new()] };
    while let Some(byte) = command.as_bytes().get(reader.at)
        && reader.read(*byte)
    {}
    reader.end_word(None);
    reader.steps
}

struct StepReader<'a> {
    command: &'a str,
    at: usize,
    /// Of the word that is open.
    start: Option<usize>,
    /// The quote that is open.
    quote: Option<u8>,
    /// Part of the open word is in quotes.
    is_quoted: bool,
    steps: Vec<Vec<&'a str>>,
}

impl StepReader<'_> {
    /// Reads on from a byte. Returns `false` at a here-document.
    fn read(&mut self, byte: u8) -> bool {
        if let Some(open) = self.quote {
            self.quote = (byte != open).then_some(open);
            self.at += if byte == b'\\' && open == b'"' { 2 } else { 1 };
            return true;
        }
        if byte.is_ascii_whitespace() || b";&|()<>`".contains(&byte) {
            self.end_word(Some(byte));
        }
        let next = self.command.as_bytes().get(self.at + 1).copied();
        match byte {
            b'<' if next == Some(b'<') => return false,
            // The end of its line ends the step before a comment.
            b'#' if self.start.is_none() => {
                self.skip_to(|c| c == '\n');
                return true;
            }
            // The step goes on in the next line.
            b'\\' if self.start.is_none() && next == Some(b'\n') => self.at += 1,
            b';' | b'&' | b'|' | b'\n' | b'(' | b')' | b'`' => self.steps.push(Vec::new()),
            // The file of a redirection is no word of the command.
            b'<' | b'>' => {
                self.skip_to(|c| !"<>& ".contains(c));
                self.skip_to(|c| c.is_whitespace() || ";&|)".contains(c));
                return true;
            }
            b'\\' => {
                self.start.get_or_insert(self.at);
                self.is_quoted = true;
                self.at += 1;
            }
            b'"' | b'\'' => {
                self.start.get_or_insert(self.at);
                (self.quote, self.is_quoted) = (Some(byte), true);
            }
            b'$' if next == Some(b'(') => {
                self.start = None;
                self.at += 1;
                self.steps.push(Vec::new());
            }
            byte if !byte.is_ascii_whitespace() => {
                self.start.get_or_insert(self.at);
            }
            _ => {}
        }
        self.at += 1;
        true
    }

    fn skip_to(&mut self, is_end: impl Fn(char) -> bool) {
        let left = &self.command[self.at..];
        self.at += left.find(is_end).unwrap_or(left.len());
    }

    /// The open word, if there is one, ends before the byte, or with the command.
    fn end_word(&mut self, byte: Option<u8>) {
        let is_quoted = std::mem::take(&mut self.is_quoted);
        let Some((start, step)) = self.start.take().zip(self.steps.last_mut()) else { return };
        let word = &self.command[start..self.at.min(self.command.len())];
        // The number of a file that is redirected.
        let is_number = matches!(byte, Some(b'<' | b'>')) && word.bytes().all(|byte| byte.is_ascii_digit());
        match is_quoted {
            false if is_number => {}
            false => step.push(word),
            // A word in quotes is nobody's name, but it stands where the program does.
            true if step.is_empty() && !is_assignment(word) => step.push(""),
            true => {}
        }
    }
}

/// What one step does, with how much that tells.
fn step_facts<'a>(words: &[&'a str]) -> Option<(u8, CommandFacts<'a>)> {
    let mut words = skip_assignments(words);
    loop {
        let (first, after) = words.split_first()?;
        let name = program_name(first);
        if let Some((_, own, valued)) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) {
            let mut after = after;
            while let [option, values @ ..] = after
                && option.starts_with('-')
            {
                after = values.get(usize::from(valued.contains(option))..)?;
            }
            words = skip_assignments(after.get(*own..)?);
        } else if let [run, inner @ ..] = after
            && RUNNERS.contains(&(name, *run))
        {
            let options = inner.iter().take_while(|word| word.starts_with('-')).count();
            words = inner.get(options..)?;
        } else {
            break;
        }
    }
    let (first, after) = words.split_first()?;
    let program = program_name(first);
    if program.is_empty()
        || SHELL_WORDS.contains(&program)
        || program.starts_with('-')
        || !program.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
    {
        return None;
    }
    let bare: Vec<&str> = after.iter().copied().filter(|word| !word.starts_with(['-', '+'])).collect();
    if let (true, ["-m", module, ..]) = (program.starts_with("python"), after) {
        return Some(classified(module, None, vec![program, module]));
    }
    for (runner, between) in SCRIPT_RUNNERS.iter().filter(|(runner, _)| *runner == program) {
        let script = match (between, bare.as_slice()) {
            (Some(between), [word, script, ..]) if word == between => Some((vec![*runner, *between, *script], *script)),
            (None, [script, ..]) if !script.contains('=') => Some((vec![*runner, *script], *script)),
            (Some(_) | None, _) => None,
        };
        if let Some((shown, script)) = script {
            let (weight, facts) = classified(program, Some(script), Vec::new());
            return Some((weight, CommandFacts { words: shown, ..facts }));
        }
    }
    let known = SUB_COMMANDS.iter().find(|(name, _)| *name == program).map(|(_, known)| *known);
    let sub = known.and_then(|known| bare.iter().find_map(|word| known.iter().find(|known| **known == *word)).copied());
    Some(classified(program, sub, [Some(program), sub].into_iter().flatten().collect()))
}

fn classified<'a>(program: &str, sub: Option<&str>, words: Vec<&'a str>) -> (u8, CommandFacts<'a>) {
    let is = |table: &[&str]| table.contains(&program);
    let named = |part: &str| sub.is_some_and(|sub| sub.split([':', '-', '_', '.']).any(|word| word == part));
    let (weight, verb, kind) = match (program, sub) {
        ("git", Some("commit")) => (5, AgentVerb::Committing, CallKind::Commit),
        ("git", Some("pull" | "fetch" | "clone")) => (2, AgentVerb::Fetching, CallKind::Other),
        ("git", Some("status" | "diff" | "log" | "show" | "blame")) => (1, AgentVerb::Reading, CallKind::Other),
        ("git", Some("grep")) => (1, AgentVerb::Searching, CallKind::Other),
        (_, Some("nextest")) => (4, AgentVerb::Testing, CallKind::Tests),
        ("cypress", Some("run")) => (4, AgentVerb::Testing, CallKind::Tests),
        _ if is(TESTERS) || named("test") || named("tests") || named("e2e") || named("unittest") => {
            (4, AgentVerb::Testing, CallKind::Tests)
        }
        _ if is(LINTERS) || ["lint", "clippy", "fmt", "format", "typecheck", "vet", "credo"].iter().any(|part| named(part)) => {
            (3, AgentVerb::Linting, CallKind::Other)
        }
        _ if ["build", "compile", "package", "assemble", "check", "doc"].iter().any(|part| named(part)) => {
            (3, AgentVerb::Building, CallKind::Other)
        }
        _ if is(BUILDERS) => (3, AgentVerb::Building, CallKind::Other),
        _ if is(FETCHERS) => (2, AgentVerb::Fetching, CallKind::Other),
        _ if is(READERS) => (1, AgentVerb::Reading, CallKind::Other),
        _ if is(SEARCHERS) => (1, AgentVerb::Searching, CallKind::Other),
        _ if is(PASSING) => (0, AgentVerb::Running, CallKind::Other),
        _ => (2, AgentVerb::Running, CallKind::Other),
    };
    (weight, CommandFacts { verb, words, kind })
}

fn skip_assignments<'a, 'b>(words: &'b [&'a str]) -> &'b [&'a str] {
    &words[words.iter().take_while(|word| is_assignment(word)).count()..]
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

fn program_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use AgentVerb::{Building, Committing, Fetching, Linting, Reading, Running, Searching, Testing};

    #[test]
    fn a_command_is_its_program_and_what_that_does() {
        for (command, verb, words) in [
            ("cargo test --workspace", Testing, "cargo test"),
            ("cd /work/shop && cargo test 2>&1 | tail -5", Testing, "cargo test"),
            ("RUST_LOG=debug timeout 60 cargo nextest run", Testing, "cargo nextest"),
            ("git add -A && git commit -m \"Pay by card\"", Committing, "git commit"),
            ("git commit -m \"$(cat <<'EOF'\nPay by card\ncargo test\nEOF\n)\"", Committing, "git commit"),
            ("git -C /work/shop status", Reading, "git status"),
            ("npm run test:unit -- --watch=false", Testing, "npm run test:unit"),
            ("npm run typecheck", Linting, "npm run typecheck"),
            ("npx tsc --noEmit", Building, "tsc"),
            ("uv run pytest -q tests/pay.py", Testing, "pytest"),
            ("python3 -m pytest", Testing, "python3 pytest"),
            ("make", Building, "make"),
            ("make test", Testing, "make test"),
            ("just deploy", Running, "just deploy"),
            ("./scripts/deploy.sh --to production", Running, "deploy.sh"),
            ("rg -n 'pay by card' src", Searching, "rg"),
            ("cat src/pay.rs | head -20", Reading, "cat"),
            ("curl -H 'Authorization: Bearer x' https://example.org", Fetching, "curl"),
            ("go vet ./... && go build ./...", Linting, "go vet"),
            ("echo start; ./gradlew check", Building, "gradlew check"),
            ("sleep 5", Running, "sleep"),
            ("(cd web; pnpm test)", Testing, "pnpm test"),
            ("\"my program\" --with text", Running, ""),
            ("cat <<EOF\ncargo test\nEOF", Reading, "cat"),
            ("# cargo test\nls", Searching, "ls"),
            ("cargo build # first\ncargo test", Testing, "cargo test"),
            ("cargo build # cargo test", Building, "cargo build"),
            ("cargo build --locked #", Building, "cargo build"),
            ("cd web && \\\n  cargo test", Testing, "cargo test"),
            ("cargo \\\n  test \\\n  --workspace", Testing, "cargo test"),
            ("make 2>&1 | tail -5", Building, "make"),
            ("make 2>/dev/null test", Testing, "make test"),
            ("if cargo test; then echo fine; fi", Testing, "cargo test"),
            ("for crate in a b; do cargo clippy -p \"$crate\"; done", Linting, "cargo clippy"),
            ("while ! curl -s localhost; do sleep 1; done", Fetching, "curl"),
            ("{ npm test; }", Testing, "npm test"),
            ("nice -n 10 cargo build", Building, "cargo build"),
            ("sudo -u shop timeout -k 5 60 pytest", Testing, "pytest"),
            ("docker compose up -d", Running, "docker compose"),
            ("git frobnicate secret-words", Running, "git"),
            ("$(echo run)", Running, "echo"),
            ("", Running, ""),
            ("''' unbalanced", Running, ""),
            ("日本 語", Running, ""),
            ("x=\"é\\", Running, ""),
        ] {
            let facts = command_facts(command);
            assert_eq!((facts.verb, facts.words.join(" ").as_str()), (verb, words), "{command}");
        }
    }

    #[test]
    fn a_list_of_words_is_a_command_or_a_script() {
        assert_eq!(words_facts(&["bash", "-lc", "cargo test && ls"]).words, ["cargo", "test"]);
        assert_eq!(words_facts(&["git", "commit", "-m", "Pay by card"]).kind, CallKind::Commit);
        assert_eq!(words_facts(&[]).words, [""; 0]);
    }
}
