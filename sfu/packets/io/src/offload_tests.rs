//! Runs and trains over the loopback: what one side joins, the other side takes apart.

use std::os::fd::AsRawFd;

use super::*;
use crate::bind::{BoundSocket, bind_all};
use crate::egress::{Egress, Losses, Wire};
use crate::linux::{Receiver, SocketWire};

fn bound(address: &str) -> Arc<BoundSocket> {
    bind_all(&[address.parse().expect("an address")])
        .expect("bind")
        .remove(0)
}

/// One run of `sizes` (equal but for the last) from `from` to `to`.
fn run(from: &BoundSocket, to: &BoundSocket, sizes: &[usize]) -> TransmitBatch {
    let arena: Vec<u8> = sizes
        .iter()
        .enumerate()
        .flat_map(|(n, &size)| vec![n as u8; size])
        .collect();
    let path = Path {
        socket: 0,
        local: from.fixed_address(),
        remote: to.local,
    };
    let transmit = Transmit {
        path,
        start: 0,
        len: arena.len() as u32,
        segment_size: sizes[0] as u16,
        dscp: 46,
    };
    TransmitBatch {
        arena,
        transmits: vec![transmit],
        ..TransmitBatch::default()
    }
}

fn send(from: &Arc<BoundSocket>, batch: &TransmitBatch) -> Losses {
    let mut egress = Egress::new(SocketWire::new(Arc::clone(from)));
    egress.send(Instant::now(), batch, 0);
    egress.take_losses()
}

fn assert_train_arrives(from: &str, to: &str) {
    let (from, to) = (bound(from), bound(to));
    let sizes = [1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 600];
    assert_eq!(send(&from, &run(&from, &to, &sizes)), Losses::default());
    let mut receiver = Receiver::new();
    let mut received = Vec::new();
    let mut calls = 0;
    wait_until("the train", || {
        let receipt = receiver.receive(&to, 3, |_, datagrams| {
            for datagram in datagrams {
                assert_eq!(
                    (datagram.path.socket, datagram.path.remote),
                    (3, from.local)
                );
                assert_eq!(datagram.path.local, Some(to.local.ip()));
                received.push((datagram.data[0] as usize, datagram.data.len()));
            }
        });
        calls += usize::from(receipt.is_ok());
        received.len() >= sizes.len()
    });
    assert_eq!(received, sizes.into_iter().enumerate().collect::<Vec<_>>());
    assert_eq!(calls, 1, "the loopback carries a run as one train");
}

#[test]
fn a_run_becomes_a_train_over_ipv4() {
    assert_train_arrives("127.0.0.1:0", "127.0.0.2:0");
}

#[test]
fn a_run_becomes_a_train_over_ipv6() {
    assert_train_arrives("[::1]:0", "[::1]:0");
}

/// What lay in the socket for a while came when it came, not when it was read. The kernel begins
/// to stamp a while after the first socket asks for it.
#[test]
fn datagrams_carry_the_kernels_stamp() {
    let (from, to) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
    let mut receiver = Receiver::new();
    let lain = Duration::from_millis(20);
    // Two clocks are read one after the other.
    let slack = Duration::from_millis(1);
    let mut sent_datagrams = 0;
    wait_until("a train that was stamped", || {
        let began = Instant::now();
        let train = run(&from, &to, &[900, 900]);
        assert_eq!(send(&from, &train), Losses::default());
        let sent = Instant::now();
        std::thread::sleep(lain);
        let mut came = Vec::new();
        wait_until("the train", || {
            let receipt = receiver.receive(&to, 0, |now, datagrams| {
                assert!(datagrams.iter().all(|datagram| datagram.came_at <= now));
                came.extend(datagrams.iter().map(|datagram| datagram.came_at));
            });
            receipt.is_ok()
        });
        sent_datagrams += came.len() as u64;
        came.iter()
            .all(|came| (began - slack..sent + slack).contains(came))
    });
    assert_eq!(receiver.waited.count(), sent_datagrams);
    assert!(receiver.waited.sum() >= (lain - slack) * 2);
}

#[test]
fn a_socket_that_is_idle_is_empty() {
    let wire = SocketWire::new(bound("127.0.0.1:0"));
    assert!(wire.fullness() < 0.01);
}

#[test]
fn a_receiver_without_offload_sees_datagrams() {
    let (from, to) = (bound("127.0.0.1:0"), peer("127.0.0.1:0"));
    let plain = BoundSocket {
        local: to.local_addr().expect("bound"),
        socket: to,
    };
    assert_eq!(
        send(&from, &run(&from, &plain, &[900, 900, 300])),
        Losses::default()
    );
    let mut buffer = [0; 2048];
    for (number, size) in [900, 900, 300].into_iter().enumerate() {
        let len = plain.socket.recv(&mut buffer).expect("a datagram");
        assert_eq!((len, buffer[0] as usize), (size, number));
    }
}

