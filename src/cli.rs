//! Parses arguments, variables and the user's file of settings into a [`Command`]. The doc comments of the options are their help texts.
//!
//! Only rules of the command line itself are checked here; `config` checks the settings.
//!
//! To add an option: one field in a group of `options`, which gives it its variable and its key in the user's file as well, a field in
//! `config`, the line between the two in `options`, and its row in `docs/features/progress-streaming.md`.

#[cfg(feature = "fleet")]
mod fleet;
mod options;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use self::options::{DisplayOptions, OriginOptions, RulesOption, RunKind, RunOptions, ServeOptions};
use self::settings::SettingSources;
use crate::check::CheckRequest;
use crate::config::{self, Config, ConnectConfig, UserFile};
use crate::demo::DemoRequest;
use crate::demo::family::FAMILIES;
use crate::demo::simulation::{STEP, Script, SimulatedRunner};
use crate::demo::write::WriteStyle;
use crate::doctor::DoctorRequest;
use crate::error::Error;
use crate::report::{ReportFormat, ReportRequest};
use crate::status::{Goal, StatusRequest, WaitRequest};

const NAME: &str = "progress-bridge";

const EXAMPLES: &str = "\
Examples:
  progress-bridge demo                 a make-believe run, to see what it is like
  progress-bridge --stream             in a project's folder: the live box, and a page
  progress-bridge progress.txt --json  events as JSON lines on stdout, no server
  progress-bridge status ~/shop        where a run stands, in one line
  progress-bridge doctor               what is found here, and what to do next
";

const SHORT_CLOSING: &str = "--help has every option with its story, progress-bridge help COMMAND those of a command.";

const CLOSING: &str = "\
Settings:
  Every option under a heading is a variable and a key of the user's file as well: --max-rate is
  PROGRESS_BRIDGE_MAX_RATE and max-rate. What is typed wins, then the variable, then the file:
  ~/.config/progress-bridge/config.toml, below $XDG_CONFIG_HOME where that is set, or the file that
  PROGRESS_BRIDGE_CONFIG names. progress-bridge config prints each value with its source.
  The token itself is taken from PROGRESS_BRIDGE_TOKEN.
  A file that is called like a command is given as ./demo, or with --watch.

Exit codes:
  0    ended as asked, SIGTERM included        4    cannot listen on the address
  1    --exit-on-complete: the run failed     74    the output could not be written
  2    the arguments make no sense           130    Ctrl-C
  3    nothing to watch was found
";

