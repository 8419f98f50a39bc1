//! Binds the media port on every address that was asked for.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::PORT_ATTEMPTS;
use crate::system;

/// Room for 33 ms of a full gigabit, so that a worker that was not scheduled for a while loses
/// nothing. Unless it may force it, the kernel caps it to a limit of its own.
pub(crate) const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Two batches of the worker's. What the kernel has taken no policy can leave out any more: on
/// a link of 100 Mbit/s these are 40 ms, where as much as for receiving would be 340 ms.
pub(crate) const SEND_BUFFER_BYTES: usize = 512 * 1024;

/// Sockets are bits of a 64-bit readiness set.
pub(crate) const MAXIMUM_SOCKETS: usize = 64;

/// What kept a socket from being bound.
#[derive(Debug)]
pub struct BindError {
    /// The address that could not be bound; `None` when it was not one of them that failed.
    pub address: Option<SocketAddr>,
    pub source: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address {
            Some(address) => write!(formatter, "cannot bind {address}: {}", self.source),
            None => write!(formatter, "cannot start the packet path: {}", self.source),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<io::Error> for BindError {
    fn from(source: io::Error) -> Self {
        Self {
            address: None,
            source,
        }
    }
}

/// One bound socket.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    pub(crate) socket: UdpSocket,
    pub(crate) local: SocketAddr,
}

impl BoundSocket {
    /// Whether the address asked must be learned, and told, datagram by datagram.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.local.ip().is_unspecified()
    }

    /// The local address where it is the same for every datagram.
    pub(crate) fn fixed_address(&self) -> Option<IpAddr> {
        (!self.is_wildcard()).then(|| self.local.ip())
    }
}

/// Binds every address. Those with port 0 share one port that the system chooses.
pub(crate) fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<Arc<BoundSocket>>, BindError> {
    if addresses.is_empty() || addresses.len() > MAXIMUM_SOCKETS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("between 1 and {MAXIMUM_SOCKETS} addresses can be bound"),
        )
        .into());
    }
    let chosen = addresses
        .iter()
        .filter(|address| address.port() == 0)
        .count();
    if chosen > 1 {
        with_another_port(|| bind_once(addresses))
    } else {
        bind_once(addresses)
    }
}

/// A port that is free at the first address may be taken at the next: then another is chosen.
fn with_another_port<T>(mut bind: impl FnMut() -> Result<T, BindError>) -> Result<T, BindError> {
    for _ in 1..PORT_ATTEMPTS {
        match bind() {
            Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    bind()
}

fn bind_once(addresses: &[SocketAddr]) -> Result<Vec<Arc<BoundSocket>>, BindError> {
    let mut chosen = 0;
    let mut bound = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let mut address = address;
        let is_chosen = address.port() == 0;
        if is_chosen {
            address.set_port(chosen);
        }
        let socket = bind_one(address).map_err(|source| BindError {
            address: Some(address),
            source,
        })?;
        if is_chosen {
            chosen = socket.local.port();
        }
        bound.push(Arc::new(socket));
    }
    Ok(bound)
}

fn bind_one(address: SocketAddr) -> io::Result<BoundSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // IPv4 has sockets of its own, so that each family keeps its own packet info.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let local = socket.local_addr()?;
    let bound = BoundSocket { socket, local };
    system::configure(&bound)?;
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(names: &[&str]) -> Vec<SocketAddr> {
        names
            .iter()
            .map(|name| name.parse().expect("a test address"))
            .collect()
    }

    #[test]
    fn port_zero_is_one_port_for_all() {
        let bound = bind_all(&addresses(&["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"])).expect("bind");
        let port = bound[0].local.port();
        assert_ne!(port, 0);
        assert!(bound.iter().all(|socket| socket.local.port() == port));
    }

    #[test]
    fn both_wildcards_share_a_port() {
        let bound = bind_all(&addresses(&["0.0.0.0:0", "[::]:0"])).expect("bind");
        assert_eq!(bound[0].local.port(), bound[1].local.port());
        assert!(bound[0].is_wildcard() && bound[0].fixed_address().is_none());
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let first = bind_all(&addresses(&["127.0.0.1:0"])).expect("bind");
        let error = bind_all(&[first[0].local]).expect_err("the port is taken");
        assert_eq!(error.address, Some(first[0].local));
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn another_port_is_tried_32_times() {
        let tried = |fails: usize, kind: io::ErrorKind| {
            let mut tries = 0;
            let bound = with_another_port(|| {
                tries += 1;
                (tries > fails)
                    .then_some(tries)
                    .ok_or_else(|| io::Error::from(kind).into())
            });
            (bound.is_ok(), tries)
        };
        assert_eq!(tried(0, io::ErrorKind::AddrInUse), (true, 1));
        assert_eq!(tried(31, io::ErrorKind::AddrInUse), (true, 32));
        assert_eq!(tried(32, io::ErrorKind::AddrInUse), (false, 32));
        assert_eq!(tried(1, io::ErrorKind::AddrNotAvailable), (false, 1));
    }

    #[test]
    fn an_address_of_nobody_is_an_error() {
        let error = bind_all(&addresses(&["198.51.100.1:0"])).expect_err("not ours");
        assert_eq!(error.source.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn no_address_is_an_error() {
        let error = bind_all(&[]).expect_err("nothing to bind");
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidInput);
    }
}
