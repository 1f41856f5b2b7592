//! How much of the agents a client gets: who has the token, or is the same user on the same machine, gets all that the program reads;
//! anybody else what kind of thing they do.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use warp::http::HeaderMap;

use super::metrics::Counters;
use super::{ServeSettings, guard};
use crate::model::agent::AgentLevel;

/// What is told of the agents, and whether that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentAccess {
    /// How much at most.
    pub level: AgentLevel,
    /// `--agent` was given: it holds behind proxies and for other names and pages, too.
    pub explicit: bool,
}

/// The two ends of a connection; a request extension for the routes.
#[derive(Debug, Clone)]
pub(super) struct PeerSocket {
    local: SocketAddr,
    peer: SocketAddr,
    is_own_user: Arc<OnceLock<bool>>,
    counters: Arc<Counters>,
}

/// Looking up a user reads the system's table of connections, whose length is their number: beyond so many nobody is looked up.
const MOST_LOOKED_UP: u64 = 512;

impl PeerSocket {
    /// `counters` know how many connections there are.
    pub(super) fn new(local: SocketAddr, peer: SocketAddr, counters: Arc<Counters>) -> Self {
        PeerSocket { local, peer, is_own_user: Arc::new(OnceLock::new()), counters }
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the other end belongs to the user of this process; looked up once a connection.
    fn is_own_user(&self) -> bool {
        let lookup = || {
            self.counters.connections.current() <= MOST_LOOKED_UP
                && socket_user(self.peer, self.local) == Some(rustix::process::geteuid().as_raw())
        };
        *self.is_own_user.get_or_init(lookup)
    }
}

/// The level of a client that has passed the guard, and thus has the token where there is one.
pub(super) fn level(settings: &ServeSettings, peer: Option<&PeerSocket>, headers: &HeaderMap) -> AgentLevel {
    let AgentAccess { level, explicit } = settings.agents;
    let is_opened = !settings.allow_host.is_empty() || !settings.allow_origin.is_empty() || guard::is_forwarded(headers);
    if is_opened && !explicit {
        return AgentLevel::Off;
    }
    if level <= AgentLevel::Status || settings.token.is_some() || peer.is_some_and(PeerSocket::is_own_user) {
        return level;
    }
    AgentLevel::Status
}

/// The user of the socket of this machine that is bound to `local` and connected to `remote`; `None` where the system has no such table.
fn socket_user(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| user_in(&fs::read_to_string(table).ok()?, local, remote))
}

/// Looks a socket up in a table of `/proc/net`.
fn user_in(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    let canonical = |address: SocketAddr| (address.ip().to_canonical(), address.port());
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let ends = (fields.next()?, fields.next()?);
        let (state, user) = (fields.next()?, fields.nth(3)?);
        let is_it = state == ESTABLISHED && parse_end(ends.0)? == canonical(local) && parse_end(ends.1)? == canonical(remote);
        is_it.then(|| user.parse().ok()).flatten()
    })
}

/// `0100007F:1CA5`: an address as words in the machine's order, and a port.
fn parse_end(end: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = end.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address: IpAddr = match address.len() {
        8 => word(0)?.into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            bytes.into()
        }
        _ => return None,
    };
    Some((address.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use warp::http::HeaderValue;

    use super::*;
    use crate::serve::Token;

    #[test]
    fn a_socket_is_looked_up_with_its_user() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Some machines have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
            let (server, _) = listener.accept().expect("it came");
            let (local, remote) = (client.local_addr().expect("an address"), server.local_addr().expect("an address"));
            assert_eq!(socket_user(local, remote), Some(rustix::process::geteuid().as_raw()), "{address}");
            assert_eq!(socket_user(SocketAddr::new(local.ip(), 1), remote), None);
        }
    }

    #[test]
    fn tables_of_both_families_are_read() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let four = format!("{head}   0: 0100007F:C350 0100007F:1CA5 01 00000000:00000000 00:00000000 00000000  1001        0 1 1\n");
        let mapped = format!(
            "{head}   0: 0000000000000000FFFF00000100007F:C350 0000000000000000FFFF00000100007F:1CA5 01 0:0 00:0 0  1002        0 1 1\n"
        );
        let waits = four.replace(" 01 ", " 06 ");
        let (peer, own) = ("127.0.0.1:50000".parse().expect("an address"), "127.0.0.1:7333".parse().expect("an address"));
        // The tables have the machine's order of bytes.
        if cfg!(target_endian = "little") {
            assert_eq!(user_in(&four, peer, own), Some(1001));
            assert_eq!(user_in(&mapped, peer, own), Some(1002));
        }
        assert_eq!(user_in(&waits, peer, own), None);
        assert_eq!(user_in("no table\nof this: kind", peer, own), None);
    }

    #[test]
    fn who_gets_how_much() {
        let own = |is_own: bool| {
            let address = "127.0.0.1:1".parse().expect("an address");
            let peer = PeerSocket::new(address, address, Arc::default());
            peer.is_own_user.set(is_own).expect("it is not known yet");
            peer
        };
        let token = Token::new("0123456789abcdef");
        let proxy = HeaderMap::from_iter([(warp::http::header::FORWARDED, HeaderValue::from_static("for=x"))]);
        let hosts = |settings: ServeSettings| ServeSettings { allow_host: vec!["box.lan".into()], ..settings };
        let with = |level, explicit| ServeSettings { agents: AgentAccess { level, explicit }, ..ServeSettings::default() };
        use AgentLevel::{Command, Off, Status, Target};
        for (settings, is_own, headers, expected) in [
            (with(Target, false), true, HeaderMap::new(), Target),
            (with(Target, false), false, HeaderMap::new(), Status),
            (with(Command, true), false, HeaderMap::new(), Status),
            (with(Status, true), true, HeaderMap::new(), Status),
            (with(Off, true), true, HeaderMap::new(), Off),
            (ServeSettings { token: token.clone(), ..with(Target, false) }, false, HeaderMap::new(), Target),
            (ServeSettings { token: token.clone(), ..with(Target, false) }, false, proxy.clone(), Off),
            (ServeSettings { token: token.clone(), ..with(Target, true) }, false, proxy, Target),
            (hosts(with(Target, false)), true, HeaderMap::new(), Off),
            (hosts(with(Target, true)), true, HeaderMap::new(), Target),
            (hosts(with(Target, true)), false, HeaderMap::new(), Status),
        ] {
            assert_eq!(level(&settings, Some(&own(is_own)), &headers), expected, "{:?} {is_own} {headers:?}", settings.agents);
        }
        assert_eq!(level(&with(Target, false), None, &HeaderMap::new()), Status);
    }
}
