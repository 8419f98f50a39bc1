//! The system: sockets, epoll, clocks here, recvmmsg in `inbox`; for the emulator namespaces,
//! devices (`netlink`) and their frames (`wire`). The only unsafe code of the crate; what the packet
//! path's sockets need as well is in `sfu-linux`.

mod inbox;
mod namespace;
pub(crate) mod netlink;
mod wire;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

pub(crate) use inbox::Inbox;
pub(crate) use namespace::Namespace;
pub(crate) use sfu_linux::Wake;
use sfu_linux::{Epoll, grow_receive_buffer, set_option};
pub(crate) use wire::{Wire, be_punctual, switch_off_offloads, wait_for};

use crate::time::Nanos;

/// A second of 2.5 Mbit/s as the kernel accounts for it, so that what is lost is not lost here.
const RECEIVE_BUFFER: libc::c_int = 1 << 20;
const EVENTS: usize = 256;

pub(crate) fn monotonic() -> Nanos {
    clock(libc::CLOCK_MONOTONIC)
}

pub(crate) fn realtime() -> Nanos {
    clock(libc::CLOCK_REALTIME)
}

/// What this thread has run.
pub(crate) fn thread_cpu() -> Nanos {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> Nanos {
    sfu_linux::clock(id).as_nanos() as Nanos
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketOptions {
    /// The kernel tells when each datagram came in.
    pub(crate) has_timestamps: bool,
    /// The kernel hands over runs as they were sent, and need not cut them.
    pub(crate) takes_runs: bool,
}

/// One peer's 5-tuple.
#[derive(Debug)]
pub(crate) struct Socket(UdpSocket);

impl Socket {
    pub(crate) fn open(remote: SocketAddr, options: SocketOptions) -> io::Result<Self> {
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0; 16], 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(remote)?;
        socket.set_nonblocking(true)?;
        grow_receive_buffer(&socket, RECEIVE_BUFFER)?;
        if options.has_timestamps {
            set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        }
        if options.takes_runs {
            set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1)?;
        }
        Ok(Self(socket))
    }

    pub(crate) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.0.send(datagram).map(drop)
    }

    /// Datagrams that the kernel dropped because nobody read them in time.
    pub(crate) fn drops(&self) -> u64 {
        /// `SK_MEMINFO_DROPS` of linux/sock_diag.h, which libc does not name.
        const DROPS: usize = 8;
        let mut info = [0u32; DROPS + 1];
        let mut length = size_of_val(&info) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into an array of that size.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                info.as_mut_ptr().cast(),
                &mut length,
            )
        };
        if result == 0 { info[DROPS].into() } else { 0 }
    }
}

/// epoll over all sockets of a worker, and an eventfd that wakes it.
pub(crate) struct Poller {
    epoll: Epoll,
    events: Box<[libc::epoll_event; EVENTS]>,
}

impl Poller {
    pub(crate) const WOKEN: u64 = u64::MAX;

    pub(crate) fn new(wake: &Wake) -> io::Result<Self> {
        let poller = Self {
            epoll: Epoll::new()?,
            events: Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS]),
        };
        poller.epoll.add(wake.fd(), Self::WOKEN, libc::EPOLLIN)?;
        Ok(poller)
    }

    pub(crate) fn add(&self, socket: &Socket, token: u64) -> io::Result<()> {
        self.epoll.add(socket.0.as_raw_fd(), token, libc::EPOLLIN)
    }

    /// Waits until something is readable, or for that long; how many events there are.
    pub(crate) fn wait(&mut self, longest: Nanos) -> io::Result<usize> {
        let timeout = Duration::from_nanos(longest);
        self.epoll.wait(&mut self.events[..], Some(timeout))
    }

    pub(crate) fn token(&self, index: usize) -> u64 {
        self.events[index].u64
    }
}
