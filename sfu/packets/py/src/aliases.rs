//! The contract's type aliases, so that they can be imported and not only checked.

use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::events;
use crate::names::{CODECS, EXTENSIONS, MEDIA_KINDS, REASONS, SRTP_PROFILES};

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("MediaKind", literal(module.py(), &MEDIA_KINDS)?)?;
    module.add("CodecName", literal(module.py(), &CODECS)?)?;
    module.add("ExtensionName", literal(module.py(), &EXTENSIONS)?)?;
    module.add("SrtpProfile", literal(module.py(), &SRTP_PROFILES)?)?;
    module.add("AdaptReason", literal(module.py(), &REASONS)?)?;
    module.add("Event", union(events::types(module.py()))?)?;
    // The stub has none: what it names is what there is.
    module.delattr("__all__")
}

/// `Literal[...]` of the names, in the form that stubtest compares with the stub's: a union of
/// one `Literal` a name.
fn literal<'py, T>(py: Python<'py>, names: &[(&'static str, T)]) -> PyResult<Bound<'py, PyAny>> {
    let typing = py.import("typing")?;
    let literal = typing.getattr("Literal")?;
    let types: Vec<_> = names
        .iter()
        .map(|(name, _)| literal.get_item(name))
        .collect::<PyResult<_>>()?;
    typing.getattr("Union")?.get_item(PyTuple::new(py, types)?)
}

fn union<'py>(types: impl IntoIterator<Item = Bound<'py, PyType>>) -> PyResult<Bound<'py, PyAny>> {
    let mut types = types.into_iter().map(Bound::into_any);
    let first = types.next().expect("there is an event");
    types.try_fold(first, |union, next| union.bitor(next))
}
