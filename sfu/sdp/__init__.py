"""Session descriptions: text in, text out. Pure: no transport, room, clock or randomness.

text ─ parse_offer ─► Offer ─ negotiate(policy) ─► Negotiated ─ write_answer(local) ─► text
"""

from sfu.sdp.answer import LocalDescription, LocalSlot, write_answer
from sfu.sdp.codecs import (
    CONGESTION_FEEDBACK,
    TRANSPORT_FEEDBACK,
    CodecName,
    ExtensionName,
    NegotiatedCodec,
)
from sfu.sdp.errors import SdpError, SdpProblem
from sfu.sdp.model import Candidate, Fingerprint, IceCredentials, MediaKind, Offer, Section
from sfu.sdp.negotiate import Negotiated, NegotiatedSection, Policy, negotiate
from sfu.sdp.parser import parse_offer

__all__ = [
    "CONGESTION_FEEDBACK",
    "TRANSPORT_FEEDBACK",
    "Candidate",
    "CodecName",
    "ExtensionName",
    "Fingerprint",
    "IceCredentials",
    "LocalDescription",
    "LocalSlot",
    "MediaKind",
    "Negotiated",
    "NegotiatedCodec",
    "NegotiatedSection",
    "Offer",
    "Policy",
    "SdpError",
    "SdpProblem",
    "Section",
    "negotiate",
    "parse_offer",
    "write_answer",
]
