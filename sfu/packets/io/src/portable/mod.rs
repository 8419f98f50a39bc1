//! Any system: one call a datagram, no runs, no DSCP, waiting by looking.
//!
//! It works, and is not fast: the place to begin for a port that matters. A wildcard socket
//! answers from the address that the system chooses.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sfu_proto::histogram::Histogram;
use sfu_proto::transmit::{Datagram, Path, Transmit};
use socket2::SockRef;

use crate::bind::{BoundSocket, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES};
use crate::egress::Wire;
use crate::worker::Receipt;

/// What one look at all sockets may cost is small against this; so is the delay it adds.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Datagrams a receive, as the Linux path has messages.
const DATAGRAMS: usize = 32;

/// No UDP payload is larger.
const BUFFER: usize = 65536;

/// A descriptor, or a socket handle, that an event loop can wait on.
#[cfg(unix)]
pub type Fd = std::os::fd::RawFd;
#[cfg(windows)]
pub type Fd = std::os::windows::io::RawSocket;

pub(crate) fn configure(bound: &BoundSocket) -> io::Result<()> {
    // Systems cap or refuse large buffers in their own ways; smaller ones work too.
    let socket = SockRef::from(&bound.socket);
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    Ok(())
}

/// No portable clock tells it.
pub(crate) fn thread_cpu_time() -> Duration {
    Duration::ZERO
}

#[cfg(feature = "stages")]
pub(crate) fn ticks() -> u64 {
    crate::stages::nanoseconds()
}

/// Two sockets of the loopback: one is readable from a notification until it is cleared.
#[derive(Debug)]
pub(crate) struct Wake {
    readable: UdpSocket,
    notifier: UdpSocket,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        let readable = UdpSocket::bind("127.0.0.1:0")?;
        let notifier = UdpSocket::bind("127.0.0.1:0")?;
        // Connected both ways, so that nobody else on this host can speak to them.
        notifier.connect(readable.local_addr()?)?;
        readable.connect(notifier.local_addr()?)?;
        readable.set_nonblocking(true)?;
        notifier.set_nonblocking(true)?;
        Ok(Self { readable, notifier })
    }

    pub(crate) fn notify(&self) {
        // It fails only when it is full of notifications.
        let _ = self.notifier.send(&[1]);
    }

    pub(crate) fn clear(&self) {
        while self.readable.recv(&mut [0; 1]).is_ok() {}
    }

    pub(crate) fn is_set(&self) -> bool {
        has_something(self.readable.peek(&mut [0; 1]))
    }

    #[cfg(unix)]
    pub(crate) fn fd(&self) -> Fd {
        std::os::fd::AsRawFd::as_raw_fd(&self.readable)
    }

    #[cfg(windows)]
    pub(crate) fn fd(&self) -> Fd {
        std::os::windows::io::AsRawSocket::as_raw_socket(&self.readable)
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            readable: self.readable.try_clone()?,
            notifier: self.notifier.try_clone()?,
        })
    }
}

/// Whether a peek tells of a datagram, or of an error that the receive will take away.
fn has_something<T>(peeked: io::Result<T>) -> bool {
    !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[derive(Debug)]
pub(crate) struct Poller {
    sockets: Vec<Arc<BoundSocket>>,
    wake: Wake,
    is_receiving: bool,
    /// Sockets, as bits, where something waits.
    readable: u64,
    /// Sockets, as bits, to try again by the next look.
    blocked: u64,
    is_woken: bool,
}

impl Poller {
    pub(crate) fn new(
        sockets: &[Arc<BoundSocket>],
        wake: &Wake,
        is_receiving: bool,
    ) -> io::Result<Self> {
        Ok(Self {
            sockets: sockets.to_vec(),
            wake: wake.try_clone()?,
            is_receiving,
            readable: 0,
            blocked: 0,
            is_woken: false,
        })
    }

    /// Looks until something is ready; `None` looks without a deadline.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            self.look();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if self.is_woken || self.readable != 0 || left == Some(Duration::ZERO) {
                return Ok(());
            }
            thread::sleep(left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY));
            if self.blocked != 0 {
                return Ok(());
            }
        }
    }

    /// It looks by the clock in any case.
    pub(crate) fn rest(&mut self, time: Duration) -> io::Result<()> {
        self.wait(Some(time))
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.is_woken
    }

    pub(crate) fn is_readable(&self, socket: usize) -> bool {
        self.readable & (1 << socket) != 0
    }

    /// Not known: the next send tells.
    pub(crate) fn is_writable(&self, _socket: usize) -> bool {
        true
    }

    pub(crate) fn watch_writable(&mut self, socket: usize, is_watched: bool) -> io::Result<()> {
        let bit = 1 << socket;
        self.blocked = if is_watched {
            self.blocked | bit
        } else {
            self.blocked & !bit
        };
        Ok(())
    }

    fn look(&mut self) {
        self.is_woken = self.wake.is_set();
        self.readable = 0;
        for (index, bound) in self.sockets.iter().enumerate() {
            if self.is_receiving && has_something(bound.socket.peek_from(&mut [0; 1])) {
                self.readable |= 1 << index;
            }
        }
    }
}

pub(crate) struct Receiver {
    buffers: Box<[u8]>,
    /// No portable call tells it.
    pub(crate) waited: Histogram,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self {
            buffers: vec![0; DATAGRAMS * BUFFER].into_boxed_slice(),
            waited: Histogram::default(),
        }
    }

    /// Receives once and hands over what came, in order. An error means that nothing came.
    pub(crate) fn receive(
        &mut self,
        bound: &BoundSocket,
        index: u8,
        deliver: impl FnOnce(Instant, &mut [Datagram<'_>]),
    ) -> io::Result<Receipt> {
        let mut datagrams = Vec::with_capacity(DATAGRAMS);
        let now = Instant::now();
        for buffer in self.buffers.chunks_mut(BUFFER) {
            match bound.socket.recv_from(buffer) {
                Ok((len, remote)) => {
                    let path = Path {
                        socket: index,
                        local: bound.fixed_address(),
                        remote,
                    };
                    datagrams.push(Datagram {
                        path,
                        came_at: now,
                        data: &mut buffer[..len],
                    });
                }
                Err(error) if datagrams.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        deliver(now, &mut datagrams);
        Ok(Receipt {
            truncated: 0,
            is_last: datagrams.len() < DATAGRAMS,
        })
    }
}

#[derive(Debug)]
pub(crate) struct SocketWire {
    bound: Arc<BoundSocket>,
}

impl SocketWire {
    pub(crate) fn new(bound: Arc<BoundSocket>) -> Self {
        Self { bound }
    }
}

impl Wire for SocketWire {
    fn send(&mut self, arena: &[u8], transmits: &[Transmit]) -> io::Result<usize> {
        let transmit = &transmits[0];
        let data = &arena[transmit.start as usize..][..transmit.len as usize];
        self.bound.socket.send_to(data, transmit.path.remote)?;
        Ok(1)
    }

    fn can_segment(&self) -> bool {
        false
    }
}
