//! What is meant: validated settings, checked once. Parts receive the small struct that concerns them.
//!
//! Nothing here knows how it was typed: that is `cli`'s.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::error::Error;
use crate::format::{self, Rules};

/// The port that is tried first when none is asked for.
pub const DEFAULT_PORT: u16 = 7333;

/// How many ports are tried, from [`DEFAULT_PORT`] up, when none is asked for.
pub const PORTS_TRIED: u16 = 10;

/// A run of the bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Which files.
    pub watch: Watch,
    /// How they are read.
    pub reading: Reading,
    /// `None`: no server.
    pub serve: Option<Serve>,
    /// What is written where.
    pub show: Show,
    /// When the program ends by itself.
    pub ends: Ends,
}

/// Which files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// As named: files, folders, globs. Empty: the current folder.
    pub paths: Vec<PathBuf>,
    /// Whether the files that belong to a named one are taken along.
    pub discover: bool,
}

/// How they are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// For logs that no built-in format knows.
    pub rules: Rules,
    /// What is done with what stands there already.
    pub from: From,
    /// Look by the clock, this often, instead of waiting to be woken.
    pub poll_interval: Option<Duration>,
    /// Whether events carry the line they were read from.
    pub source_text: bool,
    /// Whether the story being worked on may be guessed.
    pub infer: bool,
    /// Where to keep what a restart needs to go on; nothing is kept without it.
    pub state: Option<PathBuf>,
}

/// What is done with what stands in the files already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// It is emitted.
    Start,
    /// It is counted and shown in the state, not emitted.
    End,
}

/// The server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where.
    pub listen: Listen,
    /// Events that a new client gets first.
    pub buffer: usize,
    /// Live events per client and second; 0 is unlimited.
    pub max_rate: u32,
    /// Streams at one time; more are told to come back later.
    pub max_clients: usize,
    /// `Host` headers that are answered besides loopback names and the bound address.
    pub allow_hosts: Vec<String>,
    /// Other origins whose pages may read: scheme, host and port.
    pub allow_origins: Vec<String>,
    /// Asked of every client when there is one.
    pub token: Option<String>,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// The first free port of ten on loopback.
    Anywhere,
    /// There or nowhere.
    At {
        /// As typed.
        asked: String,
        /// What that resolved to; the first that can be bound is taken.
        addresses: Vec<SocketAddr>,
    },
}

/// What is written where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Show {
    /// Events as NDJSON on stdout.
    pub json: bool,
    /// What is drawn on stderr.
    pub screen: Screen,
}

/// What is drawn on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// The live box; plain lines where there is no terminal to draw it on.
    Box,
    /// One line per event.
    Lines,
    /// Only what must be said.
    Nothing,
}

/// When the program ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Never: it is told to.
    Never,
    /// With the run, with an exit code that says how it ended.
    WithTheRun,
    /// When everything that is there has been read.
    AtOnce,
}

impl Serve {
    /// Checks what cannot be judged option by option.
    pub fn checked(self) -> Result<Self, Error> {
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
    /// Understands `HOST:PORT`, `[IPv6]:PORT`, `:PORT` and `PORT`; the last two are on loopback.
    pub fn parse(asked: &str) -> Result<Self, Error> {
        let unusable =
            |why: &str| Error::Usage(format!("cannot listen on {asked:?}: {why}; give HOST:PORT, for example --listen 127.0.0.1:8080"));
        let (host, port) = match asked.rsplit_once(':') {
            Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), port),
            None => ("", asked),
        };
        let port: u16 = port.parse().map_err(|_| unusable("the port must be a number from 0 to 65535"))?;
        let addresses = if host.is_empty() {
            vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)]
        } else {
            (host, port).to_socket_addrs().map_err(|cause| unusable(&cause.to_string()))?.collect()
        };
        Ok(Listen::At { asked: asked.to_owned(), addresses })
    }

    /// The addresses to try, in order.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        match self {
            Listen::Anywhere => {
                (DEFAULT_PORT..DEFAULT_PORT + PORTS_TRIED).map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).collect()
            }
            Listen::At { addresses, .. } => addresses.clone(),
        }
    }

    fn is_loopback(&self) -> bool {
        self.candidates().iter().all(|address| address.ip().is_loopback())
    }
}

/// Reads and checks files of rules, in the order in which they were named.
pub fn rules_from_files(paths: &[PathBuf]) -> Result<Rules, Error> {
    let one = |path: &PathBuf| {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|cause| Error::Usage(format!("cannot read the rules in {shown}: {cause}")))?;
        format::parse_rules(&shown, &text).map(Arc::new).map_err(Error::Usage)
    };
    Ok(Rules(paths.iter().map(one).collect::<Result<_, _>>()?))
}

/// The first line of a file made for it; never a flag's value, which every process on the machine can see.
pub fn token_from_file(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        Error::Usage(format!("cannot read the token file {}: {cause}; write the token on its first line and make it yours", path.display()))
    })?;
    match text.lines().next().map(str::trim) {
        Some(token) => checked_token(token, &format!("the first line of {}", path.display())),
        None => Err(Error::Usage(format!("the token file {} is empty: write the token on its first line", path.display()))),
    }
}

/// A token is sent in a header: it must be something that fits there, and long enough not to be guessed.
pub fn checked_token(token: &str, place: &str) -> Result<String, Error> {
    const SHORTEST: usize = 16;
    if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Usage(format!("{place} is no usable token: at least {SHORTEST} visible ASCII characters without spaces")));
    }
    Ok(token.to_owned())
}

/// 122 random bits.
pub fn new_token() -> String {
    Uuid::new_v4().simple().to_string()
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(listen: &str, token: Option<&str>) -> Result<Serve, Error> {
        let listen = Listen::parse(listen)?;
        let token = token.map(str::to_owned);
        Serve { listen, buffer: 100, max_rate: 10, max_clients: 10, allow_hosts: Vec::new(), allow_origins: Vec::new(), token }.checked()
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

    #[test]
    fn tokens_fit_into_a_header() {
        checked_token(&new_token(), "a new token").expect("ours are usable");
        checked_token("short", "it").expect_err("it is too short");
        checked_token("0123456789 abcdef", "it").expect_err("it has a space");
    }
}
