//! The system's calls: sockets, epoll, clocks here, recvmmsg in `inbox`. The only unsafe code of
//! the crate.

mod inbox;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::time::{Nanos, SECOND};
pub(crate) use inbox::Inbox;

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
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel fills a timespec of ours. These clocks exist on every Linux.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as Nanos * SECOND + time.tv_nsec as Nanos
}

fn checked(result: libc::c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
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
        // Beyond the system's limit where we may, up to it otherwise.
        let level = libc::SOL_SOCKET;
        if set(&socket, level, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER).is_err() {
            set(&socket, level, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
        }
        if options.has_timestamps {
            set(&socket, level, libc::SO_TIMESTAMPNS, 1)?;
        }
        if options.takes_runs {
            set(&socket, libc::SOL_UDP, libc::UDP_GRO, 1)?;
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

fn set(
    socket: &UdpSocket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the kernel reads a c_int of ours, with its true length.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    checked(result).map(drop)
}

/// epoll over all sockets of a worker, and an eventfd that wakes it.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Box<[libc::epoll_event; EVENTS]>,
}

/// What rouses a [`Poller`] from another thread.
#[derive(Debug)]
pub(crate) struct Waker(OwnedFd);

impl Poller {
    pub(crate) const WOKEN: u64 = u64::MAX;

    pub(crate) fn new(waker: &Waker) -> io::Result<Self> {
        // SAFETY: no memory is involved; the result is checked.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        checked(fd)?;
        let poller = Self {
            // SAFETY: a descriptor that was just made and that nobody else holds.
            epoll: unsafe { OwnedFd::from_raw_fd(fd) },
            events: Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS]),
        };
        poller.add_fd(waker.0.as_raw_fd(), Self::WOKEN)?;
        Ok(poller)
    }

    pub(crate) fn add(&self, socket: &Socket, token: u64) -> io::Result<()> {
        self.add_fd(socket.0.as_raw_fd(), token)
    }

    fn add_fd(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token,
        };
        // SAFETY: the kernel copies the event; closing the descriptor removes it.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        checked(result).map(drop)
    }

    /// Waits until something is readable, or for that long; how many events there are.
    pub(crate) fn wait(&mut self, longest: Nanos) -> io::Result<usize> {
        let timeout = libc::timespec {
            tv_sec: (longest / SECOND).min(3600) as libc::time_t,
            tv_nsec: (longest % SECOND) as _,
        };
        // SAFETY: the kernel writes at most EVENTS events into an array of that many, and
        // reads a timespec of ours. glibc has the call only since 2.35, the kernel since 5.11.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                EVENTS as libc::c_int,
                &raw const timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        match checked(result as libc::c_int) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }

    pub(crate) fn token(&self, index: usize) -> u64 {
        self.events[index].u64
    }
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no memory is involved; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        checked(fd)?;
        // SAFETY: a descriptor that was just made and that nobody else holds.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the kernel reads eight bytes of ours. It fails only where the counter is
        // full, and then the worker is roused already.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    pub(crate) fn reset(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the kernel writes eight bytes into an array of eight.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}
