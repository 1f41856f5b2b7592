//! How fast a big log is read, in CPU time of one core, beside a bare split into lines, `grep -c` and `jq -c`, in one run.
//!
//!     cargo bench --bench parse            # 1 GiB of each log
//!     cargo bench --bench parse -- 256     # as many MiB as said; fewer than that and the clock is too coarse
//!     BRIDGE=PATH cargo bench --bench parse   # of another binary
//!
//! The logs are made here and the same each time: what a runner and its agent print (a fact in every few thousand lines), the same without
//! anything that is a runner's, and JSON lines of another program. Linux only: the times come from `/proc`.

#![expect(clippy::print_stdout, reason = "it prints its result")]
#![expect(clippy::disallowed_methods, reason = "the memory of a child is looked at while it runs")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Of each measurement; the median counts.
const ROUNDS: usize = 3;
/// `jq` is slow: it gets the first part only.
const JQ_SHARE: u64 = 64 << 20;

fn main() -> io::Result<()> {
    // `cargo test --benches` asks whether it starts, not how fast it is.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mib = std::env::args().filter_map(|argument| argument.parse::<u64>().ok()).next().unwrap_or(1024);
    let folder = tempfile::tempdir()?;
    println!("{:44}  GB/s of a core  × the split  peak MiB", format!("{mib} MiB each"));
    for (name, kind) in
        [("runner's terminal log", SampleKind::Terminal), ("log of no runner", SampleKind::Foreign), ("JSON lines", SampleKind::Json)]
    {
        let file = folder.path().join("run.log");
        let bytes = generate(&file, mib << 20, kind)?;
        let split = median(|| split(&file))?;
        row(&format!("{name}: memchr line split"), bytes, split, split, None);
        let grep = median(|| child(Command::new("grep").args(["-c", "ERROR"]).arg(&file)).map(|used| used.secs))?;
        row(&format!("{name}: grep -c"), bytes, grep, split, None);
        let mut peak = 0;
        let own = median(|| {
            let bridge = std::env::var_os("BRIDGE").unwrap_or_else(|| env!("CARGO_BIN_EXE_progress-bridge").into());
            let used = child(Command::new(bridge).args(["--no-discover", "--once"]).arg(&file))?;
            peak = peak.max(used.peak_kib);
            Ok(used.secs)
        })?;
        row(&format!("{name}: progress-bridge --once"), bytes, own, split, Some(peak));
        if matches!(kind, SampleKind::Json) {
            jq(&folder.path().join("part.jsonl"), &file, bytes as f64 / own)?;
        }
    }
    Ok(())
}

fn jq(part: &Path, whole: &Path, own: f64) -> io::Result<()> {
    let mut text = Vec::new();
    File::open(whole)?.take(JQ_SHARE).read_to_end(&mut text)?;
    text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
    fs::write(part, &text)?;
    match child(Command::new("jq").args(["-c", "{type, timestamp}"]).arg(part)) {
        Ok(used) => {
            let rate = text.len() as f64 / used.secs;
            println!("{:44}  {:14.3}", "JSON lines: jq -c", rate / 1e9);
            println!("{:44}  {:13.1}x", "  progress-bridge ÷ jq", own / rate);
        }
        Err(error) => println!("jq is not there: {error}"),
    }
    Ok(())
}

fn row(name: &str, bytes: u64, secs: f64, split: f64, peak_kib: Option<u64>) {
    let peak = peak_kib.map(|kib| format!("{:8.1}", kib as f64 / 1024.0)).unwrap_or_default();
    println!("{name:44}  {:14.2}  {:10.2}x  {peak}", bytes as f64 / secs / 1e9, split / secs);
}

fn median(mut measure: impl FnMut() -> io::Result<f64>) -> io::Result<f64> {
    let mut all = (0..ROUNDS).map(|_| measure()).collect::<io::Result<Vec<f64>>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[ROUNDS / 2])
}

/// CPU seconds that it takes this thread to read a file and find its lines.
fn split(file: &Path) -> io::Result<f64> {
    let before = own_cpu()?;
    let mut file = File::open(file)?;
    let mut buffer = vec![0; 64 << 10];
    let (mut lines, mut lengths) = (0_u64, 0_usize);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[..read]) {
            lengths = lengths.wrapping_add(buffer[start..end].len());
            lines += 1;
            start = end + 1;
        }
    }
    std::hint::black_box((lines, lengths));
    Ok((own_cpu()? - before).max(0.01))
}

struct Used {
    secs: f64,
    peak_kib: u64,
}

/// CPU seconds and memory of a child, from its beginning to its end.
fn child(command: &mut Command) -> io::Result<Used> {
    let before = children_cpu()?;
    // Not to /dev/null: grep looks for that and stops at its first hit.
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut printed = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let drain = thread::spawn(move || io::copy(&mut printed, &mut io::sink()));
    let mut peak_kib = 0;
    while child.try_wait()?.is_none() {
        // Gone between the two looks: then the last one counts.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = high.unwrap_or(peak_kib);
        thread::sleep(Duration::from_millis(2));
    }
    drain.join().map_err(|_| io::ErrorKind::Other)??;
    Ok(Used { secs: (children_cpu()? - before).max(0.01), peak_kib })
}

