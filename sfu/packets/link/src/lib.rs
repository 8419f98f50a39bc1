//! One direction of a network link: packets go in with the time, and come out later, or not at all.
//!
//! Start at [`Link`]. It has a bottleneck (`bottleneck`: a rate and the queue before it), behind
//! that what radio does to packets (`loss`: alone or in bursts), and then the way (delay, jitter,
//! packets that are held back, packets that come twice). [`Conditions`] say how it is now, a
//! [`Plan`] how it changes, and [`Network`] reads both directions from a line of text. All chance
//! comes from a seed: the same packets at the same times meet the same fate.
//!
//! Knows no socket, clock or thread, and nothing of what a packet holds. Tests of the packet path
//! run against it, and the load test's emulator puts it between two network devices.

#![forbid(unsafe_code)]

mod bottleneck;
mod conditions;
mod link;
mod loss;
mod plan;
mod random;
mod spec;

pub use conditions::{Conditions, Gilbert};
pub use link::{Fate, Link, Passed};
pub use plan::Plan;
pub use spec::{BadSpec, Network};
