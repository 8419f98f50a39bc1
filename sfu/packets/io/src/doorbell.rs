//! Wakes a worker that sleeps, and costs one that is awake no system call.
//!
//! The sleeper says that it lies down, looks once more at its queues, then sleeps. Whoever
//! puts something into a queue rings afterwards, and only the first to find the sleeper lying
//! wakes it. Both sides *swap* the flag: read-modify-writes of one flag have one order that
//! all threads agree on, so that either the ringer sees the sleeper lie, or the sleeper, who
//! came later, sees what the ringer has put into its queue. A plain store would lose a wake-up.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::system::Wake;

/// One flag, so that the tests can put another kind of atomic in place.
pub(crate) trait Flag {
    /// The previous value; acquires and releases.
    fn swap(&self, value: bool) -> bool;
}

impl Flag for AtomicBool {
    fn swap(&self, value: bool) -> bool {
        AtomicBool::swap(self, value, Ordering::AcqRel)
    }
}

pub(crate) trait Alarm {
    fn notify(&self);
}

impl Alarm for Wake {
    fn notify(&self) {
        Wake::notify(self);
    }
}

#[derive(Debug)]
pub(crate) struct Doorbell<F = AtomicBool, A = Wake> {
    is_asleep: F,
    pub(crate) alarm: A,
}

impl Doorbell {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            is_asleep: AtomicBool::new(false),
            alarm: Wake::new()?,
        })
    }
}

impl<F: Flag, A: Alarm> Doorbell<F, A> {
    /// Call after putting something into a queue.
    pub(crate) fn ring(&self) {
        if self.is_asleep.swap(false) {
            self.alarm.notify();
        }
    }

    /// Call before the last look at the queues; what comes after that look rings.
    pub(crate) fn lie_down(&self) {
        self.is_asleep.swap(true);
    }

    /// Call after sleeping, or where that last look found something.
    pub(crate) fn get_up(&self) {
        self.is_asleep.swap(false);
    }
}

#[cfg(test)]
mod tests {
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    use super::*;

    impl Flag for AtomicBool {
        fn swap(&self, value: bool) -> bool {
            AtomicBool::swap(self, value, Ordering::AcqRel)
        }
    }

    /// As an eventfd: set until it is cleared. Whoever waits for what never comes is a
    /// deadlock, which loom reports.
    #[derive(Default)]
    struct EventFd {
        count: Mutex<usize>,
        changed: Condvar,
    }

    impl Alarm for EventFd {
        fn notify(&self) {
            *self.count.lock().expect("no panic") += 1;
            self.changed.notify_one();
        }
    }

    impl EventFd {
        fn wait_and_clear(&self) {
            let mut count = self.count.lock().expect("no panic");
            while *count == 0 {
                count = self.changed.wait(count).expect("no panic");
            }
            *count = 0;
        }

        fn notified(&self) -> usize {
            *self.count.lock().expect("no panic")
        }
    }

    struct Shared {
        bell: Doorbell<AtomicBool, EventFd>,
        /// The end of a ring: stored with Release, loaded with Acquire, as `rtrb` has it.
        tail: AtomicUsize,
    }

    /// All interleavings with so few preemptions: all of them are millions, and known bugs of
    /// this kind show with two.
    fn model(test: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(test);
    }

    fn shared() -> Arc<Shared> {
        let bell = Doorbell {
            is_asleep: AtomicBool::new(false),
            alarm: EventFd::default(),
        };
        let tail = AtomicUsize::new(0);
        Arc::new(Shared { bell, tail })
    }

    fn take_all(shared: &Shared, expected: usize) {
        let mut taken = 0;
        while taken < expected {
            taken = shared.tail.load(Ordering::Acquire);
            if taken == expected {
                return;
            }
            shared.bell.lie_down();
            if shared.tail.load(Ordering::Acquire) == taken {
                shared.bell.alarm.wait_and_clear();
            }
            shared.bell.get_up();
        }
    }

    #[test]
    fn no_wake_up_is_lost() {
        model(|| {
            let shared = shared();
            let producer = thread::spawn({
                let shared = Arc::clone(&shared);
                move || {
                    for tail in 1..=2 {
                        shared.tail.store(tail, Ordering::Release);
                        shared.bell.ring();
                    }
                }
            });
            take_all(&shared, 2);
            producer.join().expect("no panic");
        });
    }

    #[test]
    fn two_who_ring_lose_none_either() {
        model(|| {
            let shared = shared();
            let producers = [0, 1].map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    shared.tail.fetch_add(1, Ordering::Release);
                    shared.bell.ring();
                })
            });
            take_all(&shared, 2);
            for producer in producers {
                producer.join().expect("no panic");
            }
        });
    }

    #[test]
    fn one_who_is_awake_costs_no_system_call() {
        model(|| {
            let shared = shared();
            shared.bell.ring();
            shared.bell.lie_down();
            shared.bell.get_up();
            shared.bell.ring();
            assert_eq!(shared.bell.alarm.notified(), 0);
            shared.bell.lie_down();
            shared.bell.ring();
            shared.bell.ring();
            assert_eq!(shared.bell.alarm.notified(), 1);
        });
    }
}
