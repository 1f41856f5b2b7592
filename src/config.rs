//! Validated settings. Each part receives the struct of its own settings.
//!
//! Nothing here knows command-line arguments: `cli` parses them.

mod access_token;
mod agents;
mod notify;
mod small_file;
mod user_file;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use self::access_token::{AccessToken, TokenOrigin, random_secret};
pub use self::agents::{AgentConfig, AgentRoots};
pub use self::notify::{NotifyConfig, NotifyRequest};
pub(crate) use self::small_file::read_small_file;
pub use self::user_file::{FILE_VARIABLE, UserFile};
use crate::client::http::BaseUrl;
use crate::error::Error;
#[cfg(feature = "fleet")]
use crate::fleet::nats::NatsSettings;
use crate::format::{self, Rules};
use crate::output::StdoutFormat;
use crate::output::text::Charset;

/// The port that is tried first when none is asked for.
pub const DEFAULT_PORT: u16 = 7333;

/// How many ports are tried, from [`DEFAULT_PORT`] up, when none is asked for.
pub const PORTS_TRIED: u16 = 10;

/// How many of the last events a new client gets first.
pub const DEFAULT_BUFFER: usize = 100;

/// Live events per client and second.
pub const DEFAULT_MAX_RATE: u32 = 10;

/// Streams at a time.
pub const DEFAULT_MAX_CLIENTS: usize = 1024;

/// All settings of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The watched files.
    pub watch: WatchConfig,
    /// How files are read.
    pub read: ReadConfig,
    /// The server; `None` for a run without one.
    pub serve: Option<ServeConfig>,
    /// The outputs on stdout and stderr.
    pub display: DisplayConfig,
    /// Who is told of what.
    pub notify: NotifyConfig,
    /// When the program ends by itself.
    pub exit_when: ExitWhen,
    /// Where the events are published; `None` for a run that does not.
    #[cfg(feature = "fleet")]
    pub(crate) publish: Option<Box<NatsSettings>>,
}

impl Config {
    /// Watches these paths (none: the current folder) and serves nothing, with every other setting at its default.
    pub fn watching(paths: Vec<PathBuf>) -> Self {
        Config {
            watch: WatchConfig { paths, discover: true },
            read: ReadConfig::default(),
            serve: None,
            display: DisplayConfig { stdout: None, terminal: TerminalMode::Nothing, signs: None },
            notify: NotifyConfig::default(),
            exit_when: ExitWhen::Never,
            #[cfg(feature = "fleet")]
            publish: None,
        }
    }
}

/// All settings of `--connect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectConfig {
    /// The other bridge.
    pub(crate) url: BaseUrl,
    /// What it asks of its clients.
    pub token: Option<String>,
    /// The outputs on stdout and stderr.
    pub display: DisplayConfig,
    /// Who is told of what.
    pub notify: NotifyConfig,
    /// When the program ends by itself.
    pub exit_when: ExitWhen,
}

/// All settings of `fleet`.
#[cfg(feature = "fleet")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetConfig {
    /// Where the bridges publish.
    pub(crate) engine: NatsSettings,
    /// The server.
    pub serve: ServeConfig,
    /// How often the engine keeps each message, if the streams are still to be made.
    pub replicas: usize,
}

/// The watched files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// Files, folders and globs as the user named them. Empty means the current folder.
    pub paths: Vec<PathBuf>,
    /// Whether files that belong to a named one are watched, too.
    pub discover: bool,
}

/// How files are read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadConfig {
    /// Rules for logs that no built-in format knows.
    pub rules: Rules,
    /// Whether the existing content is emitted.
    pub read_from: ReadFrom,
    /// Polls the files at this interval instead of watching them.
    pub poll_interval: Option<Duration>,
    /// Whether events contain the line they were read from.
    pub source_text: bool,
    /// Whether secrets are masked in what is shown.
    pub redact: bool,
    /// Whether the current story may be inferred.
    pub infer: bool,
    /// The folder of the store; `None` for a run without one.
    pub state: Option<PathBuf>,
    /// What is read of the agents' sessions.
    pub agents: AgentConfig,
}

impl Default for ReadConfig {
    fn default() -> Self {
        ReadConfig {
            rules: Rules::default(),
            read_from: ReadFrom::Start,
            poll_interval: None,
            source_text: true,
            redact: true,
            infer: true,
            state: None,
            agents: AgentConfig::off(),
        }
    }
}

/// Whether the content that files have at the start is emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// It is emitted.
    Start,
    /// It is counted and part of the state, but not emitted.
    End,
}

/// The settings of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// The address.
    pub listen: Listen,
    /// How many of the last events a new client receives first.
    pub buffer: usize,
    /// Live events per client and second; 0 is unlimited.
    pub max_rate: u32,
    /// Streams at one time; the next client gets `busy` and retries later.
    pub max_clients: usize,
    /// `Host` names that are accepted besides loopback and the bound address.
    pub allow_hosts: Vec<String>,
    /// Other origins whose pages may read the responses: scheme, host and port.
    pub allow_origins: Vec<String>,
    /// When set, every client must send it.
    pub token: Option<AccessToken>,
}

/// The address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// The first free port of ten on loopback.
    Default,
    /// A configured address, without a fallback.
    At {
        /// The text of the option.
        text: String,
        /// The resolved addresses; the server takes the first that can be bound.
        addresses: Vec<SocketAddr>,
    },
}

