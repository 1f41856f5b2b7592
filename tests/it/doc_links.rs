//! Links of the pages lead somewhere: to a file that is there, and to a heading in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    for folder in ["docs", "docs/features"] {
        let entries = fs::read_dir(root.join(folder)).expect("the pages are there").map(|entry| entry.expect("it can be listed").path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    assert!(pages.len() > 10, "the pages are gone: {pages:?}");
    let wrong: Vec<String> = pages.iter().flat_map(|page| dead_links(page)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn dead_links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("pages are UTF-8");
    let targets = text.split("](").skip(1).filter_map(|after| after.split(')').next());
    let is_dead = |target: &&str| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { page.to_owned() } else { page.parent().unwrap_or(Path::new("/")).join(file) };
        !path.exists() || (!heading.is_empty() && is_page(&path) && !headings(&path).contains(heading))
    };
    targets.filter(|target| !target.contains("://")).filter(is_dead).map(|target| format!("{}: {target}", page.display())).collect()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// As a forge names them: lower case, without punctuation, blanks as hyphens.
fn headings(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).expect("pages are UTF-8");
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim().to_lowercase());
    titles.map(|title| title.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn a_dead_link_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("page.md");
    fs::write(&page, "# One: a `title`\n[a](page.md#one-a-title) [b](#two) [c](gone.md) [d](https://example.org/x)")
        .expect("the folder is ours");
    let dead = dead_links(&page);
    assert!(dead.len() == 2 && dead[0].ends_with("#two") && dead[1].ends_with("gone.md"), "{dead:?}");
}
