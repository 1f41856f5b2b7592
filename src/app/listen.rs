//! Takes an address to listen on: the one that was asked for, or the first free one of ten.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::{DEFAULT_PORT, Listen, PORTS_TRIED};
use crate::error::Error;

/// A socket that clients can already connect to.
#[derive(Debug)]
pub(super) struct Listening {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    /// The default port was taken by somebody else.
    pub(super) is_second_choice: bool,
}

impl Listening {
    pub(super) fn into_inner(self) -> TcpListener {
        self.listener
    }
}

pub(super) async fn bind(listen: &Listen) -> Result<Listening, Error> {
    let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, candidate) in listen.candidates().into_iter().enumerate() {
        match bind_one(candidate).await {
            Ok((listener, address)) => {
                return Ok(Listening { listener, address, is_second_choice: *listen == Listen::Anywhere && tried > 0 });
            }
            Err(cause) => refusal = cause,
        }
    }
    Err(refused(listen, refusal))
}

async fn bind_one(candidate: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(candidate).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn refused(listen: &Listen, cause: io::Error) -> Error {
    let anywhere = || format!("127.0.0.1:{DEFAULT_PORT} to {}", DEFAULT_PORT + PORTS_TRIED - 1);
    let (address, hint) = match listen {
        Listen::Anywhere => {
            (anywhere(), "give another port with --listen 127.0.0.1:PORT, or --listen 127.0.0.1:0 for any free one".to_owned())
        }
        Listen::At { asked, .. } => (asked.clone(), fix(cause.kind()).to_owned()),
    };
    Error::Listen { address, hint, cause }
}

fn fix(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "give another port, or --listen 127.0.0.1:0 for any free one",
        io::ErrorKind::PermissionDenied => "ports under 1024 belong to the administrator: give a higher one",
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address: 127.0.0.1 is always there, 0.0.0.0 is all it has",
        _ => "give another address with --listen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_port_that_was_asked_for_is_an_error_with_the_fix() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let asked = taken.local_addr().expect("its address").to_string();
        let error = bind(&Listen::parse(&asked).expect("it is an address")).await.expect_err("it is taken");
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains(&asked) && error.to_string().contains("--listen 127.0.0.1:0"), "{error}");
    }

    #[tokio::test]
    async fn port_zero_is_any_free_one() {
        let listening = bind(&Listen::parse("127.0.0.1:0").expect("it is an address")).await.expect("one is free");
        assert_ne!(listening.address.port(), 0);
        assert!(!listening.is_second_choice);
    }
}
