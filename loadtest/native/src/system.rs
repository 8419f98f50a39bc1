//! The system's calls: sockets, recvmmsg, epoll, clocks. The only unsafe code of the crate.

use std::io;
use std::mem::zeroed;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::slice::ChunksMut;

use crate::time::{Nanos, SECOND};

/// Datagrams a call: a frame to one peer, and then some.
const MESSAGES: usize = 32;
/// The most that the kernel joins into one (UDP_GRO), and some lines of cache, so that the
/// buffers' beginnings do not all fall onto the same few.
const DATAGRAM: usize = 65_536 + 17 * 64;
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

/// Room for what the kernel says of a datagram: a time stamp and the length of a run's parts,
/// each behind a cmsghdr.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; Control::LEN]);

impl Control {
    const LEN: usize = 64;

    /// When the datagram came by the wall clock, and the length of the parts of a run.
    fn read(&self, length: usize) -> (Option<Nanos>, Option<usize>) {
        const HEADER: usize = size_of::<libc::cmsghdr>();
        let (mut came_at, mut part) = (None, None);
        let mut rest = &self.0[..length.min(Self::LEN)];
        while let Some((head, _)) = rest.split_first_chunk::<HEADER>() {
            let size = usize::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|at| head[at]));
            let level = i32::from_ne_bytes([8, 9, 10, 11].map(|at| head[at]));
            let kind = i32::from_ne_bytes([12, 13, 14, 15].map(|at| head[at]));
            let Some(data) = rest.get(HEADER..size) else {
                break;
            };
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => came_at = timestamp(data),
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    part = data
                        .first_chunk()
                        .map(|data| i32::from_ne_bytes(*data) as usize);
                }
                _ => {}
            }
            rest = rest.get(size.next_multiple_of(8)..).unwrap_or_default();
        }
        (came_at, part)
    }
}

fn timestamp(data: &[u8]) -> Option<Nanos> {
    let (seconds, rest) = data.split_first_chunk()?;
    let seconds = i64::from_ne_bytes(*seconds) as Nanos;
    let nanos = i64::from_ne_bytes(*rest.first_chunk()?) as Nanos;
    Some(seconds * SECOND + nanos)
}

/// Buffers for one recvmmsg, made once.
pub(crate) struct Inbox {
    buffers: Box<[[u8; DATAGRAM]]>,
    controls: Box<[Control]>,
    /// Never read by name: the headers point at them.
    _slices: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let mut buffers = vec![[0; DATAGRAM]; MESSAGES].into_boxed_slice();
        let mut controls = vec![Control([0; Control::LEN]); MESSAGES].into_boxed_slice();
        let mut slices: Box<[_]> = buffers
            .iter_mut()
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: DATAGRAM,
            })
            .collect();
        let headers = slices
            .iter_mut()
            .zip(&mut controls)
            .map(|(slice, control)| {
                // SAFETY: a zeroed mmsghdr is valid: null pointers with zero lengths.
                let mut header: libc::mmsghdr = unsafe { zeroed() };
                header.msg_hdr.msg_iov = slice;
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = Control::LEN as _;
                header
            })
            .collect();
        Self {
            buffers,
            controls,
            _slices: slices,
            headers,
        }
    }

    /// How many datagrams were waiting, up to a batch.
    pub(crate) fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        // SAFETY: every header points at a slice and a control buffer of its own, boxed beside
        // it, with their true lengths.
        let result = unsafe {
            libc::recvmmsg(
                socket.0.as_raw_fd(),
                self.headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        match checked(result) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    pub(crate) fn take(&mut self, index: usize) -> Taken<'_> {
        let header = &mut self.headers[index];
        let length = (header.msg_len as usize).min(DATAGRAM);
        let (came_at, part) = self.controls[index].read(header.msg_hdr.msg_controllen);
        header.msg_hdr.msg_controllen = Control::LEN as _;
        Taken {
            datagrams: self.buffers[index][..length].chunks_mut(part.unwrap_or(length).max(1)),
            came_at,
        }
    }
}

/// One datagram, or a run of them.
pub(crate) struct Taken<'a> {
    pub(crate) datagrams: ChunksMut<'a, u8>,
    /// By the wall clock, where the socket has time stamps.
    pub(crate) came_at: Option<Nanos>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_of_a_run_is_read() {
        let mut control = Control([0; Control::LEN]);
        let mut write =
            |at: usize, bytes: &[u8]| control.0[at..at + bytes.len()].copy_from_slice(bytes);
        write(0, &32usize.to_ne_bytes());
        write(8, &libc::SOL_SOCKET.to_ne_bytes());
        write(12, &libc::SCM_TIMESTAMPNS.to_ne_bytes());
        write(16, &7i64.to_ne_bytes());
        write(24, &5i64.to_ne_bytes());
        write(32, &20usize.to_ne_bytes());
        write(40, &libc::SOL_UDP.to_ne_bytes());
        write(44, &libc::UDP_GRO.to_ne_bytes());
        write(48, &1177i32.to_ne_bytes());
        assert_eq!(control.read(56), (Some(7 * SECOND + 5), Some(1177)));
        assert_eq!(control.read(32), (Some(7 * SECOND + 5), None));
        assert_eq!(control.read(0), (None, None));
    }

    #[test]
    fn datagrams_arrive_with_their_time() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let options = SocketOptions {
            has_timestamps: true,
            takes_runs: true,
        };
        let socket = Socket::open(server.local_addr().unwrap(), options).unwrap();
        let before = realtime();
        socket.send(b"hello").unwrap();
        let mut buffer = [0; 16];
        let (_, peer) = server.recv_from(&mut buffer).unwrap();
        server.send_to(b"one", peer).unwrap();
        server.send_to(b"two", peer).unwrap();
        let mut inbox = Inbox::new();
        assert_eq!(inbox.receive(&socket).unwrap(), 2);
        for (index, expected) in [b"one", b"two"].into_iter().enumerate() {
            let mut taken = inbox.take(index);
            assert_eq!(taken.datagrams.next().unwrap(), expected);
            assert!(taken.datagrams.next().is_none());
            assert!(taken.came_at.unwrap() >= before);
        }
        assert_eq!(inbox.receive(&socket).unwrap(), 0);
        assert_eq!(socket.drops(), 0);
    }
}
