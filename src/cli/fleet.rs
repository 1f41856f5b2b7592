//! The options of a fleet: where the engine is, and as whom it is used.

use std::path::{Path, PathBuf};

use clap::Args;
use uuid::Uuid;

use super::ServeOptions;
use crate::config::{Config, FleetConfig, read_small_file};
use crate::error::Error;
use crate::fleet::names::SubjectToken;
use crate::fleet::nats::{NatsLogin, NatsSettings};

const USER_VARIABLE: &str = "PROGRESS_BRIDGE_NATS_USER";
const PASSWORD_VARIABLE: &str = "PROGRESS_BRIDGE_NATS_PASSWORD";

#[derive(Debug, Args)]
#[command(next_help_heading = "Publish")]
pub(super) struct PublishOptions {
    /// Publish the events to a NATS server with JetStream, too, for a fleet of many machines
    ///
    /// For example nats://host:4222, or tls://host:4222; several with commas. What the server cannot take waits here. Turns --state on. User
    /// and password are taken from PROGRESS_BRIDGE_NATS_USER and PROGRESS_BRIDGE_NATS_PASSWORD. See docs/fleet.md.
    #[arg(long, value_name = "URL")]
    publish: Option<String>,

    /// Publish under this name [default: USER-HOST]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    r#as: Option<String>,

    #[command(flatten)]
    login: LoginOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Publish")]
pub(super) struct LoginOptions {
    /// Log in to the NATS server with a credentials file
    #[arg(long, value_name = "FILE", conflicts_with = "nats_nkey", hide_short_help = true)]
    nats_creds: Option<PathBuf>,

    /// Log in to the NATS server with the nkey seed on the first line of FILE
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    nats_nkey: Option<PathBuf>,

    /// Trust the certificates in FILE, too, for TLS to the NATS server
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    nats_ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct HubOptions {
    /// The NATS server, for example nats://host:4222 or tls://host:4222; several with commas
    ///
    /// User and password are taken from PROGRESS_BRIDGE_NATS_USER and PROGRESS_BRIDGE_NATS_PASSWORD.
    #[arg(long, value_name = "URL")]
    nats: String,

    /// How many servers of a cluster keep each message, if the streams are still to be made
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=5))]
    replicas: usize,

    #[command(flatten)]
    login: LoginOptions,

    #[command(flatten)]
    serve: ServeOptions,
}

impl HubOptions {
    pub(super) fn into_config(self) -> Result<FleetConfig, Error> {
        let engine = self.login.into_settings("--nats", self.nats, SubjectToken::new("hub"))?;
        Ok(FleetConfig { engine, serve: self.serve.into_config()?, replicas: self.replicas })
    }
}

impl PublishOptions {
    /// Publishing turns `--state` on: a bridge that was killed goes on in the order in which it sent.
    pub(super) fn add_to(self, config: &mut Config) -> Result<(), Error> {
        let Some(servers) = self.publish else { return Ok(()) };
        let who = SubjectToken::new(&self.r#as.unwrap_or_else(own_name));
        config.publish = Some(Box::new(self.login.into_settings("--publish", servers, who)?));
        if config.read.state.is_none() {
            config.read.state = Some(default_state_folder(&config.watch.paths)?);
        }
        Ok(())
    }
}

impl LoginOptions {
    /// `option` is the one that `servers` was given with.
    fn into_settings(self, option: &str, servers: String, who: SubjectToken) -> Result<NatsSettings, Error> {
        for server in servers.split(',') {
            let address = server.strip_prefix("nats://").or_else(|| server.strip_prefix("tls://")).unwrap_or_default();
            if address.is_empty() {
                return Err(Error::Usage(format!("{option} {server:?}: give nats://HOST:PORT or tls://HOST:PORT")));
            }
            if address.contains('@') {
                return Err(Error::Usage(format!(
                    "{option}: a password in an address is seen by everyone who lists processes: set {USER_VARIABLE} and {PASSWORD_VARIABLE}"
                )));
            }
        }
        Ok(NatsSettings { servers, who, login: login(self.nats_creds, self.nats_nkey)?, ca: self.nats_ca })
    }
}

fn login(credentials: Option<PathBuf>, nkey: Option<PathBuf>) -> Result<NatsLogin, Error> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (credentials, nkey, variable(USER_VARIABLE), variable(PASSWORD_VARIABLE)) {
        (Some(file), ..) => Ok(NatsLogin::Credentials(file)),
        (None, Some(file), ..) => {
            let text = read_small_file(&file).map_err(|cause| {
                Error::Usage(format!(
                    "cannot read the nkey seed in {}: {cause}; give the file that holds it with --nats-nkey",
                    file.display()
                ))
            })?;
            Ok(NatsLogin::Nkey(text.lines().next().unwrap_or_default().trim().to_owned()))
        }
        (None, None, Some(user), Some(password)) => Ok(NatsLogin::Password { user, password }),
        (None, None, None, None) => Ok(NatsLogin::None),
        (None, None, Some(_), None) | (None, None, None, Some(_)) => {
            Err(Error::Usage(format!("{USER_VARIABLE} and {PASSWORD_VARIABLE} go together: set both or neither")))
        }
    }
}

/// The user and the machine.
fn own_name() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{}-{host}", user.as_deref().unwrap_or("bridge"))
}

/// The folder of `--state` for what is watched from here: the same for the same command in the same folder.
fn default_state_folder(watched: &[PathBuf]) -> Result<PathBuf, Error> {
    let no_home = || Error::Usage("--publish keeps its counts in a folder, and there is no home folder: name one with --state".to_owned());
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let states = match variable("XDG_STATE_HOME").filter(|path| path.is_absolute()) {
        Some(folder) => folder,
        None => variable("HOME").ok_or_else(no_home)?.join(".local/state"),
    };
    let here = std::env::current_dir().unwrap_or_default();
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| here.join(path));
    let mut paths: Vec<PathBuf> = watched.iter().map(|path| real(path)).collect();
    paths.sort();
    paths.push(here);
    let name = paths.iter().flat_map(|path| [path.as_os_str().as_encoded_bytes(), b"\0"]).collect::<Vec<_>>().concat();
    // The hash names a folder, nothing more.
    Ok(states.join("progress-bridge").join(&Uuid::new_v5(&Uuid::NAMESPACE_URL, &name).simple().to_string()[..16]))
}
