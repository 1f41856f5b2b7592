//! A whole SSE client for the stream, with nothing but the standard library: prints each event, comes back where it was.
//!
//!     cargo run --example sse_client                       # http://127.0.0.1:7333
//!     cargo run --example sse_client -- 127.0.0.1:8080

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]
#![expect(clippy::disallowed_methods, reason = "a pause before it comes back")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7333".to_owned());
    let mut last_id = None;
    loop {
        if let Err(cause) = follow(&address, &mut last_id) {
            eprintln!("{address}: {cause}; trying again");
        }
        sleep(Duration::from_secs(2));
    }
}

/// Reads one connection to its end. `last_id` outlives it: it is the place to go on from.
fn follow(address: &str, last_id: &mut Option<String>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    // HTTP/1.0 has no chunks, so the lines of the stream come as they are.
    write!(stream, "GET /stream/progress HTTP/1.0\r\nHost: {address}\r\n")?;
    if let Some(id) = &last_id {
        write!(stream, "Last-Event-ID: {id}\r\n")?;
    }
    write!(stream, "\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    if !status.contains(" 200 ") {
        return Err(io::Error::other(status));
    }
    // The head ends with an empty line; what follows are frames, each ended by an empty line.
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let (mut event, mut data) = (String::new(), String::new());
    for line in lines {
        let line = line?;
        match line.split_once(": ") {
            Some(("id", id)) => *last_id = Some(id.to_owned()),
            Some(("event", name)) => name.clone_into(&mut event),
            Some(("data", text)) => text.clone_into(&mut data),
            // An empty line ends the frame; comments and `retry` are nobody's business here.
            _ if line.is_empty() && !data.is_empty() => {
                println!("{event}\t{data}");
                data.clear();
            }
            _ => {}
        }
    }
    Ok(())
}
