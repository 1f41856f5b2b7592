//! Decides from the environment: box or plain lines, colour, Unicode or ASCII.
//!
//! The decision is pure; only [`Environment::from_process`] reads variables.

use super::text::Charset;

/// The parts of the process's environment that the output depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Whether stderr is a terminal.
    pub terminal: bool,
    /// `--plain` was given.
    pub plain: bool,
    pub ci: Option<String>,
    pub term: Option<String>,
    pub no_color: Option<String>,
    pub lc_all: Option<String>,
    pub lc_ctype: Option<String>,
    pub lang: Option<String>,
    pub term_program: Option<String>,
    /// iTerm2 lists its features here; `P` is OSC 9;4.
    pub term_features: Option<String>,
}

/// How the output on stderr looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalStyle {
    pub mode: OutputMode,
    pub charset: Charset,
    pub color: bool,
    /// Whether OSC 9;4 reports the progress to the terminal's tab or the task bar.
    pub taskbar: bool,
}

/// A box that is redrawn, or one line per event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    Box,
    Plain,
}

impl Environment {
    /// Reads the process's variables. `app` calls it once per output.
    pub fn from_process(terminal: bool, plain: bool) -> Self {
        let get = |name| std::env::var(name).ok();
        Environment {
            terminal,
            plain,
            ci: get("CI"),
            term: get("TERM"),
            no_color: get("NO_COLOR"),
            lc_all: get("LC_ALL"),
            lc_ctype: get("LC_CTYPE"),
            lang: get("LANG"),
            term_program: get("TERM_PROGRAM"),
            term_features: get("TERM_FEATURES"),
        }
    }

    /// Derives the style from the environment.
    pub fn style(&self) -> TerminalStyle {
        let term = self.term.as_deref().unwrap_or("");
        let dumb = term == "dumb";
        let mode = if self.terminal && !self.plain && !on(&self.ci) && !dumb { OutputMode::Box } else { OutputMode::Plain };
        // Old iTerm2 shows OSC 9 as a notification; the Linux console may print it.
        let iterm_without = self.term_program.as_deref() == Some("iTerm.app") && !self.term_features.as_deref().unwrap_or("").contains('P');
        TerminalStyle {
            mode,
            charset: self.charset(),
            color: self.terminal && !dumb && self.no_color.as_deref().unwrap_or("").is_empty(),
            taskbar: mode == OutputMode::Box && term != "linux" && !iterm_without,
        }
    }

    /// The first of the three that is set and not empty decides, as in `setlocale`; with none the locale is `C`.
    fn charset(&self) -> Charset {
        let locale =
            [&self.lc_all, &self.lc_ctype, &self.lang].into_iter().find_map(|value| value.as_deref().filter(|value| !value.is_empty()));
        let name = locale.unwrap_or("C").to_ascii_lowercase();
        if name.contains("utf-8") || name.contains("utf8") { Charset::Unicode } else { Charset::Ascii }
    }
}

fn on(variable: &Option<String>) -> bool {
    // `CI=false` is what people write to get the terminal back.
    variable.as_deref().is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Environment), expected: TerminalStyle) {
        let mut environment = Environment {
            terminal: true,
            term: Some("xterm-256color".to_owned()),
            lang: Some("de_DE.UTF-8".to_owned()),
            ..Environment::default()
        };
        change(&mut environment);
        assert_eq!(environment.style(), expected, "{environment:?}");
    }

    #[test]
    fn the_environment_decides() {
        let full = TerminalStyle { mode: OutputMode::Box, charset: Charset::Unicode, color: true, taskbar: true };
        let plain = TerminalStyle { mode: OutputMode::Plain, taskbar: false, ..full };
        let some = |text: &str| Some(text.to_owned());
        check(|_| {}, full);
        check(|e| e.plain = true, plain);
        check(|e| e.terminal = false, TerminalStyle { color: false, ..plain });
        check(|e| e.ci = some("true"), plain);
        check(|e| e.ci = some(""), full);
        check(|e| e.ci = some("false"), full);
        check(|e| e.no_color = some("0"), TerminalStyle { color: false, ..full });
        check(|e| e.term = some("dumb"), TerminalStyle { color: false, ..plain });
        check(|e| e.term = some("linux"), TerminalStyle { taskbar: false, ..full });
        check(|e| e.term_program = some("iTerm.app"), TerminalStyle { taskbar: false, ..full });
        check(|e| e.no_color = some("1"), TerminalStyle { color: false, ..full });
        check(|e| e.no_color = some(""), full);
        check(|e| e.lc_all = some("C"), TerminalStyle { charset: Charset::Ascii, ..full });
        check(|e| e.lc_all = some(""), full);
        check(|e| e.lc_ctype = some("POSIX"), TerminalStyle { charset: Charset::Ascii, ..full });
        check(|e| (e.lc_all, e.lang) = (some("C.utf8"), some("C")), full);
        check(|e| e.lang = None, TerminalStyle { charset: Charset::Ascii, ..full });
    }
}
