//! Ancillary data of one message: the local address, the run's segment size, the DSCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Packet info of IPv6 (the larger), a segment size, and a traffic class or a time: what is sent
/// and received at most.
const CAPACITY: usize = 40 + 24 + 32;

/// Aligned as the kernel wants its headers.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Control {
    bytes: [u8; CAPACITY],
    len: usize,
}

/// What the kernel told about one received message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Received {
    pub(super) local: Option<IpAddr>,
    pub(super) segment_size: Option<usize>,
    /// By the wall clock, since 1970; of a train the first datagram's.
    pub(super) stamp: Option<Duration>,
}

impl Control {
    pub(super) const EMPTY: Self = Self {
        bytes: [0; CAPACITY],
        len: 0,
    };

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.bytes.as_mut_ptr().cast()
    }

    pub(super) const fn capacity() -> usize {
        CAPACITY
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn push_local(&mut self, local: IpAddr) {
        match local {
            IpAddr::V4(address) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            IpAddr::V6(address) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: address.octets(),
                    },
                    ipi6_ifindex: 0,
                };
                self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            }
        }
    }

    pub(super) fn push_segment_size(&mut self, segment_size: u16) {
        self.push(libc::SOL_UDP, libc::UDP_SEGMENT, segment_size);
    }

    pub(super) fn push_dscp(&mut self, is_ipv4: bool, dscp: u8) {
        // The code point is the upper six bits of the octet (RFC 2474 §3).
        let octet = libc::c_int::from(dscp) << 2;
        if is_ipv4 {
            self.push(libc::IPPROTO_IP, libc::IP_TOS, octet);
        } else {
            self.push(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, octet);
        }
    }

    fn push<T: Copy>(&mut self, level: libc::c_int, kind: libc::c_int, value: T) {
        // SAFETY: these only compute sizes.
        let (space, len) = unsafe {
            (
                libc::CMSG_SPACE(size_of::<T>() as u32) as usize,
                libc::CMSG_LEN(size_of::<T>() as u32) as usize,
            )
        };
        assert!(
            self.len + space <= CAPACITY,
            "at most one of each kind is pushed"
        );
        // A zeroed header also clears the padding that some C libraries have in it.
        self.bytes[self.len..self.len + space].fill(0);
        // SAFETY: `len` stays a multiple of the header's alignment (CMSG_SPACE keeps it), and
        // the assertion above leaves room for the header and the value behind it.
        unsafe {
            let header = self
                .bytes
                .as_mut_ptr()
                .add(self.len)
                .cast::<libc::cmsghdr>();
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            (*header).cmsg_len = len as _;
            libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        }
        self.len += space;
    }
}

/// Reads what came with a message.
///
/// # Safety
/// `header` must have been filled by the kernel, and its control buffer must still be there.
pub(super) unsafe fn parse(header: &libc::msghdr) -> Received {
    let mut received = Received::default();
    // SAFETY: the caller vouches for the header and its buffer; the macros stay within
    // `msg_controllen`, which the kernel has set to what it wrote.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            match (control.cmsg_level, control.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    // Where the packet was delivered: an address of ours even if it was sent
                    // to a broadcast address.
                    let octets = info.ipi_spec_dst.s_addr.to_ne_bytes();
                    received.local = Some(Ipv4Addr::from(octets).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    received.local = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size = data.cast::<libc::c_int>().read_unaligned();
                    received.segment_size = usize::try_from(size).ok().filter(|&size| size > 0);
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let stamp = data.cast::<libc::timespec>().read_unaligned();
                    received.stamp = since_1970(&stamp);
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    received
}

fn since_1970(stamp: &libc::timespec) -> Option<Duration> {
    let seconds = u64::try_from(stamp.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(stamp.tv_nsec).ok()?))
}
