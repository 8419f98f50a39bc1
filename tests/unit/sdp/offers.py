"""Offers for tests: the real ones from the fixtures, and small ones made to measure."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from sfu.sdp import Candidate, Fingerprint, IceCredentials, LocalDescription, LocalSlot, Negotiated, Policy

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sdp"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.sdp"))
EVERYTHING = Policy(sources=8, video_slots=25, audio_slots=8)

OPUS = ("a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1")
VP8 = ("a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli")


def load(name: str) -> str:
    return (FIXTURES / f"{name}.sdp").read_bytes().decode()


SESSION = (
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuv",
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
    "a=setup:actpass",
)


def section(
    mid: str, kind: str = "video", direction: str = "recvonly", lines: Iterable[str] = VP8,
    formats: str = "96", port: int = 9, protocol: str = "UDP/TLS/RTP/SAVPF",
) -> list[str]:  # fmt: skip
    return [
        f"m={kind} {port} {protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", f"a={direction}",
        "a=rtcp-mux", *lines,
    ]  # fmt: skip


def offer(*sections: Iterable[str], session: Iterable[str] = SESSION, bundle: str | None = None) -> str:
    """Lines put together; the BUNDLE group names all mids unless told otherwise."""
    body = [line for lines in sections for line in lines]
    mids = " ".join(line.removeprefix("a=mid:") for line in body if line.startswith("a=mid:"))
    group = f"a=group:BUNDLE {mids if bundle is None else bundle}"
    return "\r\n".join([*session, group, *body, ""])


def local(negotiated: Negotiated, **changes: object) -> LocalDescription:
    slots = {
        slot.mid: LocalSlot(index, base + index, base + 500 + index if kind == "video" else None, "cname")
        for base, kind in ((1000, "audio"), (2000, "video"))
        for index, slot in enumerate(negotiated.using("slot", kind))
    }
    values: Mapping[str, object] = {
        "session_id": 7,
        "version": 1,
        "ice": IceCredentials("local", "p" * 24),
        "fingerprint": Fingerprint("sha-256", ":".join(["CD"] * 32)),
        "setup": "passive",
        "candidates": [Candidate("192.0.2.9", 8443, 2130706431), Candidate("2001:db8::9", 8443, 2130706175)],
        "slots": slots,
        **changes,
    }
    return LocalDescription(**values)  # type: ignore[arg-type]


def blocks(text: str) -> list[list[str]]:
    """Lines of the session level, then those of each m-section."""
    head, *rest = text.removesuffix("\r\n").split("\r\nm=")
    return [head.split("\r\n"), *([f"m={part}" for part in block.split("\r\n")[:1]] + block.split("\r\n")[1:]
                                  for block in rest)]  # fmt: skip
