//! What makes and configures network devices (rtnetlink(7)), in the namespace of the calling
//! thread.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{FromRawFd, RawFd};

use sfu_linux::checked;

pub(crate) type Mac = [u8; 6];

/// Of linux/if_link.h, linux/veth.h and linux/neighbour.h, which libc does not name on all targets.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_GSO_MAX_SEGS: u16 = 40;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const ADDR_GEN_MODE_NONE: u8 = 1;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;
const HEADER: usize = 16;
const RT_TABLE_MAIN: u8 = 254;

/// One end of a veth pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'a> {
    pub(crate) name: &'a str,
    pub(crate) mac: Mac,
}

/// A pair of devices: one end here, the other in that namespace.
pub(crate) fn make_pair(here: End<'_>, there: End<'_>, namespace: RawFd) -> io::Result<()> {
    let mut peer = Message::default();
    peer.put(&[0; 16]); // struct ifinfomsg
    describe(&mut peer, there);
    peer.attribute(IFLA_NET_NS_FD, &namespace.to_ne_bytes());
    let mut data = Message::default();
    data.attribute(VETH_INFO_PEER, &peer.0);
    let mut info = Message::default();
    info.attribute(IFLA_INFO_KIND, b"veth");
    info.attribute(IFLA_INFO_DATA, &data.0);
    let mut link = Message::default();
    link.put(&[0; 16]);
    describe(&mut link, here);
    link.attribute(IFLA_LINKINFO, &info.0);
    request(
        libc::RTM_NEWLINK,
        libc::NLM_F_CREATE | libc::NLM_F_EXCL,
        &link,
    )
}

fn describe(link: &mut Message, end: End<'_>) {
    link.attribute(IFLA_IFNAME, &terminated(end.name));
    link.attribute(IFLA_ADDRESS, &end.mac);
    // One segment at most: what the sender would leave to the device is cut before it.
    link.attribute(IFLA_GSO_MAX_SEGS, &1_u32.to_ne_bytes());
}

/// Up, without an IPv6 address of its own making.
pub(crate) fn bring_up(index: u32) -> io::Result<()> {
    let mut inet6 = Message::default();
    inet6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[ADDR_GEN_MODE_NONE]);
    let mut families = Message::default();
    families.attribute(libc::AF_INET6 as u16, &inet6.0);
    let mut quiet = Message::default();
    quiet.put(&link_header(index, 0));
    quiet.attribute(IFLA_AF_SPEC, &families.0);
    // A kernel without IPv6 has nothing to be told.
    let _ = request(libc::RTM_NEWLINK, 0, &quiet);
    let mut up = Message::default();
    up.put(&link_header(index, libc::IFF_UP as u32));
    request(libc::RTM_NEWLINK, 0, &up)
}

pub(crate) fn add_address(index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    let mut message = Message::default();
    message.put(&[libc::AF_INET as u8, prefix, 0, 0]);
    message.put(&index.to_ne_bytes());
    message.attribute(libc::IFA_LOCAL, &address.octets());
    message.attribute(libc::IFA_ADDRESS, &address.octets());
    request(
        libc::RTM_NEWADDR,
        libc::NLM_F_CREATE | libc::NLM_F_EXCL,
        &message,
    )
}

/// Nobody needs to ask for it.
pub(crate) fn add_neighbour(index: u32, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
    let mut message = Message::default();
    message.put(&[libc::AF_INET as u8, 0, 0, 0]);
    message.put(&index.to_ne_bytes());
    message.put(&NUD_PERMANENT.to_ne_bytes());
    message.put(&[0, 0]);
    message.attribute(NDA_DST, &address.octets());
    message.attribute(NDA_LLADDR, &mac);
    request(
        libc::RTM_NEWNEIGH,
        libc::NLM_F_CREATE | libc::NLM_F_REPLACE,
        &message,
    )
}

pub(crate) fn add_default_route(gateway: Ipv4Addr) -> io::Result<()> {
    let mut message = Message::default();
    message.put(&[libc::AF_INET as u8, 0, 0, 0]);
    message.put(&[
        RT_TABLE_MAIN,
        libc::RTPROT_STATIC,
        libc::RT_SCOPE_UNIVERSE,
        libc::RTN_UNICAST,
    ]);
    message.put(&[0; 4]);
    message.attribute(libc::RTA_GATEWAY, &gateway.octets());
    request(
        libc::RTM_NEWROUTE,
        libc::NLM_F_CREATE | libc::NLM_F_EXCL,
        &message,
    )
}

pub(crate) fn index(name: &str) -> io::Result<u32> {
    let name = terminated(name);
    // SAFETY: the name ends with a zero and outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr().cast()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// struct ifinfomsg: only flags that are named change.
fn link_header(index: u32, flags: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&flags.to_ne_bytes());
    header
}

fn terminated(name: &str) -> Vec<u8> {
    name.bytes().chain([0]).collect()
}

#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.put(&(4 + value.len() as u16).to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// Sends one request and waits for the kernel's verdict.
fn request(kind: u16, flags: libc::c_int, body: &Message) -> io::Result<()> {
    let flags = (flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut message = Message::default();
    message.put(&((HEADER + body.0.len()) as u32).to_ne_bytes());
    message.put(&kind.to_ne_bytes());
    message.put(&flags.to_ne_bytes());
    message.put(&[0; 8]);
    message.put(&body.0);
    let mut socket = open()?;
    socket.write_all(&message.0)?;
    let mut answer = [0; 4096];
    let length = socket.read(&mut answer)?;
    // struct nlmsgerr: the error, negative, behind the header.
    let code = answer[..length].get(HEADER..HEADER + 4);
    match code.map(|bytes| i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("netlink gave no answer")),
    }
}

fn open() -> io::Result<File> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointers.
    let fd = checked(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) })?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd as RawFd) })
}
