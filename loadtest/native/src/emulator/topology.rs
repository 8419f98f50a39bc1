//! Three namespaces in a row: client, wire, server. The wire's two devices are where frames are
//! taken from and put to; their other ends are the only way out of the client's and the server's.

use std::io;
use std::net::Ipv4Addr;

use crate::system::netlink::{self, End, Mac};
use crate::system::{Namespace, Wire, switch_off_offloads};

/// Beside other emulations in one namespace.
const MOST: u8 = 100;
const PREFIX: u8 = 24;

/// Who has the link's other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sides {
    /// Namespaces for both.
    BothNew,
    /// The caller is the server's side.
    CallerIsServer,
}

#[derive(Debug)]
pub(crate) struct Topology {
    pub(super) client: Namespace,
    pub(super) server: Namespace,
    pub(crate) client_address: Ipv4Addr,
    pub(crate) server_address: Ipv4Addr,
}

/// The wire's devices.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) client: Wire,
    pub(super) server: Wire,
}

impl Topology {
    pub(super) fn make(sides: Sides) -> io::Result<(Self, Wires)> {
        let client = Namespace::new()?;
        let server = match sides {
            Sides::BothNew => Namespace::new()?,
            Sides::CallerIsServer => Namespace::current()?,
        };
        let wire = Namespace::new()?;
        let number = wire.within(|| pairs(&client, &server))?;
        // RFC 2544 has set this network aside for tests of devices.
        let address = |host| Ipv4Addr::new(198, 18, number, host);
        let topology = Self {
            client_address: address(2),
            server_address: address(1),
            client,
            server,
        };
        topology.configure(number, sides)?;
        let wires = wire.within(|| {
            Ok(Wires {
                client: wire_end("client")?,
                server: wire_end("server")?,
            })
        })?;
        Ok((topology, wires))
    }

    fn configure(&self, number: u8, sides: Sides) -> io::Result<()> {
        let (client, server) = (self.client_address, self.server_address);
        self.client.within(|| {
            loopback_up()?;
            host_end(&outer_name(number), client, server, mac(number, SERVER))?;
            netlink::add_default_route(server)
        })?;
        self.server.within(|| {
            if sides == Sides::BothNew {
                loopback_up()?;
            }
            host_end(&outer_name(number), server, client, mac(number, CLIENT))?;
            match sides {
                Sides::BothNew => netlink::add_default_route(client),
                Sides::CallerIsServer => Ok(()),
            }
        })
    }
}

const SERVER: u8 = 1;
const CLIENT: u8 = 2;

/// Locally administered; `host` as in the address, wire ends have theirs beside it.
fn mac(number: u8, host: u8) -> Mac {
    [2, 0, 198, 18, number, host]
}

fn outer_name(number: u8) -> String {
    format!("emulated{number}")
}

/// Both pairs; the number of the network, which is the first that is free.
fn pairs(client: &Namespace, server: &Namespace) -> io::Result<u8> {
    for number in 0..MOST {
        let name = outer_name(number);
        let end = |name, mac| End { name, mac };
        let made = netlink::make_pair(
            end("server", mac(number, SERVER + 10)),
            end(&name, mac(number, SERVER)),
            server.fd(),
        );
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        netlink::make_pair(
            end("client", mac(number, CLIENT + 10)),
            end(&name, mac(number, CLIENT)),
            client.fd(),
        )?;
        return Ok(number);
    }
    Err(io::Error::other("too many emulated links in one namespace"))
}

fn loopback_up() -> io::Result<()> {
    netlink::bring_up(netlink::index("lo")?)
}

fn host_end(name: &str, own: Ipv4Addr, other: Ipv4Addr, other_mac: Mac) -> io::Result<()> {
    let index = netlink::index(name)?;
    switch_off_offloads(name)?;
    netlink::bring_up(index)?;
    netlink::add_address(index, own, PREFIX)?;
    netlink::add_neighbour(index, other, other_mac)
}

fn wire_end(name: &str) -> io::Result<Wire> {
    let index = netlink::index(name)?;
    switch_off_offloads(name)?;
    netlink::bring_up(index)?;
    Wire::open(name)
}
