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
