//! A page of somebody else, on a port of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

pub struct Site {
    pub address: SocketAddr,
}

impl Site {
    /// Answers every request with this page. Ends with the process of the tests.
    pub fn new(html: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    html.len()
                );
                // A browser opens connections that it does not use: those are closed at once, and missed by nobody.
                let _asked = client.read(&mut [0; 4096]).is_ok();
                let _answered = client.write_all(format!("{head}{html}").as_bytes()).is_ok();
            }
        });
        Site { address }
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}
