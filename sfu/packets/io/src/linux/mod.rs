//! Linux: many datagrams a call, runs cut and joined by the kernel, an answer's own address.

mod control;
mod options;
mod poll;
mod receive;
mod send;
mod wake;

pub(crate) use options::configure;
pub(crate) use poll::Poller;
pub(crate) use receive::Receiver;
pub(crate) use send::SocketWire;
pub(crate) use wake::Wake;

/// A descriptor that an event loop can wait on.
pub type Fd = std::os::fd::RawFd;

use std::io;
use std::time::Duration;

/// CPU time of the calling thread since its start.
pub(crate) fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec for the kernel to fill.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if result != 0 {
        return Duration::ZERO;
    }
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The result of a call that answers -1 on error.
fn checked(result: libc::c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
