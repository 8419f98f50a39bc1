//! Options of sockets.

use std::io;
use std::os::fd::AsRawFd;

use crate::checked;

pub fn set_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option value is an int, valid for the length passed.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    checked(result).map(drop)
}

/// Beyond the system's limit where we may, up to it otherwise.
pub fn grow_receive_buffer(socket: &impl AsRawFd, bytes: libc::c_int) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes))
}

/// As [`grow_receive_buffer`].
pub fn grow_send_buffer(socket: &impl AsRawFd, bytes: libc::c_int) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes))
}

/// What the kernel holds of what was sent, its own part of each datagram included.
pub fn unsent_bytes(socket: &impl AsRawFd) -> io::Result<usize> {
    let mut waiting: libc::c_int = 0;
    // SAFETY: the request (SIOCOUTQ by its other name) writes an int.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut waiting) };
    checked(result)?;
    Ok(usize::try_from(waiting).unwrap_or(0))
}
