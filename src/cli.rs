//! Parses arguments and `PROGRESS_BRIDGE_*` variables into a [`Command`]. The doc comments of the options are their help texts.
//!
//! Only rules of the command line itself are checked here; `config` checks the settings.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::error::ErrorKind;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::check;
use crate::client::http::BaseUrl;
use crate::config::{
    self, AccessToken, Config, ConnectConfig, DisplayConfig, ExitWhen, Listen, ReadConfig, ReadFrom, ServeConfig, TerminalMode, WatchConfig,
};
use crate::error::Error;
use crate::output::text::Charset;
use crate::status::{Goal, StateSource, StatusRequest, WaitRequest};

const EXAMPLES: &str = "\
Examples:
  progress-bridge                                   in a project folder: finds the files, serves, prints the URL
  progress-bridge --watch progress.txt --stream     the same with the live box in the terminal
  progress-bridge --watch progress.txt --json       events as JSON lines on stdout, no server
  progress-bridge --connect http://127.0.0.1:7333   the box of a bridge that runs elsewhere
";

const CLOSING: &str = "\
Environment:
  Every option can be set as PROGRESS_BRIDGE_NAME, for example PROGRESS_BRIDGE_LISTEN=127.0.0.1:8080 or
  PROGRESS_BRIDGE_STREAM=1; what is typed wins. The token itself is taken from PROGRESS_BRIDGE_TOKEN.

Exit codes:
  0    ended as asked, SIGTERM included        3    nothing to watch was found
  1    --exit-on-complete: the run failed      4    cannot listen on the address
  2    the arguments make no sense           130    Ctrl-C
";

/// Watches the files that coding-agent runners write and serves them as a live stream of events.
///
/// The runner stays as it is and nothing is written into the watched project.
#[derive(Debug, Parser)]
#[command(name = "progress-bridge", version, before_help = EXAMPLES, after_long_help = CLOSING)]
#[command(args_conflicts_with_subcommands = true, infer_subcommands = false, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    watch: WatchOptions,
    #[command(flatten)]
    serve: ServeOptions,
    #[command(flatten)]
    show: ShowOptions,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show, line by line, what a file was read as
    Check {
        /// Progress logs, terminal logs, execution logs, plans
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,

        /// One JSON object per file, with the share of lines understood
        #[arg(long)]
        json: bool,

        /// Rules for logs that no built-in format knows; may be given again
        #[arg(long, value_name = "FILE", env = "PROGRESS_BRIDGE_RULES", hide_env = true, action = ArgAction::Append)]
        rules: Vec<PathBuf>,
    },

    /// Say once where a run stands, in a line and in the exit code
    ///
    /// Exit codes: 0 passed, 1 failed or ended, 10 running, 11 needs a look, 12 not begun; of several tasks the first of 11, 1, 10, 12, 0
    /// that occurs. 3: no such task. 4: the bridge does not answer.
    Status {
        #[command(flatten)]
        question: QuestionOptions,

        /// The whole state as JSON; docs/state.md
        #[arg(long, conflicts_with = "format")]
        json: bool,

        /// A line of your own, for example '{passed}/{total} {story}'
        ///
        /// Fields: {task} {status} {passed} {total} {failed} {percent} {story} {title} {criteria} {elapsed} {remaining} {iteration} {reason}.
        #[arg(long, value_name = "TEMPLATE")]
        format: Option<String>,

        /// How good the forecasts of these finished runs would have been; each path is a run
        #[arg(long, conflicts_with_all = ["json", "format", "task"])]
        backtest: bool,
    },

    /// Wait for the end of a run or of a story
    ///
    /// Exit codes: 0 passed, 1 failed, or the run ended without it, 3 no such task or story, 4 the bridge does not answer, 124 timed out.
    Wait {
        /// `run`, or `story:ID`
        #[arg(value_name = "WHAT", default_value = "run", value_parser = parse_goal)]
        goal: Goal,

        #[command(flatten)]
        question: QuestionOptions,

        /// For so long at most, for example 2h or 90m
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        timeout: Option<Duration>,
    },
}

#[derive(Debug, Args)]
struct QuestionOptions {
    /// The run's files or folder, or the URL of a bridge [default: the current folder]
    #[arg(value_name = "PATH|URL")]
    origin: Vec<String>,