#[test]
fn a_run_that_the_kernel_refuses_goes_datagram_by_datagram() {
    let (from, to) = (bound("127.0.0.1:0"), peer("127.0.0.1:0"));
    // Without checksums there is no segmentation (EINVAL or EIO, by kernel).
    let value: libc::c_int = 1;
    // SAFETY: the option value is an int, valid for the length passed.
    let result = unsafe {
        libc::setsockopt(
            from.socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            (&raw const value).cast(),
            4,
        )
    };
    assert_eq!(result, 0);
    let plain = BoundSocket {
        local: to.local_addr().expect("bound"),
        socket: to,
    };
    assert_eq!(
        send(&from, &run(&from, &plain, &[900, 900, 300])),
        Losses::default()
    );
    let mut buffer = [0; 2048];
    let mut sizes = [(); 3].map(|()| plain.socket.recv(&mut buffer).expect("a datagram"));
    sizes.sort_unstable();
    assert_eq!(sizes, [300, 900, 900]);
}

#[test]
fn a_destination_without_a_route_is_counted() {
    let from = bound("127.0.0.1:0");
    let mut batch = run(&from, &from, &[1000, 1000]);
    // From a loopback address nothing leaves the host.
    batch.transmits[0].path.remote = "192.0.2.77:9".parse().expect("an address");
    let to = bound("127.0.0.1:0");
    let good = run(&from, &to, &[1000]);
    let start = batch.arena.len() as u32;
    batch.arena.extend_from_slice(&good.arena);
    batch.transmits.push(Transmit {
        start,
        ..good.transmits[0]
    });
    assert_eq!(
        send(&from, &batch),
        Losses {
            queue_full: 0,
            failed: 2
        }
    );
    let mut buffer = [0; 2048];
    wait_until("the good one", || {
        to.socket.recv(&mut buffer).is_ok_and(|len| len == 1000)
    });
}

#[test]
fn a_datagram_beyond_what_udp_carries_is_counted() {
    let (from, to) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
    let mut batch = run(&from, &to, &[65530]);
    batch.transmits[0].segment_size = 65530;
    assert_eq!(
        send(&from, &batch),
        Losses {
            queue_full: 0,
            failed: 1
        }
    );
}

#[test]
fn dscp_is_marked() {
    for (from, to, level, ask, kind) in [
        (
            "127.0.0.1:0",
            "127.0.0.1:0",
            libc::IPPROTO_IP,
            libc::IP_RECVTOS,
            libc::IP_TOS,
        ),
        (
            "[::1]:0",
            "[::1]:0",
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVTCLASS,
            libc::IPV6_TCLASS,
        ),
    ] {
        let (from, to) = (bound(from), peer(to));
        let value: libc::c_int = 1;
        // SAFETY: the option value is an int, valid for the length passed.
        let result =
            unsafe { libc::setsockopt(to.as_raw_fd(), level, ask, (&raw const value).cast(), 4) };
        assert_eq!(result, 0);
        let plain = BoundSocket {
            local: to.local_addr().expect("bound"),
            socket: to,
        };
        assert_eq!(send(&from, &run(&from, &plain, &[100])), Losses::default());
        assert_eq!(received_octet(&plain.socket, level, kind), Some(46 << 2));
    }
}

/// The traffic class of the next datagram.
fn received_octet(socket: &UdpSocket, level: libc::c_int, kind: libc::c_int) -> Option<u8> {
    let mut data = [0u8; 2048];
    let mut control = [0u64; 16];
    let mut slice = libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: data.len(),
    };
    // SAFETY: a zeroed msghdr is valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control);
    // SAFETY: the header points at live buffers of the stated lengths.
    assert!(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) } > 0);
    // SAFETY: the kernel has filled the header.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        let control = message.as_ref()?;
        // The octet comes as one byte over IPv4, as an int over IPv6; little first in both.
        ((control.cmsg_level, control.cmsg_type) == (level, kind))
            .then(|| *libc::CMSG_DATA(message))
    }
}

#[test]
fn a_datagram_larger_than_the_buffer_is_counted_and_the_next_is_not_harmed() {
    let bound = bound("127.0.0.1:0");
    let address = bound.local;
    let (orders, order_receiver) = orders::channel(16).expect("a wake");
    let (event_sender, _events) = events::channel(16).expect("a wake");
    let worker = Worker::new(
        0,
        Echo::default(),
        vec![bound],
        order_receiver,
        event_sender,
    )
    .expect("a poller")
    .with_receiver(Receiver::with_buffer(100));
    let running = thread::spawn(move || worker.run());
    let peer = peer("127.0.0.1:0");
    peer.send_to(&[1; 101], address).expect("send");
    peer.send_to(&[2; 100], address).expect("send");
    let mut buffer = [0; 200];
    let len = peer.recv(&mut buffer).expect("an echo");
    assert_eq!(buffer[..len], [2; 100]);
    wait_until("the count", || {
        let (answer, answered) = mpsc::sync_channel(1);
        orders.send(Order::Snapshot(answer)).expect("room");
        let snapshot = answered.recv_timeout(PATIENCE).expect("a snapshot");
        snapshot.part.drops.contains(&(DropReason::Truncated, 1))
    });
    orders.stop();
    running.join().expect("no panic");
}
