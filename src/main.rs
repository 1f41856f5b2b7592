//! Arguments → command, a runtime for it, and the exit code.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use progress_bridge::app::{self, Signals};
use progress_bridge::check;
use progress_bridge::cli::{self, Command, Instead};
use progress_bridge::config::Config;
use progress_bridge::error::Error;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Run(config)) => ended(run(config)),
        Ok(Command::Check(request)) => ended(check::run(&request).map(|()| 0)),
        Err(Instead::Say(text)) => {
            // Whoever closed stdout does not want to read it.
            let _closed = std::io::stdout().write_all(text.as_bytes()).is_err();
            ExitCode::SUCCESS
        }
        Err(Instead::Explain(text)) => {
            complain(&text);
            ExitCode::from(2)
        }
        Err(Instead::Fail(error)) => ended(Err(error)),
    }
}

fn run(config: Config) -> Result<u8, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|cause| Error::Io {
        what: "cannot start threads".to_owned(),
        path: None,
        cause,
    })?;
    let ended = runtime.block_on(async { app::run(config, Signals::catch()?).await });
    // Whatever has not ended by now has had its time: a read of a terminal cannot be called back.
    runtime.shutdown_timeout(Duration::from_millis(50));
    ended.map(app::Ended::exit_code)
}

fn ended(result: Result<u8, Error>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("progress-bridge: {error}\n"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn complain(text: &str) {
    // A closed stderr has nobody left to tell; the exit code still says it.
    let _closed = std::io::stderr().write_all(text.as_bytes()).is_err();
}
