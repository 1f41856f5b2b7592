//! What may stand between a browser and the bridge: a proxy that can be told to misbehave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Passes everything on.
    Passes,
    /// Answers 502 itself, as nginx does while nobody listens behind it.
    BadGateway,
    /// Passes on everything but streams, which it answers with 403.
    BlocksStreams,
    /// Passes on everything but streams, of which it keeps what comes and sends nothing, for ever.
    HoldsStreams,
}

#[derive(Clone)]
pub struct Between {
    pub address: SocketAddr,
    shared: Arc<Mutex<(Mood, String)>>,
}

impl Between {
    pub fn new(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let between = Between {
            address: listener.local_addr().expect("it is bound"),
            shared: Arc::new(Mutex::new((Mood::Passes, target.to_owned()))),
        };
        let shared = between.shared.clone();
        // Ends with the process of the tests; its connections end with the browser.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || serve(client, &shared));
            }
        });
        between
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn is(&self, mood: Mood) {
        self.shared.lock().expect("nobody panics with it").0 = mood;
    }

    pub fn leads_to(&self, target: &str) {
        target.clone_into(&mut self.shared.lock().expect("nobody panics with it").1);
    }
}

/// One request a connection, so that every request meets the mood of its moment.
fn serve(mut client: TcpStream, shared: &Mutex<(Mood, String)>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).ok()?;
    let (mood, target) = shared.lock().ok()?.clone();
    let stream = head.starts_with("GET /stream/");
    let answer = |client: &mut TcpStream, status: &str| {
        let body = "<html>not from the bridge</html>";
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        client.write_all(format!("{head}{body}").as_bytes()).ok()
    };
    match mood {
        Mood::BadGateway => return answer(&mut client, "502 Bad Gateway"),
        Mood::BlocksStreams if stream => return answer(&mut client, "403 Forbidden"),
        Mood::Passes | Mood::BlocksStreams | Mood::HoldsStreams => {}
    }
    let Ok(mut server) = TcpStream::connect(target) else { return answer(&mut client, "502 Bad Gateway") };
    server.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).replace("Connection: keep-alive\r\n", "").as_bytes()).ok()?;
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = server.read(&mut buffer).ok()?;
        if count == 0 {
            return None;
        }
        // Another mood ends what was begun in the old one.
        let now = shared.lock().ok()?.0;
        if stream && now != mood {
            return None;
        }
        if !(stream && mood == Mood::HoldsStreams) {
            client.write_all(&buffer[..count]).ok()?;
        }
    }
}
