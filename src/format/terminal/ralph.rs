//! Lines without a tag: ralph.sh's banners and last words, claude-loop's banner, the agent's promise.

use super::{LineContext, Terminal, after, count, tags};
use crate::fact::Fact;

impl Terminal {
    /// Takes a line, or the inside of a box row, that may be a banner.
    pub(super) fn banner(&mut self, text: &str, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        if text == "<promise>COMPLETE</promise>" {
            return self.promise(context, facts);
        }
        let text = text.trim_matches(['=', '-', '*', '>', ' ', '═', '─', '━']);
        // Most lines of a big log get here: the first letter already tells that they are none of these.
        match text.as_bytes().first().map(u8::to_ascii_lowercase) {
            Some(b'c') if after(text, "claude-loop - autonomous").is_some() => {
                self.restart();
                true
            }
            Some(b'c') => self.sure && after(text, "completed at iteration ").is_some(),
            Some(b'r') => self.ralph(text, context, facts),
            Some(b's') => self.starting(text, context, facts),
            Some(b'i') => {
                let number = after(text, "iteration ").and_then(count);
                let ended = number.is_some_and(|(_, _, remainder)| after(remainder, " complete. continuing").is_some());
                self.sure |= ended;
                ended
            }
            Some(b'm') if self.sure && is_short(text) && tags::gave_up(text) => {
                self.gave_up(text, context, None, facts);
                true
            }
            Some(_) | None => false,
        }
    }

    fn ralph(&mut self, text: &str, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        if let Some((number, of, remainder)) = after(text, "ralph iteration ").and_then(count)
            && (remainder.is_empty() || remainder.starts_with([' ', ':']))
        {
            self.round(number, of, context, facts);
        } else if after(text, "ralph completed all tasks").is_some() {
            self.sure = true;
            self.run_ended(true, context, None, facts);
        } else if after(text, "ralph reached max iterations").is_some() {
            self.sure = true;
            self.gave_up(text, context, None, facts);
        } else {
            return false;
        }
        true
    }

    fn starting(&mut self, text: &str, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let remainder =
            after(text, "starting ralph").filter(|remainder| remainder.is_empty() || remainder.starts_with([' ', '.', '-', ':']));
        let Some(remainder) = remainder.filter(|_| text.len() <= 120) else { return false };
        self.restart();
        self.header.max = after_label(remainder, "Max iterations: ").and_then(|max| count(max).map(|(max, ..)| max));
        self.started(None, context, None, facts);
        true
    }

    /// The agent says that all is done: on a line of its own, not in a fence, and not where a prompt tells it what to say.
    fn promise(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let own = self.sure && !self.agent.fenced && !self.agent.quoting;
        if own {
            self.run_ended(true, context, None, facts);
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
