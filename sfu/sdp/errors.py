"""What an offer can do wrong, by name. Knows no door: :mod:`sfu.join` turns these into its errors."""

from enum import StrEnum


class SdpProblem(StrEnum):
    """First what cannot be read, then what lacks something that a session needs, last what has no use."""

    TOO_LARGE = "too_large"
    TOO_MANY_SECTIONS = "too_many_sections"
    TOO_MANY_SSRCS = "too_many_ssrcs"
    MALFORMED = "malformed"

    MISSING_ICE = "missing_ice"
    MALFORMED_ICE = "malformed_ice"
    MISSING_FINGERPRINT = "missing_fingerprint"
    MALFORMED_FINGERPRINT = "malformed_fingerprint"
    UNSUPPORTED_FINGERPRINT = "unsupported_fingerprint"
    UNSUPPORTED_SETUP = "unsupported_setup"
    NO_BUNDLE = "no_bundle"
    NO_RTCP_MUX = "no_rtcp_mux"
    DUPLICATE_MID = "duplicate_mid"
    CHANGED_SECTIONS = "changed_sections"

    NO_MEDIA = "no_media"


class SdpError(Exception):
    """The only exception that reading an offer raises. `message` is for people and quotes few words of it."""

    def __init__(self, problem: SdpProblem, message: str) -> None:
        super().__init__(f"{problem}: {message}")
        self.problem = problem
        self.message = message
