//! One 5-tuple, one spelling.

use std::net::{IpAddr, SocketAddr};

use crate::transmit::Path;

/// IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2) as IPv4, so that a dual-stack socket and
/// an IPv4 socket name a peer alike. Flow labels are not part of an address.
pub(super) fn canonical(path: &Path) -> Path {
    let remote = match path.remote {
        SocketAddr::V6(mut remote) => match remote.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), remote.port()),
            None => {
                remote.set_flowinfo(0);
                remote.into()
            }
        },
        remote => remote,
    };
    Path {
        remote,
        local: path.local.as_ref().map(IpAddr::to_canonical),
        ..*path
    }
}
