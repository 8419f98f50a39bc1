//! Sockets, segmentation offload, the worker thread and its timers; knows no RTP field.
//!
//! Start reading at [`Plane`] (what the control side holds) and `worker` (the loop that owns
//! the router). Datagrams flow from `receive` through the router into `egress`; commands come
//! down through `orders`, events go up through `events`. What differs between systems sits in
//! `linux` (recvmmsg, sendmmsg, UDP_GRO, UDP_SEGMENT, packet info, epoll) and `portable`
//! (one call a datagram), which offer the same names; only `linux` holds `unsafe` code.

mod bind;
mod egress;
mod events;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
mod machine;
mod orders;
mod plane;
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod portable;
mod worker;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
use linux as system;
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
use portable as system;

pub use bind::BindError;
pub use plane::{
    CloseError, CommandError, DrainError, Plane, PlaneConfig, PlaneSnapshot, SnapshotError,
};
pub use system::Fd;
