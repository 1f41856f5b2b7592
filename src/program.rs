//! Parses the arguments, runs the command and returns the exit code.
//!
//! All of `main` stands here and not in `main.rs`: the compiler makes generic code and async functions for each crate that calls them, and the
//! program's own crate would hold most of the server and the reader a second time.

use std::process::ExitCode;
use std::time::Duration;

use crate::app::{self, ExitReason, Signals};
use crate::check;
use crate::cli::{self, Command, EarlyExit};
use crate::demo;
use crate::doctor;
use crate::error::{Error, FREE_RESOURCES};
use crate::report;
use crate::status;

/// Runs the command that the arguments of the process ask for.
pub fn run() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Run(config)) => to_exit_code(run_until_signal(async |signals| app::run(*config, signals).await)),
        Ok(Command::Connect(config)) => to_exit_code(run_until_signal(async |signals| app::connect(config, signals).await)),
        Ok(Command::Demo(request)) => to_exit_code(run_until_signal(async |signals| demo::run(*request, signals).await)),
        Ok(Command::Doctor(request)) => to_exit_code(doctor::run(&request)),
        Ok(Command::Check(request)) => to_exit_code(check::run(&request).map(|()| 0)),
        Ok(Command::Status(request)) => to_exit_code(status::status(&request)),
        #[cfg(feature = "fleet")]
        Ok(Command::Fleet(config)) => to_exit_code(run_until_signal(async |signals| app::run_hub(config, signals).await)),
        Ok(Command::Wait(request)) => to_exit_code(status::wait(&request)),
        Ok(Command::Report(request)) => to_exit_code(report::run(&request)),
        Err(EarlyExit::Print(text)) => to_exit_code(app::print_to_stdout(&text).map(|()| 0)),
        Err(EarlyExit::UsageError(text)) => {
            app::print_last_words(&text);
            ExitCode::from(2)
        }
        Err(EarlyExit::Error(error)) => to_exit_code(Err(error)),
    }
}

fn run_until_signal(program: impl AsyncFnOnce(Signals) -> Result<ExitReason, Error>) -> Result<u8, Error> {
    app::require_descriptors()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|cause| Error::Io {
        what: "cannot start threads".to_owned(),
        path: None,
        cause,
        hint: FREE_RESOURCES,
    })?;
    let reason = runtime.block_on(async { program(Signals::catch()?).await });
    // Tasks that still run are abandoned: a blocking read of a terminal cannot be cancelled.
    runtime.shutdown_timeout(Duration::from_millis(50));
    reason.map(ExitReason::exit_code)
}

fn to_exit_code(result: Result<u8, Error>) -> ExitCode {
    match result {
        Ok(code) => {
            app::finish_printing();
            ExitCode::from(code)
        }
        Err(error) => {
            app::print_last_words(&format!("progress-bridge: {error}\n"));
            ExitCode::from(error.exit_code())
        }
    }
}
