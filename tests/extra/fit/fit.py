#!/usr/bin/env python3
"""Fits the weights of the record reader, and measures them on logs whose weights had not seen them.

    fit.py folds LABELS... --root ROOT         five folds by folder: each is read with weights fitted without it, and scored
    fit.py fit   LABELS... --root ROOT         all of them -> src/record/weights.tsv and rows.npz
    fit.py refit                               rows.npz (no text, no corpus) -> src/record/weights.tsv
      --docs FOLDER    ordinary documents (*.md, *.txt, *.rst): light negatives
      --bin PROGRAM    folds: the built program reads each fold too, under the fold's weights (`--once`, PROGRESS_BRIDGE_WEIGHTS)
      --out FOLDER     where the tables of the folds go (default: a temporary folder)
      --show N         the worst N files, with what was missed and what was too much

LABELS: JSON lines with `file` (a log, or a folder with a log and perhaps a plan), `is_runner_log`, `stories` (id, title, status,
timestamp, iteration), `acs`, `errors`, `confidence`. Needs numpy. The features are the program's own: `evidence.rs` beside this file
prints them, so that there is one extractor. The hand-made logs in `specs/` belong to every training set.

Both looks are logistic regressions with a quadratic penalty, rounded to sixteenths; the second is trained on what the first says
about files that it was not trained on. EVIDENCE=PATH takes a built `evidence` instead of `cargo bench`.
"""
import argparse, collections, difflib, json, math, os, pathlib, re, subprocess, sys, tempfile, zlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
TABLE = ROOT / "src/record/weights.tsv"
ROWS = HERE / "rows.npz"
FOLDS, PARTS = 5, 4
CONFIDENCE = {"high": 1.0, None: 1.0, "medium": 0.6, "low": 0.3}
CLASS = {"passed": "passed", "failed": "failed", "blocked": "failed", "started": "open", "in_progress": "open", "unknown": "open"}
# Of a line that the conventions decide, not its look; of a line near a record with the same id; of an ordinary document's.
DECIDED_ELSEWHERE, SAME_ATTEMPT, DOCUMENT, SPEC = 0.1, 0.15, 1.6, 3.0
# Logs as they were after so many records, and what their lines weigh: a young log must be read too.
YOUNG, YOUNG_WEIGHT = (1, 2, 4), 0.25
PENALTY = 3.0
# Of the look at whole files: documents and labelled strangers count more than logs, for a false alarm is worse than a log read late.
# A lenience of 10 gives one more stranger records in the folds, and no log more; one of -8 takes them from one, and from no log.
ORIGIN_PENALTY, ORIGIN_DOCUMENT, ORIGIN_STRANGER, ORIGIN_LENIENCE = 1.0, 0.5, 3.0, -8
# Added to the second look's bias, in sixteenths: a log read in half is worse than one line too many. Which of them is chosen on the
# logs that the weights are fitted on, each read with weights that had not seen it: a fold has no say in how it is read itself. Means that
# differ by less than SAME_MEAN (a file or two) are alike, and the middle one of those is taken.
LENIENCES, SAME_MEAN = (0, 4, 7, 9, 11, 13, 16, 20), 0.005


