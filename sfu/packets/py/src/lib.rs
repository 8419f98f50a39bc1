//! PyO3 only: converts and hands over; no decision about media.
//!
//! `plane` takes commands down, `events` and `snapshot` bring answers up, `arguments` refuses
//! what has the wrong form. The contract is `sfu/_packets.pyi`; packets never cross.

mod aliases;
mod arguments;
mod events;
mod names;
mod plane;
mod snapshot;
#[cfg(feature = "stages")]
mod stages;

use pyo3::prelude::*;

#[pymodule]
mod _packets {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::arguments::CodecParameters;
    #[pymodule_export]
    use crate::events::{
        AudioPositionsChanged, DominantSpeakerChanged, DtlsReceived, SlotAdapted, SlotSwitched,
        SlotUndecodable, SourceLayersChanged, SpeakingChanged, TransportConnected, TransportLost,
        TransportMoved, WorkerFailed,
    };
    #[pymodule_export]
    use crate::plane::Plane;
    #[pymodule_export]
    use crate::snapshot::{
        Histogram, LayerSnapshot, SlotSnapshot, Snapshot, SourceSnapshot, TransportSnapshot,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        #[cfg(feature = "stages")]
        module.add_function(wrap_pyfunction!(crate::stages::stages, module)?)?;
        crate::aliases::add(module)
    }
}
