//! The user's own file of settings: where it lies and what is written in it. What its keys mean is not known here: `cli` has the options.

use std::io;
use std::path::{Path, PathBuf};

use super::small_file::read_small_file;
use crate::error::Error;

/// Names another file than the usual one; empty for none.
pub const FILE_VARIABLE: &str = "PROGRESS_BRIDGE_CONFIG";

/// What the user's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFile {
    /// Where it lies, or would lie.
    pub path: Option<PathBuf>,
    /// Whether it is there.
    pub exists: bool,
    /// Its keys with their values as one would type them, in the order of the keys.
    pub settings: Vec<(String, Vec<String>)>,
}

impl UserFile {
    /// Reads `PROGRESS_BRIDGE_CONFIG`, else `progress-bridge/config.toml` in the folder of settings. That it is not there is no error
    /// unless it was named.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no TOML of simple values.
    pub fn load() -> Result<UserFile, Error> {
        let (path, is_named) = match std::env::var_os(FILE_VARIABLE) {
            Some(named) if named.is_empty() => return Ok(UserFile::default()),
            Some(named) => (PathBuf::from(named), true),
            None => match usual_path() {
                Some(path) => (path, false),
                None => return Ok(UserFile::default()),
            },
        };
        match read_small_file(&path) {
            Ok(text) => UserFile::parse(&path, &text),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && !is_named => Ok(UserFile { path: Some(path), ..UserFile::default() }),
            Err(cause) => Err(Error::Usage(format!(
                "cannot read the settings in {}: {cause}; mend it, or set {FILE_VARIABLE}= to go without",
                path.display()
            ))),
        }
    }

    /// Reads the text of a file at `path`.
    ///
    /// # Errors
    ///
    /// It is no TOML, or a value is a table or a date.
    pub fn parse(path: &Path, text: &str) -> Result<UserFile, Error> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Error::Usage(format!("{} is no TOML; mend it there: {}", path.display(), error.to_string().trim_end()))
        })?;
        let settings = table
            .into_iter()
            .map(|(key, value)| match typed(value) {
                Some(values) => Ok((key, values)),
                None => Err(Error::Usage(format!("{}: {key}: give a text, a number, true or false, or a list of texts", path.display()))),
            })
            .collect::<Result<_, _>>()?;
        Ok(UserFile { path: Some(path.to_owned()), exists: true, settings })
    }
}

/// A value as one would type it.
fn typed(value: toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text]),
        toml::Value::Integer(number) => Some(vec![number.to_string()]),
        toml::Value::Float(number) => Some(vec![number.to_string()]),
        toml::Value::Boolean(flag) => Some(vec![flag.to_string()]),
        toml::Value::Array(values) => {
            let mut all = Vec::new();
            for value in values {
                match value {
                    toml::Value::Array(_) => return None,
                    value => all.extend(typed(value)?),
                }
            }
            Some(all)
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// By the XDG base directory specification, in which relative paths count for nothing.
fn usual_path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("progress-bridge/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[(&str, &[&str])], &str>) {
        match (UserFile::parse(Path::new("config.toml"), text), expected) {
            (Ok(file), Ok(settings)) => {
                let expected: Vec<(String, Vec<String>)> = settings
                    .iter()
                    .map(|(key, values)| ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
                    .collect();
                assert_eq!(file.settings, expected);
            }
            (Err(error), Err(part)) => assert!(error.exit_code() == 2 && error.to_string().contains(part), "{error}"),
            (parsed, expected) => panic!("{text}: {parsed:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn values_are_as_one_would_type_them() {
        check("", Ok(&[]));
        check(
            "listen = \"127.0.0.1:8080\"\nmax-rate = 0\nstream = true",
            Ok(&[("listen", &["127.0.0.1:8080"]), ("max-rate", &["0"]), ("stream", &["true"])]),
        );
        check(
            "poll-interval = 0.5\nwatch = [\"a\", \"b\"]\nrules = []",
            Ok(&[("poll-interval", &["0.5"]), ("rules", &[]), ("watch", &["a", "b"])]),
        );
    }

    #[test]
    fn what_is_no_setting_is_refused_where_it_stands() {
        check("listen = ", Err("line 1"));
        check("[serve]\nlisten = 1", Err("config.toml: serve: give a text"));
        check("watch = [[\"a\"]]", Err("watch"));
        check("from = 2026-01-01", Err("from"));
    }
}
