//! The packet path's counters as Python classes.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use sfu_io::PlaneSnapshot;
use sfu_proto::histogram::Histogram as CountedDelays;
use sfu_proto::snapshot;

use crate::arguments::host_and_port;
use crate::names::{codec_name, reason_name};

#[pyclass(module = "sfu._packets", frozen, get_all)]
pub(crate) struct Snapshot {
    datagrams_received: u64,
    bytes_received: u64,
    datagrams_sent: u64,
    bytes_sent: u64,
    drops: Py<PyDict>,
    events_dropped: u64,
    worker_cpu_s: f64,
    workers_cpu_s: Vec<f64>,
    stress: f64,
    forwarding_delay_audio: Py<Histogram>,
    forwarding_delay_video: Py<Histogram>,
    receive_delay: Py<Histogram>,
    send_queue_age_s: f64,
    transports: Py<PyList>,
    sources: Py<PyList>,
    slots: Py<PyList>,
}

#[pyclass(module = "sfu._packets", frozen, get_all)]
pub(crate) struct Histogram {
    bounds_s: Vec<f64>,
    counts: Vec<u64>,
    sum_s: f64,
}

#[pyclass(module = "sfu._packets", frozen, get_all)]
pub(crate) struct TransportSnapshot {
    transport: u64,
    remote: Option<(String, u16)>,
    has_keys: bool,
    packets_received: u64,
    packets_sent: u64,
    bytes_received: u64,
    bytes_sent: u64,
    round_trip_time_s: Option<f64>,
    round_trip_last_s: Option<f64>,
    delay_up_s: Option<f64>,
    delay_down_s: Option<f64>,
    delay_error_s: Option<f64>,
    jitter_down_s: Option<f64>,
    reported_packets: u64,
    reported_lost: u64,
    remb_bps: Option<u64>,
    available_bps: Option<u64>,
}

#[pyclass(module = "sfu._packets", frozen, get_all)]
pub(crate) struct SourceSnapshot {
    source: u64,
    codec: Option<&'static str>,
    forwarding: bool,
    layers: Py<PyList>,
}

#[pyclass(module = "sfu._packets", frozen, get_all)]
pub(crate) struct LayerSnapshot {
    layer: u8,
    ssrc: u32,
    active: bool,
    packets: u64,
    bytes: u64,
    expected: u64,
    received: u64,
    lost: i64,
    lost_after_repair: u64,
    repaired: u64,
    repaired_red: u64,
    duplicates: u64,
    reordered: u64,
    jitter_s: f64,
    keyframes: u64,
    nacks_sent: u64,
    plis_sent: u64,
    bitrate_bps: u64,
    frames: u64,
    frames_per_second: f64,
    freezes: u64,
    frozen_s: f64,
    capture_delay_s: Option<f64>,
    width: u16,
    height: u16,
}

#[pyclass(module = "sfu._packets", frozen, get_all)]
pub(crate) struct SlotSnapshot {
    slot: u64,
    source: Option<u64>,
    layer: u8,
    temporal: u8,
    reason: Option<&'static str>,
    is_off: bool,
    wanted: Option<u64>,
    packets: u64,
    bytes: u64,
    frames: u64,
    keyframes: u64,
    retransmitted: u64,
    repaired: u64,
    nacks_received: u64,
    plis_received: u64,
    switches: u64,
    bitrate_bps: u64,
    expected: u64,
    lost: i64,
    fraction_lost: f64,
    lost_up: u64,
    lost_after_repair: u64,
    jitter_s: f64,
}

pub(crate) fn to_python(py: Python<'_>, taken: PlaneSnapshot) -> PyResult<Snapshot> {
    let router = taken.router;
    let drops = PyDict::new(py);
    for (reason, count) in router.drops {
        drops.set_item(reason.label(), count)?;
    }
    Ok(Snapshot {
        datagrams_received: router.datagrams_received,
        bytes_received: router.bytes_received,
        datagrams_sent: router.datagrams_sent,
        bytes_sent: router.bytes_sent,
        drops: drops.unbind(),
        events_dropped: router.events_dropped,
        worker_cpu_s: taken.workers_cpu.iter().sum::<Duration>().as_secs_f64(),
        workers_cpu_s: taken
            .workers_cpu
            .iter()
            .map(Duration::as_secs_f64)
            .collect(),
        stress: router.stress,
        forwarding_delay_audio: histogram(py, &router.forwarding_delay_audio)?,
        forwarding_delay_video: histogram(py, &router.forwarding_delay_video)?,
        receive_delay: histogram(py, &router.receive_delay)?,
        send_queue_age_s: router.send_queue_age_s,
        transports: list(py, router.transports, |_, transport| {
            Ok(transport_to_python(transport))
        })?,
        sources: list(py, router.sources, source_to_python)?,
        slots: list(py, router.slots, |_, slot| Ok(slot_to_python(slot)))?,
    })
}

