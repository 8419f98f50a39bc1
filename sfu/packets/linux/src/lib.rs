//! Linux's calls made safe, for whoever waits on many sockets: epoll, eventfd, socket options,
//! clocks. The packet path's `io` and the load test's peers share it.
//!
//! It knows neither datagrams nor what they are for; empty on other systems. What is received
//! and sent in batches is laid out by those who do it.

#![cfg(target_os = "linux")]

mod epoll;
mod options;
mod wake;

use std::io;
use std::time::Duration;

pub use epoll::Epoll;
pub use options::{grow_receive_buffer, grow_send_buffer, set_option, unsent_bytes};
pub use wake::Wake;

/// What a clock of the system tells, `libc::CLOCK_MONOTONIC` or another; nothing where there is
/// no such clock.
pub fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec for the kernel to fill.
    match unsafe { libc::clock_gettime(id, &raw mut time) } {
        0 => Duration::new(time.tv_sec as u64, time.tv_nsec as u32),
        _ => Duration::ZERO,
    }
}

/// CPU time of the calling thread since its start.
pub fn thread_cpu_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The result of a call that answers -1 on error.
pub fn checked(result: libc::c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
