//! The plane as Python holds it: each method checks the form, and hands over.

use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyList;
use sfu_io::{BindError, CloseError, CommandError, DrainError, PlaneConfig, SnapshotError};
use sfu_proto::command::{Command, SlotParameters, SourceParameters};
use sfu_proto::ids::{RoomId, SlotId, SourceId, TransportId};
use sfu_proto::router::HoldConfig;

use crate::arguments::{self, Announced, CodecParameters, ExtensionEntry, Number};
use crate::{events, snapshot};

/// No viewer would call longer waits live.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The bound media sockets and the worker that serves them.
#[pyclass(module = "sfu._packets", frozen)]
pub(crate) struct Plane(sfu_io::Plane);

#[pymethods]
#[expect(clippy::too_many_arguments, reason = "keywords of the contract")]
impl Plane {
    #[new]
    #[pyo3(signature = (
        bind, *, workers=Number(1), event_capacity=Number(65536),
        publisher_bitrate_bps=Number(20_000_000),
        frame_hold_s=HoldConfig::DEFAULT.frame.as_secs_f64(),
        join_s=HoldConfig::DEFAULT.join.as_secs_f64(),
        receive_tick_s=PlaneConfig::RECEIVE_TICK.as_secs_f64(), adapts=true,
    ))]
    #[pyo3(text_signature = "(bind, *, workers=1, event_capacity=65536, \
        publisher_bitrate_bps=20000000, frame_hold_s=0.014, join_s=0.003, receive_tick_s=0.001, \
        adapts=True)")]
    fn new(
        py: Python<'_>,
        bind: Vec<(String, Number<u16>)>,
        workers: Number<usize>,
        event_capacity: Number<usize>,
        publisher_bitrate_bps: Number<u64>,
        frame_hold_s: f64,
        join_s: f64,
        receive_tick_s: f64,
        adapts: bool,
    ) -> PyResult<Self> {
        let addresses = bind
            .iter()
            .map(|(host, port)| arguments::socket_address(host, port.0));
        let config = PlaneConfig {
            addresses: addresses.collect::<PyResult<_>>()?,
            workers: at_least_one(workers, "workers")?,
            event_capacity: at_least_one(event_capacity, "event_capacity")?,
            publisher_bitrate_bps: publisher_bitrate_bps.0,
            hold: HoldConfig {
                frame: wait(frame_hold_s, "frame_hold_s")?,
                join: wait(join_s, "join_s")?,
            },
            receive_tick: wait(receive_tick_s, "receive_tick_s")?,
            adapts,
        };
        match py.detach(|| sfu_io::Plane::bind(&config)) {
            Ok(plane) => Ok(Self(plane)),
            Err(error) => Err(bind_error(py, &error)),
        }
    }

    #[getter]
    fn local_addresses(&self) -> Vec<(String, u16)> {
        self.0
            .local_addresses()
            .iter()
            .copied()
            .map(arguments::host_and_port)
            .collect()
    }

    #[getter]
    fn event_fd(&self) -> sfu_io::Fd {
        self.0.event_fd()
    }

    #[pyo3(signature = (limit=Number(4096)), text_signature = "($self, limit=4096)")]
    fn drain<'py>(&self, py: Python<'py>, limit: Number<usize>) -> PyResult<Bound<'py, PyList>> {
        let events = py
            .detach(|| self.0.drain(limit.0))
            .map_err(|DrainError(reason)| PyRuntimeError::new_err(reason))?;
        let list = PyList::empty(py);
        for event in events {
            list.append(events::to_python(py, event)?)?;
        }
        Ok(list)
    }

    #[pyo3(signature = (timeout_s=1.0))]
    fn snapshot(&self, py: Python<'_>, timeout_s: f64) -> PyResult<snapshot::Snapshot> {
        let timeout = Duration::try_from_secs_f64(timeout_s)
            .map_err(|error| PyValueError::new_err(format!("timeout_s: {error}")))?;
        match py.detach(|| self.0.snapshot(timeout)) {
            Ok(taken) => snapshot::to_python(py, taken),
            Err(SnapshotError::TimedOut) => {
                Err(PyTimeoutError::new_err("the packet worker does not answer"))
            }
            Err(SnapshotError::Closed) => Err(PyRuntimeError::new_err("the plane is closed")),
            Err(SnapshotError::Failed(reason)) => Err(PyRuntimeError::new_err(reason)),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.close())
            .map_err(|CloseError| PyTimeoutError::new_err("the packet worker does not end"))
    }

    #[pyo3(signature = (
        transport, *, local_ufrag, local_password, remote_ufrag, remote_password, extensions,
    ))]
    fn add_transport(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        local_ufrag: String,
        local_password: String,
        remote_ufrag: String,
        remote_password: String,
        extensions: Vec<ExtensionEntry>,
    ) -> PyResult<()> {
        let command = Command::AddTransport {
            transport: TransportId(transport.0),
            ice: arguments::credentials(
                local_ufrag,
                local_password,
                remote_ufrag,
                remote_password,
            )?,
            extensions: arguments::extensions(extensions)?,
        };
        self.command(py, command)
    }

    #[pyo3(signature = (transport, *, local_ufrag, local_password, remote_ufrag, remote_password))]
    fn restart_ice(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        local_ufrag: String,
        local_password: String,
        remote_ufrag: String,
        remote_password: String,
    ) -> PyResult<()> {
        let command = Command::RestartIce {
            transport: TransportId(transport.0),
            ice: arguments::credentials(
                local_ufrag,
                local_password,
                remote_ufrag,
                remote_password,
            )?,
        };
        self.command(py, command)
    }

    #[pyo3(signature = (transport, cap_bps))]
    fn set_cap(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        cap_bps: Option<Number<u64>>,
    ) -> PyResult<()> {
        self.command(
            py,
            Command::SetCap {
                transport: TransportId(transport.0),
                cap_bps: cap_bps.map(|cap| cap.0),
            },
        )
    }

    fn set_headroom(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        has_headroom: bool,
    ) -> PyResult<()> {
        self.command(
            py,
            Command::SetHeadroom {
                transport: TransportId(transport.0),
                has_headroom,
            },
        )
    }

    fn set_extensions(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        extensions: Vec<ExtensionEntry>,
    ) -> PyResult<()> {
        let command = Command::SetExtensions {
            transport: TransportId(transport.0),
            extensions: arguments::extensions(extensions)?,
        };
        self.command(py, command)
    }

    #[pyo3(signature = (transport, *, profile, local_key, local_salt, remote_key, remote_salt))]
    fn set_keys(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        profile: &str,
        local_key: &[u8],
        local_salt: &[u8],
        remote_key: &[u8],
        remote_salt: &[u8],
    ) -> PyResult<()> {
        let command = Command::SetKeys {
            transport: TransportId(transport.0),
            keys: arguments::keys(profile, (local_key, local_salt), (remote_key, remote_salt))?,
        };
        self.command(py, command)
    }

    fn send_dtls(
        &self,
        py: Python<'_>,
        transport: Number<u64>,
        datagrams: Vec<PyBackedBytes>,
    ) -> PyResult<()> {
        let transport = TransportId(transport.0);
        datagrams.iter().try_for_each(|datagram| {
            self.command(
                py,
                Command::SendDtls {
                    transport,
                    datagram: datagram.to_vec(),
                },
            )
        })
    }

    fn remove_transport(&self, py: Python<'_>, transport: Number<u64>) -> PyResult<()> {
        self.command(
            py,
            Command::RemoveTransport {
                transport: TransportId(transport.0),
            },
        )
    }

    #[pyo3(signature = (
        source, *, transport, mid, kind, codecs, rids=Vec::new(), announced=Vec::new(), room=None,
        is_screen=false,
    ))]
    #[pyo3(
        text_signature = "($self, source, *, transport, mid, kind, codecs, rids=(), announced=(), \
        room=None, is_screen=False)"
    )]
    fn add_source(
        &self,
        py: Python<'_>,
        source: Number<u64>,
        transport: Number<u64>,
        mid: String,
        kind: &str,
        codecs: Vec<Bound<'_, CodecParameters>>,
        rids: Vec<String>,
        announced: Vec<Announced>,
        room: Option<Number<u64>>,
        is_screen: bool,
    ) -> PyResult<()> {
        let parameters = SourceParameters {
            transport: TransportId(transport.0),
            mid: arguments::mid(mid)?,
            kind: arguments::media_kind(kind)?,
            codecs: arguments::codecs(&codecs),
            rids: arguments::rids(rids)?,
            announced: arguments::announced(&announced),
            room: room.map(|room| RoomId(room.0)),
            is_screen,
        };
        self.command(
            py,
            Command::AddSource {
                source: SourceId(source.0),
                parameters,
            },
        )
    }

    fn set_forwarding(
        &self,
        py: Python<'_>,
        source: Number<u64>,
        forwarding: bool,
    ) -> PyResult<()> {
        self.command(
            py,
            Command::SetForwarding {
                source: SourceId(source.0),
                forwarding,
            },
        )
    }

    fn remove_source(&self, py: Python<'_>, source: Number<u64>) -> PyResult<()> {
        self.command(
            py,
            Command::RemoveSource {
                source: SourceId(source.0),
            },
        )
    }

    #[pyo3(signature = (slot, *, transport, mid, kind, codecs, ssrc, rtx_ssrc, cname, follows=None))]
    fn add_slot(
        &self,
        py: Python<'_>,
        slot: Number<u64>,
        transport: Number<u64>,
        mid: String,
        kind: &str,
        codecs: Vec<Bound<'_, CodecParameters>>,
        ssrc: Number<u32>,
        rtx_ssrc: Option<Number<u32>>,
        cname: String,
        follows: Option<(Number<u64>, Number<u8>)>,
    ) -> PyResult<()> {
        let parameters = SlotParameters {
            transport: TransportId(transport.0),
            mid: arguments::mid(mid)?,
            kind: arguments::media_kind(kind)?,
            codecs: arguments::codecs(&codecs),
            ssrc: ssrc.0,
            rtx_ssrc: rtx_ssrc.map(|ssrc| ssrc.0),
            cname: arguments::cname(cname)?,
            follows: follows.map(|(room, position)| (RoomId(room.0), position.0)),
        };
        self.command(
            py,
            Command::AddSlot {
                slot: SlotId(slot.0),
                parameters,
            },
        )
    }

    #[pyo3(signature = (slot, source, layer=Number(0)), text_signature = "($self, slot, source, layer=0)")]
    fn show(
        &self,
        py: Python<'_>,
        slot: Number<u64>,
        source: Option<Number<u64>>,
        layer: Number<u8>,
    ) -> PyResult<()> {
        let command = Command::Show {
            slot: SlotId(slot.0),
            source: source.map(|source| SourceId(source.0)),
            layer: layer.0,
        };
        self.command(py, command)
    }

    fn set_stage(&self, py: Python<'_>, slot: Number<u64>, is_stage: bool) -> PyResult<()> {
        let slot = SlotId(slot.0);
        self.command(py, Command::SetStage { slot, is_stage })
    }

    fn set_wanted(&self, py: Python<'_>, source: Number<u64>, top: Number<u8>) -> PyResult<()> {
        let (source, top) = (SourceId(source.0), top.0);
        self.command(py, Command::SetWanted { source, top })
    }

    fn remove_slot(&self, py: Python<'_>, slot: Number<u64>) -> PyResult<()> {
        self.command(
            py,
            Command::RemoveSlot {
                slot: SlotId(slot.0),
            },
        )
    }

    fn add_room(&self, py: Python<'_>, room: Number<u64>, positions: Number<u8>) -> PyResult<()> {
        self.command(
            py,
            Command::AddRoom {
                room: RoomId(room.0),
                positions: positions.0,
            },
        )
    }

    fn remove_room(&self, py: Python<'_>, room: Number<u64>) -> PyResult<()> {
        self.command(
            py,
            Command::RemoveRoom {
                room: RoomId(room.0),
            },
        )
    }
}