    /// Only this task, by its id or its name
    #[arg(long, value_name = "TASK")]
    task: Option<String>,

    /// Send the bridge the token on the first line of FILE
    #[arg(long, value_name = "FILE", env = "PROGRESS_BRIDGE_TOKEN_FILE", hide_env = true)]
    token_file: Option<PathBuf>,
}

impl QuestionOptions {
    fn origin(&self) -> Result<StateSource, Error> {
        match self.origin.as_slice() {
            [url] if is_url(url) => {
                Ok(StateSource::Bridge { url: url.clone(), token: configured_token(self.token_file.as_deref())?.map(|token| token.text) })
            }
            several if several.iter().any(|one| is_url(one)) => {
                Err(Error::Usage("one bridge can be asked at a time, and not together with files".to_owned()))
            }
            paths => Ok(StateSource::Files(paths.iter().map(PathBuf::from).collect())),
        }
    }
}

/// Whether it names a bridge and no file: `http://…`, or `host:port` where no such file is.
fn is_url(text: &str) -> bool {
    let is_address = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    text.contains("://") || (is_address && !std::path::Path::new(text).exists())
}

/// From the file, else from the variable.
fn configured_token(file: Option<&std::path::Path>) -> Result<Option<AccessToken>, Error> {
    match (file, std::env::var("PROGRESS_BRIDGE_TOKEN")) {
        (Some(file), _) => Ok(Some(AccessToken::read(file)?)),
        (None, Ok(token)) if !token.is_empty() => Ok(Some(AccessToken::from_environment(&token)?)),
        (None, _) => Ok(None),
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Watch")]
struct WatchOptions {
    /// Files, folders or globs to watch [default: the current folder]
    ///
    /// What is not there yet is waited for.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The same as PATH; may be given again
    #[arg(long, value_name = "PATH", env = "PROGRESS_BRIDGE_WATCH", hide_env = true, action = ArgAction::Append)]
    watch: Vec<PathBuf>,

    /// Whether what stands in the files already is emitted (`start`) or only counted (`end`)
    #[arg(long, value_enum, value_name = "WHERE", default_value = "start", env = "PROGRESS_BRIDGE_FROM", hide_env = true)]
    from: FromArg,

    /// Read the named files only
    ///
    /// Else the plan beside a log and the runner's own folder (`.claude-loop/`, `.ralph/`) are taken along.
    #[arg(long, env = "PROGRESS_BRIDGE_NO_DISCOVER", hide_env = true, value_parser = BoolishValueParser::new())]
    no_discover: bool,

    /// Rules for logs that no built-in format knows; may be given again
    ///
    /// TOML: regular expressions with named groups and the events that their lines make; see docs/rules.md.
    #[arg(long, value_name = "FILE", env = "PROGRESS_BRIDGE_RULES", hide_env = true, action = ArgAction::Append)]
    rules: Vec<PathBuf>,

    /// Look at the files by the clock, every SECONDS, instead of being woken by the system
    ///
    /// For network mounts and the like. Done without being asked, four times a second, where watching is impossible.
    #[arg(long, value_name = "SECONDS", env = "PROGRESS_BRIDGE_POLL_INTERVAL", hide_env = true, value_parser = parse_seconds)]
    poll_interval: Option<Duration>,

    /// Keep in DIR what a restart needs to go on where this run was ended, be it with kill -9
    ///
    /// Then a restart emits only what is new, and streams go on with the same cursors. One bridge a folder; a folder outside of the
    /// watched project is best.
    #[arg(long, value_name = "DIR", env = "PROGRESS_BRIDGE_STATE", hide_env = true)]
    state: Option<PathBuf>,

    /// Leave the line that an event was read from out of the event
    #[arg(long, env = "PROGRESS_BRIDGE_NO_SOURCE_TEXT", hide_env = true, value_parser = BoolishValueParser::new())]
    no_source_text: bool,

    /// Show secrets as they stand in the files
    ///
    /// Else what looks like a token, and the values of names like API_KEY or PASSWORD, are masked in events and in the state.
    #[arg(long, env = "PROGRESS_BRIDGE_NO_REDACT", hide_env = true, value_parser = BoolishValueParser::new())]
    no_redact: bool,

    /// Do not guess which story is being worked on
    #[arg(long, env = "PROGRESS_BRIDGE_NO_INFER", hide_env = true, value_parser = BoolishValueParser::new())]
    no_infer: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Serve")]
struct ServeOptions {
    /// Where to serve [default: 127.0.0.1:7333, or the next free port of ten]
    ///
    /// Port 0 takes any free port; the first line on stderr says which. Beyond this machine a token is needed.
    #[arg(long, value_name = "HOST:PORT", env = "PROGRESS_BRIDGE_LISTEN", hide_env = true)]
    listen: Option<String>,

    /// How many of the last events a new client gets first: 0 to 10000
    #[arg(long, value_name = "N", default_value_t = 100, env = "PROGRESS_BRIDGE_BUFFER", hide_env = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(0..=10_000))]
    buffer: usize,

    /// Live events per client and second, up to 10000; 0 is unlimited
    #[arg(long, value_name = "N", default_value_t = 10, env = "PROGRESS_BRIDGE_MAX_RATE", hide_env = true,
        value_parser = clap::value_parser!(u32).range(0..=10_000))]
    max_rate: u32,

    /// Streams at a time, 1 to 1000000; further clients are asked to come back later
    #[arg(long, value_name = "N", default_value_t = 1024, env = "PROGRESS_BRIDGE_MAX_CLIENTS", hide_env = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    max_clients: usize,

    /// A further name this server is called by, as in the Host header; may be given again
    #[arg(long, value_name = "HOST", env = "PROGRESS_BRIDGE_ALLOW_HOST", hide_env = true, action = ArgAction::Append)]
    allow_host: Vec<String>,

    /// A page that may read from here, for example http://localhost:3000; may be given again
    #[arg(long, value_name = "ORIGIN", env = "PROGRESS_BRIDGE_ALLOW_ORIGIN", hide_env = true, action = ArgAction::Append)]
    allow_origin: Vec<String>,

    /// Ask every client for the token on the first line of FILE
    #[arg(long, value_name = "FILE", env = "PROGRESS_BRIDGE_TOKEN_FILE", hide_env = true)]
    token_file: Option<PathBuf>,

    /// Ask every client for a token; one is made when none is given
    ///
    /// It is printed once, or written into --token-file when that does not exist.
    #[arg(long, env = "PROGRESS_BRIDGE_REQUIRE_TOKEN", hide_env = true, value_parser = BoolishValueParser::new())]
    require_token: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Show")]
struct ShowOptions {
    /// Show what another progress-bridge serves, instead of watching files; as a box, --plain or --json
    ///
    /// Goes on for ever: what breaks is tried again, and what is shown meanwhile says of when it is. The token is taken from --token-file or
    /// PROGRESS_BRIDGE_TOKEN.
    #[arg(long, value_name = "URL", env = "PROGRESS_BRIDGE_CONNECT", hide_env = true)]
    connect: Option<String>,

    /// Draw the run as a live box in the terminal
    #[arg(long, env = "PROGRESS_BRIDGE_STREAM", hide_env = true, value_parser = BoolishValueParser::new())]
    stream: bool,

    /// One plain line per event, also where a box could be drawn
    #[arg(long, env = "PROGRESS_BRIDGE_PLAIN", hide_env = true, value_parser = BoolishValueParser::new())]
    plain: bool,

    /// Draw with ASCII only, whatever the locale
    #[arg(long, env = "PROGRESS_BRIDGE_ASCII", hide_env = true, conflicts_with = "emoji", value_parser = BoolishValueParser::new())]
    ascii: bool,

    /// Draw the signs as emoji
    #[arg(long, env = "PROGRESS_BRIDGE_EMOJI", hide_env = true, value_parser = BoolishValueParser::new())]
    emoji: bool,

    /// Events as JSON lines on stdout; no server unless --listen is given
    #[arg(long, env = "PROGRESS_BRIDGE_JSON", hide_env = true, value_parser = BoolishValueParser::new())]
    json: bool,

    /// Read what is there, print it, end: no server
    #[arg(long, env = "PROGRESS_BRIDGE_ONCE", hide_env = true, value_parser = BoolishValueParser::new())]
    once: bool,

    /// End with the run: exit code 0 when it passed, 1 when it failed
    #[arg(long, env = "PROGRESS_BRIDGE_EXIT_ON_COMPLETE", hide_env = true, value_parser = BoolishValueParser::new())]
    exit_on_complete: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FromArg {
    Start,
    End,
}

/// The parsed command.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Watches, emits and serves.
    Run(Config),
    /// Shows another bridge.
    Connect(ConnectConfig),
    /// Explains how the files are read.
    Check(check::CheckRequest),
    /// Says the state once.
    Status(StatusRequest),
    /// Waits for an end.
    Wait(WaitRequest),
}

/// Why there is no command to run.
#[derive(Debug)]
pub enum EarlyExit {
    /// The text of `--help` or `--version`, for stdout.
    Print(String),
    /// The text about unusable arguments, for stderr.
    UsageError(String),
    /// The arguments contradict one another, or a file that they name is unusable.
    Error(Error),
}

/// Parses the arguments; the first is the program's name.
pub fn parse<I, T>(arguments: I) -> Result<Command, EarlyExit>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let arguments = Arguments::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => EarlyExit::Print(error.render().to_string()),
        _ => EarlyExit::UsageError(error.render().to_string()),
    })?;
    arguments.into_config().map_err(EarlyExit::Error)
}

