//! Something to look at without an agent at hand: a make-believe runner works in a temporary folder, and the real program watches it.
//!
//!     cargo run --release --example demo                        # what `progress-bridge --watch DIR --stream` shows
//!     cargo run --release --example demo -- --json              # any options of progress-bridge in place of --stream
//!
//! The run takes a minute; the server stays until Ctrl-C, and the folder goes with it.

#![expect(clippy::print_stderr, reason = "it says what it does before the program speaks")]

#[path = "simulate_runner/shop.rs"]
mod shop;
#[expect(dead_code, reason = "one runner and one way of writing are enough here")]
#[path = "simulate_runner/simulation.rs"]
mod simulation;
#[expect(dead_code, reason = "one runner and one way of writing are enough here")]
#[path = "simulate_runner/write.rs"]
mod write;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::thread;

use progress_bridge::app::{self, Signals};
use progress_bridge::cli::{self, Command};

use simulation::{STEP, SimulatedRunner, Simulation};
use write::WriteStyle;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut options: Vec<String> = std::env::args().skip(1).collect();
    if options.is_empty() {
        options.push("--stream".to_owned());
    }
    let folder = std::env::temp_dir().join(format!("progress-bridge-demo-{}", std::process::id())).join("shop");
    let simulation =
        Simulation { folder: folder.clone(), runner: SimulatedRunner::ClaudeLoop, style: WriteStyle::Rename, step: STEP, tell: |_| {} };
    simulation.prepare()?;
    let arguments = ["progress-bridge".to_owned(), "--watch".to_owned(), folder.display().to_string()].into_iter().chain(options);
    let arguments: Vec<String> = arguments.collect();
    let config = match cli::parse(&arguments) {
        Ok(Command::Run(config)) => config,
        Ok(Command::Check(_) | Command::Status(_) | Command::Wait(_)) | Err(_) => {
            return Err(format!("these options are not for a demo: {}", arguments.join(" ")).into());
        }
    };
    eprintln!("a make-believe runner is at work, watched by:\n  {}", arguments.join(" "));
    // It ends by itself, or with the process.
    thread::spawn(move || simulation.run());
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async { app::run(config, Signals::catch()?).await });
    if let Some(parent) = folder.parent() {
        fs::remove_dir_all(parent)?;
    }
    Ok(ExitCode::from(ended?.exit_code()))
}
