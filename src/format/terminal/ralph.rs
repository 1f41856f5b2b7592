//! Lines without a tag: ralph.sh's banners and last words, claude-loop's banner, the agent's promise.

use super::{Seen, Terminal, after, count, tags};
use crate::fact::Fact;

impl Terminal {
    /// Takes a line, or the inside of a box row, that may be a banner.
    pub(super) fn banner(&mut self, text: &str, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> bool {
        if text == "<promise>COMPLETE</promise>" {
            return self.promise(seen, facts);
        }
        let text = text.trim_matches(['=', '-', '*', '>', ' ', '═', '─', '━']);
        if after(text, "claude-loop - autonomous").is_some() {
            self.restart();
            return true;
        }
        if let Some(rest) = after(text, "ralph iteration ")
            && let Some((number, of, rest)) = count(rest)
            && (rest.is_empty() || rest.starts_with([' ', ':']))
        {
            self.round(number, of, seen, facts);
            return true;
        }
        if let Some(rest) = after(text, "starting ralph") {
            if !(rest.is_empty() || rest.starts_with([' ', '.', '-', ':'])) || text.len() > 120 {
                return false;
            }
            self.restart();
            self.header.max = after_label(rest, "Max iterations: ").and_then(|max| count(max).map(|(max, ..)| max));
            self.started(None, seen, None, facts);
            return true;
        }
        if let Some(rest) = after(text, "iteration ")
            && let Some((_, _, rest)) = count(rest)
            && after(rest, " complete. continuing").is_some()
        {
            self.sure = true;
            return true;
        }
        if after(text, "ralph completed all tasks").is_some() {
            self.sure = true;
            self.run_ended(true, seen, None, facts);
            return true;
        }
        if after(text, "ralph reached max iterations").is_some() || (self.sure && after(text, "max iterations reached").is_some()) {
            self.sure = true;
            self.gave_up(text, seen, None, facts);
            return true;
        }
        self.sure && (after(text, "completed at iteration ").is_some() || (is_short(text) && tags::gave_up(text)))
    }

    /// The agent says that all is done: on a line of its own, not in a fence, and not where a prompt tells it what to say.
    fn promise(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> bool {
        let own = self.sure && !self.agent.fenced && !self.agent.quoting;
        if own {
            self.run_ended(true, seen, None, facts);
        }
        own
    }
}

fn after_label<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    text.find(label).map(|at| &text[at + label.len()..])
}

fn is_short(text: &str) -> bool {
    text.len() <= 80
}
