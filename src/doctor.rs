//! `doctor`: what is found, what of it is understood, what is missing, and what to type next; of a URL, how its stream comes through.
//!
//! It explains no line: that is `check`.

mod files;
mod stream;

use crate::app;
use crate::client::http::{BaseUrl, HttpClient, RequestError};
use crate::client::probe::StreamProbe;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::status::{StateSource, runtime};
use crate::text;

/// What is examined.
#[derive(Debug, PartialEq)]
pub struct DoctorRequest {
    /// Files, or another bridge.
    pub origin: StateSource,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Good,
    /// Works, with something less.
    Poor,
    Bad,
}

/// One line of the answer.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// What the lines below it are about.
    Heading(String),
    /// What is so, and for what is not good what to do.
    Observation(Severity, String),
    /// A command.
    Next(String),
}

impl Finding {
    fn good(text: impl Into<String>) -> Finding {
        Finding::Observation(Severity::Good, text.into())
    }

    fn poor(text: impl Into<String>) -> Finding {
        Finding::Observation(Severity::Poor, text.into())
    }

    fn bad(text: impl Into<String>) -> Finding {
        Finding::Observation(Severity::Bad, text.into())
    }
}

/// Prints the answer. Returns 0 when nothing is bad, else 1.
///
/// # Errors
///
/// Nothing is found, or the bridge does not answer.
pub fn run(request: &DoctorRequest) -> Result<u8, Error> {
    let findings = match &request.origin {
        StateSource::Files(paths) => {
            let snapshot = app::Observed::once(paths)?;
            files::examine(&snapshot.state, paths, Timestamp::now())
        }
        StateSource::Bridge { url, token } => examine_bridge(url, token.as_deref())?,
    };
    let text: String = findings.iter().map(line).collect();
    app::print_to_stdout(&text::clean_lines(&text))?;
    Ok(u8::from(findings.iter().any(|finding| matches!(finding, Finding::Observation(Severity::Bad, _)))))
}

fn line(finding: &Finding) -> String {
    match finding {
        Finding::Heading(text) => format!("{text}\n"),
        Finding::Observation(Severity::Good, text) => format!("  ok    {text}\n"),
        Finding::Observation(Severity::Poor, text) => format!("  note  {text}\n"),
        Finding::Observation(Severity::Bad, text) => format!("  BAD   {text}\n"),
        Finding::Next(command) => format!("next: {command}\n"),
    }
}

fn examine_bridge(url: &str, token: Option<&str>) -> Result<Vec<Finding>, Error> {
    let base = BaseUrl::parse(url)?;
    let client = HttpClient::new(base.clone(), token);
    let refused = |error: RequestError| error.into_error(&base);
    let (version, probe) = runtime()?.block_on(async {
        let version = stream::version(&client).await.map_err(refused)?;
        // It watches the quiet for longer than one heartbeat takes.
        app::print_last_words(&format!("asking {base}: this takes about 20 s\n"));
        Ok::<_, Error>((version, StreamProbe::run(&client).await.map_err(refused)?))
    })?;
    Ok(stream::examine(&base.to_string(), &version, &probe))
}
