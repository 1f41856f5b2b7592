//! Who is told of what, checked at the start: what is wrong is found out now, and not when the run is over.

use std::path::PathBuf;

use super::small_file::read_small_file;
use crate::error::Error;
use crate::notifications::{HookCommand, OccasionKind, Receiver, SigningSecret, Webhook};

/// The variable of the secret that webhooks are signed with; a file goes before it.
const SECRET_VARIABLE: &str = "PROGRESS_BRIDGE_WEBHOOK_SECRET";

/// Who is told of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyConfig {
    /// None for a run that tells nobody.
    pub receivers: Vec<Receiver>,
    /// What is told.
    pub chosen: Vec<OccasionKind>,
}

/// What was asked for, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyRequest {
    /// Commands to run.
    pub commands: Vec<String>,
    /// URLs to call.
    pub webhooks: Vec<String>,
    /// The file of the secret that they are signed with.
    pub secret_file: Option<PathBuf>,
    /// Whether the terminal's bell is rung.
    pub bell: bool,
    /// Names of [`OccasionKind::CHOICES`].
    pub on: Vec<String>,
}

impl NotifyRequest {
    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// A command that is not there, a URL or a secret that makes no sense.
    pub fn check(self) -> Result<NotifyConfig, Error> {
        let usage = |option: &str, why: String| Error::Usage(format!("{option}: {why}"));
        let secret = self.secret()?;
        let mut receivers = Vec::new();
        for command in &self.commands {
            receivers.push(Receiver::Command(HookCommand::parse(command).map_err(|why| usage("--notify-exec", why))?));
        }
        for url in &self.webhooks {
            let webhook = Webhook::parse(url).map_err(|why| usage("--webhook", why))?;
            receivers.push(Receiver::Webhook(webhook, secret.clone()));
        }
        if self.bell {
            receivers.push(Receiver::Bell);
        }
        let is_chosen = |name: &str| self.on.iter().any(|chosen| chosen == name);
        let chosen = OccasionKind::CHOICES.iter().filter(|(name, _)| is_chosen(name)).flat_map(|(_, kinds)| kinds.iter().copied());
        Ok(NotifyConfig { chosen: chosen.collect(), receivers })
    }

    fn secret(&self) -> Result<Option<SigningSecret>, Error> {
        let (source, text) = match (&self.secret_file, std::env::var(SECRET_VARIABLE)) {
            (Some(file), _) => {
                let source = format!("--webhook-secret-file {}", file.display());
                let text = read_small_file(file);
                let readable = text.map_err(|error| Error::Usage(format!("{source}: {error}; let this user read it, and nobody else")));
                (source, readable?)
            }
            (None, Ok(text)) if !text.is_empty() => (SECRET_VARIABLE.to_owned(), text),
            (None, _) => return Ok(None),
        };
        SigningSecret::parse(&text).map(Some).map_err(|why| Error::Usage(format!("{source}: {why}")))
    }
}
