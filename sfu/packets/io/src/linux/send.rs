//! sendmmsg, with runs cut by UDP_SEGMENT, each message from the address that was asked.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use sfu_linux::{checked, unsent_bytes};
use sfu_proto::transmit::Transmit;
use socket2::{SockAddr, SockRef};

use crate::bind::BoundSocket;
use crate::egress::Wire;
use crate::linux::control::Control;
use crate::linux::options;

/// Messages a call: with segmentation each is a frame to one subscriber, and the kernel's own
/// part (650 ns and more) makes the call's 100 ns small long before this.
const MESSAGES: usize = 64;

#[derive(Debug)]
pub(crate) struct SocketWire {
    bound: Arc<BoundSocket>,
    can_segment: bool,
    buffer: usize,
    controls: Box<[Control; MESSAGES]>,
    names: Vec<SockAddr>,
}

impl SocketWire {
    pub(crate) fn new(bound: Arc<BoundSocket>) -> Self {
        Self {
            can_segment: options::can_segment(&bound.socket),
            buffer: SockRef::from(&bound.socket)
                .send_buffer_size()
                .unwrap_or(usize::MAX),
            bound,
            controls: Box::new([Control::EMPTY; MESSAGES]),
            names: Vec::with_capacity(MESSAGES),
        }
    }

    fn fill_control(control: &mut Control, bound: &BoundSocket, transmit: &Transmit) {
        control.clear();
        if let Some(local) = transmit.path.local
            && bound.is_wildcard()
            && local.is_ipv4() == bound.local.is_ipv4()
        {
            control.push_local(local);
        }
        if transmit.len > u32::from(transmit.segment_size) {
            control.push_segment_size(transmit.segment_size);
        }
        if transmit.dscp != 0 {
            control.push_dscp(bound.local.is_ipv4(), transmit.dscp);
        }
    }
}

impl Wire for SocketWire {
    fn send(&mut self, arena: &[u8], transmits: &[Transmit]) -> io::Result<usize> {
        let transmits = &transmits[..transmits.len().min(MESSAGES)];
        self.names.clear();
        self.names.extend(
            transmits
                .iter()
                .map(|transmit| SockAddr::from(transmit.path.remote)),
        );
        let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; MESSAGES];
        // SAFETY: a zeroed mmsghdr is valid: null pointers with zero lengths.
        let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { zeroed() };
        let parts = self
            .names
            .iter()
            .zip(&mut self.controls[..])
            .zip(&mut slices)
            .zip(&mut headers);
        for (transmit, (((name, control), slice), header)) in transmits.iter().zip(parts) {
            Self::fill_control(control, &self.bound, transmit);
            let data = &arena[transmit.start as usize..][..transmit.len as usize];
            let slice = slice.write(libc::iovec {
                iov_base: data.as_ptr().cast_mut().cast(),
                iov_len: data.len(),
            });
            let header = &mut header.msg_hdr;
            header.msg_iov = slice;
            header.msg_iovlen = 1;
            header.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_namelen = name.len();
            if control.len() > 0 {
                header.msg_control = control.as_mut_ptr();
                header.msg_controllen = control.len() as _;
            }
        }
        // SAFETY: every filled header points at a slice, a name and a control buffer of its own
        // that live until after the call, with their true lengths; the kernel only reads them.
        let result = unsafe {
            libc::sendmmsg(
                self.bound.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                transmits.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
            )
        };
        checked(result)
    }

    fn can_segment(&self) -> bool {
        self.can_segment
    }

    fn fullness(&self) -> f64 {
        let unsent = unsent_bytes(&self.bound.socket).unwrap_or(0);
        unsent as f64 / self.buffer as f64
    }
}