# ---------------------------------------------------------------- the program's half
def evidence(*words):
    binary = os.environ.get("EVIDENCE")
    command = [binary] if binary else ["cargo", "bench", "-q", "--manifest-path", str(ROOT / "Cargo.toml"), "--bench", "evidence", "--"]
    done = subprocess.run([*command, *map(str, words)], stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def listed(logs, folder):
    path = pathlib.Path(folder, "list")
    path.write_text("".join(f"{log.path}\t{log.plan or ''}\n" for log in logs))
    return path


def write_table(path, names, first, second, origin, note=""):
    rows = [f"{n}\t{a}\t{b}\t{c}" for n, a, b, c in zip(names, first, second, origin) if a or b or c]
    pathlib.Path(path).write_text("# Weights in sixteenths, made by tests/extra/fit/fit.py: feature, first look, second look, look at the file.\n" + note + "\n".join(rows) + "\n")


def read_by_program(binary, log, table):
    """The reading of the whole program, from its events; the log lies alone in its folder."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "progress.txt").write_bytes(log.path.read_bytes())
        done = subprocess.run([binary, "--watch", "progress.txt", "--once", "--json"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              env={**os.environ, "PROGRESS_BRIDGE_WEIGHTS": str(table)}, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {"passed": "passed", "failed": "failed"}
    records = [{"id": event["data"].get("story_id"), "title": event["data"].get("title"), "class": ends.get(event["data"].get("status"), "open"),
                "when": event["timestamp"] if event["timestamp_source"] == "record" else None, "line": event["source"].get("line")}
               for event in events if event["type"] in ("story_started", "story_completed") and event["provenance"] != "inferred"]
    count = lambda kind: sum(event["type"] == kind for event in events)
    failed = sum(record["class"] == "failed" for record in records)
    return {"records": records, "criteria": count("ac_completed"), "failures": count("error_occurred") - failed, "origin": 0.0}


# ---------------------------------------------------------------- logs and labels
class Log:
    """A log, what is known of it, and the rows of its candidate lines."""

    def __init__(self, name, path, plan, label, weight=1.0):
        self.name, self.path, self.plan, self.label, self.weight = name, path, plan, label, weight
        self.fold = zlib.crc32(name.encode()) % FOLDS
        self.part = zlib.crc32((name + "i").encode()) % PARTS
        self.rows, self.second, self.young_of, self.signs = [], [], None, None

    def lines(self):
        text = self.path.read_bytes().decode("utf-8", "replace").lstrip("\ufeff")
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def corpus(names, root, with_plans):
    for line in (line for name in names for line in open(name, encoding="utf-8")):
        label = json.loads(line)
        path = pathlib.Path(root, label["file"])
        parts = pathlib.Path(label["file"]).parts
        folder = path if path.is_dir() else path.parent
        plans = sorted(p for p in folder.iterdir() if p.suffix == ".json")
        if path.is_dir():
            logs = [p for p in path.iterdir() if p.suffix not in (".json", ".yaml", ".yml")]
            path = min(logs, key=lambda p: ("progress" not in p.name.lower(), p.name))
        yield Log(parts[1] if len(parts) > 1 else parts[0], path, plans[0] if with_plans and plans else None, label)


def specs(folder):
    """Logs of our own wording: a line that begins with `=` opens a record, with `?` it may; the log starts in the third column, and `%%`
    parts logs of one file. Fixtures are listed by their lines."""
    def spec(name, lines, signs):
        path = pathlib.Path(folder, "specs", name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines), encoding="utf-8")
        log = Log("spec-" + name, path, None, None)
        log.fold, log.signs = FOLDS, signs
        return log

    for path in sorted((HERE / "specs").glob("*")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".tsv":
            for case, sure, possible in (line.split("\t") for line in text.splitlines() if not line.startswith("#")):
                lines = (ROOT / "fixtures" / case / "progress.txt").read_text(encoding="utf-8").split("\n")
                signs = ["=" if str(n) in sure.split() else "?" if str(n) in possible.split() else " " for n in range(1, len(lines) + 1)]
                yield spec(case.replace("/", "-"), lines, signs)
            continue
        for n, part in enumerate(text.split("\n%%\n")):
            lines = part.split("\n")
            yield spec(f"{n}-{path.name}", [line[2:] for line in lines], [line[:1] for line in lines])


def documents(folders, most=300):
    found = [p for folder in folders for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in (".md", ".txt", ".rst") and p.is_file() and 400 < p.stat().st_size < 60000]
    for path in sorted(found, key=lambda p: zlib.crc32(p.name.encode() + str(p.stat().st_size).encode()))[:most]:
        yield Log(f"doc-{path.parent.name}-{path.name}", path, None, None)


def beginnings(documents, folder):
    """The first lines of every third document: short texts are documents too."""
    for n, log in enumerate(documents[::3]):
        path = pathlib.Path(folder, f"beginning-{n}", log.path.name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(log.lines()[:[8, 16, 32][n % 3]]), encoding="utf-8")
        short = Log(log.name, path, None, None)
        yield short


def young(log, folder):
    """The log as it was when it held its first few records."""
    lines = log.lines()
    log.anchors = align(log.label["stories"], lines)
    at = sorted({j for j in log.anchors if j is not None})
    for count in YOUNG:
        if count >= len(at):
            return
        path = pathlib.Path(folder, f"{log.name}@{count}", log.path.name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines[:at[count]]), encoding="utf-8")
        stories = [story for story, j in zip(log.label["stories"], log.anchors) if j is not None and j < at[count]]
        early = Log(log.name, path, log.plan, {**log.label, "stories": stories}, YOUNG_WEIGHT)
        early.name, early.young_of = f"{log.name}@{count}", log
        yield early


def words(text):
    return re.findall(r"[^\W_]+", (text or "").lower())


def norm_id(text):
    if text is None:
        return None
    text = re.sub(r"^(story|task|feature|issue|step|subtask)\s*[#:]?\s*(?=\d)", "", str(text).strip(), flags=re.I)
    return re.sub(r"[\s\[\]#*`()]+", "", text).upper()


def agreement(story, line, line_words, above):
    """How well a line agrees with a labelled entry: id, title, time, iteration. 0: not at all."""
    score, agrees, id_, title, time = 0.0, False, story["id"], set(words(story["title"])), story["timestamp"]
    if id_:
        found = re.search(r"(?<![A-Za-z0-9_.-])" + re.escape(id_) + r"(?![A-Za-z0-9_]|[-.]\d)", line, re.I)
        tail = re.match(r"(.*?)(\d+)$", id_)
        if found:
            score, agrees = 3 + max(0, 1 - found.start() / 60), True
        elif tail:
            for r in re.finditer(r"([A-Za-z][A-Za-z0-9-]*?-|[A-Za-z]|#|)(\d+)\s*(?:-|–|—|to|through|thru|\.\.+|~)\s*([A-Za-z][A-Za-z0-9-]*?-|[A-Za-z]|#|)(\d+)", line):
                if r[1].upper() == tail[1].upper() and int(r[2]) <= int(tail[2]) <= int(r[4]) < int(r[2]) + 200:
                    score, agrees = 2.5, True
                    break
            else:
                if len(tail[1]) > 1 and tail[1].upper() in line.upper() and re.search(r"(?<=[\d/,&+ ])" + tail[2] + r"\b", line):
                    score, agrees = 1.5, True
    if title:
        share = sum(word in line_words for word in title) / len(title)
        if share >= 0.8:
            score += 3 * share * (1 if len(title) > 1 else 0.6) * min(1, 2 * len(title) / max(1, len(line_words)))
            agrees = agrees or not id_
        elif share >= 0.5 and id_ and agrees:
            score += share
    if time:
        here = 1.5 if time in line else 0.9 if time[:10] in line else 0
        score += here or (0.6 if any(time[:10] in other for other in above) else 0)
        agrees = agrees or bool(here and not id_ and not title)
    if story.get("iteration") is not None and re.search(r"\b(session|iteration|loop|run|iter|会话|迭代|轮|sessão|iteração)\D{0,4}" + re.escape(str(story["iteration"])) + r"\b", line, re.I):
        score += 1
        agrees = agrees or (not id_ and not title)
    if not agrees:
        return 0
    score += 0.8 if re.match(r"\s?#{1,4}\s", line) else 0.3 if re.match(r"\s*[-*]\s*\[[xX]\]", line) else -1.5 if re.match(r"\s*[-*]?\s*\[ \]", line) else 0
    score -= 0.3 * bool(re.match(r"\s", line)) + 1.5 * bool(re.search(r"next|todo|remaining|depends|后续", line[:30], re.I))
    return max(0.01, score)


def align(stories, lines):
    """Labelled entries in file order -> line numbers: the monotone assignment that agrees best."""
    line_words, n = [set(words(line)) for line in lines], len(lines)
    previous, back = [0.0] * (n + 1), []
    for k, story in enumerate(stories):
        new, ways = [0.0] * (n + 1), [None] * (n + 1)
        for j in range(n + 1):
            new[j], ways[j] = previous[j], ("skip", j)
            if j and new[j - 1] > new[j]:
                new[j], ways[j] = new[j - 1], ways[j - 1]
            value = agreement(story, lines[j - 1], line_words[j - 1], lines[max(0, j - 4):j - 1]) if j and lines[j - 1].strip() else 0
            if value:
                after, same = previous[j - 1] + value, previous[j] + value * 0.9 if k and story["id"] and stories[k - 1]["id"] != story["id"] else -1
                if max(after, same) > new[j] + 1e-9:
                    new[j], ways[j] = max(after, same), ("take", j - 1 if after >= same else j, j - 1)
        previous = new
        back.append(ways)
    j, out = max(range(n + 1), key=lambda q: previous[q]), [None] * len(stories)
    for k in range(len(stories) - 1, -1, -1):
        way = back[k][j]
        j = way[1]
        if way[0] == "take":
            out[k] = way[2]
    return out


def label(log):
    """Sets `y` and `w` of each row."""
    for row in log.rows:
        row["y"], row["w"] = 0, 1.0
    if log.label is None:
        for row in log.rows:
            if log.signs:
                row["y"], row["w"] = int(log.signs[row["n"]] == "="), 0.1 if log.signs[row["n"]] == "?" else SPEC
            else:
                row["w"] = log.weight
        return
    if not log.label["is_runner_log"]:
        for row in log.rows:
            row["w"] = 1.5 * log.weight
        return
    at = {row["n"]: row for row in log.rows}
    grown = log.young_of or log
    last = len(log.lines())
    anchors = sorted({j for j in grown.anchors if j is not None and j < last})
    entry_ids = set()
    for j in anchors:
        if j in at:
            at[j]["y"] = 1
            if at[j]["entry"]:
                entry_ids |= set(at[j]["ids"])
    for j in anchors:
        ids = set(at[j]["ids"]) if j in at else set()
        for i in range(j - 4, j + 9):
            if i in at and not at[i]["y"] and ids & set(at[i]["ids"]):
                at[i]["w"] = SAME_ATTEMPT
    for row in log.rows:
        if not row["y"] and row["ids"] and not row["entry"] and row["ticked"] and set(row["ids"]) <= entry_ids:
            row["w"] = DECIDED_ELSEWHERE
        if not row["y"] and row["frame"] and any(row["n"] < j < row["frame"] and j in at and at[j]["ids"] for j in anchors):
            row["w"] = DECIDED_ELSEWHERE
    scale = CONFIDENCE[log.label.get("confidence")] * 3 / math.sqrt(max(1, sum(row["y"] for row in log.rows))) * log.weight
    for row in log.rows:
        row["w"] *= scale


# ---------------------------------------------------------------- fitting
class Matrix:
    """Rows of a sparse matrix, with labels and weights."""

    def __init__(self, rows, columns):
        lengths = np.array([len(row["f"]) for row in rows], dtype=np.int64)
        self.index = np.fromiter((i for row in rows for i in row["f"]), dtype=np.int32, count=int(lengths.sum()))
        self.value = np.fromiter((v for row in rows for v in row["v"]), dtype=np.float32, count=int(lengths.sum())) / 16
        self.start = np.concatenate(([0], np.cumsum(lengths)))
        self.row = np.repeat(np.arange(len(rows)), lengths)
        self.y = np.array([row["y"] for row in rows], dtype=np.float64)
        self.w = np.array([row["w"] for row in rows], dtype=np.float64)
        self.columns = columns

    def times(self, weights):
        return np.add.reduceat(weights[self.index] * self.value, self.start[:-1])

    def transposed(self, errors):
        return np.bincount(self.index, weights=errors[self.row] * self.value, minlength=self.columns)


def fit(rows, columns, penalty=PENALTY, steps=150):
    """Logistic regression with a quadratic penalty, by limited-memory BFGS; features of fewer than 8 rows stay out."""
    m = Matrix([row for row in rows if len(row["f"])], columns)
    rare = np.bincount(m.index, minlength=columns) < 8

    def loss(weights):
        z = m.times(weights)
        value = np.sum(m.w * (np.logaddexp(0, z) - m.y * z)) + penalty / 2 * weights @ weights
        p = 1 / (1 + np.exp(-np.clip(z, -40, 40)))
        slope = m.transposed(m.w * (p - m.y)) + penalty * weights
        slope[rare] = 0
        return value, slope

    weights = np.zeros(columns)
    value, slope = loss(weights)
    memory = collections.deque(maxlen=12)
    for _ in range(steps):
        direction, kept = -slope.copy(), []
        for s, y, r in reversed(memory):
            a = r * (s @ direction)
            direction -= a * y
            kept.append(a)
        if memory:
            s, y, _r = memory[-1]
            direction *= (s @ y) / (y @ y)
        for (s, y, r), a in zip(memory, reversed(kept)):
            direction += s * (a - r * (y @ direction))
        step, gain = 1.0 if memory else 1.0 / max(1.0, np.linalg.norm(slope)), slope @ direction
        if gain >= 0:
            break
        while True:
            new = weights + step * direction
            new_value, new_slope = loss(new)
            if new_value <= value + 1e-4 * step * gain or step < 1e-8:
                break
            step /= 2
        s, y = new - weights, new_slope - slope
        if s @ y > 1e-10:
            memory.append((s, y, 1 / (s @ y)))
        is_done = value - new_value < 1e-5 * abs(value)
        weights, value, slope = new, new_value, new_slope
        if is_done:
            break
    return np.clip(np.rint(weights * 16), -127, 127).astype(int)


def train(logs, names, folder):
    """All looks, fitted on these logs, and the lenience."""
    n = len(names)
    zero = np.zeros(n, dtype=int)
    table = pathlib.Path(folder, "part.tsv")
    firsts, seconds = [], []
    for part in range(PARTS):
        firsts.append(fit([row for log in logs if log.part != part for row in log.rows], n))
        write_table(table, names, firsts[part], zero, zero)
        own = [log for log in logs if log.part == part]
        for log, rows in zip(own, evidence("rows", listed(own, folder), table)):
            log.second = [{**row, "y": first["y"], "w": first["w"]} for row, first in zip(rows, log.rows)]
    for part in range(PARTS):
        seconds.append(fit([row for log in logs if log.part != part for row in log.second], n))
    lenience = chosen_lenience(logs, names, folder, firsts, seconds)
    for part in range(PARTS):
        write_table(table, names, *lenient(names, firsts[part], seconds[part], zero, lenience))
        own = [log for log in logs if log.part == part]
        for log, row in zip(own, evidence("origin", listed(own, folder), table)):
            log.origin = {**row, **origin_label(log)}
            log.origin["w"] = float(np.float16(log.origin["w"]))
    first, second = fit([row for log in logs for row in log.rows], n), fit([row for log in logs for row in log.second], n)
    return lenient(names, first, second, fit([log.origin for log in logs], n, ORIGIN_PENALTY), lenience), lenience


def chosen_lenience(logs, names, folder, firsts, seconds):
    """The one that reads grown logs best, the look at the whole file aside."""
    table = pathlib.Path(folder, "lenience.tsv")
    open_origin = np.zeros(len(names), dtype=int)
    open_origin[names.index("OriginBias")] = 100
    grown = [[log for log in logs if log.part == part and log.label and log.label["is_runner_log"] and not log.young_of] for part in range(PARTS)]

    def mean(lenience):
        readings = []
        for part, own in enumerate(grown):
            write_table(table, names, *lenient(names, firsts[part], seconds[part], open_origin, lenience))
            readings += zip(own, evidence("read", listed(own, folder), table))
        return mean_f1(readings)

    means = {lenience: mean(lenience) for lenience in LENIENCES}
    print("lenience", {lenience: round(value, 4) for lenience, value in means.items()}, file=sys.stderr)
    best = max(means.values())
    alike = [lenience for lenience, value in means.items() if value >= best - SAME_MEAN]
    return alike[len(alike) // 2]


def lenient(names, first, second, origin, lenience):
    second, origin = second.copy(), origin.copy()
    second[names.index("Bias")] += lenience
    origin[names.index("OriginBias")] += ORIGIN_LENIENCE
    return first, second, origin


def origin_label(log):
    """Whether a runner writes the file."""
    if log.label:
        is_log = log.label["is_runner_log"]
        return {"y": int(is_log), "w": CONFIDENCE[log.label.get("confidence")] * log.weight * bool(log.label["stories"]) if is_log else ORIGIN_STRANGER}
    if log.signs:
        return {"y": int("=" in log.signs), "w": 1.5}
    return {"y": 0, "w": ORIGIN_DOCUMENT}


# ---------------------------------------------------------------- measuring
def norm_title(text):
    return re.sub(r"[\W_]+", " ", (text or "").lower()).strip()


def similar(a, b):
    return difflib.SequenceMatcher(None, norm_title(a), norm_title(b)).ratio()


def iso_date(text):
    found = re.search(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})", text or "")
    if found:
        return "%s-%02d-%02d" % (found[1], int(found[2]), int(found[3]))
    months = "jan feb mar apr may jun jul aug sep oct nov dec".split()
    found = re.search(r"([A-Za-z]{3})[a-z]*\.?\s+(\d{1,2})\b.*?(20\d\d)", text or "") or re.search(r"\b()(\d{1,2})\s+([A-Za-z]{3}).*?(20\d\d)", text or "")
    if found and found[1][:3].lower() in months:
        return "%s-%02d-%02d" % (found[3], months.index(found[1][:3].lower()) + 1, int(found[2]))
    return None


def entries(records):
    """Records as the program's events tell them: a completion closes the open start of the same name."""
    found, open_at = [], {}
    for record in records:
        key = norm_id(record["id"]) or norm_title(record["title"])
        entry = {**record, "id": norm_id(record["id"])}
        if record["class"] == "open":
            open_at[key] = len(found)
            found.append(entry)
        elif key in open_at:
            found[open_at.pop(key)].update({k: v for k, v in entry.items() if v})
        else:
            found.append(entry)
    return found


def match(gold, found):
    left, pairs, missed = list(found), [], []

    def take(want, test):
        for i, have in enumerate(left):
            if have["class"] == CLASS[want["status"]] and test(have):
                pairs.append((want, left.pop(i)))
                return True
        return False

    later = [g for g in gold if not (g["id"] and take(g, lambda h: h["id"] == norm_id(g["id"])))]
    for g in later:
        title = norm_title(g["title"])
        if g["id"] or not (take(g, lambda h: bool(title) and similar(h["title"] or h["id"], title) >= 0.6) or (not title and take(g, lambda h: True))):
            missed.append(g)
    return pairs, missed, left


def mean_f1(readings):
    """The mean over files, weighted by the labels' confidence."""
    files = []
    for log, reading in readings:
        pairs, missed, extra = match(log.label["stories"], entries(reading["records"]))
        if log.label["stories"] or extra:
            files.append((2 * len(pairs) / (2 * len(pairs) + len(missed) + len(extra)), CONFIDENCE[log.label.get("confidence")]))
    return sum(f1 * weight for f1, weight in files) / sum(weight for _, weight in files)


def measure(readings, show):
    young = [(log, reading) for log, reading in readings if log.young_of]
    fires = [(log.name, len(reading["records"]), round(reading["origin"], 2)) for log, reading in readings if log.label is None and reading["records"]]
    documents = sum(log.label is None for log, _ in readings)
    readings = [(log, reading) for log, reading in readings if log.label and not log.young_of]
    if young:
        print("young: ", end="")
        measure([(age(log), reading) for log, reading in young], 0)
    if documents:
        print(f"documents {documents}, with records {len(fires)}", fires[:show or 8])
    total, files, worst, noise = collections.Counter(), [], [], []
    for log, reading in readings:
        want, found = log.label, entries(reading["records"])
        if not want["is_runner_log"]:
            if found or reading["criteria"] or reading["failures"]:
                noise.append((log.name, len(found), reading["criteria"], reading["failures"]))
            continue
        pairs, missed, extra = match(want["stories"], found)
        total.update(tp=len(pairs), fn=len(missed), fp=len(extra))
        for g, h in pairs:
            if g["title"]:
                total.update(titles=1, titles_ok=int(similar(h["title"], g["title"]) >= 0.8))
                if similar(h["title"], g["title"]) < 0.8 and show:
                    worst.append((2, log.name, 0, 0, [], [{"title": h["title"], "wanted": g["title"], "line": h["line"]}]))
            day = iso_date(g["timestamp"])
            if day:
                total.update(dates=1, dates_ok=int(iso_date(h["when"]) == day))
                if iso_date(h["when"]) != day and show:
                    worst.append((3, log.name, 0, 0, [], [{"when": h["when"], "wanted": day, "line": h["line"]}]))
        total.update(acs_off=abs(reading["criteria"] - want["acs"]), errors_off=abs(reading["failures"] + sum(e["class"] == "failed" for e in found) - want["errors"]), acs=want["acs"], errors=want["errors"])
        if want["stories"] or extra:
            f1 = 2 * len(pairs) / (2 * len(pairs) + len(missed) + len(extra))
            files.append((f1, CONFIDENCE[want.get("confidence")], log.name))
            if f1 < 1:
                worst.append((f1, log.name, len(missed), len(extra), missed, extra))
    share = lambda a, b: a / b if b else float("nan")
    mean = lambda some: share(sum(f * w for f, w, _ in some), sum(w for _, w, _ in some))
    print(f"files {len(files)}  mean F1 {mean(files):.4f}  micro {share(2 * total['tp'], 2 * total['tp'] + total['fn'] + total['fp']):.4f}"
          f"  P {share(total['tp'], total['tp'] + total['fp']):.4f}  R {share(total['tp'], total['tp'] + total['fn']):.4f}  perfect {sum(f == 1 for f, _, _ in files)}"
          f"  titles {share(total['titles_ok'], total['titles']):.4f}  dates {share(total['dates_ok'], total['dates']):.4f}"
          f"  noise {len(noise)}  criteria {total['acs']} off {total['acs_off']}  errors {total['errors']} off {total['errors_off']}")
    kinds = collections.defaultdict(list)
    for f in files:
        kinds[f[2][0] if not f[2][0].isdigit() else "W"].append(f)
    print("  ".join(f"{kind} {mean(some):.3f} ({len(some)})" for kind, some in sorted(kinds.items())))
    for name, *counts in noise:
        print("noise", name, *counts)
    for f1, name, fn, fp, missed, extra in sorted(worst, key=lambda r: r[0])[:show]:
        print(f"\n{name} F1 {f1:.2f} missed {fn} extra {fp}" if f1 <= 1 else f"{name} {'title' if f1 == 2 else 'date'}")
        for g in missed[:4]:
            print("   missed", {k: g[k] for k in ("id", "title", "status", "iteration")})
        for h in extra[:4]:
            print("   extra ", {k: h[k] for k in h if k not in ("commits", "duration", "iteration")})


def age(log):
    """A young log as one of its own."""
    grown = Log(log.name, log.path, log.plan, log.label, log.weight)
    return grown


# ---------------------------------------------------------------- commands
def packed(rows, name):
    """Rows as arrays."""
    return {f"{name}_index": np.concatenate([np.array(row["f"], dtype=np.uint16) for row in rows]),
            f"{name}_value": np.concatenate([np.array(row["v"], dtype=np.int16) for row in rows]),
            f"{name}_length": np.array([len(row["f"]) for row in rows], dtype=np.uint16),
            f"{name}_y": np.array([row["y"] for row in rows], dtype=np.uint8), f"{name}_w": np.array([row["w"] for row in rows], dtype=np.float16)}


def unpacked(kept, name):
    ends = np.cumsum(kept[f"{name}_length"].astype(np.int64))
    index, value = kept[f"{name}_index"], kept[f"{name}_value"]
    return [{"f": index[e - n:e], "v": value[e - n:e], "y": y, "w": float(w)}
            for e, n, y, w in zip(ends, kept[f"{name}_length"], kept[f"{name}_y"], kept[f"{name}_w"])]


def save_rows(logs, names, lenience):
    """What a refit needs, without a word of text: feature numbers, label, weight, fold; second looks begin with the first ones' features."""
    rows = [(row, len(first["f"]), log.fold) for log in logs for row, first in zip(log.second, log.rows)]
    np.savez_compressed(ROWS, names=np.array(names), lenience=np.array(lenience), first=np.array([n for _, n, _ in rows], dtype=np.uint16),
                        fold=np.array([fold for _, _, fold in rows], dtype=np.uint8),
                        **packed([row for row, _, _ in rows], "line"), **packed([log.origin for log in logs], "origin"))


def refit():
    kept = np.load(ROWS)
    names = [str(name) for name in kept["names"]]
    second = unpacked(kept, "line")
    first = [{**row, "f": row["f"][:n], "v": row["v"][:n]} for row, n in zip(second, kept["first"].astype(int))]
    tables = fit(first, len(names)), fit(second, len(names)), fit(unpacked(kept, "origin"), len(names), ORIGIN_PENALTY)
    tables = lenient(names, *tables, int(kept["lenience"]))
    with tempfile.TemporaryDirectory() as scratch:
        table = pathlib.Path(scratch, "refitted.tsv")
        write_table(table, names, *tables)
        own = list(specs(scratch))
        write_table(TABLE, names, *tables, score_specs(own, evidence("read", listed(own, scratch), table)))


def score_specs(logs, readings):
    """Lines of our own logs that open a record, those of them that were read, and lines that were read and open none."""
    wanted = found = extra = 0
    for log, reading in zip(logs, readings):
        lines = {number - 1 for number in reading["opened"]}
        sure = {n for n, sign in enumerate(log.signs) if sign == "="}
        wanted, found = wanted + len(sure), found + len(sure & lines)
        extra += sum(log.signs[n] == " " for n in lines)
    return f"# Specs: {wanted} records, {found} found, {extra} extra.\n"


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("command", choices=["folds", "fit", "refit", "score"])
    ask.add_argument("labels", nargs="*")
    ask.add_argument("--root")
    ask.add_argument("--docs", nargs="*", default=[])
    ask.add_argument("--out")
    ask.add_argument("--bin", help="folds: read each fold with this program too, under the fold's weights")
    ask.add_argument("--plans", action="store_true", help="read the plans beside the logs too")
    ask.add_argument("--show", type=int, default=0)
    ask.add_argument("--only", type=int, nargs="*", help="only these folds")
    ask.add_argument("--table", default=str(TABLE), help="score: which weights")
    opt = ask.parse_args()
    if opt.command == "refit":
        return refit()
    with tempfile.TemporaryDirectory() as scratch:
        names = evidence("names")[0]
        logs = list(corpus(opt.labels, opt.root, opt.plans))
        if opt.command == "score":
            return measure(list(zip(logs, evidence("read", listed(logs, scratch), opt.table))), opt.show)
        docs = list(documents(opt.docs))
        docs += list(beginnings(docs, scratch))
        for log in docs:
            log.weight = DOCUMENT / len(docs)
        early = [one for log in logs if log.label["is_runner_log"] for one in young(log, scratch)]
        beside = list(specs(scratch)) + docs + early
        everything = logs + beside
        for log, rows in zip(everything, evidence("rows", listed(everything, scratch))):
            log.rows = rows
            label(log)
            for row in rows:
                row["w"] = float(np.float16(row["w"]))
        print(f"{len(logs)} logs, {len(beside)} beside, {sum(len(log.rows) for log in logs)} rows, {sum(row['y'] for log in logs for row in log.rows)} records", file=sys.stderr)
        if opt.command == "fit":
            tables, lenience = train(everything, names, scratch)
            write_table(TABLE, names, *tables)
            own = [log for log in everything if log.signs]
            write_table(TABLE, names, *tables, score_specs(own, evidence("read", listed(own, scratch), TABLE)))
            save_rows(everything, names, lenience)
            table = TABLE
            print(" + ".join(str(np.count_nonzero(table)) for table in tables), "weights")
            return measure(list(zip(logs, evidence("read", listed(logs, scratch), table))), opt.show)
        out = pathlib.Path(opt.out or scratch)
        out.mkdir(exist_ok=True)
        readings, whole = [], []
        for fold in opt.only if opt.only is not None else range(FOLDS):
            tables, lenience = train([log for log in everything if log.fold != fold], names, scratch)
            table = out / f"fold-{fold}.tsv"
            write_table(table, names, *tables)
            own = [log for log in logs + docs + early if log.fold == fold]
            if opt.bin:
                whole += [(log, read_by_program(opt.bin, log, table.resolve())) for log in own if not log.young_of]
            readings += zip(own, evidence("read", listed(own, scratch), table))
            print(f"fold {fold}: {' + '.join(str(np.count_nonzero(table)) for table in tables)} weights, lenience {lenience}", file=sys.stderr)
        measure(readings, opt.show)
        if opt.bin:
            print("with the whole program:")
            measure(whole, opt.show)


if __name__ == "__main__":
    main()
