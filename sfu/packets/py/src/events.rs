//! The packet path's events as Python classes, for `match`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyType};
use sfu_proto::event::{Event, LostReason};

use crate::arguments::host_and_port;
use crate::names::{codec_name, reason_name};

/// Declares each class with its fields, its `__match_args__` and a `repr`.
macro_rules! events {
    ($($name:ident { $($field:ident: $type:ty),+ })+) => {
        $(
            #[pyclass(module = "sfu._packets", frozen, get_all)]
            pub(crate) struct $name { $($field: $type),+ }

            #[pymethods]
            impl $name {
                #[classattr]
                fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                    PyTuple::new(py, [$(stringify!($field)),+])
                }

                fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                    let fields = [$(
                        format!("{}={}", stringify!($field), slf.getattr(stringify!($field))?.repr()?)
                    ),+];
                    Ok(format!("{}({})", stringify!($name), fields.join(", ")))
                }
            }
        )+

        pub(crate) fn types(py: Python<'_>) -> Vec<Bound<'_, PyType>> {
            vec![$(py.get_type::<$name>()),+]
        }
    };
}

events! {
    TransportConnected { transport: u64, remote: (String, u16) }
    TransportMoved { transport: u64, remote: (String, u16) }
    TransportLost { transport: u64, reason: &'static str }
    DtlsReceived { transport: u64, datagram: Py<PyBytes> }
    SourceLayersChanged { source: u64, codec: &'static str, layers: Py<PyTuple> }
    SlotSwitched { slot: u64, source: Option<u64> }
    SlotUndecodable { slot: u64, source: u64, codec: &'static str }
    SlotAdapted { slot: u64, source: u64, is_off: bool, reason: Option<&'static str>, layer: Option<u8> }
    AudioPositionsChanged { room: u64, positions: Py<PyTuple> }
    DominantSpeakerChanged { room: u64, source: Option<u64> }
    SpeakingChanged { source: u64, speaking: bool }
    WorkerFailed { worker: usize, reason: String }
}

pub(crate) fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    fn made<'py, T>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>>
    where
        T: pyo3::PyClass + Into<PyClassInitializer<T>>,
    {
        Ok(Bound::new(py, value)?.into_any())
    }
    match event {
        Event::TransportConnected { transport, remote } => made(
            py,
            TransportConnected {
                transport: transport.0,
                remote: host_and_port(remote),
            },
        ),
        Event::TransportMoved { transport, remote } => made(
            py,
            TransportMoved {
                transport: transport.0,
                remote: host_and_port(remote),
            },
        ),
        Event::TransportLost { transport, reason } => made(
            py,
            TransportLost {
                transport: transport.0,
                reason: lost_reason(reason),
            },
        ),
        Event::DtlsReceived {
            transport,
            datagram,
        } => {
            let datagram = PyBytes::new(py, &datagram).unbind();
            made(
                py,
                DtlsReceived {
                    transport: transport.0,
                    datagram,
                },
            )
        }
        Event::SourceLayersChanged {
            source,
            codec,
            layers,
        } => {
            let layers = PyTuple::new(py, layers)?.unbind();
            made(
                py,
                SourceLayersChanged {
                    source: source.0,
                    codec: codec_name(codec),
                    layers,
                },
            )
        }
        Event::SlotSwitched { slot, source } => made(
            py,
            SlotSwitched {
                slot: slot.0,
                source: source.map(|source| source.0),
            },
        ),
        Event::SlotUndecodable {
            slot,
            source,
            codec,
        } => made(
            py,
            SlotUndecodable {
                slot: slot.0,
                source: source.0,
                codec: codec_name(codec),
            },
        ),
        Event::SlotAdapted {
            slot,
            source,
            is_off,
            reason,
            layer,
        } => made(
            py,
            SlotAdapted {
                slot: slot.0,
                source: source.0,
                is_off,
                reason: reason.map(reason_name),
                layer,
            },
        ),
        Event::AudioPositionsChanged { room, positions } => {
            let positions = positions.iter().map(|source| source.map(|source| source.0));
            let positions = PyTuple::new(py, positions.collect::<Vec<_>>())?.unbind();
            made(
                py,
                AudioPositionsChanged {
                    room: room.0,
                    positions,
                },
            )
        }
        Event::DominantSpeakerChanged { room, source } => made(
            py,
            DominantSpeakerChanged {
                room: room.0,
                source: source.map(|source| source.0),
            },
        ),
        Event::SpeakingChanged { source, speaking } => made(
            py,
            SpeakingChanged {
                source: source.0,
                speaking,
            },
        ),
        Event::WorkerFailed { worker, reason } => made(py, WorkerFailed { worker, reason }),
    }
}

fn lost_reason(reason: LostReason) -> &'static str {
    match reason {
        LostReason::ConsentExpired => "consent_expired",
        LostReason::NeverConnected => "never_connected",
        LostReason::WorkerFailed => "worker_failed",
    }
}