/// Watches the files that coding-agent runners write and serves them as a live stream of events.
///
/// The runner stays as it is and nothing is written into the watched project.
#[derive(Debug, Parser)]
#[command(name = NAME, version, before_help = EXAMPLES, after_help = SHORT_CLOSING, after_long_help = CLOSING)]
#[command(args_conflicts_with_subcommands = true, infer_subcommands = false)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    run: RunOptions,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what it is like: a make-believe run and the bridge, in a temporary folder
    ///
    /// The live box here, the page at the printed address. The run takes a minute, the server stays until Ctrl-C, and the folder goes with it.
    Demo(DemoOptions),

    /// Say what is found, what of it is understood, what is missing, and what to type next
    ///
    /// Of a URL: whether streams get through from there to here whole and at once. Exit codes: 0 all is well, 1 something is not,
    /// 3 nothing is found, 4 the bridge does not answer.
    Doctor {
        #[command(flatten)]
        origin: OriginOptions,
    },

    /// Show, line by line, what a file was read as
    Check {
        /// Progress logs, terminal logs, execution logs, plans
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,

        /// One JSON object per file, with the share of lines understood
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        rules: RulesOption,
    },

    /// Say once where a run stands, in a line and in the exit code
    ///
    /// Exit codes: 0 passed, 1 failed or ended, 10 running, 11 needs a look, 12 not begun; of several tasks the first of 11, 1, 10, 12, 0
    /// that occurs. 3: no such task. 4: the bridge does not answer.
    Status {
        #[command(flatten)]
        question: QuestionOptions,

        /// The whole state as JSON; docs/state.md
        #[arg(long, conflicts_with = "format")]
        json: bool,

        /// A line of your own, for example '{passed}/{total} {story}'
        ///
        /// Fields: {task} {status} {passed} {total} {failed} {percent} {story} {title} {criteria} {elapsed} {remaining} {iteration} {reason}.
        #[arg(long, value_name = "TEMPLATE")]
        format: Option<String>,

        /// How good the forecasts of these finished runs would have been; each path is a run
        #[arg(long, conflicts_with_all = ["json", "format", "task"])]
        backtest: bool,
    },

    /// Make one file of a run, to look at or to send on
    ///
    /// After the fact, from the files that are there anyway, or from a bridge that watches them. Secrets are masked. Exit codes: 0 written,
    /// 3 nothing to read or no such task, 4 the bridge does not answer.
    Report {
        #[command(flatten)]
        question: QuestionOptions,
        #[command(flatten)]
        form: ReportOptions,
    },

    /// Wait for the end of a run or of a story
    ///
    /// Exit codes: 0 passed, 1 failed, or the run ended without it, 3 no such task or story, 4 the bridge does not answer, 124 timed out.
    Wait {
        /// `run`, or `story:ID`
        #[arg(value_name = "WHAT", default_value = "run", value_parser = parse_goal)]
        goal: Goal,

        #[command(flatten)]
        question: QuestionOptions,

        /// For so long at most, for example 2h or 90m
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        timeout: Option<Duration>,
    },

    /// Serve what many bridges publish to a NATS server
    ///
    /// Makes the streams there when they are missing. Any number of them may run; a client of one can go on at another. See docs/fleet.md.
    #[cfg(feature = "fleet")]
    Fleet(Box<fleet::HubOptions>),

    /// Print every setting with its value and where that comes from, as a file of settings
    Config(Box<RunOptions>),

    /// Print the completions of a shell
    ///
    /// For example: progress-bridge completions bash > ~/.local/share/bash-completion/completions/progress-bridge
    Completions {
        /// For which shell
        shell: Shell,
    },

    /// Print the manual page
    ///
    /// For example: progress-bridge man > ~/.local/share/man/man1/progress-bridge.1
    Man,
}

#[derive(Debug, Args)]
struct DemoOptions {
    /// Whose progress log is written
    #[arg(long, value_name = "RUNNER", default_value = SimulatedRunner::NAMED[0].0, conflicts_with = "family",
        value_parser = PossibleValuesParser::new(SimulatedRunner::NAMED.map(|(name, _)| name)))]
    runner: String,

    /// Write the plan of this family instead, which is edited in place
    #[arg(long, value_name = "FAMILY", value_parser = PossibleValuesParser::new(FAMILIES.iter().map(|family| family.name)))]
    family: Option<String>,

    /// How the agent writes
    #[arg(long, value_name = "STYLE", default_value = "rename", value_parser = PossibleValuesParser::new(WriteStyle::NAMED.map(|(name, _)| name)))]
    style: String,

    /// So many times as fast, up to 1000
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_speed)]
    speed: f64,

    #[command(flatten)]
    serve: ServeOptions,

    #[command(flatten)]
    display: DisplayOptions,
}

#[derive(Debug, Args)]
struct ReportOptions {
    /// html: one page that needs no network; md: for a pull request or a CI summary; json: state and events; junit: stories as test cases;
    /// chrome-trace: for trace viewers [default: by the name of FILE, else html]
    #[arg(long, value_name = "FORM", value_parser = parse_report_format)]
    format: Option<ReportFormat>,

    /// Write it into FILE instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct QuestionOptions {
    #[command(flatten)]
    origin: OriginOptions,

    /// Only this task, by its id or its name
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
}

/// The parsed command.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Watches, emits and serves.
    Run(Box<Config>),
    /// Shows another bridge.
    Connect(ConnectConfig),
    /// Simulates a run and watches it.
    Demo(Box<DemoRequest>),
    /// Says what is found and what is missing.
    Doctor(DoctorRequest),
    /// Explains how the files are read.
    Check(CheckRequest),
    /// Says the state once.
    Status(StatusRequest),
    /// Waits for an end.
    Wait(WaitRequest),
    /// Makes a report.
    Report(ReportRequest),
    /// Serves a fleet.
    #[cfg(feature = "fleet")]
    Fleet(config::FleetConfig),
}

