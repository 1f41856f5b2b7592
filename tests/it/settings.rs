//! Settings of the real binary: typed over variables over the user's file over defaults, in every option; and what `config` prints of them.

use std::collections::BTreeSet;
use std::fs;

use crate::bridge_process::{BridgeProcess, FinishedProcess, ProjectFolder, SOON, story};

/// Runs it with a file of settings in the user's folder.
fn run_with(project: &ProjectFolder, file: &str, variables: &[(&str, &str)], arguments: &[&str]) -> FinishedProcess {
    let folder = project.file(".config/progress-bridge");
    fs::create_dir_all(&folder).expect("the folder is ours");
    fs::write(folder.join("config.toml"), file).expect("the folder is ours");
    let mut command = project.command(arguments);
    command.envs(variables.iter().copied());
    BridgeProcess::start(command).finished(SOON)
}

/// `(setting, value, source)`, as `config` prints them; a setting without a value has an empty one.
fn printed(finished: FinishedProcess) -> Vec<(String, String, String)> {
    let finished = finished.exits_with(0);
    let row = |line: &String| {
        let (setting, source) = line.rsplit_once("  # ")?;
        let (name, value) = setting.trim_start_matches("# ").split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned(), source.to_owned()))
    };
    finished.stdout.iter().filter_map(row).collect()
}

#[track_caller]
fn check(rows: &[(String, String, String)], setting: &str, value: &str, source: &str) {
    let row = rows.iter().find(|row| row.0 == setting).unwrap_or_else(|| panic!("{setting} is missing in {rows:#?}"));
    assert_eq!((row.1.as_str(), row.2.as_str()), (value, source), "{setting}");
}

#[test]
fn what_is_typed_wins_over_variables_over_the_file_over_defaults() {
    let project = ProjectFolder::new();
    let file = "buffer = 5\nmax-rate = 5\nmax-clients = 5\nstream = true\nwatch = [\"shop\", \"/elsewhere\"]\nfrom = \"end\"\n";
    let variables = [("PROGRESS_BRIDGE_BUFFER", "6"), ("PROGRESS_BRIDGE_MAX_RATE", "6"), ("PROGRESS_BRIDGE_MAX_RAET", "1")];
    let finished = run_with(&project, file, &variables, &["config", "--buffer", "7"]);
    let text = finished.stdout.join("\n");
    assert!(text.contains("no setting: PROGRESS_BRIDGE_MAX_RAET"), "{text}");
    let rows = printed(finished);
    check(&rows, "buffer", "7", "--buffer");
    check(&rows, "max-rate", "6", "PROGRESS_BRIDGE_MAX_RATE");
    check(&rows, "max-clients", "5", "the file");
    check(&rows, "stream", "true", "the file");
    check(&rows, "from", "\"end\"", "the file");
    check(&rows, "json", "false", "default");
    check(&rows, "listen", "", "default");
    // Paths count from the file's folder: the folder that one stands in gives no settings.
    let shop = project.file(".config/progress-bridge/shop").display().to_string();
    check(&rows, "watch", &format!("[\"{shop}\", \"/elsewhere\"]"), "the file");
}

#[test]
fn every_option_of_a_run_is_a_variable_and_a_key_of_the_file() {
    let project = ProjectFolder::new();
    let help = project.run(&["--help"]).exits_with(0).stdout;
    let options: BTreeSet<String> = help
        .iter()
        .filter_map(|line| line.trim_start().strip_prefix("--")?.split([' ', '=']).next().map(str::to_owned))
        .filter(|name| !["help", "version"].contains(&name.as_str()))
        .collect();
    let listed: BTreeSet<String> = printed(project.run(&["config"])).into_iter().map(|row| row.0).collect();
    assert!(options.len() > 20, "{options:?}");
    assert_eq!(options, listed);
    for name in &options {
        let variable = format!("PROGRESS_BRIDGE_{}", name.to_uppercase().replace('-', "_"));
        // Whatever it is: a variable that is read is no unknown one, though it may be refused.
        let finished = run_with(&project, "", &[(&variable, "1")], &["config"]);
        assert!(!finished.stdout.join("\n").contains("no setting"), "{variable} sets nothing");
        let finished = run_with(&project, &format!("{name} = [[1]]\n"), &[], &["config"]).exits_with(2);
        assert!(finished.complaint().contains(&format!("{name}: give ")), "{}", finished.complaint());
    }
}

