//! The thread that moves frames: off one device, through the link, onto the other.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use sfu_link::{Fate, Link, Network, Passed, Plan};

use super::OwnLosses;
use super::frame::{ip_size, label};
use super::record::{Direction, Recorder, Row};
use super::topology::Wires;
use crate::system::{Wake, Wire, be_punctual, monotonic, realtime, wait_for};
use crate::time::{MILLISECOND, Nanos, SECOND};

/// The largest frame of a device whose packets have 1500 bytes, and room for a VLAN's tag.
const LARGEST_FRAME: usize = 1522;
/// Between two looks at what has to go out.
const BURST: usize = 64;
/// Rows are handed over when there are so many, or after so long.
const ROWS: usize = 1024;
const ROWS_EVERY: Nanos = 200 * MILLISECOND;

pub(super) enum Order {
    Follow(Box<Network>),
    Stop,
}

pub(super) struct Relay {
    started_at: Nanos,
    up: Way,
    down: Way,
    rows: Vec<Row>,
    rows_at: Nanos,
}

/// One direction.
struct Way {
    direction: Direction,
    from: Arc<Wire>,
    to: Arc<Wire>,
    link: Link<Arc<[u8]>>,
}

impl Relay {
    pub(super) fn new(wires: Wires, network: Network, seed: u64, started_at: Nanos) -> Self {
        let (client, server) = (Arc::new(wires.client), Arc::new(wires.server));
        let way = |direction, from: &Arc<Wire>, to: &Arc<Wire>, plan: Plan, seed| Way {
            direction,
            from: Arc::clone(from),
            to: Arc::clone(to),
            link: Link::new(plan, seed),
        };
        Self {
            started_at,
            // What chance does one way, it does not do the other way too.
            up: way(Direction::Up, &client, &server, network.up, !seed),
            down: way(Direction::Down, &server, &client, network.down, seed),
            rows: Vec::new(),
            rows_at: started_at,
        }
    }

    pub(super) fn run(
        mut self,
        orders: &Receiver<Order>,
        wake: &Wake,
        recorder: Option<Recorder>,
        own_losses: &OwnLosses,
    ) -> io::Result<()> {
        be_punctual();
        let fds = [self.up.from.fd(), self.down.from.fd(), wake.fd()];
        while self.obey(orders, wake) {
            self.turn(own_losses)?;
            self.hand_over(recorder.as_ref(), own_losses);
            wait_for(&fds, self.longest_wait())?;
        }
        let Self {
            up, down, mut rows, ..
        } = self;
        rows.extend(up.finish().chain(down.finish()));
        recorder.map_or(Ok(()), |recorder| {
            recorder.take(&mut rows);
            recorder.finish()
        })
    }

    /// Whether to go on.
    fn obey(&mut self, orders: &Receiver<Order>, wake: &Wake) -> bool {
        wake.clear();
        loop {
            match orders.try_recv() {
                Ok(Order::Follow(network)) => {
                    let now = Duration::from_nanos(monotonic() - self.started_at);
                    self.up.link.follow(now, network.up);
                    self.down.link.follow(now, network.down);
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn turn(&mut self, own_losses: &OwnLosses) -> io::Result<()> {
        let started_at = self.started_at;
        for way in [&mut self.up, &mut self.down] {
            way.take_in(started_at)?;
        }
        for way in [&mut self.up, &mut self.down] {
            own_losses.add(way.put_out(started_at, &mut self.rows));
        }
        Ok(())
    }

    fn hand_over(&mut self, recorder: Option<&Recorder>, own_losses: &OwnLosses) {
        let now = monotonic();
        if self.rows.len() < ROWS && now < self.rows_at + ROWS_EVERY {
            return;
        }
        self.rows_at = now;
        own_losses.add(self.up.from.drops() + self.down.from.drops());
        match recorder {
            Some(recorder) => recorder.take(&mut self.rows),
            None => self.rows.clear(),
        }
    }

    fn longest_wait(&self) -> Nanos {
        let next = [&self.up, &self.down]
            .into_iter()
            .filter_map(|way| way.link.next_at())
            .min();
        let rows_at = match self.rows.is_empty() {
            true => self.started_at + 3600 * SECOND,
            false => self.rows_at + ROWS_EVERY,
        };
        let next = next.map_or(rows_at, |next| self.started_at + next.as_nanos() as Nanos);
        next.min(rows_at).saturating_sub(monotonic())
    }
}

impl Way {
    /// What has come, by the time at which it came.
    fn take_in(&mut self, started_at: Nanos) -> io::Result<()> {
        let mut frame = [0; LARGEST_FRAME];
        // In this order: a stall between them delays, and never lets anything leave too early.
        let wall_clock = realtime();
        let now = monotonic();
        for _ in 0..BURST {
            let Some((length, came_at)) = self.from.receive(&mut frame)? else {
                break;
            };
            let frame = &frame[..length];
            let Some(size) = ip_size(frame) else {
                // How one finds the other is no traffic, and meets no chance.
                let _ = self.to.send(frame);
                continue;
            };
            // What came behind `now` is not in the future of the link for that.
            let since = came_at.map_or(0, |at| wall_clock.saturating_sub(at).min(SECOND));
            let came = Duration::from_nanos((now - since).saturating_sub(started_at));
            self.link.send(came, size, frame.into());
        }
        Ok(())
    }

    /// What has to go out; how many could not.
    fn put_out(&mut self, started_at: Nanos, rows: &mut Vec<Row>) -> u64 {
        let mut failed = 0;
        while let Some(passed) = self
            .link
            .poll(Duration::from_nanos(monotonic() - started_at))
        {
            let mut left = passed.left.as_nanos() as Nanos;
            if matches!(passed.fate, Fate::Delivered | Fate::Duplicated) {
                failed += u64::from(self.to.send(&passed.packet).is_err());
                left = monotonic() - started_at;
            }
            rows.push(self.row(&passed, left));
        }
        failed
    }

    fn row(&self, passed: &Passed<Arc<[u8]>>, left: Nanos) -> Row {
        Row::new(self.direction, passed, left, label(&passed.packet))
    }

    fn finish(self) -> impl Iterator<Item = Row> {
        let direction = self.direction;
        self.link.finish().map(move |passed| {
            let left = passed.left.as_nanos() as Nanos;
            Row::new(direction, &passed, left, label(&passed.packet))
        })
    }
}