/// Why there is no command to run.
#[derive(Debug)]
pub enum EarlyExit {
    /// A text that was asked for, for stdout: `--help`, `--version`, the settings, completions, the manual page.
    Print(String),
    /// The text about unusable arguments, for stderr.
    UsageError(String),
    /// The arguments contradict one another, or a file that they name is unusable.
    Error(Error),
}

impl From<Error> for EarlyExit {
    fn from(error: Error) -> Self {
        EarlyExit::Error(error)
    }
}

/// Parses the arguments over the variables and the user's file of settings; the first argument is the program's name.
///
/// # Errors
///
/// See [`EarlyExit`].
pub fn parse<I, T>(arguments: I) -> Result<Command, EarlyExit>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    parse_over(arguments, UserFile::load())
}

fn parse_over<I, T>(arguments: I, file: Result<UserFile, Error>) -> Result<Command, EarlyExit>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let plain = settings::with_variables(Arguments::command());
    let file = file.and_then(|file| settings::with_file(plain.clone(), &file).map(|command| (command, file)));
    // Help must be had with a broken file, too.
    let (mut command, file) = match file {
        Ok((command, file)) => (command, Ok(file)),
        Err(error) => (plain, Err(error)),
    };
    let matches = command.try_get_matches_from_mut(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => EarlyExit::Print(error.render().to_string()),
        _ => EarlyExit::UsageError(settings::with_hint_of_variable(error.render().to_string(), &command)),
    })?;
    let file = file?;
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| EarlyExit::UsageError(error.render().to_string()))?;
    match arguments.action {
        Some(action) => action.into_command(command, &matches, &file),
        None => match arguments.run.mistyped_command(&command) {
            Some(error) => Err(error.into()),
            None => Ok(match arguments.run.into_config(&SettingSources::new(&matches, &file))? {
                RunKind::Bridge(config) => Command::Run(config),
                RunKind::Connect(config) => Command::Connect(config),
            }),
        },
    }
}

impl Action {
    fn into_command(self, mut command: clap::Command, matches: &clap::ArgMatches, file: &UserFile) -> Result<Command, EarlyExit> {
        Ok(match self {
            Action::Demo(options) => Command::Demo(Box::new(options.into_request()?)),
            Action::Doctor { origin } => Command::Doctor(DoctorRequest { origin: origin.read()? }),
            Action::Check { files, json, rules } => Command::Check(CheckRequest { files, json, rules: config::load_rules(&rules.files)? }),
            Action::Status { question, json, format, backtest } => {
                Command::Status(StatusRequest { origin: question.origin.read()?, task: question.task, json, format, backtest })
            }
            Action::Wait { goal, question, timeout } => {
                Command::Wait(WaitRequest { origin: question.origin.read()?, task: question.task, goal, timeout })
            }
            Action::Report { question, form: ReportOptions { format, output } } => {
                Command::Report(ReportRequest { origin: question.origin.read()?, task: question.task, format, output })
            }
            #[cfg(feature = "fleet")]
            Action::Fleet(options) => Command::Fleet(options.into_config()?),
            Action::Config(options) => {
                let typed = matches.subcommand_matches("config").unwrap_or(matches);
                options.into_config(&SettingSources::new(typed, file))?;
                return Err(EarlyExit::Print(settings::table(&command, typed, file)));
            }
            Action::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(shell, &mut command, NAME, &mut text);
                return Err(EarlyExit::Print(String::from_utf8_lossy(&text).into_owned()));
            }
            Action::Man => {
                let mut text = Vec::new();
                // Writing into a `Vec` cannot fail.
                let _never = clap_mangen::Man::new(command).render(&mut text).is_err();
                return Err(EarlyExit::Print(String::from_utf8_lossy(&text).into_owned()));
            }
        })
    }
}

