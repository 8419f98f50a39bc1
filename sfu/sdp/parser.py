"""Reads an offer (RFC 8866, 9429): text in, :class:`Offer` out, :class:`SdpError` for everything else.

Time and memory are linear in the size, which is capped before anything is looked at. A browser's receive
sections differ in their mid alone, so such are read once; what sections say of RTP makes up nine tenths of an
offer and is the same in most, so equal blocks of that, too, are read once. Lines of no use here, candidates
among them (a lite agent sends no checks), are passed over. Knows no policy.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from sfu.limits import FIXED, Limits
from sfu.sdp.errors import SdpError, SdpProblem
from sfu.sdp.model import (
    Direction,
    Fingerprint,
    IceCredentials,
    Media,
    Offer,
    Section,
    Setup,
)
from sfu.sdp.rtp_lines import read_media
from sfu.sdp.stream_lines import read_simulcast, read_ssrcs

_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]|\r(?!\n)")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")  # RFC 8866 §9 `token`
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839 §5.4
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_MEDIA_LINE = re.compile(r"([a-z]{1,32}) (\d{1,5})(?:/\d{1,5})? ([A-Za-z0-9/]{1,32}) (\S.*)", re.ASCII)
_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*")

# RFC 8122 §5; sha-1 and older prove nothing any more.
_HASH_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_MEDIA_PREFIXES = frozenset({"a=rtpma", "a=fmtp:", "a=rtcp-", "a=extma"})
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_MAX_DIFFERENT = FIXED.sdp_different_sections
_MAX_LINES = FIXED.sdp_lines
# Characters of what is remembered beyond its offer; Chromium says 4 500 of video.
_LONGEST_KEPT = 16_384
_MAX_FORMATS = 128  # there are no more payload types


def parse_offer(text: str, limits: Limits) -> Offer:
    """Reads an offer that may have any content."""
    _check_text(text, limits)
    head, *blocks = text.replace("\r\n", "\n").split("\nm=")
    if not blocks:
        raise SdpError(SdpProblem.NO_MEDIA, "the offer has no m-line")
    session = _read_session(head.split("\n"))
    sections = tuple(_read_sections(blocks, session))
    return _join_sections(session, sections, limits)


def _check_text(text: str, limits: Limits) -> None:
    # A character has at least one byte, so the cheap test goes first and bounds the other one.
    if len(text) > limits.sdp_bytes or len(text.encode("utf-8", "surrogatepass")) > limits.sdp_bytes:
        raise SdpError(SdpProblem.TOO_LARGE, f"an offer has at most {limits.sdp_bytes} bytes")
    if not text.startswith("v=0"):
        raise SdpError(SdpProblem.MALFORMED, "a session description begins with v=0")
    if text.count("\nm=") > limits.media_sections:
        raise SdpError(SdpProblem.TOO_MANY_SECTIONS, f"an offer has at most {limits.media_sections} m-lines")
    if text.count("\n") > _MAX_LINES:
        raise SdpError(SdpProblem.TOO_LARGE, f"an offer has at most {_MAX_LINES} lines")
    # Innocent text may be unprintable to Python, so the exact search decides; it takes thrice as long.
    if not text.replace("\r\n", "").isprintable() and _CONTROL.search(text):
        raise SdpError(SdpProblem.MALFORMED, "control characters do not belong into a session description")


@dataclass(slots=True)
class _Session:
    """Attributes above the first m-line, which hold for sections that have none of their own."""

    ice: IceCredentials | None = None
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: str | None = None
    direction: Direction = "sendrecv"
    bundle: tuple[str, ...] | None = None
    origin: str = ""
    mixed_extensions: bool = False


@dataclass(slots=True)
class _Attributes:
    """Attributes of one level, those of RTP left out."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    """First value of each; a second one of these names would be malformed, or is of no use."""
    fingerprints: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    rids: list[str] = field(default_factory=list)
    ssrcs: list[str] = field(default_factory=list)
    ssrc_groups: list[str] = field(default_factory=list)


def _read_session(lines: Sequence[str]) -> _Session:
    found = _collect(lines)
    return _Session(
        ice=_credentials(found),
        fingerprints=_fingerprints(found.fingerprints),
        setup=found.values.get("setup"),
        direction=_direction(found.flags, "sendrecv"),
        bundle=_bundle(found.groups),
        origin=_origin(lines),
        mixed_extensions="extmap-allow-mixed" in found.flags,
    )


def _collect(lines: Iterable[str]) -> _Attributes:
    found = _Attributes()
    repeated = {
        "fingerprint": found.fingerprints,
        "group": found.groups,
        "rid": found.rids,
        "ssrc": found.ssrcs,
        "ssrc-group": found.ssrc_groups,
    }
    for line in lines:
        if line[:2] != "a=":
            _check_line(line)
            continue
        name, colon, value = line[2:].partition(":")
        if not colon:
            found.flags.add(name)
        elif name in repeated:
            repeated[name].append(value)
        else:
            found.values.setdefault(name, value)
    return found


def _check_line(line: str) -> None:
    if line and (len(line) < 2 or line[1] != "=" or not line[0].isalpha()):
        raise SdpError(SdpProblem.MALFORMED, f"not a line of a session description: {line[:20]!r}")


def _bundle(groups: Iterable[str]) -> tuple[str, ...] | None:
    for group in groups:
        semantics, _, mids = group.partition(" ")
        if semantics == "BUNDLE":
            return tuple(mids.split())
    return None


def _origin(lines: Iterable[str]) -> str:
    line = next((line for line in lines if line.startswith("o=")), "")
    return " ".join(line[2:].split(" ", 2)[:2])


def _direction(flags: set[str], default: Direction) -> Direction:
    stated = flags & _DIRECTIONS
    if len(stated) > 1:
        raise SdpError(SdpProblem.MALFORMED, "a section has one direction")
    return cast("Direction", stated.pop()) if stated else default


def _credentials(found: _Attributes) -> IceCredentials | None:
    ufrag, password = found.values.get("ice-ufrag"), found.values.get("ice-pwd")
    if ufrag is None or password is None:
        return None
    if not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise SdpError(SdpProblem.MALFORMED_ICE, "ice-ufrag has 4 to 256, ice-pwd 22 to 256 ice-chars")
    return IceCredentials(ufrag, password)


def _fingerprints(values: Iterable[str]) -> tuple[Fingerprint, ...]:
    return tuple(_fingerprint(value) for value in values)


def _fingerprint(value: str) -> Fingerprint:
    algorithm, _, digest = value.strip().partition(" ")
    algorithm, digest = algorithm.lower(), digest.strip()
    size = _HASH_BYTES.get(algorithm)
    if not _TOKEN.fullmatch(algorithm) or not _HEX_PAIRS.fullmatch(digest):
        raise SdpError(
            SdpProblem.MALFORMED_FINGERPRINT, "a fingerprint is a hash name and pairs of hex digits"
        )
    if size is not None and len(digest) != 3 * size - 1:
        raise SdpError(SdpProblem.MALFORMED_FINGERPRINT, f"a {algorithm} fingerprint has {size} bytes")
    return Fingerprint(algorithm, digest.upper())


def _read_sections(blocks: Iterable[str], session: _Session) -> Iterator[Section]:
    media: dict[tuple[str, ...], Media] = {}
    alike: dict[tuple[str, str], Section] = {}
    for block in blocks:
        before, _, rest = block.partition("\na=mid:")
        mid, _, after = rest.partition("\n")
        known = alike.get((before, after))
        if known is None:
            known = alike[before, after] = _read_section(block.split("\n"), session, media)
        yield known if known.mid == mid else replace(known, mid=_mid(mid))


def _read_section(lines: list[str], session: _Session, memo: dict[tuple[str, ...], Media]) -> Section:
    line = _MEDIA_LINE.fullmatch(lines[0])
    if line is None:
        raise SdpError(SdpProblem.MALFORMED, f"not an m-line: {lines[0][:40]!r}")
    kind, port, protocol, format_list = line.groups()
    formats = tuple(format_list.split())
    if len(formats) > _MAX_FORMATS or not all(_TOKEN.fullmatch(name) for name in formats):
        raise SdpError(SdpProblem.MALFORMED, "an m-line lists at most 128 formats, each a token")
    rest = lines[1:]
    found = _collect(line for line in rest if line[:7] not in _MEDIA_PREFIXES)
    media_lines = tuple([line for line in rest if line[:7] in _MEDIA_PREFIXES])
    return Section(
        kind=kind,
        protocol=protocol,
        formats=formats,
        mid=_mid(found.values.get("mid", "")),
        direction=_direction(found.flags, session.direction),
        media=_media(kind, formats, media_lines, memo),
        disabled=port.strip("0") == "" and "bundle-only" not in found.flags,
        rtcp_mux="a=rtcp-mux" in media_lines or "a=rtcp-mux-only" in media_lines,
        rtcp_reduced_size="a=rtcp-rsize" in media_lines,
        mixed_extensions="a=extmap-allow-mixed" in media_lines,
        rids=read_simulcast(found.values.get("simulcast", ""), found.rids),
        ssrcs=read_ssrcs(found.ssrcs, found.ssrc_groups),
        ice=_credentials(found),
        fingerprints=_fingerprints(found.fingerprints),
        setup=found.values.get("setup"),
    )


def _mid(value: str) -> str:
    # RFC 8843 §14: the MID extension carries it, and its one-byte form holds 16 characters.
    if value and (len(value) > 16 or not _TOKEN.fullmatch(value)):
        raise SdpError(SdpProblem.MALFORMED, f"a mid is a token of at most 16 characters: {value[:20]!r}")
    return value


def _media(
    kind: str, formats: tuple[str, ...], lines: tuple[str, ...], memo: dict[tuple[str, ...], Media]
) -> Media:
    if kind not in ("audio", "video"):
        return Media((), ())
    # No format holds a space, so that the two parts of the key cannot be mistaken for each other.
    key = (" ".join(formats), *lines)
    known = memo.get(key)
    if known is None:
        if len(memo) >= _MAX_DIFFERENT:
            raise SdpError(
                SdpProblem.TOO_MANY_SECTIONS,
                f"at most {_MAX_DIFFERENT} m-sections may differ in their codecs",
            )
        known = memo[key] = _read_media(formats, lines)
    return known


def _read_media(formats: tuple[str, ...], lines: tuple[str, ...]) -> Media:
    if sum(map(len, lines)) > _LONGEST_KEPT:
        return read_media(formats, lines)
    return _read_media_once(formats, lines)


@functools.lru_cache(maxsize=64)
def _read_media_once(formats: tuple[str, ...], lines: tuple[str, ...]) -> Media:
    """Who joins has mostly the browser of somebody who joined before."""
    return read_media(formats, lines)


def _join_sections(session: _Session, sections: tuple[Section, ...], limits: Limits) -> Offer:
    bundle = _check_bundle(session, sections)
    # RFC 8843 §7.3.1: the transport of the group is that of its first section; the others repeat it.
    carrier = next(section for section in sections if section.mid in bundle)
    ice = carrier.ice or session.ice
    if ice is None:
        raise SdpError(SdpProblem.MISSING_ICE, "the offer has no ice-ufrag and ice-pwd")
    announced = sum(
        1 if repair is None else 2
        for section in sections
        for _, repair in section.ssrcs
        if section.direction != "recvonly"
    )
    if announced > limits.inbound_ssrcs:
        raise SdpError(SdpProblem.TOO_MANY_SSRCS, f"a peer sends at most {limits.inbound_ssrcs} SSRCs")
    return Offer(
        origin=session.origin,
        ice=ice,
        fingerprints=_usable(carrier.fingerprints or session.fingerprints),
        setup=_setup(carrier.setup or session.setup),
        bundle=bundle,
        mixed_extensions=session.mixed_extensions,
        sections=sections,
    )


def _check_bundle(session: _Session, sections: tuple[Section, ...]) -> frozenset[str]:
    mids = [section.mid for section in sections if section.mid]
    if len(set(mids)) != len(mids):
        raise SdpError(SdpProblem.DUPLICATE_MID, "two m-sections have the same mid")
    bundle = frozenset(session.bundle or ()).intersection(mids)
    if not bundle:
        raise SdpError(SdpProblem.NO_BUNDLE, "all media travels in one BUNDLE group")
    for section in sections:
        if (
            section.mid in bundle
            and section.kind in ("audio", "video")
            and not section.disabled
            and not section.rtcp_mux
        ):
            raise SdpError(SdpProblem.NO_RTCP_MUX, "all media travels with rtcp-mux")
    return bundle


def _usable(fingerprints: tuple[Fingerprint, ...]) -> tuple[Fingerprint, ...]:
    if not fingerprints:
        raise SdpError(SdpProblem.MISSING_FINGERPRINT, "the offer has no certificate fingerprint")
    usable = tuple(entry for entry in fingerprints if entry.algorithm in _HASH_BYTES)
    if not usable:
        names = ", ".join(sorted({entry.algorithm for entry in fingerprints}))
        raise SdpError(
            SdpProblem.UNSUPPORTED_FINGERPRINT, f"no fingerprint of a known strong hash, only {names}"
        )
    return usable


def _setup(value: str | None) -> Setup:
    if value is None:
        return "active"  # RFC 4145 §4.1
    if value not in ("active", "passive", "actpass"):
        raise SdpError(
            SdpProblem.UNSUPPORTED_SETUP, f"setup is active, passive or actpass, not {value[:20]!r}"
        )
    return cast("Setup", value)
