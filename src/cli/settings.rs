//! Where a setting comes from: typed, else its variable, else the user's file, else its default.
//!
//! The options are the one table. Of an option in a group (a help heading) `--max-rate` is made the variable `PROGRESS_BRIDGE_MAX_RATE`
//! and the key `max-rate` of the file; whatever is no such option is no setting.

use std::any::TypeId;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::{FILE_VARIABLE, UserFile};
use crate::error::Error;
use crate::redact::mask;

const PREFIX: &str = "PROGRESS_BRIDGE_";

/// Variables that are no options: the token, the secret of webhooks and the login of NATS, which arguments would show to every process, the place of the file, and for
/// those who fit the record reader another table of weights.
const OTHER_VARIABLES: [&str; 6] = [
    "PROGRESS_BRIDGE_TOKEN",
    "PROGRESS_BRIDGE_WEBHOOK_SECRET",
    "PROGRESS_BRIDGE_NATS_USER",
    "PROGRESS_BRIDGE_NATS_PASSWORD",
    FILE_VARIABLE,
    "PROGRESS_BRIDGE_WEIGHTS",
];

/// Their values are secrets as a whole.
const SECRET_SETTINGS: [&str; 1] = ["webhook"];

/// Where a value comes from; a later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SettingSource {
    Default,
    File,
    Environment,
    Typed,
}

/// Where the values of the options come from.
#[derive(Debug)]
pub(super) struct SettingSources<'a> {
    matches: &'a ArgMatches,
    file: &'a UserFile,
}

impl<'a> SettingSources<'a> {
    pub(super) fn new(matches: &'a ArgMatches, file: &'a UserFile) -> Self {
        SettingSources { matches, file }
    }

    /// Of the option with this id.
    pub(super) fn of(&self, id: &str) -> SettingSource {
        match self.matches.value_source(id) {
            Some(ValueSource::CommandLine) => SettingSource::Typed,
            Some(ValueSource::EnvVariable) => SettingSource::Environment,
            Some(_) if self.file.settings.iter().any(|(key, _)| *key == id.replace('_', "-")) => SettingSource::File,
            Some(_) | None => SettingSource::Default,
        }
    }
}

/// Whether it is typed as `--name` and belongs to a group.
fn is_setting(arg: &Arg) -> bool {
    arg.get_long().is_some() && arg.get_help_heading().is_some()
}

fn variable(long: &str) -> String {
    format!("{PREFIX}{}", long.to_uppercase().replace('-', "_"))
}

/// Gives each setting its variable, in commands as well.
pub(super) fn with_variables(command: Command) -> Command {
    let add = |arg: Arg| match arg.get_long() {
        Some(long) if is_setting(&arg) => {
            let variable = variable(long);
            arg.env(variable).hide_env(true)
        }
        Some(_) | None => arg,
    };
    command.mut_args(add).mut_subcommands(with_variables)
}

/// Makes the values of the user's file the defaults of the settings.
///
/// # Errors
///
/// A key is no setting, or its option refuses the value.
pub(super) fn with_file(command: Command, file: &UserFile) -> Result<Command, Error> {
    let Some(path) = file.path.as_deref() else { return Ok(command) };
    let mut values = Vec::new();
    for (key, typed) in &file.settings {
        let wrong = |why: String| Error::Usage(format!("{}: {key}: {why}", path.display()));
        let Some(arg) = command.get_arguments().find(|arg| is_setting(arg) && arg.get_long() == Some(key)) else {
            let hint = nearest(&command, key).map_or(String::new(), |near| format!(", but {near} is"));
            return Err(wrong(format!("is no setting{hint}; progress-bridge config lists them")));
        };
        let typed: Vec<String> = typed.iter().map(|value| absolute(arg, value, path)).collect();
        check(arg, key, &typed).map_err(wrong)?;
        values.push((key.clone(), typed));
    }
    Ok(with_defaults(command, &values))
}

fn with_defaults(command: Command, values: &[(String, Vec<String>)]) -> Command {
    let set = |arg: Arg| match values.iter().find(|(key, _)| is_setting(&arg) && arg.get_long() == Some(key)) {
        Some((_, typed)) => arg.default_values(typed),
        None => arg,
    };
    command.mut_args(set).mut_subcommands(|command| with_defaults(command, values))
}

/// Tries the values as if they were typed: what an option refuses on the command line it refuses in the file.
fn check(arg: &Arg, key: &str, typed: &[String]) -> Result<(), String> {
    let is_flag = !arg.get_action().takes_values();
    if is_flag {
        return match typed {
            [flag] if flag == "true" || flag == "false" => Ok(()),
            _ => Err("give true or false".to_owned()),
        };
    }
    if typed.len() > 1 && !matches!(arg.get_action(), ArgAction::Append) {
        return Err("give one value".to_owned());
    }
    for value in typed {
        let alone = Command::new("progress-bridge").arg(arg.clone().env(Resettable::Reset).conflicts_with(Resettable::Reset));
        if let Err(error) = alone.try_get_matches_from(["progress-bridge".to_owned(), format!("--{key}={value}")]) {
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            return Err(first.strip_prefix("error: ").unwrap_or(first).to_owned());
        }
    }
    Ok(())
}