fn own_cpu() -> io::Result<f64> {
    ticks(13)
}

/// Of children that have been waited for.
fn children_cpu() -> io::Result<f64> {
    ticks(15)
}

/// User and system time, from this field of `/proc/self/stat` on: hundredths of a second.
fn ticks(field: usize) -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in brackets may have spaces in it; the third field follows it.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let fields = behind.split_ascii_whitespace().skip(field - 2).take(2);
    Ok(fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

#[derive(Clone, Copy)]
enum SampleKind {
    Terminal,
    Foreign,
    Json,
}

const WORDS: [&str; 24] = [
    "baker",
    "kneads",
    "the",
    "dough",
    "until",
    "it",
    "is",
    "smooth",
    "then",
    "error",
    "handling",
    "of",
    "oven",
    "tests",
    "was",
    "added",
    "and",
    "failed",
    "again",
    "src/lib.rs",
    "because",
    "flour",
    "a",
    "missing",
];

/// The same numbers every time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn prose(&mut self, line: &mut String, words: usize) {
        for nth in 0..words {
            if nth > 0 {
                line.push(' ');
            }
            line.push_str(WORDS[self.roll(WORDS.len() as u64) as usize]);
        }
    }
}

/// Writes a log of about this many bytes; returns how many it has.
fn generate(file: &Path, bytes: u64, kind: SampleKind) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut line = String::new();
    let (mut written, mut nth) = (0, 0_u64);
    if matches!(kind, SampleKind::Terminal) {
        out.write_all("   CLAUDE-LOOP - Autonomous Feature Builder\n[INFO] Project: bakery\n".as_bytes())?;
    }
    while written < bytes {
        line.clear();
        match kind {
            SampleKind::Terminal if nth % 4000 < 3 => runner(&mut line, nth),
            SampleKind::Terminal | SampleKind::Foreign => agent(&mut line, &mut dice, nth),
            SampleKind::Json => json(&mut line, &mut dice, nth),
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
        nth += 1;
    }
    out.flush()?;
    Ok(written)
}

/// What the script says between the rounds of its agent.
fn runner(line: &mut String, nth: u64) {
    let (round, story) = (nth / 4000 + 1, nth / 4000 % 300);
    let written = match nth % 4000 {
        0 => write!(line, "\u{1b}[0;36m[ITERATION {round}/99999]\u{1b}[0m Working on: US-{story:03} - Bake loaf {story}"),
        1 => write!(line, "\u{1b}[0;36m[EXEC-LOG]\u{1b}[0m Started: US-{story:03} - Bake loaf {story}"),
        _ => write!(line, "\u{1b}[0;32m[SUCCESS]\u{1b}[0m Story US-{story:03} completed"),
    };
    written.expect("a string takes everything");
}

/// What an agent and its tools print.
fn agent(line: &mut String, dice: &mut Dice, nth: u64) {
    match dice.roll(100) {
        0..=29 => json(line, dice, nth),
        30..=54 => dice.prose(line, 12),
        55..=64 => {
            line.push_str("    ");
            dice.prose(line, 7);
        }
        65..=79 => {
            write!(line, "   Compiling crate-{} v0.{}.{} (", nth % 300, nth % 40, nth % 9).expect("a string takes everything");
            dice.prose(line, 3);
            line.push(')');
        }
        80..=85 => {
            write!(line, "[2026-02-03 {:02}:{:02}:{:02}] INFO  ", nth / 3600 % 24, nth / 60 % 60, nth % 60)
                .expect("a string takes everything");
            dice.prose(line, 8);
        }
        86..=89 => {
            line.push_str(if nth.is_multiple_of(2) { "- [x] " } else { "- [ ] " });
            dice.prose(line, 6);
        }
        90..=91 => {
            line.push_str("## ");
            dice.prose(line, 4);
        }
        92..=94 => {
            line.push_str("\u{1b}[31mERROR\u{1b}[0m ");
            dice.prose(line, 9);
        }
        _ => {}
    }
}

/// A message of an agent, as its own log has it.
fn json(line: &mut String, dice: &mut Dice, nth: u64) {
    let (hour, minute, second) = (nth / 3600 % 24, nth / 60 % 60, nth % 60);
    write!(line, r#"{{"type":"assistant","timestamp":"2026-02-03T{hour:02}:{minute:02}:{second:02}Z","session_id":"{:016x}","#, nth / 5000)
        .expect("a string takes everything");
    line.push_str(r#""message":{"role":"assistant","content":[{"type":"text","text":""#);
    dice.prose(line, 20);
    write!(line, r#"\n- next \"step\""}}],"usage":{{"input_tokens":{},"output_tokens":{}}}}}}}"#, nth % 90_000, nth % 4000)
        .expect("a string takes everything");
}
