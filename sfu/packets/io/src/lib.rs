//! Sockets, segmentation offload, the worker threads and their timers; knows no RTP field.
//!
//! Start reading at [`Plane`] (what the control side holds) and `worker` (the loop that owns
//! the router, or a part of it). Datagrams flow from `receive` through the router into
//! `egress`; commands come down through `orders`, events go up through `events`. Of several
//! workers the first receives and hands over to the others (`shards`, over `links`). What
//! differs between systems sits in `linux` (recvmmsg, sendmmsg, UDP_GRO, UDP_SEGMENT, packet
//! info, epoll) and `portable` (one call a datagram), which offer the same names.

// In `linux` alone, which lays out what the kernel reads and fills.
#![cfg_attr(not(test), deny(unsafe_code))]

mod bind;
mod delays;
mod doorbell;
mod egress;
mod events;
mod limits;
mod links;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
#[allow(unsafe_code)]
mod linux;
mod machine;
mod orders;
mod pace;
mod plane;
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod portable;
mod shards;
#[cfg(feature = "stages")]
mod stages;
mod stress;
mod worker;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
use linux as system;
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
use portable as system;

pub use bind::BindError;
pub use plane::{
    CloseError, CommandError, DrainError, Plane, PlaneConfig, PlaneSnapshot, SnapshotError,
};
#[cfg(feature = "stages")]
pub use stages::spent;
pub use system::Fd;
