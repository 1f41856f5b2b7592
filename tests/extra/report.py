"""The report of a run with a failure and a retry, of one that passed and of two at once, opened from disk: axe-core finds nothing at three
widths, light and dark, at its end and half-way through its replay; JUnit is valid by the schema of the Jenkins xUnit plugin.

report.py [FOLDER] also writes a picture of each into FOLDER."""
import json
import pathlib
import subprocess
import sys
import tempfile

from lab import BRIDGE, CACHE, Failed, check, eventually
from page import AXE, WIDTHS, Chromium

SCHEMA = CACHE / "junit-10.xsd"
TITLES = ["Show the list of goods", "Fill the basket", "Pay by card", "Send the receipt", "Refund an order", "Search by name", "Sort by price", "Keep the basket for a week"]


def run_of(folder, name, failing, count):
    """Writes a plan and what a runner would have: `failing` stories need a second attempt, the last of them for ever."""
    folder.mkdir(parents=True)
    stories = [{"id": f"US-{n + 1:03}", "title": TITLES[n % len(TITLES)], "acceptanceCriteria": [f"Criterion {c + 1} of story {n + 1}" for c in range(3)], "passes": not failing or n + 1 < failing[-1]} for n in range(count)]
    (folder / "prd.json").write_text(json.dumps({"project": name, "branchName": "feature/checkout", "userStories": stories}))
    lines, minute = [], 0

    def tell(kind, **data):
        lines.append(json.dumps({"type": kind, "timestamp": f"2026-03-04T{9 + minute // 60:02}:{minute % 60:02}:00Z", "data": data}))

    for n, story in enumerate(stories, 1):
        for attempt in (1, 2):
            tell("story_started", story_id=story["id"])
            for index in range(3):
                minute += 2
                tell("ac_completed", story_id=story["id"], ac_index=index)
            minute += 3
            fails = n in failing and (attempt == 1 or n == failing[-1])
            if fails:
                tell("error_occurred", story_id=story["id"], error_type="timeout", error_message="API call timed out after 30 s", exit_code=124)
            tell("story_completed", story_id=story["id"], status="failed" if fails else "passed", **({"reason": "tests red"} if fails else {"commits": [f"{n:07x}"]}))
            if not fails:
                break
            minute += 4
        if failing and n == failing[-1]:
            break
    if failing:
        tell("task_completed", status="failed")
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n")


def look(chromium, axe, page, name, step, width, theme, folder):
    what = f"{name} {step} {width} {theme}"
    chromium.looks(width, theme)
    chromium.tell("/url", {"url": f"file://{page}"})
    eventually(f"{what} is drawn", lambda: chromium.run("return !!document.querySelector('.srow')"), 20)
    if step == "half":
        chromium.run("const range = document.getElementById('scrub'); range.value = Math.floor(range.max / 2); range.dispatchEvent(new Event('input', {bubbles: true}));")
        eventually(f"{what} is half-way", lambda: not chromium.run("return document.getElementById('moment').textContent.includes('as the files have it')"), 20)
    if folder:
        chromium.picture(folder / f"report-{name}-{step}-{width}-{theme}.png")
    chromium.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    chromium.run(axe)
    found = chromium.tell("/execute/async", {"script": AXE, "args": []})
    check(found == [], f"{what}: {found}")
    check(chromium.run("return document.documentElement.scrollWidth <= innerWidth"), f"{what}: it scrolls sideways")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    source = CACHE / "node/node_modules/axe-core/axe.min.js"
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as home:
        work = pathlib.Path(home)
        run_of(work / "failed", "Corner Shop", [2, 5], 8)
        run_of(work / "passed", "Bakery", [], 6)
        run_of(work / "both" / "one", "Corner Shop", [2, 5], 8)
        run_of(work / "both" / "two", "Bakery", [], 6)
        reports = {"failed": ["failed"], "passed": ["passed"], "both": ["both/one", "both/two"]}
        for name, paths in reports.items():
            subprocess.run([BRIDGE, "report", *(work / path for path in paths), "-o", work / f"{name}.html"], check=True, stdin=subprocess.DEVNULL)
            size = (work / f"{name}.html").stat().st_size
            print(f"{name}: {size} bytes")
            check(size < 500_000, f"{name}: {size} bytes")
        if SCHEMA.exists():
            for name, paths in reports.items():
                subprocess.run([BRIDGE, "report", *(work / path for path in paths), "-o", work / f"{name}.xml"], check=True, stdin=subprocess.DEVNULL)
                valid = subprocess.run(["xmllint", "--noout", "--schema", SCHEMA, work / f"{name}.xml"], capture_output=True, text=True)
                print(valid.stderr.strip().replace(str(work), ""))
                wrong += valid.returncode != 0
        else:
            print("NOT RUN: JUnit needs junit-10.xsd and xmllint (tests/extra/setup)")
        if not source.exists():
            print("NOT RUN: report needs axe-core (tests/extra/setup)")
            return 1 if wrong else 0
        chromium = Chromium(home)
        try:
            for name in reports:
                for step in ("end", "half"):
                    for width in WIDTHS:
                        for theme in ("light", "dark"):
                            try:
                                look(chromium, source.read_text(), work / f"{name}.html", name, step, width, theme, folder)
                            except Failed as failed:
                                wrong += 1
                                print(f"FAILED {failed}")
                print(f"looked at {name}")
        finally:
            chromium.end()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
