//! Markdown → its outline: headings, list items, lines and table rows, in their order, as plain text.
//!
//! Code blocks, quotes, comments and front matter are examples or prose: nothing of them is in an outline.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::plan::words;

/// Items deeper than this are of their ancestor's level.
const DEPTH_LIMIT: usize = 64;

/// A piece of a document. Emphasis and links are gone, what they held is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Heading {
        level: usize,
        text: String,
    },
    /// An item of a list, without the items below it.
    Item {
        /// 0 for items of a list that is in no other.
        depth: usize,
        /// Its number in an ordered list.
        number: Option<u64>,
        text: String,
    },
    /// A line of a paragraph; inside of a list with the depth of its item.
    Line {
        depth: Option<usize>,
        text: String,
    },
    Row(Vec<String>),
}

/// Reads a document.
pub(super) fn outline(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = OutlineReader::default();
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.blocks
}

#[derive(Default)]
struct OutlineReader {
    blocks: Vec<Block>,
    /// Open lists: the number of the next item where they are ordered.
    lists: Vec<Option<u64>>,
    /// What stands in code, quotes and front matter is passed over.
    passed_over: usize,
    text: String,
    context: TextContext,
    cells: Vec<String>,
}

/// What the text that is being read belongs to.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum TextContext {
    #[default]
    Nowhere,
    Heading(usize),
    /// The first text of an item.
    Item(Option<u64>),
    Line,
    Cell,
}

impl OutlineReader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::BlockQuote(_) | Tag::MetadataBlock(_) | Tag::HtmlBlock) => {
                self.flush();
                self.passed_over += 1;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::BlockQuote(_) | TagEnd::MetadataBlock(_) | TagEnd::HtmlBlock) => {
                self.passed_over = self.passed_over.saturating_sub(1);
            }
            _ if self.passed_over > 0 => {}
            Event::Start(Tag::Heading { level, .. }) => self.start(TextContext::Heading(depth(level))),
            Event::Start(Tag::List(number)) => {
                self.flush();
                self.lists.push(number);
            }
            Event::End(TagEnd::List(_)) => {
                self.flush();
                self.lists.pop();
            }
            Event::Start(Tag::Item) => {
                let number = self.lists.last_mut().and_then(|next| {
                    let own = *next;
                    *next = own.map(|number| number + 1);
                    own
                });
                self.start(TextContext::Item(number));
            }
            Event::Start(Tag::Paragraph) if !matches!(self.context, TextContext::Item(_)) || !self.text.is_empty() => {
                self.start(TextContext::Line)
            }
            Event::Start(Tag::TableCell) => self.start(TextContext::Cell),
            Event::End(TagEnd::TableCell) => {
                self.cells.push(words::plain(&self.text));
                self.text.clear();
                self.context = TextContext::Nowhere;
            }
            Event::End(TagEnd::TableRow | TagEnd::TableHead) => self.blocks.push(Block::Row(std::mem::take(&mut self.cells))),
            Event::End(TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item) => self.flush(),
            Event::Text(text) | Event::Code(text) => self.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            _ => {}
        }
    }

    fn start(&mut self, context: TextContext) {
        self.flush();
        self.context = context;
    }

    /// What has been read becomes a block.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let depth = self.lists.len().checked_sub(1).map(|depth| depth.min(DEPTH_LIMIT));
        match std::mem::take(&mut self.context) {
            TextContext::Heading(level) => self.blocks.push(Block::Heading { level, text: words::plain(&text) }),
            TextContext::Item(number) => self.item(depth.unwrap_or(0), number, &text),
            TextContext::Line | TextContext::Nowhere | TextContext::Cell => self.lines(depth, &text),
        }
    }

    /// A wrapped item is one item, but lines that say a field or begin with a box are lines of their own.
    fn item(&mut self, depth: usize, number: Option<u64>, text: &str) {
        let mut lines = text.lines();
        let mut own = lines.next().unwrap_or_default().to_owned();
        let mut below = Vec::new();
        for line in lines {
            if below.is_empty() && !is_own_line(line) {
                own.push(' ');
                own.push_str(line.trim());
            } else {
                below.push(line);
            }
        }
        self.blocks.push(Block::Item { depth, number, text: words::plain(&own) });
        self.lines(Some(depth), &below.join("\n"));
    }

    fn lines(&mut self, depth: Option<usize>, text: &str) {
        let lines = text.lines().map(words::plain).filter(|line| !line.is_empty());
        self.blocks.extend(lines.map(|text| Block::Line { depth, text }));
    }
}

/// `Status: done`, `[x] 3.2 - title`: a line that says something by itself.
fn is_own_line(line: &str) -> bool {
    let line = line.trim_start();
    let field = line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("status"));
    field || super::boxes::boxed(line).is_some()
}

fn depth(level: HeadingLevel) -> usize {
    level as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_its_outline() {
        let text = "\
---
status: executing
---
# Tasks: *Shop*

Intro
**Status:** done

- [ ] T001 Make `it` in
  two lines
  - [x] below

  more of it
> - [ ] quoted

```
- [ ] code
```
<!-- - [ ] comment -->

1. [x] first
2) second

| Error | n |
|---|---|
| No | 1 |
";
        let shown: Vec<String> = outline(text)
            .iter()
            .map(|block| match block {
                Block::Heading { level, text } => format!("h{level} {text}"),
                Block::Item { depth, number, text } => format!("{depth}{} {text}", number.map_or(String::new(), |n| format!("#{n}"))),
                Block::Line { depth, text } => format!("l{} {text}", depth.map_or(String::new(), |d| d.to_string())),
                Block::Row(cells) => format!("r {}", cells.join("|")),
            })
            .collect();
        let expected = [
            "h1 Tasks: Shop",
            "l Intro",
            "l Status: done",
            "0 [ ] T001 Make it in two lines",
            "1 [x] below",
            "l0 more of it",
            "0#1 [x] first",
            "0#2 second",
            "r Error|n",
            "r No|1",
        ];
        assert_eq!(shown, expected);
    }
}
