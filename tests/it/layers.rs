//! The layers of the modules: which may import which, where each package is used, and how long a file may be.

use std::path::PathBuf;

use crate::source_files::sources;

const LONGEST_FILE: usize = 600;

/// Modules by layer. A longer path wins over a shorter one.
const LAYERS: &[(&str, u8)] = &[
    ("clock", 0),
    ("line", 0),
    ("text", 0),
    ("recent_set", 0),
    ("seeded_hash", 0),
    ("compact_set", 0),
    ("usual_map", 0),
    ("property", 0),
    ("redact", 0),
    ("file_change", 0),
    ("fact", 0),
    ("event", 0),
    ("error", 0),
    ("tail::splitter", 1),
    ("tail::clean", 1),
    ("tail::follow", 1),
    ("lex", 1),
    ("record", 1),
    ("format", 1),
    ("plan", 1),
    ("agent", 1),
    ("subject", 1),
    ("ledger", 1),
    ("model", 1),
    ("estimate", 1),
    ("rate_limiter", 1),
    ("backoff", 1),
    ("discover", 1),
    ("fleet::names", 1),
    ("fleet::card", 1),
    ("fleet::message", 1),
    ("fleet::sender", 1),
    ("fleet::view", 1),
    ("engine", 2),
    ("hub", 3),
    ("inline_delivery", 3),
    // Plain data: what the reader gives to be kept, and is given back.
    ("tail::checkpoint", 3),
    ("tail", 4),
    ("output", 4),
    ("store", 4),
    ("client", 4),
    ("notifications", 4),
    ("fleet", 4),
    ("serve", 4),
    ("config", 5),
    ("app", 5),
    ("check", 5),
    ("demo", 5),
    ("doctor", 5),
    ("fit", 5),
    ("report", 5),
    ("status", 5),
    ("fuzz", 5),
    ("cli", 6),
    ("program", 6),
    ("main", 6),
];

/// Machines and edges know nothing of their neighbours.
const STRICT: [u8; 2] = [1, 4];

/// Except these, each with its reason.
const NEIGHBOURS: &[(&str, &str)] = &[
    // Written names are resolved against the plan's stories.
    ("subject", "plan"),
    // The model shows the plan, keyed by subjects, and by which kind of file each thing is known.
    ("model", "plan"),
    ("model", "subject"),
    ("model", "format"),
    // Records are found in lines that are taken apart.
    ("record", "lex"),
    ("format", "record"),
    ("format", "lex"),
    // Durations and kinds of errors in words.
    ("notifications", "output"),
    // An agent's own records in a log are passed over.
    ("format", "agent"),
    // What an agent does is a field of the state.
    ("agent", "model"),
    // What is estimated is one field of the state.
    ("estimate", "model"),
    // A card is a task's state in short.
    ("fleet", "model"),
    // Its percentiles in words, as a bridge says them.
    ("fleet", "estimate"),
    // The samples of states that tests share.
    ("fleet", "output"),
];

