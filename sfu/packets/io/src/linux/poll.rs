//! epoll over the sockets and the wake of the orders.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use sfu_linux::{Epoll, Wake};

use crate::bind::BoundSocket;

/// The token of the wake; sockets have their index.
const WAKE: u64 = u64::MAX;

/// A turn finds at most this many descriptors ready; the others come with the next.
const EVENTS: usize = 65;

#[derive(Debug)]
pub(crate) struct Poller {
    epoll: Epoll,
    /// Of the wake alone.
    resting: Epoll,
    sockets: Vec<RawFd>,
    /// Whether sockets are watched for what comes; if not, only while they are full.
    is_receiving: bool,
    /// Sockets, as bits, that are watched for writability.
    watched: u64,
    readable: u64,
    writable: u64,
    is_woken: bool,
}

impl Poller {
    pub(crate) fn new(
        sockets: &[Arc<BoundSocket>],
        wake: &Wake,
        is_receiving: bool,
    ) -> io::Result<Self> {
        let poller = Self {
            epoll: Epoll::new()?,
            resting: Epoll::new()?,
            sockets: sockets
                .iter()
                .map(|bound| bound.socket.as_raw_fd())
                .collect(),
            is_receiving,
            watched: 0,
            readable: 0,
            writable: 0,
            is_woken: false,
        };
        poller.epoll.add(wake.fd(), WAKE, libc::EPOLLIN)?;
        poller.resting.add(wake.fd(), WAKE, libc::EPOLLIN)?;
        let received = poller.sockets.iter().filter(|_| is_receiving);
        for (index, &socket) in received.enumerate() {
            poller.epoll.add(socket, index as u64, libc::EPOLLIN)?;
        }
        Ok(poller)
    }

    /// Waits until something is ready; `None` waits without a deadline.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        (self.readable, self.writable, self.is_woken) = (0, 0, false);
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let count = self.epoll.wait(&mut events, timeout)?;
        for event in &events[..count] {
            self.note(event.u64, event.events as libc::c_int);
        }
        Ok(())
    }

    /// Sleeps so long, whatever comes; only the wake ends it.
    pub(crate) fn rest(&mut self, time: Duration) -> io::Result<()> {
        (self.readable, self.writable) = (0, 0);
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 1];
        self.is_woken = self.resting.wait(&mut events, Some(time))? > 0;
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
        let (fd, token) = (self.sockets[socket], socket as u64);
        match (self.is_receiving, is_watched) {
            (true, true) => self.epoll.modify(fd, token, libc::EPOLLIN | libc::EPOLLOUT),
            (true, false) => self.epoll.modify(fd, token, libc::EPOLLIN),
            (false, true) => self.epoll.add(fd, token, libc::EPOLLOUT),
            (false, false) => self.epoll.remove(fd),
        }?;
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
    fn a_rest_is_ended_by_the_wake_and_not_by_datagrams() {
        let (mut poller, sockets, wake) = poller();
        let peer = UdpSocket::bind("127.0.0.1:0").expect("bind");
        peer.send_to(b"x", sockets[0].local).expect("send");
        let (start, time) = (Instant::now(), Duration::from_millis(5));
        poller.rest(time).expect("rest");
        assert!(start.elapsed() >= time);
        assert!(!poller.is_woken() && !poller.is_readable(0));
        wake.notify();
        poller.rest(Duration::from_secs(600)).expect("rest");
        assert!(poller.is_woken());
        poller.wait(Some(Duration::ZERO)).expect("wait");
        assert!(poller.is_readable(0));
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
