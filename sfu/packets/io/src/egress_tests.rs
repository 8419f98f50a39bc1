use std::collections::VecDeque;
use std::net::SocketAddr;

use sfu_proto::transmit::Path;

use super::*;

/// What the scripted kernel does with the next send.
#[derive(Debug)]
enum Answer {
    /// Takes at most this many.
    Takes(usize),
    Fails(i32),
}

/// Plays its script, then takes everything; keeps the datagrams that were sent.
#[derive(Debug, Default)]
struct ScriptedWire {
    script: VecDeque<Answer>,
    /// Refuses every run with this code.
    refuses_runs: Option<i32>,
    runs_tried: usize,
    datagrams: Vec<Vec<u8>>,
}

impl Wire for ScriptedWire {
    fn send(&mut self, arena: &[u8], transmits: &[Transmit]) -> io::Result<usize> {
        let is_run = segments(&transmits[0]) > 1;
        self.runs_tried += usize::from(is_run);
        if let Some(code) = self.refuses_runs
            && is_run
        {
            return Err(io::Error::from_raw_os_error(code));
        }
        let taken = match self.script.pop_front() {
            Some(Answer::Fails(code)) => return Err(io::Error::from_raw_os_error(code)),
            Some(Answer::Takes(count)) => count.min(transmits.len()),
            // One at a time, so that every error above concerns the first.
            None => 1,
        };
        for transmit in &transmits[..taken] {
            let bytes = &arena[transmit.start as usize..][..transmit.len as usize];
            self.datagrams.extend(
                bytes
                    .chunks(transmit.segment_size.into())
                    .map(<[u8]>::to_vec),
            );
        }
        Ok(taken)
    }

    fn can_segment(&self) -> bool {
        true
    }
}

const EIO: i32 = 5;
const EAGAIN: i32 = libc::EAGAIN;

fn path(socket: u8) -> Path {
    let remote: SocketAddr = "192.0.2.1:5004".parse().expect("an address");
    Path {
        socket,
        local: None,
        remote,
    }
}

fn append(batch: &mut TransmitBatch, socket: u8, byte: u8, len: usize, segment_size: u16) {
    let start = batch.arena.len() as u32;
    batch.arena.resize(batch.arena.len() + len, byte);
    let len = len as u32;
    batch.transmits.push(Transmit {
        path: path(socket),
        start,
        len,
        segment_size,
        dscp: 0,
    });
}

/// Single datagrams of 100 bytes, the n-th full of n.
fn singles(count: u8) -> TransmitBatch {
    let mut batch = TransmitBatch::default();
    for byte in 0..count {
        append(&mut batch, 0, byte, 100, 100);
    }
    batch
}

fn run(segments: usize) -> TransmitBatch {
    let mut batch = TransmitBatch::default();
    append(&mut batch, 0, 7, segments * 1200, 1200);
    batch
}

fn egress(script: impl IntoIterator<Item = Answer>) -> Egress<ScriptedWire> {
    Egress::new(ScriptedWire {
        script: script.into_iter().collect(),
        ..ScriptedWire::default()
    })
}

fn first_bytes(egress: &Egress<ScriptedWire>) -> Vec<u8> {
    egress
        .wire
        .datagrams
        .iter()
        .map(|datagram| datagram[0])
        .collect()
}

#[test]
fn a_full_socket_keeps_the_rest_in_order() {
    let now = Instant::now();
    let mut egress = egress([Answer::Takes(2), Answer::Fails(EAGAIN)]);
    egress.send(now, &singles(4), 0);
    assert!(egress.is_blocked());
    assert_eq!(first_bytes(&egress), [0, 1]);

    // What comes while it is full waits behind.
    let mut later = TransmitBatch::default();
    append(&mut later, 0, 9, 100, 100);
    egress.send(now, &later, 0);
    assert_eq!(first_bytes(&egress), [0, 1]);

    egress.resume(now);
    assert!(!egress.is_blocked());
    assert_eq!(first_bytes(&egress), [0, 1, 2, 3, 9]);
    assert_eq!(egress.take_losses(), Losses::default());
}

