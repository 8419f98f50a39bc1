//! What Python hands in, checked for form: a `ValueError` here is what keeps the packet path
//! free of cases that cannot be.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use sfu_proto::command;
use sfu_proto::command::{AnnouncedSsrc, Codec, Extension, IceCredentials, MediaKind, SrtpKeys};
use sfu_proto::srtp::{MASTER_KEY_LENGTH, master_salt_length};

use crate::names::{CODECS, EXTENSIONS, MEDIA_KINDS, SRTP_PROFILES, named};

/// RFC 8445 §5.3: `ice-ufrag` and `ice-pwd` have at most 256 characters.
const CREDENTIAL_LENGTH: usize = 256;

/// A header extension's or an SDES item's length is one octet (RFC 8285 §4.3, RFC 3550 §6.5).
const ITEM_LENGTH: usize = 255;

/// Layer indices travel as one octet; browsers send three.
const RIDS: usize = 16;

/// An integer of a range; beyond it `ValueError` (PyO3 itself says `OverflowError`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<T>(pub(crate) T);

impl<'a, 'py, T> FromPyObject<'a, 'py> for Number<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr>,
{
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        object.extract().map(Self).map_err(|error| {
            if error.is_instance_of::<PyOverflowError>(object.py()) {
                PyValueError::new_err(format!("{object:?} is out of range"))
            } else {
                error
            }
        })
    }
}

/// One codec on one m-line, as negotiated.
#[pyclass(module = "sfu._packets", frozen)]
#[derive(Debug)]
pub(crate) struct CodecParameters(command::CodecParameters);

