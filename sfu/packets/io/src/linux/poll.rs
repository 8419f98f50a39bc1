//! epoll over the sockets and the wake of the orders, with a deadline finer than 1 ms.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use crate::bind::BoundSocket;
use crate::linux::wake::Wake;

/// The token of the wake; sockets have their index.
const WAKE: u64 = u64::MAX;

/// A turn finds at most this many descriptors ready; the others come with the next.
const EVENTS: usize = 65;

#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    sockets: Vec<RawFd>,
    /// Whether sockets are watched for what comes; if not, only while they are full.
    is_receiving: bool,
    /// Sockets, as bits, that are watched for writability.
    watched: u64,
    readable: u64,
    writable: u64,
    is_woken: bool,
    /// epoll_pwait2 came with Linux 5.11; some sandboxes refuse it.
    has_fine_wait: bool,
}

impl Poller {
    pub(crate) fn new(
        sockets: &[Arc<BoundSocket>],
        wake: &Wake,
        is_receiving: bool,
    ) -> io::Result<Self> {
        // SAFETY: no pointer is passed.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        super::checked(fd)?;
        // SAFETY: the descriptor was just made, and nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        let poller = Self {
            epoll,
            sockets: sockets
                .iter()
                .map(|bound| bound.socket.as_raw_fd())
                .collect(),
            is_receiving,
            watched: 0,
            readable: 0,
            writable: 0,
            is_woken: false,
            has_fine_wait: true,
        };
        poller.control(libc::EPOLL_CTL_ADD, wake.fd(), WAKE, libc::EPOLLIN)?;
        let received = poller.sockets.iter().filter(|_| is_receiving);
        for (index, &socket) in received.enumerate() {
            poller.control(libc::EPOLL_CTL_ADD, socket, index as u64, libc::EPOLLIN)?;
        }
        Ok(poller)
    }

    /// Waits until something is ready; `None` waits without a deadline.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        (self.readable, self.writable, self.is_woken) = (0, 0, false);
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let count = match self.wait_for(&mut events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            result => result?,
        };
        for event in &events[..count] {
            self.note(event.u64, event.events as libc::c_int);
        }
        Ok(())
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.is_woken
    }

    pub(crate) fn is_readable(&self, socket: usize) -> bool {
        self.readable & (1 << socket) != 0
    }

    pub(crate) fn is_writable(&self, socket: usize) -> bool {
        self.writable & (1 << socket) != 0
    }

    /// Whether `socket` wakes the poller when it can be written.
    pub(crate) fn watch_writable(&mut self, socket: usize, is_watched: bool) -> io::Result<()> {
        let bit = 1 << socket;
        if (self.watched & bit != 0) == is_watched {
            return Ok(());
        }
        let (operation, interest) = match (self.is_receiving, is_watched) {
            (true, true) => (libc::EPOLL_CTL_MOD, libc::EPOLLIN | libc::EPOLLOUT),
            (true, false) => (libc::EPOLL_CTL_MOD, libc::EPOLLIN),
            (false, true) => (libc::EPOLL_CTL_ADD, libc::EPOLLOUT),
            (false, false) => (libc::EPOLL_CTL_DEL, 0),
        };
        self.control(operation, self.sockets[socket], socket as u64, interest)?;
        self.watched ^= bit;
        Ok(())
    }

    fn note(&mut self, token: u64, ready: libc::c_int) {
        if token == WAKE {
            self.is_woken = true;
            return;
        }
        // A pending error is taken away by the next receive.
        if ready & (libc::EPOLLIN | libc::EPOLLERR) != 0 {
            self.readable |= 1 << token;
        }
        if ready & libc::EPOLLOUT != 0 {
            self.writable |= 1 << token;
        }
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: RawFd,
        token: u64,
        interest: libc::c_int,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest as u32,
            u64: token,
        };
        // SAFETY: `event` is valid during the call; the kernel copies it.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        super::checked(result).map(drop)
    }

    fn wait_for(
        &mut self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        if self.has_fine_wait {
            match self.wait_fine(events, timeout) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.has_fine_wait = false;
                }
                result => return result,
            }
        }
        self.wait_coarse(events, timeout)
    }

    fn wait_fine(
        &self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as _,
            tv_nsec: timeout.subsec_nanos() as _,
        });
        let timeout = timeout
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `events` is valid for its length, `timeout` is null or valid, no signal mask
        // is passed.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        super::checked(result as libc::c_int)
    }

    fn wait_coarse(
        &self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        // Rounded up: waking before the deadline would spin until it comes.
        let timeout = timeout.map_or(-1, |timeout| {
            timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as libc::c_int
        });
        // SAFETY: `events` is valid for its length.
        let result = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                timeout,
            )
        };
        super::checked(result)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Instant;

    use super::*;
    use crate::bind::bind_all;

    fn poller() -> (Poller, Vec<Arc<BoundSocket>>, Wake) {
        let sockets = bind_all(&["127.0.0.1:0".parse().expect("an address")]).expect("bind");
        let wake = Wake::new().expect("a wake");
        (
            Poller::new(&sockets, &wake, true).expect("epoll"),
            sockets,
            wake,
        )
    }

    #[test]
    fn one_who_does_not_receive_is_woken_for_writing_alone() {
        let (_, sockets, wake) = poller();
        let mut poller = Poller::new(&sockets, &wake, false).expect("epoll");
        let peer = UdpSocket::bind("127.0.0.1:0").expect("bind");
        peer.send_to(b"x", sockets[0].local).expect("send");
        for _ in 0..2 {
            poller.wait(Some(Duration::from_millis(1))).expect("wait");
            assert!(!poller.is_readable(0) && !poller.is_writable(0));
            poller.watch_writable(0, true).expect("watch");
            poller.wait(None).expect("wait");
            assert!(poller.is_writable(0));
            poller.watch_writable(0, false).expect("watch");
        }
    }

    #[test]
    fn a_deadline_passes_in_both_ways_of_waiting() {
        let (mut poller, _sockets, _wake) = poller();
        for has_fine_wait in [true, false] {
            poller.has_fine_wait = has_fine_wait;
            let start = Instant::now();
            poller.wait(Some(Duration::from_micros(300))).expect("wait");
            assert!(start.elapsed() >= Duration::from_micros(300));
            assert!(!poller.is_woken() && !poller.is_readable(0));
        }
    }

    #[test]
    fn a_wake_and_a_datagram_are_told_apart() {
        let (mut poller, sockets, wake) = poller();
        wake.notify();
        poller.wait(None).expect("wait");
        assert!(poller.is_woken() && !poller.is_readable(0));
        wake.clear();
        let peer = UdpSocket::bind("127.0.0.1:0").expect("bind");
        peer.send_to(b"x", sockets[0].local).expect("send");
        poller.wait(None).expect("wait");
        assert!(!poller.is_woken() && poller.is_readable(0));
    }

    #[test]
    fn writability_is_told_only_while_watched() {
        let (mut poller, _sockets, _wake) = poller();
        poller.wait(Some(Duration::ZERO)).expect("wait");
        assert!(!poller.is_writable(0));
        poller.watch_writable(0, true).expect("watch");
        poller.wait(None).expect("wait");
        assert!(poller.is_writable(0));
        poller.watch_writable(0, false).expect("watch");
        poller.wait(Some(Duration::ZERO)).expect("wait");
        assert!(!poller.is_writable(0));
    }
}
