//! Network namespaces without a name: they live as long as somebody holds them, and no longer,
//! however the process ends.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use sfu_linux::checked;

const OURS: &str = "/proc/thread-self/ns/net";

#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    pub(crate) fn new() -> io::Result<Self> {
        in_a_thread(|| {
            // SAFETY: takes no pointers; only this thread, which ends soon, leaves its namespace.
            checked(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
            File::open(OURS).map(Self)
        })
    }

    /// That of the caller.
    pub(crate) fn current() -> io::Result<Self> {
        File::open(OURS).map(Self)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Sockets that are opened there stay there.
    pub(crate) fn within<T: Send>(
        &self,
        act: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        in_a_thread(|| {
            // SAFETY: takes no pointers; the file is a network namespace and open.
            checked(unsafe { libc::setns(self.fd(), libc::CLONE_NEWNET) })?;
            act()
        })
    }
}

fn in_a_thread<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let joined = scope.spawn(act).join();
        joined.unwrap_or_else(|_| Err(io::Error::other("a thread in a namespace panicked")))
    })
}
