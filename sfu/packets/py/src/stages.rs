//! Where the workers' time went, for `make bench`.

use pyo3::prelude::*;

/// Seconds of each stage since the process began.
#[pyfunction]
pub(crate) fn stages() -> Vec<(&'static str, f64)> {
    let spent = sfu_io::spent().into_iter();
    spent
        .map(|(stage, time)| (stage, time.as_secs_f64()))
        .collect()
}
