"""Reads the lines that name the streams of an m-section: rid, simulcast, ssrc, ssrc-group."""

import re
from collections.abc import Iterable

from sfu.limits import FIXED
from sfu.sdp.errors import SdpError, SdpProblem

_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")  # RFC 8851 §10; longer ones do not fit one-byte extensions
_MAX_RIDS = FIXED.simulcast_layers


def read_simulcast(simulcast: str, rids: Iterable[str]) -> tuple[str, ...]:
    """What `a=simulcast` sends and `a=rid` describes, the first alternative of each (RFC 8853 §5.1)."""
    sent = {
        rid
        for rid, direction, *_ in (value.split() for value in rids if " " in value.strip())
        if direction == "send"
    }
    words = simulcast.split()
    if "send" not in words[:-1]:
        return ()
    streams = words[words.index("send") + 1].removeprefix("rid=").split(";")
    wanted = [stream.split(",", 1)[0].removeprefix("~") for stream in streams]
    if not all(_RID.fullmatch(rid) for rid in wanted):
        raise SdpError(SdpProblem.MALFORMED, "a rid has 1 to 16 letters, digits, - or _")
    return tuple(dict.fromkeys(rid for rid in wanted if rid in sent))[:_MAX_RIDS]


def read_ssrcs(ssrc_lines: Iterable[str], groups: Iterable[str]) -> tuple[tuple[int, int | None], ...]:
    """Each SSRC with that of its retransmissions (RFC 5576 §4.2 FID, RFC 4588 §8.1)."""
    repairs: dict[int, int] = {}
    for group in groups:
        semantics, *members = group.split() or [""]
        if semantics == "FID" and len(members) == 2:
            repairs[_ssrc(members[0])] = _ssrc(members[1])
    ssrcs = dict.fromkeys(_ssrc(value.split(" ", 1)[0]) for value in ssrc_lines)
    retransmissions = set(repairs.values())
    return tuple((ssrc, repairs.get(ssrc)) for ssrc in ssrcs if ssrc not in retransmissions)


def _ssrc(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > 0xFFFFFFFF:
        raise SdpError(SdpProblem.MALFORMED, f"not an SSRC: {text[:20]!r}")
    return int(text)
