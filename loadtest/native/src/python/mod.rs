//! The generator as Python holds it: converts and hands over. The contract is `_native.pyi`.

mod arguments;
mod emulation;
mod snapshot;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::generator;
use crate::system::SocketOptions;
use arguments::Session;
pub(crate) use emulation::Emulation;
use snapshot::PlayedRow;
pub(crate) use snapshot::{PeerSnapshot, Percentiles, ReceivedCounts, Snapshot};

/// Threads that drive peers.
#[pyclass(module = "loadtest._native", frozen)]
pub(crate) struct Generator(generator::Generator);

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (*, threads=1))]
    fn new(threads: usize) -> PyResult<Self> {
        if threads == 0 {
            return Err(PyValueError::new_err("threads must be at least 1"));
        }
        generator::Generator::start(threads)
            .map(Self)
            .map_err(PyOSError::new_err)
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    fn reserve(&self) -> u32 {
        self.0.reserve()
    }

    #[pyo3(signature = (peer, session, *, has_timestamps=false, takes_runs=false))]
    fn add_peer(
        &self,
        peer: u32,
        session: Session,
        has_timestamps: bool,
        takes_runs: bool,
    ) -> PyResult<()> {
        let config = session.into_config(SocketOptions {
            has_timestamps,
            takes_runs,
        })?;
        self.0.add(peer, config).map_err(PyRuntimeError::new_err)
    }

    fn remove_peer(&self, peer: u32) -> PyResult<()> {
        self.0.remove(peer).map_err(PyRuntimeError::new_err)
    }

    fn set_speaking(&self, peer: u32, is_speaking: bool) -> PyResult<()> {
        self.0
            .set_speaking(peer, is_speaking)
            .map_err(PyRuntimeError::new_err)
    }

    /// As tuples: there are many.
    fn take_played(&self, py: Python<'_>, peer: u32) -> PyResult<Vec<PlayedRow>> {
        let taken = py.detach(|| self.0.take_played(peer));
        let taken = taken.map_err(PyRuntimeError::new_err)?;
        Ok(taken.iter().map(snapshot::played_row).collect())
    }

    fn reset(&self) -> PyResult<()> {
        self.0.reset().map_err(PyRuntimeError::new_err)
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let taken = py.detach(|| self.0.snapshots());
        let workers = taken.map_err(PyRuntimeError::new_err)?;
        Ok(Snapshot::new(&workers))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.close())
            .map_err(PyRuntimeError::new_err)
    }
}
