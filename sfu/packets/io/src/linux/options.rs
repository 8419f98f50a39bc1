//! What each media socket is told once.

use std::io;
use std::net::UdpSocket;

use sfu_linux::{grow_receive_buffer, grow_send_buffer, set_option as set};

use crate::bind::{BoundSocket, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES};

pub(crate) fn configure(bound: &BoundSocket) -> io::Result<()> {
    let socket = &bound.socket;
    // The system may refuse large buffers; smaller ones work too.
    let _ = grow_receive_buffer(socket, RECEIVE_BUFFER_BYTES as libc::c_int);
    // The kernel doubles what it is told, for its own part of each datagram.
    let _ = grow_send_buffer(socket, (SEND_BUFFER_BYTES / 2) as libc::c_int);
    allow_fragments(bound)?;
    if bound.is_wildcard() {
        request_packet_info(bound)?;
    }
    // Kernels before 5.0 have no UDP_GRO; datagrams then come one by one.
    let _ = set(socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    // Without the kernel's stamps, what a datagram waited for us is taken for its way's delay.
    let _ = set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
    Ok(())
}

/// Linux has UDP_SEGMENT since 4.18.
pub(crate) fn can_segment(socket: &UdpSocket) -> bool {
    // 0 is the default: no run but where a message says so.
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok()
}

/// Media packets are made to fit; where a tunnel is narrower still, a fragment is better than
/// a black hole. IPv4 leaves the cutting to routers and believes no ICMP message about the
/// path, which anybody can forge; IPv6 routers do not cut (RFC 8200 §5), so there we must.
fn allow_fragments(bound: &BoundSocket) -> io::Result<()> {
    let socket = &bound.socket;
    if bound.local.is_ipv4() {
        set(
            socket,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_OMIT,
        )
    } else {
        set(
            socket,
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_DONT,
        )
    }
}

fn request_packet_info(bound: &BoundSocket) -> io::Result<()> {
    if bound.local.is_ipv4() {
        set(&bound.socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    } else {
        set(&bound.socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    }
}