impl Plane {
    fn command(&self, py: Python<'_>, command: Command) -> PyResult<()> {
        py.detach(|| self.0.command(command))
            .map_err(|CommandError::Stuck| {
                PyTimeoutError::new_err("the packet worker takes no commands")
            })
    }
}

fn at_least_one(number: Number<usize>, what: &str) -> PyResult<usize> {
    match number.0 {
        0 => Err(PyValueError::new_err(format!("{what} is not 0"))),
        number => Ok(number),
    }
}

fn wait(seconds: f64, what: &str) -> PyResult<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(wait) if wait <= LONGEST_WAIT => Ok(wait),
        _ => Err(PyValueError::new_err(format!("{what} is from 0 to 1"))),
    }
}

/// `OSError(errno, words, address)`, or `ValueError` for a number of addresses that cannot be.
fn bind_error(py: Python<'_>, error: &BindError) -> PyErr {
    let Some(code) = error.source.raw_os_error() else {
        return PyValueError::new_err(error.source.to_string());
    };
    let words = py
        .import("os")
        .and_then(|os| os.call_method1("strerror", (code,))?.extract::<String>());
    match (words, error.address) {
        (Ok(words), Some(address)) => PyOSError::new_err((code, words, address.to_string())),
        (Ok(words), None) => PyOSError::new_err((code, words)),
        (Err(error), _) => error,
    }
}