#[test]
fn a_socket_that_fills_again_while_resuming_loses_nothing() {
    let now = Instant::now();
    let mut egress = egress([
        Answer::Fails(EAGAIN),
        Answer::Takes(1),
        Answer::Fails(EAGAIN),
    ]);
    egress.send(now, &singles(3), 0);
    egress.resume(now);
    assert!(egress.is_blocked());
    egress.resume(now);
    assert_eq!(first_bytes(&egress), [0, 1, 2]);
    assert_eq!(egress.queued_bytes, 0);
}

#[test]
fn the_queue_is_bounded_in_bytes() {
    let now = Instant::now();
    let mut egress = egress([Answer::Fails(EAGAIN)]);
    let mut offered = 0;
    for _ in 0..200 {
        egress.send(now, &run(40), 0);
        offered += 40;
    }
    assert!(egress.queued_bytes <= QUEUE_BYTES);
    let lost = egress.take_losses();
    assert_eq!(lost.failed, 0);
    egress.resume(now);
    assert_eq!(
        egress.wire.datagrams.len() as u64 + lost.queue_full,
        offered
    );
    assert!(lost.queue_full > 0);
}

#[test]
fn the_queue_is_bounded_in_age() {
    let now = Instant::now();
    let mut egress = egress([Answer::Fails(EAGAIN)]);
    egress.send(now, &run(3), 0);
    egress.resume(now + QUEUE_AGE + Duration::from_millis(1));
    assert!(!egress.is_blocked());
    assert!(egress.wire.datagrams.is_empty());
    assert_eq!(
        egress.take_losses(),
        Losses {
            queue_full: 3,
            failed: 0
        }
    );
}

#[test]
fn one_bad_datagram_does_not_stop_the_next() {
    for code in [
        libc::EPERM,
        libc::ENETUNREACH,
        libc::ECONNREFUSED,
        libc::EMSGSIZE,
    ] {
        let mut egress = egress([Answer::Takes(1), Answer::Fails(code)]);
        egress.send(Instant::now(), &singles(4), 0);
        assert_eq!(first_bytes(&egress), [0, 2, 3]);
        assert_eq!(
            egress.take_losses(),
            Losses {
                queue_full: 0,
                failed: 1
            }
        );
    }
}

#[test]
fn an_interrupted_send_is_repeated() {
    let mut egress = egress([Answer::Fails(libc::EINTR)]);
    egress.send(Instant::now(), &singles(2), 0);
    assert_eq!(first_bytes(&egress), [0, 1]);
}

#[test]
fn a_refused_run_goes_datagram_by_datagram() {
    let mut egress = egress([]);
    egress.wire.refuses_runs = Some(EIO);
    let mut batch = TransmitBatch::default();
    append(&mut batch, 0, 1, 2500, 1200);
    egress.send(Instant::now(), &batch, 0);
    let sizes: Vec<_> = egress.wire.datagrams.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1200, 1200, 100]);
    assert_eq!(egress.take_losses(), Losses::default());
}

#[test]
fn runs_are_given_up_after_repeated_refusals_and_tried_again_later() {
    let now = Instant::now();
    let mut egress = egress([]);
    egress.wire.refuses_runs = Some(libc::EINVAL);
    for _ in 0..10 {
        egress.send(now, &run(3), 0);
    }
    assert_eq!(egress.wire.runs_tried, REFUSALS as usize);
    assert_eq!(egress.wire.datagrams.len(), 30);

    egress.wire.refuses_runs = None;
    egress.send(now + REFUSED_FOR, &run(3), 0);
    assert_eq!(egress.wire.runs_tried, REFUSALS as usize + 1);
}