/// Packages that appear in one place only.
const HOMES: &[(&str, &[&str])] = &[
    ("notify", &["tail::watch"]),
    ("warp", &["serve"]),
    ("hyper", &["serve::conn", "client", "notifications"]),
    ("hyper_util", &["serve::conn", "client", "notifications::http"]),
    ("http_body_util", &["client", "notifications::http"]),
    ("rustls", &["notifications::http"]),
    ("tokio_rustls", &["notifications::http"]),
    ("rustls_native_certs", &["notifications::http"]),
    ("ring", &["notifications::signature", "report::html"]),
    ("shlex", &["notifications::command"]),
    ("sse_stream", &["client::feed"]),
    ("socket2", &["serve::conn"]),
    ("indicatif", &["output::stream"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("regex", &["format"]),
    ("regex_syntax", &["format::rules"]),
    ("toml", &["format::rules", "config::user_file"]),
    ("pulldown_cmark", &["plan::markdown"]),
    ("granit_parser", &["plan::tree"]),
    ("async_nats", &["fleet::nats"]),
];

struct Module {
    /// `tail::splitter`; tests of a module count as the module.
    name: String,
    path: PathBuf,
    text: String,
}

#[test]
fn imports_go_to_lower_layers_only() {
    let mut wrong = Vec::new();
    for module in modules() {
        for import in imports(&module.text) {
            let (here, there) = (layer(&module.name), layer(&import));
            let allowed = folder(&import) == folder(&module.name)
                || there < here
                || (there == here && !STRICT.contains(&here))
                || NEIGHBOURS.contains(&(folder(&module.name), folder(&import)));
            if !allowed {
                wrong.push(format!("{} imports {import}", module.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_package_has_its_home() {
    let mut wrong = Vec::new();
    for module in modules() {
        for (package, homes) in HOMES {
            let at_home = homes.iter().any(|home| is_within(&module.name, home));
            if uses(&module.text, package) && !at_home {
                wrong.push(format!("{} uses {package}", module.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_shown_has_clean_text_only() {
    let shown = ["event", "model::state", "model::state::story", "model::agent", "plan"];
    let mut wrong = Vec::new();
    for module in modules().iter().filter(|module| shown.contains(&&*module.name)) {
        let fields = module.text.lines().map(code).filter(|line| line.trim_end().ends_with(',') && line.contains(": "));
        let raw = fields.filter(|line| ["String", "Arc<str>", "Box<str>", "Cow<"].iter().any(|name| line.contains(name)));
        wrong.extend(raw.map(|line| format!("{}: {}", module.path.display(), line.trim())));
    }
    assert!(wrong.is_empty(), "text that may come from a file is a CleanText: {wrong:#?}");
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = modules()
        .iter()
        .map(|module| (module.text.lines().count(), &module.path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, path)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split by noun: {long:#?}");
}

#[test]
fn use_lines_are_read_in_every_form() {
    let text = "use crate::fact::{Fact, What};\npub(crate) use crate::hub::Hub;\nfn f() { crate::plan::parse(\"\") }\nuse crate::{\n    line::Line,\n    event,\n};\n// crate::serve\n";
    assert_eq!(imports(text), ["fact::Fact", "hub::Hub", "plan::parse", "line::Line", "event"]);
    assert!(uses("let bar = indicatif::ProgressBar::new(1);", "indicatif"));
    assert!(!uses("// clap::Parser is not for us", "clap"));
    assert!(!uses("let x = myclap::Parser;", "clap"));
    assert_eq!(layer("tail::splitter"), 1);
    assert_eq!(layer("tail::reader"), 4);
}

fn modules() -> Vec<Module> {
    let modules = sources().into_iter().map(|file| Module { name: file.module(), path: file.path, text: file.text });
    // `lib.rs` names every module: that is its job.
    modules.filter(|module| module.name != "lib").collect()
}

/// Elsewhere than `property::config` says, their seeds would make a folder of their own beside `src`.
#[test]
fn every_property_keeps_its_seeds_with_the_tests() {
    for file in sources() {
        let count = |part: &str| file.text.matches(part).count();
        assert_eq!(
            count("proptest! {"),
            count("crate::property::config("),
            "{}: a property without `property::config`",
            file.path.display()
        );
    }
}

/// `crate::` paths, cut to two names, wherever they stand outside comments.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().map(code).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (start, marker) in code.match_indices("crate::") {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[start + marker.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = &list[..list.find("};").unwrap_or(list.len())];
                found.extend(list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(two_names));
            }
            None => found.push(two_names(rest)),
        }
    }
    found
}

fn two_names(path: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = path.split("::").map(|name| name.split(|c| !is_word(c)).next().unwrap_or_default());
    let first = names.next().unwrap_or_default();
    // Only when the first name goes on with `::` is there a second.
    let second = if path[first.len()..].starts_with("::") { names.next().unwrap_or_default() } else { "" };
    match path[first.len()..].strip_prefix("::{") {
        // `fact::{Fact, What}`: one of them is as good as all.
        Some(list) => format!("{first}::{}", list.trim_start().split(|c| !is_word(c)).next().unwrap_or_default()),
        None if second.is_empty() => first.to_owned(),
        None => format!("{first}::{second}"),
    }
}

fn uses(text: &str, package: &str) -> bool {
    let path = format!("{package}::");
    text.lines().map(code).any(|line| {
        line.match_indices(&path).any(|(start, _)| !line[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
    })
}

/// A line without its comment. `//` inside a string ends it early, which hides nothing that is looked for here.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[track_caller]
fn layer(name: &str) -> u8 {
    let known = LAYERS.iter().filter(|(module, _)| is_within(name, module)).max_by_key(|(module, _)| module.len());
    known.unwrap_or_else(|| panic!("{name} has no layer yet: give it one in LAYERS")).1
}

/// The folder or file that a module belongs to.
fn folder(name: &str) -> &str {
    name.split("::").next().unwrap_or_default()
}

fn is_within(name: &str, module: &str) -> bool {
    name == module || name.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}