impl DemoOptions {
    fn into_request(self) -> Result<DemoRequest, Error> {
        // The parser of each option knows these names only.
        let runner =
            SimulatedRunner::NAMED.iter().find(|(name, _)| *name == self.runner).map_or(SimulatedRunner::ClaudeLoop, |named| named.1);
        let style = WriteStyle::NAMED.iter().find(|(name, _)| *name == self.style).map_or(WriteStyle::Rename, |named| named.1);
        let family = self.family.and_then(|name| FAMILIES.iter().find(|family| family.name == name));
        Ok(DemoRequest {
            script: family.map_or(Script::Runner { runner, style }, Script::Plan),
            step: STEP.div_f64(self.speed),
            config: options::demo_config(self.serve, self.display)?,
        })
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed <= 1000.0 => Ok(speed),
        Ok(_) | Err(_) => Err("give a number from above 0 to 1000".to_owned()),
    }
}

fn parse_goal(text: &str) -> Result<Goal, String> {
    match text.split_once(':') {
        None if text == "run" => Ok(Goal::Run),
        Some(("story", id)) if !id.is_empty() => Ok(Goal::Story(id.to_owned())),
        Some(_) | None => Err("give run, or story:ID, and the folder after it: wait run ~/shop".to_owned()),
    }
}

fn parse_report_format(name: &str) -> Result<ReportFormat, String> {
    let known = ReportFormat::ALL.iter().find(|(known, _)| *known == name);
    known.map(|(_, format)| *format).ok_or_else(|| format!("give one of {}", ReportFormat::ALL.map(|(name, _)| name).join(", ")))
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    parsed.ok_or_else(|| "give a time such as 2h, 90m or 30s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TerminalMode;

    /// Without a file of settings.
    fn parsed(arguments: &str) -> Result<Command, EarlyExit> {
        parse_over(std::iter::once(NAME).chain(arguments.split_whitespace()), Ok(UserFile::default()))
    }

    fn config(arguments: &str) -> Config {
        match parsed(arguments) {
            Ok(Command::Run(config)) => *config,
            other => panic!("{arguments}: {other:?}"),
        }
    }

    #[test]
    fn definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn paths_are_given_either_way() {
        assert_eq!(config("a --watch b --watch c").watch.paths, ["a", "b", "c"].map(PathBuf::from));
        assert!(config("").watch.paths.is_empty());
    }

    #[test]
    fn a_mistyped_command_is_no_file_to_wait_for() {
        for typed in ["statsu", "reprot", "staus ."] {
            assert!(matches!(parsed(typed), Err(EarlyExit::Error(Error::Usage(_)))), "{typed}");
        }
        for typed in ["./statsu", "state.md", "logs", "progress.txt statsu", "--watch statsu", "src"] {
            assert!(matches!(parsed(typed), Ok(Command::Run(_))), "{typed}");
        }
    }

    #[test]
    fn there_is_a_server_unless_stdout_has_the_data() {
        for (arguments, has_server) in [
            ("", true),
            ("--stream", true),
            ("--json", false),
            ("--once", false),
            ("--json --once", false),
            ("--json --listen 127.0.0.1:0", true),
            ("--exit-on-complete", true),
        ] {
            assert_eq!(config(arguments).serve.is_some(), has_server, "{arguments}");
        }
    }

    #[test]
    fn the_terminal_shows_something_unless_stdout_has_the_data() {
        for (arguments, terminal) in [
            ("", TerminalMode::Lines),
            ("--stream", TerminalMode::Box),
            ("--stream --plain", TerminalMode::Lines),
            ("--stream --json", TerminalMode::Box),
            ("--json", TerminalMode::Nothing),
            ("--json --plain", TerminalMode::Lines),
            ("--once", TerminalMode::Nothing),
            ("--once --plain", TerminalMode::Lines),
        ] {
            assert_eq!(config(arguments).display.terminal, terminal, "{arguments}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (arguments, part) in [("--once --listen 127.0.0.1:0", "leave out"), ("--listen 0.0.0.0:7333", "--require-token")] {
            match parsed(arguments) {
                Err(EarlyExit::Error(error)) => {
                    assert_eq!(error.exit_code(), 2);
                    assert!(error.to_string().contains(part), "{error}");
                }
                other => panic!("{arguments}: {other:?}"),
            }
        }
    }

    #[test]
    fn help_has_an_example_first_and_the_exit_codes_last() {
        match parsed("--help") {
            Err(EarlyExit::Print(text)) => {
                assert!(text.starts_with("Examples:"), "{text}");
                assert!(text.trim_end().ends_with("nothing to watch was found"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
