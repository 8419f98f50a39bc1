//! The emulated link as Python holds it. The contract is `_native.pyi`.

use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

use pyo3::exceptions::{PyOSError, PyPermissionError, PyValueError};
use pyo3::prelude::*;
use sfu_link::Network;

use crate::emulator::{self, Sides};
use crate::time::SECOND;

/// A link between two network namespaces.
#[pyclass(module = "loadtest._native", frozen)]
pub(crate) struct Emulation(emulator::Emulation);

#[pymethods]
impl Emulation {
    #[new]
    #[pyo3(signature = (spec, *, seed=1, csv=None, caller_is_server=false))]
    fn new(
        py: Python<'_>,
        spec: &str,
        seed: u64,
        csv: Option<PathBuf>,
        caller_is_server: bool,
    ) -> PyResult<Self> {
        let network = network(spec)?;
        let sides = match caller_is_server {
            true => Sides::CallerIsServer,
            false => Sides::BothNew,
        };
        let started =
            py.detach(|| emulator::Emulation::start(network, seed, csv.as_deref(), sides));
        started.map(Self).map_err(refused)
    }

    #[getter]
    fn client_fd(&self) -> RawFd {
        self.0.topology().client_fd()
    }

    #[getter]
    fn server_fd(&self) -> RawFd {
        self.0.topology().server_fd()
    }

    #[getter]
    fn client_address(&self) -> String {
        self.0.topology().client_address.to_string()
    }

    #[getter]
    fn server_address(&self) -> String {
        self.0.topology().server_address.to_string()
    }

    #[getter]
    fn started_at_s(&self) -> f64 {
        self.0.started_at() as f64 / SECOND as f64
    }

    #[getter]
    fn own_losses(&self) -> u64 {
        self.0.own_losses()
    }

    fn change(&self, spec: &str) -> PyResult<()> {
        self.0.change(network(spec)?).map_err(PyOSError::new_err)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.close()).map_err(PyOSError::new_err)
    }
}

fn network(spec: &str) -> PyResult<Network> {
    spec.parse()
        .map_err(|error: sfu_link::BadSpec| PyValueError::new_err(error.to_string()))
}

fn refused(error: io::Error) -> PyErr {
    match error.kind() {
        io::ErrorKind::PermissionDenied => PyPermissionError::new_err(format!(
            "network namespaces and devices need root, or a user namespace of one's own: {error}"
        )),
        _ => PyOSError::new_err(error),
    }
}