impl Arguments {
    fn into_config(self) -> Result<Command, Error> {
        match self.action {
            Some(Action::Check { files, json, rules }) => {
                return Ok(Command::Check(check::CheckRequest { files, json, rules: config::load_rules(&rules)? }));
            }
            Some(Action::Status { question, json, format, backtest }) => {
                return Ok(Command::Status(StatusRequest { origin: question.origin()?, task: question.task, json, format, backtest }));
            }
            Some(Action::Wait { goal, question, timeout }) => {
                return Ok(Command::Wait(WaitRequest { origin: question.origin()?, task: question.task, goal, timeout }));
            }
            None => {}
        }
        let exit_when = match (self.show.once, self.show.exit_on_complete) {
            (true, _) => ExitWhen::Drained,
            (false, true) => ExitWhen::RunCompletes,
            (false, false) => ExitWhen::Never,
        };
        if exit_when == ExitWhen::Drained && self.serve.listen.is_some() {
            return Err(Error::Usage("--once reads and ends, so there is nothing to serve: leave out --listen or --once".to_owned()));
        }
        if let Some(url) = &self.show.connect {
            let reads = !self.watch.paths.is_empty() || !self.watch.watch.is_empty();
            if reads || self.serve.listen.is_some() || self.show.once {
                return Err(Error::Usage("--connect shows another bridge: leave out paths, --watch, --listen and --once".to_owned()));
            }
            return Ok(Command::Connect(ConnectConfig {
                url: BaseUrl::parse(url)?,
                token: configured_token(self.serve.token_file.as_deref())?.map(|token| token.text),
                display: DisplayConfig { terminal: self.show.connected_terminal(), ..self.show.to_config() },
                exit_when,
            }));
        }
        let has_server = exit_when != ExitWhen::Drained && (!self.show.json || self.serve.listen.is_some());
        Ok(Command::Run(Config {
            serve: if has_server { Some(self.serve.into_config()?) } else { None },
            display: self.show.to_config(),
            read: ReadConfig {
                rules: config::load_rules(&self.watch.rules)?,
                read_from: match self.watch.from {
                    FromArg::Start => ReadFrom::Start,
                    FromArg::End => ReadFrom::End,
                },
                poll_interval: self.watch.poll_interval,
                source_text: !self.watch.no_source_text,
                redact: !self.watch.no_redact,
                infer: !self.watch.no_infer,
                state: self.watch.state,
            },
            watch: WatchConfig { paths: [self.watch.paths, self.watch.watch].concat(), discover: !self.watch.no_discover },
            exit_when,
        }))
    }
}

