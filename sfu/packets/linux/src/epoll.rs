//! epoll with a deadline finer than 1 ms.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::checked;

/// A descriptor that is closed is no longer watched.
#[derive(Debug)]
pub struct Epoll {
    epoll: OwnedFd,
    /// epoll_pwait2 came with Linux 5.11; some sandboxes refuse it.
    has_fine_wait: bool,
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointer is passed.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        checked(fd)?;
        Ok(Self {
            // SAFETY: the descriptor was just made, and nobody else owns it.
            epoll: unsafe { OwnedFd::from_raw_fd(fd) },
            has_fine_wait: true,
        })
    }

    /// `interest`: `libc::EPOLLIN` and the like; events carry the token.
    pub fn add(&self, fd: RawFd, token: u64, interest: libc::c_int) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    pub fn modify(&self, fd: RawFd, token: u64, interest: libc::c_int) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Waits until something is ready, without a deadline where there is no timeout; how many
    /// events there are, none where a signal came in between.
    pub fn wait(
        &mut self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        match self.wait_for(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: RawFd,
        token: u64,
        interest: libc::c_int,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest as u32,
            u64: token,
        };
        // SAFETY: `event` is valid during the call; the kernel copies it.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        checked(result).map(drop)
    }

    fn wait_for(
        &mut self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        if self.has_fine_wait {
            match self.wait_fine(events, timeout) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.has_fine_wait = false;
                }
                result => return result,
            }
        }
        self.wait_coarse(events, timeout)
    }

    fn wait_fine(
        &self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as _,
            tv_nsec: timeout.subsec_nanos() as _,
        });
        let timeout = timeout
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `events` is valid for its length, `timeout` is null or valid, no signal mask
        // is passed.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        checked(result as libc::c_int)
    }

    fn wait_coarse(
        &self,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        // Rounded up: waking before the deadline would spin until it comes.
        let timeout = timeout.map_or(-1, |timeout| {
            timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as libc::c_int
        });
        // SAFETY: `events` is valid for its length.
        let result = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                timeout,
            )
        };
        checked(result)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::Wake;

    const NONE: libc::epoll_event = libc::epoll_event { events: 0, u64: 0 };

    #[test]
    fn a_deadline_passes_in_both_ways_of_waiting() {
        let mut epoll = Epoll::new().expect("epoll");
        for has_fine_wait in [true, false] {
            epoll.has_fine_wait = has_fine_wait;
            let start = Instant::now();
            let timeout = Duration::from_micros(300);
            let count = epoll.wait(&mut [NONE; 2], Some(timeout)).expect("wait");
            assert!(start.elapsed() >= timeout);
            assert_eq!(count, 0);
        }
    }

    #[test]
    fn a_notification_is_told_with_its_token_until_it_is_cleared() {
        let mut epoll = Epoll::new().expect("epoll");
        let wake = Wake::new().expect("a wake");
        epoll.add(wake.fd(), 7, libc::EPOLLIN).expect("add");
        wake.notify();
        let mut events = [NONE; 2];
        for has_fine_wait in [true, false] {
            epoll.has_fine_wait = has_fine_wait;
            assert_eq!(epoll.wait(&mut events, None).expect("wait"), 1);
            assert_eq!({ events[0].u64 }, 7);
        }
        wake.clear();
        let nothing = epoll.wait(&mut events, Some(Duration::ZERO));
        assert_eq!(nothing.expect("wait"), 0);
    }
}
