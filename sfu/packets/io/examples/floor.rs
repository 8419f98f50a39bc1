//! What no forwarder on this machine can go below: protecting each packet for each subscriber,
//! and handing them to the kernel in the best way that it has. Nothing is received, planned,
//! rewritten, counted or kept.
//!
//!     floor SUBSCRIBERS SECONDS PACKETS PAYLOAD FRAMES
//!
//! Frames of so many packets, so many frames a second, as `load` publishes them; the receiving sockets stand
//! in a second process that drains them without offload, again as in `load`. Prints a line of
//! JSON: nanoseconds of this thread's CPU a packet, for protecting alone and for protecting
//! and sending in each way.

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("floor measures what Linux offers");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::mem::zeroed;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use mio::{Events, Interest, Poll, Token};
    use sfu_linux::{checked, thread_cpu_time};
    use sfu_proto::command::SrtpProfile;
    use sfu_proto::srtp::SrtpSender;

    /// Fixed header and three extensions, which stay clear, as `load` and the server write them.
    const HEADER: usize = 28;
    const TAG: usize = 16;
    /// Messages a call, as in the server.
    const MESSAGES: usize = 64;

    /// What is sent.
    #[derive(Clone, Copy)]
    struct Shape {
        packets: usize,
        payload: usize,
        frames_a_second: usize,
    }

    impl Shape {
        fn datagram(self) -> usize {
            HEADER + self.payload + TAG
        }
    }

    #[derive(Clone, Copy)]
    enum Way {
        /// Protected, and not sent.
        Nothing,
        /// A call for each packet.
        Send,
        /// One call for many packets: the best where packets come one by one.
        Many,
        /// One call for many frames, which the kernel cuts: the best where frames come whole.
        Runs,
    }

    pub(super) fn main() -> io::Result<()> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        match &arguments[..] {
            [word, count] if word == "sink" => sink(number(count)?),
            [subscribers, seconds, packets, payload, frames] => {
                let shape = Shape {
                    packets: number(packets)?,
                    payload: number(payload)?,
                    frames_a_second: number(frames)?,
                };
                measure(shape, number(subscribers)?, number(seconds)?)
            }
            _ => Err(invalid("floor SUBSCRIBERS SECONDS PACKETS PAYLOAD FRAMES")),
        }
    }

    fn invalid(error: impl ToString) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
    }

    fn number(text: &str) -> io::Result<usize> {
        text.parse().map_err(invalid)
    }

    /// Prints the ports of so many sockets and drains them until standard input ends.
    fn sink(count: usize) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut sockets = Vec::with_capacity(count);
        for token in 0..count {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            println!("{}", socket.local_addr()?.port());
            socket.set_nonblocking(true)?;
            let mut socket = mio::net::UdpSocket::from_std(socket);
            poll.registry()
                .register(&mut socket, Token(token), Interest::READABLE)?;
            sockets.push(socket);
        }
        io::stdout().flush()?;
        let ended = thread::spawn(|| io::stdin().read_to_end(&mut Vec::new()));
        let (mut events, mut buffer) = (Events::with_capacity(256), [0; 2048]);
        while !ended.is_finished() {
            poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                while sockets[event.token().0].recv(&mut buffer).is_ok() {}
            }
        }
        Ok(())
    }

    fn measure(shape: Shape, subscribers: usize, seconds: usize) -> io::Result<()> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["sink", &subscribers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let result = run_all(&mut child, shape, subscribers, seconds);
        drop(child.stdin.take());
        child.wait()?;
        println!("{}", result?);
        Ok(())
    }

    fn run_all(
        child: &mut Child,
        shape: Shape,
        subscribers: usize,
        seconds: usize,
    ) -> io::Result<String> {
        let output = child.stdout.take().ok_or_else(|| invalid("no output"))?;
        let ports = BufReader::new(output).lines().take(subscribers);
        let addresses = ports
            .map(|port| Ok(address(port?.parse().map_err(invalid)?)))
            .collect::<io::Result<Vec<_>>>()?;
        let mut floor = Floor::new(shape, addresses)?;
        let frames = seconds * shape.frames_a_second;
        let [protect, send, many, runs] = [Way::Nothing, Way::Send, Way::Many, Way::Runs]
            .map(|way| floor.nanoseconds(way, frames));
        Ok(format!(
            "{{\"subscribers\": {subscribers}, \"protect\": {:.0}, \"send\": {:.0}, \
             \"sendmmsg\": {:.0}, \"segmented\": {:.0}}}",
            protect?, send?, many?, runs?
        ))
    }

    fn address(port: u16) -> libc::sockaddr_in {
        // SAFETY: a zeroed sockaddr_in is valid.
        let mut address: libc::sockaddr_in = unsafe { zeroed() };
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_port = port.to_be();
        address.sin_addr.s_addr = u32::from(Ipv4Addr::LOCALHOST).to_be();
        address
    }

    /// A cmsghdr with UDP_SEGMENT, as `CMSG_SPACE(2)` lays it out.
    #[repr(C, align(8))]
    struct Control([u8; 24]);

    impl Control {
        fn new(segment: usize) -> Self {
            let mut bytes = [0; 24];
            bytes[..8].copy_from_slice(&18usize.to_ne_bytes());
            bytes[8..12].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
            bytes[12..16].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
            bytes[16..18].copy_from_slice(&(segment as u16).to_ne_bytes());
            Self(bytes)
        }
    }

    struct Floor {
        shape: Shape,
        socket: UdpSocket,
        addresses: Vec<libc::sockaddr_in>,
        senders: Vec<SrtpSender>,
        arena: Vec<u8>,
        control: Control,
        sequence: u64,
    }

    impl Floor {
        fn new(shape: Shape, addresses: Vec<libc::sockaddr_in>) -> io::Result<Self> {
            let keys = (0..addresses.len()).map(|index| [index as u8; 16]);
            let senders = keys
                .map(|key| SrtpSender::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]))
                .collect::<Result<_, _>>()
                .map_err(invalid)?;
            Ok(Self {
                shape,
                socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
                addresses,
                senders,
                arena: Vec::new(),
                control: Control::new(shape.datagram()),
                sequence: 0,
            })
        }

        fn nanoseconds(&mut self, way: Way, frames: usize) -> io::Result<f64> {
            let interval = Duration::from_secs(1) / self.shape.frames_a_second as u32;
            let (start, began) = (Instant::now(), thread_cpu_time());
            for frame in 0..frames as u32 {
                let due = start + interval * frame;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                self.frame(way)?;
            }
            let packets = frames * self.shape.packets * self.addresses.len();
            Ok((thread_cpu_time() - began).as_nanos() as f64 / packets as f64)
        }

        /// As the server does it: packets protected into one arena, sent when enough are there.
        fn frame(&mut self, way: Way) -> io::Result<()> {
            let batch = match way {
                Way::Many => MESSAGES.div_ceil(self.shape.packets),
                _ => MESSAGES,
            };
            for first in (0..self.addresses.len()).step_by(batch) {
                let last = (first + batch).min(self.addresses.len());
                self.arena.clear();
                for subscriber in first..last {
                    self.protect(subscriber)?;
                }
                match way {
                    Way::Nothing => {}
                    Way::Send => self.send_each(first)?,
                    Way::Many => self.send_messages(first, last, self.shape.packets)?,
                    Way::Runs => self.send_messages(first, last, 1)?,
                }
            }
            self.sequence += self.shape.packets as u64;
            Ok(())
        }

        fn protect(&mut self, subscriber: usize) -> io::Result<()> {
            for packet in 0..self.shape.packets as u64 {
                let (start, number) = (self.arena.len(), self.sequence + packet);
                self.arena.extend_from_slice(&[0x90, 96]);
                self.arena.extend_from_slice(&(number as u16).to_be_bytes());
                self.arena.resize(start + HEADER + self.shape.payload, 0x5a);
                let roll_over = (number >> 16) as u32;
                self.senders[subscriber]
                    .protect_rtp(&mut self.arena, start, HEADER, roll_over)
                    .map_err(invalid)?;
            }
            Ok(())
        }

        fn send_each(&self, first: usize) -> io::Result<()> {
            for (index, datagram) in self.arena.chunks(self.shape.datagram()).enumerate() {
                let address = &self.addresses[first + index / self.shape.packets];
                // SAFETY: the kernel reads a datagram and an address of ours, with their lengths.
                let result = unsafe {
                    libc::sendto(
                        self.socket.as_raw_fd(),
                        datagram.as_ptr().cast(),
                        datagram.len(),
                        0,
                        std::ptr::from_ref(address).cast(),
                        size_of_val(address) as libc::socklen_t,
                    )
                };
                if result < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        }

        /// `each` messages a subscriber: all its packets one by one, or one run of them.
        fn send_messages(&mut self, first: usize, last: usize, each: usize) -> io::Result<()> {
            let size = self.shape.packets / each * self.shape.datagram();
            let mut slices: Vec<libc::iovec> = self
                .arena
                .chunks(size)
                .map(|data| libc::iovec {
                    iov_base: data.as_ptr().cast_mut().cast(),
                    iov_len: data.len(),
                })
                .collect();
            let subscribers = (first..last).flat_map(|index| std::iter::repeat_n(index, each));
            let mut headers: Vec<libc::mmsghdr> = slices
                .iter_mut()
                .zip(subscribers)
                .map(|(slice, subscriber)| {
                    // SAFETY: a zeroed mmsghdr is valid: null pointers with zero lengths.
                    let mut header: libc::mmsghdr = unsafe { zeroed() };
                    let address = &raw const self.addresses[subscriber];
                    header.msg_hdr.msg_name = address.cast_mut().cast();
                    header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as _;
                    header.msg_hdr.msg_iov = slice;
                    header.msg_hdr.msg_iovlen = 1;
                    if each < self.shape.packets {
                        let control = self.control.0.as_ptr();
                        header.msg_hdr.msg_control = control.cast_mut().cast();
                        header.msg_hdr.msg_controllen = self.control.0.len() as _;
                    }
                    header
                })
                .collect();
            let mut sent = 0;
            while sent < headers.len() {
                let rest = &mut headers[sent..];
                // SAFETY: each header points at a slice, an address and a control buffer of
                // ours that outlive the call, with their true lengths; the kernel reads them.
                let result = unsafe {
                    libc::sendmmsg(
                        self.socket.as_raw_fd(),
                        rest.as_mut_ptr(),
                        rest.len() as libc::c_uint,
                        0,
                    )
                };
                sent += checked(result)?;
            }
            Ok(())
        }
    }
}