/// A path of the file counts from the file's folder, so that no watched folder gives a setting; `~/` is the user's home.
fn absolute(arg: &Arg, value: &str, file: &Path) -> String {
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    if !is_path || value == "-" || Path::new(value).is_absolute() {
        return value.to_owned();
    }
    let folder = match (value.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(below), Some(home)) => return PathBuf::from(home).join(below).display().to_string(),
        (Some(_) | None, _) => file.parent().unwrap_or(Path::new("/")),
    };
    std::path::absolute(folder.join(value)).unwrap_or_else(|_| folder.join(value)).display().to_string()
}

/// The setting that differs least from a word, if it differs little.
fn nearest<'a>(command: &'a Command, word: &str) -> Option<&'a str> {
    let word = word.replace('_', "-").to_lowercase();
    let known = command.get_arguments().filter(|arg| is_setting(arg)).filter_map(Arg::get_long);
    known.map(|long| (strsim::levenshtein(long, &word), long)).filter(|(distance, _)| *distance <= 2).min().map(|(_, long)| long)
}

/// Names the variable that an unusable value may come from.
pub(super) fn with_hint_of_variable(message: String, command: &Command) -> String {
    let is_about = |long: &str| message.contains(&format!("'--{long}'")) || message.contains(&format!("'--{long} "));
    let longs = command.get_arguments().filter(|arg| is_setting(arg)).filter_map(Arg::get_long);
    match longs.filter(|long| is_about(long)).map(variable).find(|variable| std::env::var_os(variable).is_some()) {
        Some(variable) => format!("{message}{variable} is set: mend or unset it\n"),
        None => message,
    }
}

/// Every setting with its value and where that comes from: a file of settings that would give the same.
pub(super) fn table(command: &Command, matches: &ArgMatches, file: &UserFile) -> String {
    let mut text = match &file.path {
        None => format!("# no file of settings: {FILE_VARIABLE} is empty\n"),
        Some(path) if file.exists => format!("# settings: {}\n", path.display()),
        Some(path) => format!("# settings: {} (not there yet; this text would do for it)\n", path.display()),
    };
    let sources = SettingSources::new(matches, file);
    let rows: Vec<(&str, String, String)> = command
        .get_arguments()
        .filter(|arg| is_setting(arg))
        .filter_map(|arg| {
            let long = arg.get_long()?;
            let (line, origin) = row(arg, long, matches, &sources);
            Some((arg.get_help_heading().unwrap_or_default(), line, origin))
        })
        .collect();
    let width = rows.iter().map(|(_, line, _)| line.chars().count()).max().unwrap_or(0).min(48);
    let mut heading = "";
    for (group, line, origin) in &rows {
        if heading != *group {
            heading = group;
            push(&mut text, format_args!("\n# {group}"));
        }
        push(&mut text, format_args!("{line:width$}  # {origin}"));
    }
    let unknown: Vec<String> = unknown_variables(command);
    if !unknown.is_empty() {
        push(&mut text, format_args!("\n# set, but no setting: {}", unknown.join(", ")));
    }
    text
}

fn row(arg: &Arg, long: &str, matches: &ArgMatches, sources: &SettingSources<'_>) -> (String, String) {
    let values: Vec<String> = match matches.try_get_raw(arg.get_id().as_str()) {
        Ok(Some(values)) => values.map(|value| mask(&value.to_string_lossy()).into_owned()).collect(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let origin = match sources.of(arg.get_id().as_str()) {
        SettingSource::Typed => format!("--{long}"),
        SettingSource::Environment => variable(long),
        SettingSource::File => "the file".to_owned(),
        SettingSource::Default => "default".to_owned(),
    };
    let line = match (arg.get_action(), values.as_slice()) {
        (_, [_, ..]) if SECRET_SETTINGS.contains(&long) => format!("# {long} = (set, not shown)"),
        (ArgAction::Append, []) => format!("# {long} = []"),
        (_, []) => format!("# {long} ="),
        (ArgAction::Append, several) => format!("{long} = [{}]", several.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
        (ArgAction::SetTrue, [flag, ..]) => format!("{long} = {flag}"),
        (_, [value, ..]) => format!("{long} = {}", quoted(value)),
    };
    (line, origin)
}

/// As TOML: numbers bare, everything else in quotes. JSON's escapes are escapes of TOML.
fn quoted(value: &str) -> String {
    match value.parse::<u64>() {
        Ok(number) if number.to_string() == value => value.to_owned(),
        Ok(_) | Err(_) => serde_json::to_string(value).unwrap_or_default().replace('\u{7f}', "\\u007f"),
    }
}

/// Variables with our prefix that set nothing: a mistyped one would otherwise go unnoticed.
fn unknown_variables(command: &Command) -> Vec<String> {
    let known: Vec<String> = command.get_arguments().filter(|arg| is_setting(arg)).filter_map(Arg::get_long).map(variable).collect();
    let mut unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name) && !OTHER_VARIABLES.contains(&name.as_str()))
        .collect();
    unknown.sort();
    unknown
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _never = writeln!(text, "{line}").is_err();
}