fn histogram(py: Python<'_>, from: &CountedDelays) -> PyResult<Py<Histogram>> {
    let histogram = Histogram {
        bounds_s: CountedDelays::bounds()
            .map(|bound| bound.as_secs_f64())
            .collect(),
        counts: from.counts().to_vec(),
        sum_s: from.sum().as_secs_f64(),
    };
    Py::new(py, histogram)
}

fn list<'py, From, To>(
    py: Python<'py>,
    from: Vec<From>,
    convert: impl Fn(Python<'py>, From) -> PyResult<To>,
) -> PyResult<Py<PyList>>
where
    To: pyo3::PyClass + Into<PyClassInitializer<To>>,
{
    let list = PyList::empty(py);
    for item in from {
        list.append(Bound::new(py, convert(py, item)?)?)?;
    }
    Ok(list.unbind())
}

fn transport_to_python(from: snapshot::TransportSnapshot) -> TransportSnapshot {
    TransportSnapshot {
        transport: from.transport.0,
        remote: from.remote.map(host_and_port),
        has_keys: from.has_keys,
        packets_received: from.packets_received,
        packets_sent: from.packets_sent,
        bytes_received: from.bytes_received,
        bytes_sent: from.bytes_sent,
        round_trip_time_s: from.round_trip_time_s,
        round_trip_last_s: from.round_trip_last_s,
        delay_up_s: from.delay_up_s,
        delay_down_s: from.delay_down_s,
        delay_error_s: from.delay_error_s,
        jitter_down_s: from.jitter_down_s,
        reported_packets: from.reported_packets,
        reported_lost: from.reported_lost,
        remb_bps: from.remb_bps,
        available_bps: from.available_bps,
    }
}

fn source_to_python(py: Python<'_>, from: snapshot::SourceSnapshot) -> PyResult<SourceSnapshot> {
    Ok(SourceSnapshot {
        source: from.source.0,
        codec: from.codec.map(codec_name),
        forwarding: from.forwarding,
        layers: list(py, from.layers, |_, layer| Ok(layer_to_python(layer)))?,
    })
}

fn layer_to_python(from: snapshot::LayerSnapshot) -> LayerSnapshot {
    LayerSnapshot {
        layer: from.layer,
        ssrc: from.ssrc,
        active: from.active,
        packets: from.packets,
        bytes: from.bytes,
        expected: from.expected,
        received: from.received,
        lost: from.lost,
        lost_after_repair: from.lost_after_repair,
        repaired: from.repaired,
        repaired_red: from.repaired_red,
        duplicates: from.duplicates,
        reordered: from.reordered,
        jitter_s: from.jitter_s,
        keyframes: from.keyframes,
        nacks_sent: from.nacks_sent,
        plis_sent: from.plis_sent,
        bitrate_bps: from.bitrate_bps,
        frames: from.frames,
        frames_per_second: from.frames_per_second,
        freezes: from.freezes,
        frozen_s: from.frozen_s,
        capture_delay_s: from.capture_delay_s,
        width: from.width,
        height: from.height,
    }
}

fn slot_to_python(from: snapshot::SlotSnapshot) -> SlotSnapshot {
    SlotSnapshot {
        slot: from.slot.0,
        source: from.source.map(|source| source.0),
        layer: from.layer,
        temporal: from.temporal,
        reason: from.reason.map(reason_name),
        is_off: from.is_off,
        wanted: from.wanted.map(|source| source.0),
        packets: from.packets,
        bytes: from.bytes,
        frames: from.frames,
        keyframes: from.keyframes,
        retransmitted: from.retransmitted,
        repaired: from.repaired,
        nacks_received: from.nacks_received,
        plis_received: from.plis_received,
        switches: from.switches,
        bitrate_bps: from.bitrate_bps,
        expected: from.expected,
        lost: from.lost,
        fraction_lost: from.fraction_lost,
        lost_up: from.lost_up,
        lost_after_repair: from.lost_after_repair,
        jitter_s: from.jitter_s,
    }
}
