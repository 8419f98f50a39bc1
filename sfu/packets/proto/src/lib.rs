//! The packet path as a state machine: datagrams and commands in, datagrams and events out.
//!
//! Start reading at [`router`]. No socket, clock, thread or Python in here: time is a
//! parameter, randomness is seeded, and nothing that comes from the network can panic.

#![forbid(unsafe_code)]

pub mod codecs;
pub mod command;
pub mod demux;
pub mod drop;
pub mod event;
pub mod ice;
pub mod ids;
pub mod router;
pub mod snapshot;
pub mod srtp;
pub mod stun;
pub mod transmit;
