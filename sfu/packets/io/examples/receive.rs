//! Whether spreading the receiving over threads pays: CPU time of receiving one datagram.
//!
//!     receive [RATE SECONDS]
//!
//! 64 peers send 200 bytes each in turn, RATE a second in all (0: as fast as it goes), to one
//! address. It is served by one thread; by two threads on one socket; and by two threads with a
//! socket each, among which the kernel parts the peers by the hash of their addresses
//! (SO_REUSEPORT). Prints a line for each: datagrams a second, nanoseconds of the receivers'
//! CPU a datagram, datagrams a call, and what was lost.

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("receive measures what Linux offers");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::zeroed;
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use sfu_linux::{checked, thread_cpu_time};
    use socket2::{Domain, Protocol, Socket, Type};

    const PEERS: usize = 64;
    const BYTES: usize = 200;
    /// As in the server.
    const MESSAGES: usize = 32;
    const BUFFER_BYTES: usize = 4 << 20;

    #[derive(Default)]
    struct Received {
        datagrams: u64,
        calls: u64,
        cpu: Duration,
    }

    pub(super) fn main() -> io::Result<()> {
        let numbers: Vec<u64> = std::env::args()
            .skip(1)
            .filter_map(|argument| argument.parse().ok())
            .collect();
        let (rate, seconds) = match numbers[..] {
            [rate, seconds] => (rate, seconds),
            _ => (10_000, 3),
        };
        for (name, threads, has_own) in [
            ("one thread", 1, false),
            ("two threads, one socket", 2, false),
            ("two threads, SO_REUSEPORT", 2, true),
        ] {
            measure(name, threads, has_own, rate, Duration::from_secs(seconds))?;
        }
        Ok(())
    }

    fn measure(
        name: &str,
        threads: usize,
        has_own: bool,
        rate: u64,
        time: Duration,
    ) -> io::Result<()> {
        let first = Arc::new(bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?);
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        while sockets.len() < threads {
            sockets.push(match has_own {
                true => Arc::new(bind(address)?),
                false => Arc::clone(&sockets[0]),
            });
        }
        let has_ended = Arc::new(AtomicBool::new(false));
        let receivers: Vec<_> = sockets
            .into_iter()
            .map(|socket| {
                let has_ended = Arc::clone(&has_ended);
                thread::spawn(move || receive(&socket, &has_ended))
            })
            .collect();
        let began = Instant::now();
        let sent = send(address, rate, time)?;
        let elapsed = began.elapsed().as_secs_f64();
        has_ended.store(true, Ordering::Relaxed);
        let mut all = Received::default();
        for receiver in receivers {
            let received = receiver.join().expect("no panic")?;
            all.datagrams += received.datagrams;
            all.calls += received.calls;
            all.cpu += received.cpu;
        }
        println!(
            "{name:26} {:8.0}/s {:6.0} ns {:5.1} a call {:6.2}% lost",
            all.datagrams as f64 / elapsed,
            all.cpu.as_nanos() as f64 / all.datagrams.max(1) as f64,
            all.datagrams as f64 / all.calls.max(1) as f64,
            100.0 - 100.0 * all.datagrams as f64 / sent as f64,
        );
        Ok(())
    }

    fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_port(true)?;
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
        socket.bind(&address.into())?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        Ok(socket.into())
    }

    /// Datagrams evenly spaced, peer after peer.
    fn send(address: SocketAddr, rate: u64, time: Duration) -> io::Result<u64> {
        let peers = (0..PEERS)
            .map(|_| {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket.connect(address)?;
                Ok(socket)
            })
            .collect::<io::Result<Vec<_>>>()?;
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < time {
            if rate > 0 {
                let due = start + Duration::from_secs(1).mul_f64(sent as f64 / rate as f64);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            peers[sent as usize % PEERS].send(&[0x80; BYTES])?;
            sent += 1;
        }
        Ok(sent)
    }

    fn receive(socket: &UdpSocket, has_ended: &AtomicBool) -> io::Result<Received> {
        let mut buffers = vec![[0u8; 2048]; MESSAGES];
        let mut received = Received::default();
        loop {
            let count = receive_some(socket, &mut buffers);
            if count > 0 {
                received.datagrams += count as u64;
                received.calls += 1;
            } else if has_ended.load(Ordering::Relaxed) {
                received.cpu = thread_cpu_time();
                return Ok(received);
            }
        }
    }

    /// What waits, after sleeping for the first; nothing where none has come for long.
    fn receive_some(socket: &UdpSocket, buffers: &mut [[u8; 2048]]) -> usize {
        let mut slices: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = slices
            .iter_mut()
            .map(|slice| {
                // SAFETY: a zeroed mmsghdr is valid: null pointers with zero lengths.
                let mut header: libc::mmsghdr = unsafe { zeroed() };
                header.msg_hdr.msg_iov = slice;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        // SAFETY: every header points at a slice, and that at a buffer, with their true
        // lengths; they live until after the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_WAITFORONE as _,
                std::ptr::null_mut(),
            )
        };
        checked(count).unwrap_or(0)
    }
}
