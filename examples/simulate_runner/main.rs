//! Writes into a folder what a runner and its agent would write: a run of five stories in about a minute.
//!
//!     cargo run --example simulate_runner -- DIR [--runner ralph|claude-loop] [--style append|truncate|rename|insert-top] [--speed N]
//!
//!     cargo run --example simulate_runner -- DIR --family spec-kit|kiro|openspec|task-master|beads|bmad [--speed N]
//!
//! Watch DIR with progress-bridge beside it. A second run in the same folder resets the log, as runners do for a new task.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

mod family;
mod shop;
mod simulation;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use family::Family;
use simulation::{STEP, SimulatedRunner, Simulation};
use write::WriteStyle;

const USAGE: &str =
    "usage: simulate_runner DIR [--runner ralph|claude-loop | --family NAME] [--style append|truncate|rename|insert-top] [--speed N]";

fn main() -> ExitCode {
    let (simulation, family) = match understood(std::env::args().skip(1)) {
        Ok(understood) => understood,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let played = match family {
        Some(family) => simulation.claim().and_then(|()| family::play(family, &simulation.folder, simulation.step)),
        None => simulation.prepare().and_then(|()| simulation.run()),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("simulate_runner: {}: {cause}", simulation.folder.display());
            ExitCode::FAILURE
        }
    }
}

fn understood(mut arguments: impl Iterator<Item = String>) -> Result<(Simulation, Option<&'static Family>), String> {
    let (mut folder, mut runner, mut style, mut speed) = (None, SimulatedRunner::ClaudeLoop, WriteStyle::Append, 1.0);
    let mut family = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--runner" => {
                runner = match value()?.as_str() {
                    "ralph" => SimulatedRunner::Ralph,
                    "claude-loop" => SimulatedRunner::ClaudeLoop,
                    other => return Err(format!("{other} is no runner that can be simulated")),
                }
            }
            "--family" => {
                let name = value()?;
                let known = family::FAMILIES.iter().find(|family| family.name == name);
                family = Some(known.ok_or_else(|| format!("{name} is no family that can be played"))?);
            }
            "--style" => {
                style = match value()?.as_str() {
                    "append" => WriteStyle::Append,
                    "truncate" => WriteStyle::Truncate,
                    "rename" => WriteStyle::Rename,
                    "insert-top" => WriteStyle::InsertTop,
                    other => return Err(format!("{other} is no way of writing")),
                }
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
    Ok((Simulation { folder, runner, style, step: STEP.div_f64(speed), tell: |text| println!("{text}") }, family))
}
