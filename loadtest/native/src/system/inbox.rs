//! Receiving: as many datagrams as wait for a peer in one call, with what the kernel says of them.

use std::io;
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::slice::ChunksMut;

use sfu_linux::checked;

use super::Socket;
use crate::time::{Nanos, SECOND};

/// Datagrams a call: a frame to one peer, and then some.
const MESSAGES: usize = 32;
/// The most that the kernel joins into one (UDP_GRO), and some lines of cache, so that the
/// buffers' beginnings do not all fall onto the same few.
const DATAGRAM: usize = 65_536 + 17 * 64;
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::super::{SocketOptions, realtime};
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
        let mut came = Vec::new();
        // Neither when nor in which order they come is promised.
        while came.len() < 2 {
            for index in 0..inbox.receive(&socket).unwrap() {
                let mut taken = inbox.take(index);
                came.push(taken.datagrams.next().unwrap().to_vec());
                assert!(taken.datagrams.next().is_none());
                assert!(taken.came_at.unwrap() >= before);
            }
        }
        came.sort_unstable();
        assert_eq!(came, [b"one", b"two"]);
        assert_eq!(inbox.receive(&socket).unwrap(), 0);
        assert_eq!(socket.drops(), 0);
    }
}
