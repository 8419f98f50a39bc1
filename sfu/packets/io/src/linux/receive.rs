//! recvmmsg, with trains of datagrams joined by UDP_GRO cut apart again.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sfu_linux::checked;
use sfu_proto::histogram::Histogram;
use sfu_proto::transmit::{Datagram, Path};
use socket2::{SockAddr, SockAddrStorage};

use crate::bind::BoundSocket;
use crate::linux::control::{self, Control};
use crate::worker::Receipt;

/// Messages a call. A frame of nine packets from each of three publishers fits one; the
/// buffers of more would leave a 2 MiB cache.
const MESSAGES: usize = 32;

/// The largest train: no UDP payload is larger, so nothing is ever truncated.
const BUFFER: usize = 65536;

/// What seems to have waited for longer was stamped before the wall clock was set.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Receiver {
    buffers: Box<[u8]>,
    controls: Box<[Control; MESSAGES]>,
    names: Box<[SockAddrStorage; MESSAGES]>,
    buffer: usize,
    /// From the kernel's stamps until datagrams were read.
    pub(crate) waited: Histogram,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self::with_buffer(BUFFER)
    }

    pub(crate) fn with_buffer(buffer: usize) -> Self {
        Self {
            // Zeroed lazily by the system: pages that no train reaches are never resident.
            buffers: vec![0; MESSAGES * buffer].into_boxed_slice(),
            controls: Box::new([Control::EMPTY; MESSAGES]),
            names: Box::new(std::array::from_fn(|_| SockAddrStorage::zeroed())),
            buffer,
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
        let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; MESSAGES];
        // SAFETY: a zeroed mmsghdr is valid: null pointers with zero lengths.
        let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { zeroed() };
        let parts = self
            .buffers
            .chunks_mut(self.buffer)
            .zip(&mut self.controls[..]);
        for (((buffer, control), name), (slice, header)) in parts
            .zip(&mut self.names[..])
            .zip(slices.iter_mut().zip(&mut headers))
        {
            let slice = slice.write(libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            });
            let header = &mut header.msg_hdr;
            header.msg_iov = slice;
            header.msg_iovlen = 1;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = size_of::<SockAddrStorage>() as libc::socklen_t;
            header.msg_control = control.as_mut_ptr();
            header.msg_controllen = Control::capacity() as _;
        }
        // SAFETY: every header points at a slice, a name and a control buffer of its own that
        // live until after the call, with their true lengths.
        let result = unsafe {
            libc::recvmmsg(
                bound.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = checked(result)?;
        let (now, wall) = (Instant::now(), SystemTime::now());
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut datagrams = Vec::with_capacity(count);
        let mut truncated = 0;
        for (header, buffer) in headers[..count]
            .iter()
            .zip(self.buffers.chunks_mut(self.buffer))
        {
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                truncated += 1;
                continue;
            }
            // SAFETY: the kernel has filled the first `count` headers.
            let Some(message) = (unsafe { Message::of(header) }) else {
                continue;
            };
            let path = Path {
                socket: index,
                local: message.control.local.or(bound.fixed_address()),
                remote: message.remote,
            };
            let waited = message.control.stamp.map(|stamp| wait(stamp, wall));
            let came_at = now.checked_sub(waited.unwrap_or_default()).unwrap_or(now);
            if message.len == 0 {
                // It makes no chunk below, and still the router must count it.
                datagrams.push(Datagram {
                    path,
                    came_at,
                    data: &mut buffer[..0],
                });
                continue;
            }
            let segment = message.control.segment_size.unwrap_or(message.len).max(1);
            let train = buffer[..message.len].chunks_mut(segment);
            if let Some(waited) = waited {
                self.waited
                    .add(waited.as_micros() as u64, train.len() as u64);
            }
            datagrams.extend(train.map(|data| Datagram {
                path,
                came_at,
                data,
            }));
        }
        deliver(now, &mut datagrams);
        Ok(Receipt {
            truncated,
            is_last: count < MESSAGES,
        })
    }
}

/// How long a datagram lay in the kernel, by the wall clock, which may have been set meanwhile.
fn wait(stamp: Duration, now: Duration) -> Duration {
    let waited = now.saturating_sub(stamp);
    match waited > LONGEST_WAIT {
        true => Duration::ZERO,
        false => waited,
    }
}

struct Message {
    remote: SocketAddr,
    len: usize,
    control: control::Received,
}

impl Message {
    /// # Safety
    /// The kernel must have filled `header`, and the buffers it points at must still be there.
    unsafe fn of(header: &libc::mmsghdr) -> Option<Self> {
        // SAFETY: the name is a sockaddr_storage of ours that the kernel has filled with
        // `msg_namelen` bytes of an address.
        let name = unsafe {
            let storage = header.msg_hdr.msg_name.cast::<SockAddrStorage>().read();
            SockAddr::new(storage, header.msg_hdr.msg_namelen)
        };
        Some(Self {
            remote: name.as_socket()?,
            len: header.msg_len as usize,
            // SAFETY: as the caller vouches.
            control: unsafe { control::parse(&header.msg_hdr) },
        })
    }
}