impl ServeOptions {
    fn into_config(self) -> Result<ServeConfig, Error> {
        let listen = match &self.listen {
            Some(asked) => Listen::parse(asked)?,
            None => Listen::Default,
        };
        let token = match &self.token_file {
            Some(file) if self.require_token => Some(AccessToken::read_or_make(file)?),
            file => configured_token(file.as_deref())?.or_else(|| self.require_token.then(AccessToken::random)),
        };
        ServeConfig {
            listen,
            buffer: self.buffer,
            max_rate: self.max_rate,
            max_clients: self.max_clients,
            allow_hosts: self.allow_host,
            allow_origins: self.allow_origin,
            token,
        }
        .validate()
    }
}

impl ShowOptions {
    /// Whoever connects wants to see something: the box, unless --plain or --json is given.
    fn connected_terminal(&self) -> TerminalMode {
        match (self.plain, self.json && !self.stream) {
            (true, _) => TerminalMode::Lines,
            (false, true) => TerminalMode::Nothing,
            (false, false) => TerminalMode::Box,
        }
    }

    fn to_config(&self) -> DisplayConfig {
        // `--json` and `--once` print their result on stdout; lines on stderr are then opt-in.
        let terminal = match (self.stream && !self.plain, self.plain || !(self.json || self.once)) {
            (true, _) => TerminalMode::Box,
            (false, true) => TerminalMode::Lines,
            (false, false) => TerminalMode::Nothing,
        };
        let signs = match (self.ascii, self.emoji) {
            (true, _) => Some(Charset::Ascii),
            (false, true) => Some(Charset::Emoji),
            (false, false) => None,
        };
        DisplayConfig { json: self.json, terminal, signs }
    }
}

