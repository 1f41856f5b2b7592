//! The options that are settings, in groups, and what they mean together. Their doc comments are their help texts.
//!
//! An option in a group (a help heading) is a setting: `settings` derives its variable and its key in the user's file from its name, so
//! that a new one is written here alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, RangedU64ValueParser};
use clap::{ArgAction, Args, ValueEnum};

#[cfg(feature = "fleet")]
use super::fleet;
use super::settings::{SettingSource, SettingSources};
use crate::client::http::BaseUrl;
use crate::config::{
    self, AccessToken, AgentConfig, AgentRoots, Config, ConnectConfig, DisplayConfig, ExitWhen, Listen, NotifyConfig, NotifyRequest,
    ReadConfig, ReadFrom, ServeConfig, TerminalMode, WatchConfig,
};
use crate::error::Error;
use crate::model::agent::AgentLevel;
use crate::notifications::OccasionKind;
use crate::output::StdoutFormat;
use crate::output::ndjson::NdjsonContent;
use crate::output::text::Charset;
use crate::status::StateSource;

/// What a run is told.
#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    watch: WatchOptions,
    #[command(flatten)]
    serve: ServeOptions,
    #[command(flatten)]
    show: ShowOptions,
    #[command(flatten)]
    notify: NotifyOptions,
    #[cfg(feature = "fleet")]
    #[command(flatten)]
    publish: fleet::PublishOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Notify")]
pub(super) struct NotifyOptions {
    /// Run CMD when a run passed, failed or ended, went quiet or needs you; may be given again
    ///
    /// CMD is split into words, and run without a shell; where you want one, write sh -c '…'. It gets the notification as JSON on its stdin and
    /// as PROGRESS_BRIDGE_KIND, _TITLE, _TEXT, _TASK, _STATUS, _PASSED, _TOTAL, _URL, _ID. See docs/notifications.md.
    #[arg(long, value_name = "CMD", action = ArgAction::Append)]
    notify_exec: Vec<String>,

    /// Call URL on the same occasions; may be given again
    ///
    /// https://… gets JSON after Standard Webhooks; ntfy+https://host/topic, slack+https://…, discord+https://… and telegram:TOKEN@CHAT get what
    /// these services read. Others of this machine see what is typed: a URL that is a secret belongs in the variable or the file of settings.
    #[arg(long, value_name = "URL", action = ArgAction::Append, value_delimiter = ' ')]
    webhook: Vec<String>,

    /// The occasions, separated by commas: passed, failed, quiet, needs-you, story, error, start
    #[arg(long, value_name = "WHAT", action = ArgAction::Append, value_delimiter = ',', default_value = "passed,failed,quiet,needs-you",
        value_parser = PossibleValuesParser::new(OccasionKind::CHOICES.map(|(name, _)| name)))]
    notify_on: Vec<String>,

    /// Ring the terminal's bell on the same occasions
    #[arg(long, value_parser = BoolishValueParser::new())]
    bell: bool,

    /// Sign webhooks with the secret in FILE (whsec_…); else with PROGRESS_BRIDGE_WEBHOOK_SECRET
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    webhook_secret_file: Option<PathBuf>,
}

