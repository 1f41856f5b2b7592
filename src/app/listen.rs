//! Binds the listening socket: to the configured address, or to the first free one of ten default ports.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::{DEFAULT_PORT, Listen, PORTS_TRIED};
use crate::error::Error;

/// A bound socket. The kernel already accepts connections on it.
#[derive(Debug)]
pub(super) struct BoundListener {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    /// The default port was busy, so this is another one.
    pub(super) is_fallback_port: bool,
}

impl BoundListener {
    pub(super) fn into_inner(self) -> TcpListener {
        self.listener
    }
}

pub(super) async fn bind(listen: &Listen) -> Result<BoundListener, Error> {
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, candidate) in listen.candidates().into_iter().enumerate() {
        match bind_one(candidate).await {
            Ok((listener, address)) => {
                return Ok(BoundListener { listener, address, is_fallback_port: *listen == Listen::Default && tried > 0 });
            }
            Err(cause) => last_error = cause,
        }
    }
    Err(bind_error(listen, last_error))
}

async fn bind_one(candidate: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(candidate).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn bind_error(listen: &Listen, cause: io::Error) -> Error {
    let default_ports = || format!("127.0.0.1:{DEFAULT_PORT} to {}", DEFAULT_PORT + PORTS_TRIED - 1);
    let (address, hint) = match listen {
        Listen::Default => {
            (default_ports(), "give another port with --listen 127.0.0.1:PORT, or --listen 127.0.0.1:0 for any free one".to_owned())
        }
        Listen::At { text, .. } => (text.clone(), hint(cause.kind()).to_owned()),
    };
    Error::Listen { address, hint, cause }
}

fn hint(kind: io::ErrorKind) -> &'static str {
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
        assert!(!listening.is_fallback_port);
    }
}