fn parse_goal(text: &str) -> Result<Goal, String> {
    match text.split_once(':') {
        None if text == "run" => Ok(Goal::Run),
        Some(("story", id)) if !id.is_empty() => Ok(Goal::Story(id.to_owned())),
        Some(_) | None => Err("give run, or story:ID".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    parsed.ok_or_else(|| "give a time such as 2h, 90m or 30s".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    const MIN: f64 = 0.05;
    const MAX: f64 = 3600.0;
    match text.parse::<f64>() {
        Ok(seconds) if (MIN..=MAX).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err(format!("give seconds from {MIN} to {MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &str) -> Config {
        match parse(std::iter::once("progress-bridge").chain(arguments.split_whitespace())) {
            Ok(Command::Run(config)) => config,
            other => panic!("{arguments}: {other:?}"),
        }
    }

    #[test]
    fn definitions_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn paths_are_given_either_way() {
        assert_eq!(config("a --watch b --watch c").watch.paths, ["a", "b", "c"].map(PathBuf::from));
        assert!(config("").watch.paths.is_empty());
    }

    #[test]
    fn there_is_a_server_unless_stdout_has_the_data() {
        for (arguments, has_server) in [
            ("", true),
            ("--stream", true),
            ("--json", false),
            ("--once", false),
            ("--json --once", false),
            ("--json --listen 127.0.0.1:0", true),
            ("--exit-on-complete", true),
        ] {
            assert_eq!(config(arguments).serve.is_some(), has_server, "{arguments}");
        }
    }

    #[test]
    fn the_terminal_shows_something_unless_stdout_has_the_data() {
        for (arguments, terminal) in [
            ("", TerminalMode::Lines),
            ("--stream", TerminalMode::Box),
            ("--stream --plain", TerminalMode::Lines),
            ("--stream --json", TerminalMode::Box),
            ("--json", TerminalMode::Nothing),
            ("--json --plain", TerminalMode::Lines),
            ("--once", TerminalMode::Nothing),
            ("--once --plain", TerminalMode::Lines),
        ] {
            assert_eq!(config(arguments).display.terminal, terminal, "{arguments}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (arguments, part) in [("--once --listen 127.0.0.1:0", "leave out"), ("--listen 0.0.0.0:7333", "--require-token")] {
            match parse(std::iter::once("progress-bridge").chain(arguments.split_whitespace())) {
                Err(EarlyExit::Error(error)) => {
                    assert_eq!(error.exit_code(), 2);
                    assert!(error.to_string().contains(part), "{error}");
                }
                other => panic!("{arguments}: {other:?}"),
            }
        }
    }

    #[test]
    fn help_has_an_example_first_and_the_exit_codes_last() {
        match parse(["progress-bridge", "--help"]) {
            Err(EarlyExit::Print(text)) => {
                assert!(text.starts_with("Examples:"), "{text}");
                assert!(text.trim_end().ends_with("Ctrl-C"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