#[pymethods]
impl CodecParameters {
    #[new]
    #[pyo3(signature = (
        *, codec, payload_type, clock_rate, rtx_payload_type=None, format=String::new(), nack=false,
        pli=false, fir=false, transport_cc=false, ccfb=false, remb=false,
    ))]
    #[pyo3(
        text_signature = "(*, codec, payload_type, clock_rate, rtx_payload_type=None, format='', \
        nack=False, pli=False, fir=False, transport_cc=False, ccfb=False, remb=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keywords of the contract")]
    fn new(
        codec: &str,
        payload_type: Number<u8>,
        clock_rate: Number<u32>,
        rtx_payload_type: Option<Number<u8>>,
        format: String,
        nack: bool,
        pli: bool,
        fir: bool,
        transport_cc: bool,
        ccfb: bool,
        remb: bool,
    ) -> PyResult<Self> {
        if clock_rate.0 == 0 {
            return Err(PyValueError::new_err("a clock rate is not 0"));
        }
        Ok(Self(command::CodecParameters {
            codec: named::<Codec>(&CODECS, codec, "a codec")?,
            payload_type: checked_payload_type(payload_type)?,
            rtx_payload_type: rtx_payload_type.map(checked_payload_type).transpose()?,
            clock_rate: clock_rate.0,
            format,
            nack,
            pli,
            fir,
            transport_cc,
            ccfb,
            remb,
        }))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

fn checked_payload_type(payload_type: Number<u8>) -> PyResult<u8> {
    match payload_type.0 {
        // RFC 3550 §5.1: seven bits.
        0..=127 => Ok(payload_type.0),
        other => Err(PyValueError::new_err(format!(
            "{other} is not an RTP payload type"
        ))),
    }
}

pub(crate) fn codecs(codecs: &[Bound<'_, CodecParameters>]) -> Vec<command::CodecParameters> {
    codecs.iter().map(|codec| codec.get().0.clone()).collect()
}

pub(crate) fn media_kind(kind: &str) -> PyResult<MediaKind> {
    named(&MEDIA_KINDS, kind, "a kind of media")
}

pub(crate) fn credentials(
    local_ufrag: String,
    local_password: String,
    remote_ufrag: String,
    remote_password: String,
) -> PyResult<IceCredentials> {
    Ok(IceCredentials {
        local_ufrag: bounded(local_ufrag, CREDENTIAL_LENGTH, "local_ufrag")?,
        local_password: bounded(local_password, CREDENTIAL_LENGTH, "local_password")?,
        remote_ufrag: bounded(remote_ufrag, CREDENTIAL_LENGTH, "remote_ufrag")?,
        remote_password: bounded(remote_password, CREDENTIAL_LENGTH, "remote_password")?,
    })
}

pub(crate) type ExtensionEntry = (Number<u8>, String);

pub(crate) fn extensions(entries: Vec<ExtensionEntry>) -> PyResult<Vec<(u8, Extension)>> {
    entries
        .into_iter()
        .map(|(Number(id), name)| match id {
            // RFC 8285 §4.3: 0 is padding.
            0 => Err(PyValueError::new_err("a header extension's id is not 0")),
            _ => Ok((id, named(&EXTENSIONS, &name, "a header extension")?)),
        })
        .collect()
}

pub(crate) fn mid(mid: String) -> PyResult<String> {
    bounded(mid, ITEM_LENGTH, "mid")
}

pub(crate) fn cname(cname: String) -> PyResult<String> {
    bounded(cname, ITEM_LENGTH, "cname")
}

pub(crate) fn rids(rids: Vec<String>) -> PyResult<Vec<String>> {
    if rids.len() > RIDS {
        return Err(PyValueError::new_err(format!("more than {RIDS} rids")));
    }
    rids.into_iter()
        .map(|rid| bounded(rid, ITEM_LENGTH, "rid"))
        .collect()
}

pub(crate) type Announced = (Number<u32>, Option<Number<u32>>);

pub(crate) fn announced(pairs: &[Announced]) -> Vec<AnnouncedSsrc> {
    pairs
        .iter()
        .map(|(ssrc, rtx_ssrc)| AnnouncedSsrc {
            ssrc: ssrc.0,
            rtx_ssrc: rtx_ssrc.map(|rtx| rtx.0),
        })
        .collect()
}

pub(crate) fn keys(
    profile: &str,
    local: (&[u8], &[u8]),
    remote: (&[u8], &[u8]),
) -> PyResult<SrtpKeys> {
    let profile = named(&SRTP_PROFILES, profile, "an SRTP profile")?;
    let salt_length = master_salt_length(profile);
    for (key, salt) in [local, remote] {
        if (key.len(), salt.len()) != (MASTER_KEY_LENGTH, salt_length) {
            return Err(PyValueError::new_err(format!(
                "this profile has a key of {MASTER_KEY_LENGTH} and a salt of {salt_length} bytes, not {} and {}",
                key.len(),
                salt.len()
            )));
        }
    }
    let owned = |(key, salt): (&[u8], &[u8])| (key.to_vec(), salt.to_vec());
    Ok(SrtpKeys {
        profile,
        local: owned(local),
        remote: owned(remote),
    })
}

/// An address in figures, with a numeric zone where it is link-local.
pub(crate) fn socket_address(host: &str, port: u16) -> PyResult<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    format!("[{host}]:{port}")
        .parse::<SocketAddrV6>()
        .map(SocketAddr::V6)
        .map_err(|_| PyValueError::new_err(format!("{host:?} is not an IP address")))
}

/// The inverse of [`socket_address`].
pub(crate) fn host_and_port(address: SocketAddr) -> (String, u16) {
    let host = match address {
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            format!("{}%{}", address.ip(), address.scope_id())
        }
        _ => address.ip().to_string(),
    };
    (host, address.port())
}

fn bounded(text: String, length: usize, what: &str) -> PyResult<String> {
    match text.len() {
        0 => Err(PyValueError::new_err(format!("{what} is empty"))),
        bytes if bytes > length => Err(PyValueError::new_err(format!(
            "{what} has {bytes} bytes, more than {length}"
        ))),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_there_and_back() {
        for (host, port) in [("192.0.2.1", 5004), ("::1", 0), ("fe80::1%2", 8443)] {
            let address = socket_address(host, port).expect("an address");
            assert_eq!(host_and_port(address), (host.to_owned(), port));
        }
    }
}