impl NotifyOptions {
    fn into_config(self) -> Result<NotifyConfig, Error> {
        NotifyRequest {
            commands: self.notify_exec,
            webhooks: self.webhook,
            secret_file: self.webhook_secret_file,
            bell: self.bell,
            on: self.notify_on,
        }
        .check()
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Watch")]
pub(super) struct WatchOptions {
    /// Files, folders or globs to watch [default: the current folder]
    ///
    /// What is not there yet is waited for.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The same as PATH; may be given again
    #[arg(long, value_name = "PATH", action = ArgAction::Append)]
    watch: Vec<PathBuf>,

    /// Whether what stands in the files already is emitted (`start`) or only counted (`end`)
    #[arg(long, value_enum, value_name = "WHERE", default_value = "start")]
    from: FromArg,

    /// Read the named files only
    ///
    /// Otherwise the plan beside a log and the runner's own folder (`.claude-loop/`, `.ralph/`) are taken along.
    #[arg(long, value_parser = BoolishValueParser::new())]
    no_discover: bool,

    #[command(flatten)]
    pub(super) rules: RulesOption,

    /// What is read and told of the agents' own sessions beside the run [default: target]
    ///
    /// `status`: what kind of thing they do, no text. `target`: with programs and paths of the project. `command`: with commands, masked.
    /// `off` reads nothing of them, and so do --no-discover and --once unless a level is given.
    #[arg(long, value_enum, value_name = "LEVEL")]
    agent: Option<AgentArg>,

    /// A folder that agents keep their sessions in, instead of CLAUDE_CONFIG_DIR, CODEX_HOME and those in the home; may be given again
    #[arg(long, value_name = "DIR", action = ArgAction::Append, hide_short_help = true)]
    agent_root: Vec<PathBuf>,

    /// Keep in DIR what a restart needs to go on where this run was ended, be it with kill -9
    ///
    /// Then a restart emits only what is new, and streams go on with the same cursors. One bridge a folder; a folder outside of the
    /// watched project is best.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Look at the files by the clock, every SECONDS, instead of being woken by the system
    ///
    /// For network mounts and the like. Done without being asked, four times a second, where watching is impossible.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, hide_short_help = true)]
    poll_interval: Option<Duration>,

    /// Leave the line that an event was read from out of the event
    #[arg(long, value_parser = BoolishValueParser::new(), hide_short_help = true)]
    no_source_text: bool,

    /// Show secrets as they stand in the files
    ///
    /// Otherwise what looks like a token, and the values of names like API_KEY or PASSWORD, are masked in events and in the state.
    #[arg(long, value_parser = BoolishValueParser::new(), hide_short_help = true)]
    no_redact: bool,

    /// Do not guess which story is being worked on
    #[arg(long, value_parser = BoolishValueParser::new(), hide_short_help = true)]
    no_infer: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Watch")]
pub(super) struct RulesOption {
    /// Rules for logs that no built-in format knows; may be given again
    ///
    /// TOML: regular expressions with named groups and the events that their lines make; see docs/rules.md.
    #[arg(long = "rules", id = "rules", value_name = "FILE", action = ArgAction::Append)]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Serve")]
pub(super) struct ServeOptions {
    /// Where to serve [default: 127.0.0.1:7333, or the next free port of ten]
    ///
    /// Port 0 takes any free port; the first line on stderr says which. Beyond this machine a token is needed.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,

    #[command(flatten)]
    token: TokenOption,

    /// Ask every client for a token; one is made when none is given
    ///
    /// It is printed once, or written into --token-file when that does not exist.
    #[arg(long, value_parser = BoolishValueParser::new())]
    require_token: bool,

    /// A page that may read from here, for example http://localhost:3000; may be given again
    #[arg(long, value_name = "ORIGIN", action = ArgAction::Append)]
    allow_origin: Vec<String>,

    /// A further name this server is called by, as in the Host header; may be given again
    #[arg(long, value_name = "HOST", action = ArgAction::Append)]
    allow_host: Vec<String>,

    /// How many of the last events a new client gets first: 0 to 10000
    #[arg(long, value_name = "N", default_value_t = config::DEFAULT_BUFFER, hide_short_help = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(0..=10_000))]
    buffer: usize,

    /// Live events per client and second, up to 10000; 0 is unlimited
    #[arg(long, value_name = "N", default_value_t = config::DEFAULT_MAX_RATE, hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(0..=10_000))]
    max_rate: u32,

    /// Streams at a time, 1 to 1000000; further clients are asked to come back later
    #[arg(long, value_name = "N", default_value_t = config::DEFAULT_MAX_CLIENTS, hide_short_help = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    max_clients: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Serve")]
pub(super) struct TokenOption {
    /// The token that clients must send, or that the asked bridge wants, is the first line of FILE
    #[arg(long = "token-file", id = "token_file", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Show")]
pub(super) struct ShowOptions {
    /// Show what another progress-bridge serves, instead of watching files; as a box, --plain or --json
    ///
    /// Goes on for ever: what breaks is tried again, and what is shown meanwhile says how old it is. The token is taken from --token-file or
    /// PROGRESS_BRIDGE_TOKEN.
    #[arg(long, value_name = "URL")]
    connect: Option<String>,

    /// Read what is there, print it, end: no server
    #[arg(long, value_parser = BoolishValueParser::new())]
    once: bool,

    #[command(flatten)]
    display: DisplayOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Show")]
pub(super) struct DisplayOptions {
    /// Draw the run as a live box in the terminal
    #[arg(long, value_parser = BoolishValueParser::new())]
    stream: bool,

    /// One plain line per event, also where a box could be drawn
    #[arg(long, value_parser = BoolishValueParser::new())]
    plain: bool,

    /// Events as JSON lines on stdout; no server unless --listen is given
    #[arg(long, value_parser = BoolishValueParser::new())]
    json: bool,

    /// With --json: what the agents do, too, at most twice a second for each
    #[arg(long, value_parser = BoolishValueParser::new(), hide_short_help = true)]
    activity: bool,

    /// End with the run: exit code 0 when it passed, 1 when it failed
    #[arg(long, value_parser = BoolishValueParser::new())]
    exit_on_complete: bool,

    /// Draw with ASCII only, whatever the locale
    #[arg(long, conflicts_with = "emoji", value_parser = BoolishValueParser::new(), hide_short_help = true)]
    ascii: bool,

    /// Draw the signs as emoji
    #[arg(long, value_parser = BoolishValueParser::new(), hide_short_help = true)]
    emoji: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AgentArg {
    Off,
    Status,
    Target,
    Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FromArg {
    Start,
    End,
}

/// Where a question about a run is answered.
#[derive(Debug, Args)]
pub(super) struct OriginOptions {
    /// The run's files or folder, or the URL of a bridge [default: the current folder]
    #[arg(value_name = "PATH|URL")]
    origin: Vec<String>,

    #[command(flatten)]
    token: TokenOption,
}

/// What a run means: a bridge of its own, or a look at another one.
#[derive(Debug, PartialEq)]
pub(super) enum RunKind {
    Bridge(Box<Config>),
    Connect(ConnectConfig),
}

impl RunOptions {
    /// The error of a command with a slip of the finger, which would be waited for as a file: a plain word where no file is.
    pub(super) fn mistyped_command(&self, command: &clap::Command) -> Option<Error> {
        let typed = self.watch.paths.first()?.to_str()?;
        let is_word = typed.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !is_word || Path::new(typed).try_exists().unwrap_or(true) {
            return None;
        }
        let is_meant = |name: &&str| typed.len() > 3 && strsim::osa_distance(typed, name) <= typed.len().min(name.len()) / 4;
        let meant = command.get_subcommands().map(clap::Command::get_name).find(is_meant)?;
        Some(Error::Usage(format!("there is no file {typed}: the command is {meant}; to wait for such a file write ./{typed}")))
    }

    pub(super) fn into_config(self, sources: &SettingSources) -> Result<RunKind, Error> {
        let exit_when = match (self.show.once, self.show.display.exit_on_complete) {
            (true, _) => ExitWhen::Drained,
            (false, true) => ExitWhen::RunCompletes,
            (false, false) => ExitWhen::Never,
        };
        // An address in the user's file says where to serve, not whether.
        let asks_for_server = sources.of("listen") > SettingSource::File;
        if exit_when == ExitWhen::Drained && asks_for_server {
            return Err(Error::Usage("--once reads and ends, so there is nothing to serve: leave out --listen or --once".to_owned()));
        }
        if let Some(url) = &self.show.connect {
            let reads = !self.watch.paths.is_empty() || sources.of("watch") > SettingSource::File;
            if reads || asks_for_server || self.show.once {
                return Err(Error::Usage("--connect shows another bridge: leave out paths, --watch, --listen and --once".to_owned()));
            }
            return Ok(RunKind::Connect(ConnectConfig {
                url: BaseUrl::parse(url)?,
                token: self.serve.token.read()?.map(|token| token.text),
                display: DisplayConfig { terminal: self.show.display.connected_terminal(), ..self.show.to_config() },
                notify: self.notify.into_config()?,
                exit_when,
            }));
        }
        if self.show.display.activity && !self.show.display.json {
            return Err(Error::Usage("--activity adds what the agents do to the lines of --json: add --json".to_owned()));
        }
        let has_server = exit_when != ExitWhen::Drained && (self.show.display.stdout().is_none() || asks_for_server);
        let mut config = Config {
            serve: if has_server { Some(self.serve.into_config()?) } else { None },
            display: self.show.to_config(),
            exit_when,
            ..Config::watching(Vec::new())
        };
        config.watch = self.watch.to_config(sources);
        config.read = self.watch.into_read_config(exit_when)?;
        config.notify = self.notify.into_config()?;
        #[cfg(feature = "fleet")]
        self.publish.add_to(&mut config)?;
        Ok(RunKind::Bridge(Box::new(config)))
    }
}

/// The settings of a demo, whose files are its own.
pub(super) fn demo_config(serve: ServeOptions, display: DisplayOptions) -> Result<Config, Error> {
    let draws_box = !display.plain && display.stdout().is_none();
    Ok(Config {
        serve: Some(serve.into_config()?),
        display: DisplayConfig {
            stdout: display.stdout(),
            terminal: if draws_box { TerminalMode::Box } else { display.terminal(false) },
            signs: display.signs(),
        },
        exit_when: if display.exit_on_complete { ExitWhen::RunCompletes } else { ExitWhen::Never },
        ..Config::watching(Vec::new())
    })
}

impl WatchOptions {
    /// PATH and --watch are one setting: paths that are typed replace those of the environment and the user's file.
    fn to_config(&self, sources: &SettingSources) -> WatchConfig {
        let is_replaced = !self.paths.is_empty() && sources.of("watch") < SettingSource::Typed;
        let paths = if is_replaced { self.paths.clone() } else { [self.paths.as_slice(), &self.watch].concat() };
        WatchConfig { paths, discover: !self.no_discover }
    }

    fn agents(&self, exit_when: ExitWhen) -> AgentConfig {
        let level = match self.agent {
            Some(AgentArg::Off) => AgentLevel::Off,
            Some(AgentArg::Status) => AgentLevel::Status,
            Some(AgentArg::Target) => AgentLevel::Target,
            Some(AgentArg::Command) => AgentLevel::Command,
            None if self.no_discover || exit_when == ExitWhen::Drained => AgentLevel::Off,
            None => AgentLevel::Target,
        };
        AgentConfig { level, explicit: self.agent.is_some(), roots: AgentRoots::new(&self.agent_root, |name| std::env::var_os(name)) }
    }

    fn into_read_config(self, exit_when: ExitWhen) -> Result<ReadConfig, Error> {
        Ok(ReadConfig {
            agents: self.agents(exit_when),
            rules: config::load_rules(&self.rules.files)?,
            read_from: match self.from {
                FromArg::Start => ReadFrom::Start,
                FromArg::End => ReadFrom::End,
            },
            poll_interval: self.poll_interval,
            source_text: !self.no_source_text,
            redact: !self.no_redact,
            infer: !self.no_infer,
            state: self.state,
        })
    }
}

impl ServeOptions {
    pub(super) fn into_config(self) -> Result<ServeConfig, Error> {
        let listen = match &self.listen {
            Some(asked) => Listen::parse(asked)?,
            None => Listen::Default,
        };
        let token = match &self.token.file {
            Some(file) if self.require_token => Some(AccessToken::read_or_make(file)?),
            Some(_) | None => self.token.read()?.or_else(|| self.require_token.then(AccessToken::random)),
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

impl TokenOption {
    /// From the file, else from the variable.
    fn read(&self) -> Result<Option<AccessToken>, Error> {
        match (&self.file, std::env::var("PROGRESS_BRIDGE_TOKEN")) {
            (Some(file), _) => Ok(Some(AccessToken::read(file)?)),
            (None, Ok(token)) if !token.is_empty() => Ok(Some(AccessToken::from_environment(&token)?)),
            (None, _) => Ok(None),
        }
    }
}

impl ShowOptions {
    fn to_config(&self) -> DisplayConfig {
        DisplayConfig { stdout: self.display.stdout(), terminal: self.display.terminal(self.once), signs: self.display.signs() }
    }
}

impl DisplayOptions {
    fn stdout(&self) -> Option<StdoutFormat> {
        let content = if self.activity { NdjsonContent::EventsAndActivity } else { NdjsonContent::Events };
        self.json.then_some(StdoutFormat::Ndjson(content))
    }

    /// With `--once` and whatever goes to stdout, lines on stderr are opt-in.
    fn terminal(&self, once: bool) -> TerminalMode {
        match (self.stream && !self.plain, self.plain || !(self.stdout().is_some() || once)) {
            (true, _) => TerminalMode::Box,
            (false, true) => TerminalMode::Lines,
            (false, false) => TerminalMode::Nothing,
        }
    }

    /// Whoever connects wants to see something: the box, unless there are lines or stdout has the events.
    fn connected_terminal(&self) -> TerminalMode {
        match (self.plain, self.stdout().is_some() && !self.stream) {
            (true, _) => TerminalMode::Lines,
            (false, true) => TerminalMode::Nothing,
            (false, false) => TerminalMode::Box,
        }
    }

    fn signs(&self) -> Option<Charset> {
        match (self.ascii, self.emoji) {
            (true, _) => Some(Charset::Ascii),
            (false, true) => Some(Charset::Emoji),
            (false, false) => None,
        }
    }
}

impl OriginOptions {
    pub(super) fn read(&self) -> Result<StateSource, Error> {
        match self.origin.as_slice() {
            [url] if is_url(url) => Ok(StateSource::Bridge { url: url.clone(), token: self.token.read()?.map(|token| token.text) }),
            several if several.iter().any(|one| is_url(one)) => {
                Err(Error::Usage("one bridge can be asked at a time, and not together with files: give one URL, or paths".to_owned()))
            }
            paths => Ok(StateSource::Files(paths.iter().map(PathBuf::from).collect())),
        }
    }
}

/// Whether it names a bridge and no file: `http://…`, or `host:port` where no such file is.
fn is_url(text: &str) -> bool {
    let is_address = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    text.contains("://") || (is_address && !Path::new(text).exists())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    const MIN: f64 = 0.05;
    const MAX: f64 = 3600.0;
    match text.parse::<f64>() {
        Ok(seconds) if (MIN..=MAX).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err(format!("give seconds from {MIN} to {MAX}")),
    }
}
