//! From the append to a client's hands: the bridge over SSE, beside `tail -F` through a pipe, in one run.
//!
//!     cargo bench --bench latency
//!
//! Each line is one event. The time runs from just before the write that completes the line to the moment at which the reading
//! side holds it. Ends by itself after about half a minute.

#![expect(clippy::print_stdout, reason = "it prints its result")]
#![expect(clippy::disallowed_methods, reason = "the writer keeps a rate, and a reader in a thread of its own hands over times")]

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines per second, and how many.
const LOADS: [(u32, usize); 2] = [(10, 100), (1000, 4000)];

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    // `cargo test --benches` asks whether it starts, not how fast it is.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    println!("append → reader, milliseconds       p50      p90      p99      max  arrived");
    for (rate, count) in LOADS {
        let tailed = measured(tail(&folder.path().join(format!("tail-{rate}.jsonl")))?, rate, count)?;
        let bridged = measured(bridge(&folder.path().join(format!("bridge-{rate}.jsonl")))?, rate, count)?;
        row(&format!("tail -F | reader, {rate}/s"), &tailed, count);
        row(&format!("progress-bridge, SSE, {rate}/s"), &bridged, count);
        let ratio = |share| percentile(&bridged, share) / percentile(&tailed, share);
        println!("{:32}  {:6.2}x  {:6.2}x  {:6.2}x", "  ratio", ratio(0.5), ratio(0.9), ratio(0.99));
    }
    Ok(())
}

/// Something that reads a file and hands on the numbers of the lines it saw.
struct ComparedReader {
    file: PathBuf,
    _child: KillOnDrop,
    seen: Receiver<(usize, Instant)>,
}

/// A child that does not outlive us.
struct KillOnDrop(Child);

fn tail(file: &Path) -> io::Result<ComparedReader> {
    File::create(file)?;
    let mut child = KillOnDrop(Command::new("tail").args(["-q", "-F", "-n", "+1"]).arg(file).stdout(Stdio::piped()).spawn()?);
    let lines = BufReader::new(child.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
    let (say, seen) = channel();
    thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| report(&line, &say)));
    Ok(ComparedReader { file: file.to_owned(), _child: child, seen })
}

fn bridge(file: &Path) -> io::Result<ComparedReader> {
    File::create(file)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_progress-bridge"));
    command.args(["--listen", "127.0.0.1:0", "--max-rate", "0", "--no-discover", "--watch"]).arg(file);
    let mut child = KillOnDrop(command.stderr(Stdio::piped()).spawn()?);
    let mut stderr = BufReader::new(child.0.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
    let mut first = String::new();
    stderr.read_line(&mut first)?;
    let address = first.trim().strip_prefix("listening on http://").ok_or(io::Error::other(format!("it says {first:?}")))?.to_owned();
    // What it says further is not wanted, but a full pipe would hold it up.
    thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
    let mut stream = TcpStream::connect(&address)?;
    write!(stream, "GET /stream/progress?types=story_started HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    let (say, seen) = channel();
    thread::spawn(move || listen(BufReader::new(stream), &say));
    Ok(ComparedReader { file: file.to_owned(), _child: child, seen })
}

/// Reads the head, then chunks; a time is taken when a chunk is there.
fn listen(mut stream: BufReader<TcpStream>, say: &Sender<(usize, Instant)>) -> io::Result<()> {
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut pending = Vec::new();
    loop {
        let mut size = String::new();
        stream.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(());
        }
        let start = pending.len();
        pending.resize(start + size, 0);
        stream.read_exact(&mut pending[start..])?;
        stream.read_exact(&mut [0; 2])?;
        let whole = pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&pending[..whole]);
        text.lines().filter(|line| line.starts_with("data:")).for_each(|line| report(line, say));
        pending.drain(..whole);
    }
}

/// Finds the story `N-123` in a line, be it the file's or an event.
fn report(line: &str, say: &Sender<(usize, Instant)>) {
    let digits = line
        .split_once("\"story_id\":\"N-")
        .map_or("", |(_, rest)| &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())]);
    if let Ok(number) = digits.parse() {
        // Nobody listens any more when the measurement is over.
        let _over = say.send((number, Instant::now())).is_err();
    }
}

fn statement(number: usize) -> String {
    format!("{{\"type\":\"story_started\",\"story_id\":\"N-{number}\",\"title\":\"story {number} of a load\"}}\n")
}

/// Milliseconds of every line that arrived.
fn measured(reader: ComparedReader, rate: u32, count: usize) -> io::Result<Vec<f64>> {
    let mut file = OpenOptions::new().append(true).open(&reader.file)?;
    // Line 0 only shows that the reader is there.
    file.write_all(statement(0).as_bytes())?;
    reader.seen.recv_timeout(PATIENCE).map_err(|_| io::Error::other("the first line never arrived"))?;
    let start = Instant::now();
    let mut written = vec![start];
    for number in 1..=count {
        let due = start + Duration::from_secs(1) / rate * u32::try_from(number).map_err(io::Error::other)?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        written.push(Instant::now());
        file.write_all(statement(number).as_bytes())?;
    }
    let mut times = vec![None; count + 1];
    let mut left = count;
    while left > 0
        && let Ok((number, seen)) = reader.seen.recv_timeout(PATIENCE)
    {
        if let Some(time) = times.get_mut(number)
            && time.is_none()
            && number > 0
        {
            *time = Some((seen - written[number]).as_secs_f64() * 1000.0);
            left -= 1;
        }
    }
    let mut times: Vec<f64> = times.into_iter().flatten().collect();
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn row(name: &str, times: &[f64], count: usize) {
    let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| percentile(times, share));
    println!("{name:32} {p50:8.3} {p90:8.3} {p99:8.3} {max:8.3}  {} of {count}", times.len());
}

/// Nearest rank, of sorted times.
fn percentile(times: &[f64], share: f64) -> f64 {
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Ended already is as good as killed.
        let _ended = self.0.kill().is_err();
        let _reaped = self.0.wait().is_err();
    }
}
