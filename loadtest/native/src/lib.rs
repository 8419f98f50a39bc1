//! Light WebRTC peers: they join, send and receive as browsers do, and decode nothing.
//!
//! One thread drives hundreds of them. Start reading at [`generator`] (what the driver holds)
//! and `worker` (the loop); a [`peer`] is a state machine, datagrams and time in, datagrams
//! out, that goes through ICE, DTLS and SRTP into `publish` and `receive`. Media is synthetic:
//! valid payload descriptors, and a stamp with the time of sending in each payload. Signalling
//! is the driver's, in Python; this crate is handed what the answer said.
//!
//! Beside the peers stands the [`emulator`]: a bad link that they, or any program, are put behind.
//! Only `system` holds `unsafe` code.

mod context;
mod emulator;
mod generator;
mod histogram;
mod outbox;
mod peer;
mod publish;
mod python;
mod receive;
mod stamp;
mod system;
mod time;
mod worker;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::python::{
        Emulation, Generator, PeerSnapshot, Percentiles, ReceivedCounts, Snapshot,
    };
}