#[test]
fn an_unreachable_destination_does_not_cost_the_others_their_runs() {
    let now = Instant::now();
    let mut egress = egress([]);
    for _ in 0..10 {
        // The run fails, then each of its datagrams.
        egress
            .wire
            .script
            .extend((0..4).map(|_| Answer::Fails(libc::EINVAL)));
        egress.send(now, &run(3), 0);
    }
    assert_eq!(
        egress.take_losses(),
        Losses {
            queue_full: 0,
            failed: 30
        }
    );
    egress.send(now, &run(3), 0);
    assert_eq!(egress.wire.runs_tried, 11);
    assert_eq!(egress.wire.datagrams.len(), 3);
}

#[test]
fn a_narrow_path_does_not_cost_the_others_their_runs() {
    let now = Instant::now();
    let mut egress = egress([]);
    egress.wire.refuses_runs = Some(libc::EMSGSIZE);
    for _ in 0..10 {
        egress.send(now, &run(3), 0);
    }
    assert_eq!(egress.wire.runs_tried, 10);
}

#[test]
fn a_run_beyond_the_kernels_limits_is_cut() {
    let mut pieces = Vec::new();
    split(&run(100).transmits[0], true, &mut pieces);
    let sizes: Vec<_> = pieces
        .iter()
        .map(|piece| (segments(piece), piece.len))
        .collect();
    assert_eq!(sizes, [(54, 54 * 1200), (46, 46 * 1200)]);

    let mut batch = TransmitBatch::default();
    append(&mut batch, 0, 1, 100 * 90, 90);
    pieces.clear();
    split(&batch.transmits[0], true, &mut pieces);
    assert_eq!(pieces.iter().map(segments).collect::<Vec<_>>(), [64, 36]);
}

#[test]
fn only_its_own_socket_is_served() {
    let mut batch = singles(1);
    append(&mut batch, 1, 8, 100, 100);
    let mut egress = egress([]);
    egress.send(Instant::now(), &batch, 1);
    assert_eq!(first_bytes(&egress), [8]);
}

#[test]
fn a_stuck_socket_keeps_the_others_waiting_for_a_while_and_not_for_ever() {
    let start = Instant::now();
    let mut sockets = [egress([Answer::Fails(EAGAIN)]), egress([])];
    assert!(!must_wait(start, &sockets));
    let mut batch = singles(1);
    append(&mut batch, 1, 9, 100, 100);
    for (index, socket) in sockets.iter_mut().enumerate() {
        socket.send(start, &batch, index as u8);
    }
    assert!(must_wait(start, &sockets), "it drains, as a rule");
    let later = start + STUCK;
    assert!(!must_wait(later, &sockets));

    sockets[1].wire.script.push_back(Answer::Fails(EAGAIN));
    sockets[1].send(later, &batch, 1);
    assert!(must_wait(later, &sockets), "the other is full as well");
    assert!(
        must_wait(later + STUCK, &sockets),
        "nothing can be sent at all"
    );
    sockets[0].resume(later + STUCK);
    assert!(!must_wait(later + STUCK, &sockets));
}

/// What little there is for it is forgotten before more comes.
#[test]
fn a_dead_socket_with_little_to_send_is_waited_for_once() {
    let start = Instant::now();
    let mut sockets = [egress([]), egress([])];
    let dead = || Answer::Fails(EAGAIN);
    let (mut waited, mut now) = (Duration::ZERO, start);
    for _ in 0..20 {
        sockets[0].wire.script.push_back(dead());
        sockets[0].send(now, &singles(1), 0);
        let next = now + QUEUE_AGE + Duration::from_millis(10);
        while now < next {
            waited += match must_wait(now, &sockets) {
                true => Duration::from_millis(10),
                false => Duration::ZERO,
            };
            now += Duration::from_millis(10);
        }
        sockets[0].resume(now);
        assert!(!sockets[0].is_blocked());
    }
    assert_eq!(waited, STUCK);

    // It lives again, and is full for a moment.
    sockets[0].send(now, &singles(1), 0);
    sockets[0].wire.script.push_back(dead());
    sockets[0].send(now, &singles(1), 0);
    assert!(must_wait(now, &sockets));
}
