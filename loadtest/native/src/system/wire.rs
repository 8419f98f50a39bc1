//! A network device's frames, as they are on the wire: read with the time at which they came,
//! written at once.

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use sfu_linux::{checked, set_option};

use super::netlink::index;
use crate::time::Nanos;

/// Of linux/if_packet.h.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
/// As large as the kernel lets us: what is late here is not lost here.
const RECEIVE_BUFFER: libc::c_int = 32 << 20;
/// Of linux/ethtool.h: receive checksums, transmit checksums, scatter and gather, TCP
/// segmentation, generic segmentation, generic receive offload.
const OFFLOADS: [u32; 6] = [0x15, 0x17, 0x19, 0x1f, 0x24, 0x2c];
/// Of the option's `struct timespec`, in a control message.
const CONTROL: usize = 64;

/// The device leaves no work to whoever gets its frames.
pub(crate) fn switch_off_offloads(name: &str) -> io::Result<()> {
    // Any socket will do; in a new namespace even the loopback interface is down.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    for command in OFFLOADS {
        // struct ethtool_value
        let mut value = [command, 0];
        // SAFETY: all zeros is a valid ifreq.
        let mut request: libc::ifreq = unsafe { zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
        // SAFETY: the request and the value that it points to outlive the call.
        let result =
            unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &mut request) };
        match checked(result) {
            // What the kernel cannot switch off, it has not.
            Err(error) if error.raw_os_error() != Some(libc::EOPNOTSUPP) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[derive(Debug)]
pub(crate) struct Wire(OwnedFd);

impl Wire {
    /// Of a device in the namespace of the calling thread.
    pub(crate) fn open(device: &str) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0: nothing comes in before it is bound to the device.
        // SAFETY: takes no pointers.
        let fd = checked(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: the descriptor is new and nobody else's.
        let wire = Self(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
        set_option(&wire.0, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)?;
        set_option(&wire.0, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, 1)?;
        set_option(&wire.0, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        let forced = set_option(
            &wire.0,
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            RECEIVE_BUFFER,
        );
        forced.or_else(|_| sfu_linux::grow_receive_buffer(&wire.0, RECEIVE_BUFFER))?;
        wire.bind(index(device)?)?;
        Ok(wire)
    }

    fn bind(&self, index: u32) -> io::Result<()> {
        // SAFETY: all zeros is a valid address.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index as i32;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address is of that length and outlives the call.
        let result = unsafe { libc::bind(self.fd(), (&raw const address).cast(), length) };
        checked(result).map(drop)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Length of the next frame, and when it came by the wall clock; `None` if there is none.
    pub(crate) fn receive(&self, frame: &mut [u8]) -> io::Result<Option<(usize, Option<Nanos>)>> {
        let mut control = MaybeUninit::<[u64; CONTROL / 8]>::uninit();
        let mut part = libc::iovec {
            iov_base: frame.as_mut_ptr().cast(),
            iov_len: frame.len(),
        };
        // SAFETY: all zeros is a valid message header.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = CONTROL as _;
        // SAFETY: the header points to buffers of the lengths that it says, which outlive the call.
        let length = unsafe { libc::recvmsg(self.fd(), &mut message, 0) };
        if length < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            };
        }
        Ok(Some((length as usize, came_at(&message))))
    }

    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: the buffer is of that length and outlives the call.
        let sent = unsafe { libc::send(self.fd(), frame.as_ptr().cast(), frame.len(), 0) };
        match sent {
            ..0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Frames that the kernel dropped since the last call because nobody read them in time.
    pub(crate) fn drops(&self) -> u64 {
        // struct tpacket_stats: packets, drops.
        let mut stats = [0_u32; 2];
        let mut length = size_of_val(&stats) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into an array of that size.
        let result = unsafe {
            libc::getsockopt(
                self.fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                stats.as_mut_ptr().cast(),
                &mut length,
            )
        };
        if result == 0 { stats[1].into() } else { 0 }
    }
}

fn came_at(message: &libc::msghdr) -> Option<Nanos> {
    // SAFETY: the kernel has filled the control buffer that the header points to.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() };
    while let Some(header) = control {
        if (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            // SAFETY: of this level and type, the data is a timespec, perhaps unaligned.
            let time = unsafe {
                libc::CMSG_DATA(header)
                    .cast::<libc::timespec>()
                    .read_unaligned()
            };
            return Some(time.tv_sec as Nanos * crate::time::SECOND + time.tv_nsec as Nanos);
        }
        // SAFETY: both point into the message that the kernel has filled.
        control = unsafe { libc::CMSG_NXTHDR(message, header).as_ref() };
    }
    None
}

/// Waits until one of the descriptors is readable, or for that long.
pub(crate) fn wait_for(fds: &[RawFd], longest: Nanos) -> io::Result<()> {
    let mut polled: Vec<_> = fds
        .iter()
        .map(|&fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    let timeout = libc::timespec {
        tv_sec: (longest / crate::time::SECOND).min(3600) as _,
        tv_nsec: (longest % crate::time::SECOND) as _,
    };
    let count = polled.len() as libc::nfds_t;
    // SAFETY: the array is of that length, and all outlives the call.
    let result = unsafe { libc::ppoll(polled.as_mut_ptr(), count, &timeout, std::ptr::null()) };
    match checked(result) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Timers of this thread are exact, and it runs before others where the system lets it: what
/// comes late from here is the emulator's own error.
pub(crate) fn be_punctual() {
    /// Above all that is not real-time, below most that is.
    const PRIORITY: libc::c_int = 10;
    let parameters = libc::sched_param {
        sched_priority: PRIORITY,
    };
    // SAFETY: the parameters outlive the call; 0 is the calling thread. Both calls may be refused.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters);
    }
}
