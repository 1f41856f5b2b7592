//! The files that the page consists of: all of them served, small, and the vendored ones as their authors published them.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::in_process_server::InProcessServer;
use crate::sse_client::get;

/// Together and each once, as a browser loads them.
const PLAIN: usize = 150_000;
const COMPRESSED: usize = 45_000;

#[test]
fn everything_that_is_referred_to_is_served_and_small() {
    let server = InProcessServer::start();
    let mut found = BTreeMap::new();
    let mut open = vec![String::from("/")];
    while let Some(path) = open.pop() {
        if found.contains_key(&path) {
            continue;
        }
        let response = get(server.address, &path);
        assert_eq!(response.status, 200, "{path}");
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript",
            Some((_, "css")) => "text/css",
            _ => "text/html",
        };
        assert!(response.header("content-type").is_some_and(|value| value.starts_with(kind)), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(
            response.header("cross-origin-resource-policy"),
            Some(if path == "/" { "same-origin" } else { "cross-origin" }),
            "{path}"
        );
        let policy = response.header("content-security-policy").expect("a content policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let text = response.text();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let named = text.split(['"', '\'', '`']).filter(|word| word.ends_with(".js") || word.ends_with(".css"));
        open.extend(named.filter(|word| !word.contains(['$', ' ', ':'])).map(|word| resolved(folder, word)));
        found.insert(path, text);
    }
    assert!(found.contains_key("/panel.js") && found.contains_key("/panel.css") && found.len() > 20, "{:?}", found.keys());
    let all: String = found.values().map(String::as_str).collect();
    assert!(all.len() <= PLAIN, "{} bytes", all.len());
    let compressed = compressed(&all);
    assert!(compressed <= COMPRESSED, "{compressed} bytes compressed");
}

fn resolved(folder: &str, word: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for step in word.split('/') {
        match step {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

fn compressed(text: &str) -> usize {
    let mut gzip = Command::new("gzip").arg("-9c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip is there");
    let mut stdin = gzip.stdin.take().expect("it is piped");
    let text = text.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()).expect("gzip reads"));
    let output = gzip.wait_with_output().expect("gzip ends");
    writing.join().expect("it only writes");
    output.stdout.len()
}

#[test]
fn vendored_files_are_what_their_authors_published() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/page/assets/vendor");
    let checked =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(folder).output().expect("sha256sum is there");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let sums = std::fs::read_to_string(format!("{folder}/SHA256SUMS")).expect("it is there");
    for package in std::fs::read_dir(folder).expect("it is there").flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(package.path()).expect("it is there").flatten() {
            let name = format!("{}/{}", package.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            assert!(sums.contains(&name), "{name} has no checksum");
        }
    }
}
