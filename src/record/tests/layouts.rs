//! Layouts that no log was fitted on: a reader of evidence reads them anyway.

use super::*;

/// T: title, I: id, D: time.
const LAYOUTS: [&str; 12] = [
    "{D} :: {I} :: PASSED :: {T}",
    "### {T} ({I}) ✅ {D}",
    "{D} | {I} | {T} | done",
    "**{I}** — {T} — {D} — completed",
    "Finished {I} ({T}) at {D}",
    "* {D}: {I} -> ok. {T}",
    "{I}: {T} [DONE]",
    ">> {D} >> done({I}) {T}",
    "----- {I} / {T} / {D} -----",
    "## {D} {I} {T}",
    "✔ {T} [{I}] {D}",
    "= {I} = {T} = completed {D} =",
];

const TITLES: [&str; 8] = [
    "Make a basket",
    "Take the money",
    "Send a receipt",
    "Print the label",
    "Count the stock",
    "Open the shop",
    "Ring the bell",
    "Sweep the floor",
];

fn log(layout: &str, id: impl Fn(usize) -> String) -> String {
    let mut text = String::from("# Ralph Progress Log\nStarted: 2026-02-28\n\n");
    for (n, title) in TITLES.iter().enumerate() {
        let line = layout.replace("{D}", &format!("2026-03-0{} 10:1{n}", n / 3 + 1)).replace("{I}", &id(n)).replace("{T}", title);
        text.push_str(&format!("{line}\n- Added the module and its tests\n- Files changed: src/part{n}.rs\n\n"));
    }
    text
}

/// How many of the entries of a log are told as passed, under the id.
fn found(layout: &str, id: impl Fn(usize) -> String) -> usize {
    let text = log(layout, &id);
    let records = reading(&text).records;
    let is_known = |n: usize| {
        records.iter().any(|record| {
            record.outcome == RecordOutcome::Passed && record.id.as_deref().is_some_and(|summaries| id(n).ends_with(summaries))
        })
    };
    (0..TITLES.len()).filter(|n| is_known(*n)).count()
}

#[test]
fn unseen_layouts_are_read() {
    let mut report = Vec::new();
    let (mut read, mut all) = (0, 0);
    for layout in LAYOUTS {
        let counts = [
            found(layout, |n| format!("US-{:03}", n + 1)),
            found(layout, |n| format!("bug-{:03}", n + 11)),
            found(layout, |n| format!("Task {}", n + 1)),
            found(layout, |n| format!("F{:03}", n + 1)),
        ];
        read += counts.iter().sum::<usize>();
        all += counts.len() * TITLES.len();
        report.push((layout, counts));
    }
    assert!(read * 100 >= all * 85, "{read} of {all}: {report:#?}");
}