/// The outputs on stdout and stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisplayConfig {
    /// What stdout carries, if anything.
    pub stdout: Option<StdoutFormat>,
    /// The output on stderr.
    pub terminal: TerminalMode,
    /// The signs of the box; `None` for those that the locale allows.
    pub signs: Option<Charset>,
}

/// The output on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalMode {
    /// The live box; plain lines when stderr is no terminal.
    Box,
    /// One line per event.
    Lines,
    /// Messages and notices only.
    Nothing,
}

/// When the program ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitWhen {
    /// Never: a signal ends it.
    Never,
    /// When the run has completed; the exit code is its result.
    RunCompletes,
    /// When all existing content has been read.
    Drained,
}

impl Default for ServeConfig {
    fn default() -> Self {
        ServeConfig {
            listen: Listen::Default,
            buffer: DEFAULT_BUFFER,
            max_rate: DEFAULT_MAX_RATE,
            max_clients: DEFAULT_MAX_CLIENTS,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            token: None,
        }
    }
}

impl ServeConfig {
    /// Checks rules that concern several options.
    pub fn validate(self) -> Result<Self, Error> {
        if !self.listen.is_loopback() && self.token.is_none() {
            return Err(Error::Usage(
                "listening beyond this machine needs a token: add --require-token to have one made and printed, or --token-file FILE"
                    .to_owned(),
            ));
        }
        if let Some(origin) = self.allow_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(Error::Usage(format!(
                "{origin:?} is no origin: give scheme, host and port as the browser sends them, for example --allow-origin http://localhost:3000"
            )));
        }
        Ok(self)
    }
}

impl Listen {
    /// Parses `HOST:PORT`, `[IPv6]:PORT`, `:PORT` and `PORT`; the last two are on loopback.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unusable =
            |why: &str| Error::Usage(format!("cannot listen on {text:?}: {why}; give HOST:PORT, for example --listen 127.0.0.1:8080"));
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), port),
            None => ("", text),
        };
        let port: u16 = port.parse().map_err(|_| unusable("the port must be a number from 0 to 65535"))?;
        let addresses = if host.is_empty() {
            vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)]
        } else {
            (host, port).to_socket_addrs().map_err(|cause| unusable(&cause.to_string()))?.collect()
        };
        Ok(Listen::At { text: text.to_owned(), addresses })
    }

    /// The addresses to try, in order.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        match self {
            Listen::Default => {
                (DEFAULT_PORT..DEFAULT_PORT + PORTS_TRIED).map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).collect()
            }
            Listen::At { addresses, .. } => addresses.clone(),
        }
    }

    fn is_loopback(&self) -> bool {
        self.candidates().iter().all(|address| address.ip().is_loopback())
    }
}

/// Reads and checks files of rules; they keep the order of `paths`.
pub fn load_rules(paths: &[PathBuf]) -> Result<Rules, Error> {
    let load = |path: &PathBuf| {
        let shown = path.display().to_string();
        let text = read_small_file(path).map_err(|cause| {
            Error::Usage(format!("cannot read the rules in {shown}: {cause}; give a file that is there and that this user may read"))
        })?;
        format::parse_rules(&shown, &text).map(Arc::new).map_err(Error::Usage)
    };
    Ok(Rules(paths.iter().map(load).collect::<Result<_, _>>()?))
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https") && !authority.is_empty() && !authority.contains(['/', '?', '#', '@', ' ', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(listen: &str, token: Option<&str>) -> Result<ServeConfig, Error> {
        let listen = Listen::parse(listen)?;
        let token = token.map(|text| AccessToken::from_environment(text).expect("it is usable"));
        ServeConfig { listen, token, ..ServeConfig::default() }.validate()
    }

    #[track_caller]
    fn check(asked: &str, expected: Result<&[&str], &str>) {
        match (Listen::parse(asked), expected) {
            (Ok(listen), Ok(addresses)) => assert_eq!(listen.candidates().iter().map(SocketAddr::to_string).collect::<Vec<_>>(), addresses),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (parsed, expected) => panic!("{asked}: {parsed:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn addresses_are_understood_as_people_write_them() {
        check("127.0.0.1:8080", Ok(&["127.0.0.1:8080"]));
        check("[::1]:0", Ok(&["[::1]:0"]));
        check(":8080", Ok(&["127.0.0.1:8080"]));
        check("8080", Ok(&["127.0.0.1:8080"]));
        check("127.0.0.1", Err("HOST:PORT"));
        check("127.0.0.1:http", Err("number"));
    }

    #[test]
    fn beyond_loopback_only_with_a_token() {
        let error = serve("0.0.0.0:0", None).expect_err("it has no token").to_string();
        assert!(error.contains("--require-token"), "{error}");
        serve("0.0.0.0:0", Some("0123456789abcdef")).expect("it has a token");
        serve("127.0.0.1:0", None).expect("it is loopback");
        serve("[::1]:0", None).expect("it is loopback");
    }

    #[test]
    fn origins_are_what_browsers_send() {
        for (text, expected) in [
            ("http://localhost:3000", true),
            ("https://example.org", true),
            ("https://example.org/", false),
            ("example.org", false),
            ("*", false),
            ("null", false),
        ] {
            assert_eq!(is_origin(text), expected, "{text}");
        }
    }
}