#[test]
fn the_guide_has_every_option() {
    let guide = include_str!("../../docs/features/progress-streaming.md");
    let missing: Vec<String> = printed(ProjectFolder::new().run(&["config"]))
        .into_iter()
        .map(|row| row.0)
        .filter(|name| !guide.contains(&format!("`--{name}")))
        .collect();
    assert!(missing.is_empty(), "docs/features/progress-streaming.md does not name {missing:?}");
}

#[test]
fn a_setting_that_is_a_secret_is_not_shown() {
    let hook = ("PROGRESS_BRIDGE_WEBHOOK", "telegram:123456:ABC-def@-1001234567890");
    let finished = run_with(&ProjectFolder::new(), "", &[hook], &["config"]).exits_with(0);
    let text = finished.stdout.join("\n");
    assert!(text.contains("# webhook = (set, not shown)") && !text.contains("ABC-def"), "{text}");
}

#[test]
fn what_config_prints_is_a_file_that_gives_the_same() {
    let project = ProjectFolder::new();
    let arguments = ["config", "--watch", "/a b\"c", "--max-rate", "0", "--plain", "--poll-interval", "0.5", "--listen", "127.0.0.1:0"];
    let first = run_with(&project, "", &[], &arguments).exits_with(0).stdout.join("\n");
    let values = |finished| printed(finished).into_iter().map(|(name, value, _)| (name, value)).collect::<Vec<_>>();
    let typed = values(run_with(&project, "", &[], &arguments));
    assert_eq!(values(run_with(&project, &first, &[], &["config"])), typed, "{first}");
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_its_place_but_help_is_had() {
    let project = ProjectFolder::new();
    for (file, words) in [
        ("max-rte = 1", "max-rate is"),
        ("max-rate = 99999", "0..=10000"),
        ("stream = 1", "give true or false"),
        ("buffer = [1, 2]", "give one value"),
        ("from = \"middle\"", "middle"),
        ("max-rate 3", "line 1"),
        ("token = \"0123456789abcdef\"", "no setting"),
    ] {
        let finished = run_with(&project, file, &[], &["--once"]).exits_with(2);
        let message = finished.stderr.join("\n");
        assert!(message.contains("config.toml") && message.contains(words), "{file}: {message}");
    }
    run_with(&project, "nonsense = 1", &[], &["--help"]).exits_with(0);
    let finished = run_with(&project, "", &[("PROGRESS_BRIDGE_CONFIG", "/nowhere/config.toml")], &["--once"]).exits_with(2);
    assert!(finished.complaint().contains("/nowhere/config.toml"), "{}", finished.complaint());
}

#[test]
fn the_file_is_used_and_an_empty_variable_turns_it_off() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let once =
        |variables: &[(&str, &str)]| run_with(&project, "json = true\n", variables, &["--once", "progress.txt"]).exits_with(0).stdout;
    assert!(once(&[]).iter().any(|line| line.starts_with('{')));
    assert!(!once(&[("PROGRESS_BRIDGE_CONFIG", "")]).iter().any(|line| line.starts_with('{')));
    assert!(!once(&[("PROGRESS_BRIDGE_JSON", "0")]).iter().any(|line| line.starts_with('{')));
}

#[test]
fn a_typed_path_replaces_the_configured_ones_and_an_address_starts_no_server() {
    let project = ProjectFolder::new();
    project.write("one.txt", "[US-001] Starting...\n");
    project.write("two.txt", "[US-002] Starting...\n");
    let file = format!("watch = [\"{}\"]\nlisten = \"127.0.0.1:0\"\nno-discover = true\n", project.file("one.txt").display());
    let stories = |arguments: &[&str]| -> BTreeSet<String> {
        let finished = run_with(&project, &file, &[], arguments).exits_with(0);
        finished.events().iter().map(|event| story(event).to_owned()).filter(|id| !id.is_empty()).collect()
    };
    assert_eq!(stories(&["--once", "--json"]), BTreeSet::from(["US-001".to_owned()]));
    assert_eq!(stories(&["--once", "--json", "two.txt"]), BTreeSet::from(["US-002".to_owned()]));
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let project = ProjectFolder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = project.run(&["completions", shell]).exits_with(0).stdout.join("\n");
        for word in ["demo", "doctor", "max-rate"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    let manual = project.run(&["man"]).exits_with(0).stdout.join("\n");
    for word in [".TH progress", "demo", "doctor", "max\\-rate", "PROGRESS_BRIDGE_MAX_RATE"] {
        assert!(manual.contains(word), "{word} is missing in\n{manual}");
    }
    let help = project.run(&["help", "status"]).exits_with(0).stdout.join("\n");
    assert!(help.contains("{passed}/{total}"), "{help}");
}
