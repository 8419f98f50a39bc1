//! Linux: many datagrams a call, runs cut and joined by the kernel, an answer's own address.

mod control;
mod options;
mod poll;
mod receive;
mod send;

pub(crate) use options::configure;
pub(crate) use poll::Poller;
pub(crate) use receive::Receiver;
pub(crate) use send::SocketWire;
pub(crate) use sfu_linux::{Wake, thread_cpu_time};

/// A descriptor that an event loop can wait on.
pub type Fd = std::os::fd::RawFd;

/// A clock of any unit that costs next to nothing to read.
#[cfg(feature = "stages")]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this kind has the instruction.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    return crate::stages::nanoseconds();
}
