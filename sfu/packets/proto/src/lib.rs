//! The packet path as a state machine: datagrams and commands in, datagrams and events out.
//!
//! Start reading at [`router`]. No socket, clock, thread or Python in here: time is a
//! parameter, randomness is seeded, and nothing that comes from the network can panic.

#![forbid(unsafe_code)]

pub mod allocator;
pub mod bwe;
mod clock;
pub mod codecs;
pub mod command;
pub mod demux;
pub mod drop;
mod egress;
pub mod event;
mod events;
pub mod handover;
pub mod histogram;
pub mod ice;
pub mod ids;
mod ingress;
mod jitter;
pub mod limits;
mod meter;
mod placement;
mod random;
pub mod receive_side;
pub mod router;
pub mod rtcp;
pub mod rtp;
pub mod send_side;
pub mod snapshot;
pub mod srtp;
pub mod stages;
pub mod stun;
mod timers;
pub mod transmit;
