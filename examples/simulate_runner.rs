//! Writes into a folder what a runner and its agent would write: a run of five stories in about a minute.
//!
//!     cargo run --example simulate_runner -- DIR [--runner ralph|claude-loop] [--style append|truncate|rename|insert-top] [--speed N]
//!
//!     cargo run --example simulate_runner -- DIR --family spec-kit|kiro|openspec|task-master|beads|bmad|sisyphus|conductor|gsd|ralph-orchestrator|ralph-tui|ralphy
//!     [--speed N]
//!
//! Watch DIR with progress-bridge beside it. A second run in the same folder resets the log, as runners do for a new task.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;

use progress_bridge::demo::family::FAMILIES;
use progress_bridge::demo::simulation::{STEP, Script, SimulatedRunner, Simulation};
use progress_bridge::demo::write::WriteStyle;

const USAGE: &str =
    "usage: simulate_runner DIR [--runner ralph|claude-loop | --family NAME] [--style append|truncate|rename|insert-top] [--speed N]";

fn main() -> ExitCode {
    let (folder, script, speed) = match parsed(std::env::args().skip(1)) {
        Ok(parsed) => parsed,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Kept until the run is over: nothing stops it early.
    let (_running, stop) = sync_channel(1);
    let simulation = Simulation { folder, script, step: STEP.div_f64(speed), report: |text| println!("{text}"), stop };
    match simulation.prepare().and_then(|()| simulation.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("simulate_runner: {}: {cause}", simulation.folder.display());
            ExitCode::FAILURE
        }
    }
}

fn parsed(mut arguments: impl Iterator<Item = String>) -> Result<(PathBuf, Script, f64), String> {
    let (mut folder, mut runner, mut style, mut speed) = (None, SimulatedRunner::ClaudeLoop, WriteStyle::Append, 1.0);
    let mut family = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--runner" => runner = named(&SimulatedRunner::NAMED, &value()?, "a runner that can be simulated")?,
            "--style" => style = named(&WriteStyle::NAMED, &value()?, "a way of writing")?,
            "--family" => {
                let name = value()?;
                family = Some(FAMILIES.iter().find(|family| family.name == name).ok_or(format!("{name} is no family that can be played"))?);
            }
            "--speed" => match value()?.parse() {
                Ok(number) if number > 0.0 && number <= 1000.0 => speed = number,
                Ok(_) | Err(_) => return Err("--speed takes a number from above 0 to 1000".to_owned()),
            },
            option if option.starts_with("--") => return Err(format!("{option} is unknown")),
            path => folder = Some(PathBuf::from(path)),
        }
    }
    let folder = folder.ok_or("a folder to write into is needed")?;
    Ok((folder, family.map_or(Script::Runner { runner, style }, Script::Plan), speed))
}

fn named<T: Copy>(known: &[(&str, T)], name: &str, what: &str) -> Result<T, String> {
    known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| format!("{name} is not {what}"))
}
