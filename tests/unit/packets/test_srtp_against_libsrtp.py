"""Our SRTP and libsrtp agree byte for byte, in both directions and both profiles.

Random RTP packets (CSRCs, extensions, padding bit, empty payloads, loss, disorder, roll-over) and RTCP
packets go through both; the Rust side runs as a filter (`sfu/packets/proto/examples/srtp_vectors.rs`).
"""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

PACKETS = Path(__file__).resolve().parents[3] / "sfu" / "packets"
CARGO = shutil.which("cargo") or "cargo"
SESSIONS = 20
RTP_PER_SESSION = 2500
RTCP_PER_SESSION = 250

# 2 profiles x 20 sessions x 2500 packets: 10^5 RTP in each direction, and 10^4 RTCP.
pytestmark = pytest.mark.timeout(900)  # the first run compiles

PROFILES = {
    "gcm": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 12),
    "cm": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 14),
}


@dataclass(frozen=True, slots=True)
class RtpPacket:
    data: bytes
    header_length: int
    index: int


@dataclass(frozen=True, slots=True)
class Keys:
    profile: str
    key: bytes
    salt: bytes

    def command(self) -> str:
        return f"key {self.profile} {self.key.hex()} {self.salt.hex()}"

    def libsrtp(self, direction: int) -> Session:
        profile = PROFILES[self.profile][0]
        return Session(Policy(key=self.key + self.salt, ssrc_type=direction, srtp_profile=profile))


def random_keys(rng: random.Random, profile: str) -> Keys:
    return Keys(profile, rng.randbytes(16), rng.randbytes(PROFILES[profile][1]))


def rtp_header(rng: random.Random, ssrc: int, sequence_number: int) -> bytes:
    csrcs = rng.choice([0, 0, 0, 1, 15])
    has_extension = rng.random() < 0.7
    first = 0x80 | (0x20 if rng.random() < 0.1 else 0) | (0x10 if has_extension else 0) | csrcs
    header = bytes([first, rng.randrange(256)]) + sequence_number.to_bytes(2, "big")
    header += rng.randbytes(4) + ssrc.to_bytes(4, "big") + rng.randbytes(4 * csrcs)
    if has_extension:
        words = rng.randrange(9)
        header += bytes.fromhex(rng.choice(["bede", "1000"])) + words.to_bytes(2, "big")
        header += rng.randbytes(4 * words)
    return header


def rtp_stream(rng: random.Random, ssrc: int) -> Iterator[RtpPacket]:
    """One SSRC: mostly the next packet, sometimes a long loss, so that sequence numbers wrap."""
    index = rng.randrange(0x10000)
    while True:
        header = rtp_header(rng, ssrc, index & 0xFFFF)
        payload = rng.randbytes(rng.choice([0, 1, 16, rng.randrange(200), rng.randrange(1200)]))
        yield RtpPacket(header + payload, len(header), index)
        index += rng.randrange(1, 30_000) if rng.random() < 0.05 else 1


def rtp_packets(rng: random.Random, count: int) -> list[RtpPacket]:
    streams = [rtp_stream(rng, rng.randrange(1 << 32)) for _ in range(3)]
    return [next(rng.choice(streams)) for _ in range(count)]


def rtcp_packets(rng: random.Random, count: int) -> list[bytes]:
    ssrc = rng.randbytes(4)
    packets = []
    for _ in range(count):
        words = rng.randrange(1, 60)
        header = bytes([0x80, rng.randrange(200, 208)]) + words.to_bytes(2, "big")
        packets.append(header + ssrc + rng.randbytes(4 * (words - 1)))
    return packets


def disordered(rng: random.Random, packets: list[bytes]) -> list[bytes]:
    """As a network would: within 20 packets."""
    return [p for _, p in sorted(enumerate(packets), key=lambda item: item[0] + rng.random() * 20)]


@pytest.fixture(scope="module")
def run_ours() -> Callable[[list[str]], list[str]]:
    build = ["build", "--release", "--quiet", "--package", "sfu-proto", "--example", "srtp_vectors"]
    subprocess.run([CARGO, *build], cwd=PACKETS, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", PACKETS / "target"))
    binary = target / "release" / "examples" / "srtp_vectors"

    def run(commands: list[str]) -> list[str]:
        text = "\n".join(commands) + "\n"
        done = subprocess.run([binary], input=text, capture_output=True, text=True, check=True, timeout=300)
        return done.stdout.splitlines()

    return run


def protect_commands(packets: list[RtpPacket]) -> list[str]:
    return [f"protect-rtp {p.index >> 16} {p.header_length} {p.data.hex()}" for p in packets]


@pytest.mark.parametrize("profile", PROFILES)
def test_we_protect_as_libsrtp_does(profile: str, run_ours: Callable[[list[str]], list[str]]):
    rng = random.Random(f"protect {profile}")
    commands: list[str] = []
    expected: list[str] = []
    for _ in range(SESSIONS):
        keys = random_keys(rng, profile)
        theirs = keys.libsrtp(Policy.SSRC_ANY_OUTBOUND)
        rtp = rtp_packets(rng, RTP_PER_SESSION)
        rtcp = rtcp_packets(rng, RTCP_PER_SESSION)
        commands += [keys.command(), *protect_commands(rtp)]
        expected += [theirs.protect(p.data).hex() for p in rtp]
        # RFC 3711 §3.4 counts SRTCP from 0, libsrtp from 1: ours sends one packet before.
        commands += [f"protect-rtcp {p.hex()}" for p in [rtcp[0], *rtcp]]
        expected += ["", *(theirs.protect_rtcp(p).hex() for p in rtcp)]
    ours = run_ours(commands)
    assert len(ours) == len(expected) == SESSIONS * (RTP_PER_SESSION + RTCP_PER_SESSION + 1)
    assert all(theirs in ("", mine) for mine, theirs in zip(ours, expected, strict=True))


@pytest.mark.parametrize("profile", PROFILES)
def test_we_unprotect_what_libsrtp_protects(profile: str, run_ours: Callable[[list[str]], list[str]]):
    rng = random.Random(f"unprotect {profile}")
    commands: list[str] = []
    expected: list[str] = []
    for _ in range(SESSIONS):
        keys = random_keys(rng, profile)
        theirs = keys.libsrtp(Policy.SSRC_ANY_OUTBOUND)
        commands.append(keys.command())
        for packet in rtp_packets(rng, RTP_PER_SESSION):
            commands.append(f"unprotect-rtp {packet.header_length} {theirs.protect(packet.data).hex()}")
            expected.append(packet.data.hex())
        for rtcp in rtcp_packets(rng, RTCP_PER_SESSION):
            commands.append(f"unprotect-rtcp {theirs.protect_rtcp(rtcp).hex()}")
            expected.append(rtcp.hex())
    assert run_ours(commands) == expected


@pytest.mark.parametrize("profile", PROFILES)
def test_libsrtp_unprotects_what_we_protect(profile: str, run_ours: Callable[[list[str]], list[str]]):
    rng = random.Random(f"their unprotect {profile}")
    for _ in range(SESSIONS):
        keys = random_keys(rng, profile)
        rtp = rtp_packets(rng, RTP_PER_SESSION)
        rtcp = rtcp_packets(rng, RTCP_PER_SESSION)
        commands = protect_commands(rtp) + [f"protect-rtcp {p.hex()}" for p in rtcp]
        protected = [bytes.fromhex(line) for line in run_ours([keys.command(), *commands])]
        theirs = keys.libsrtp(Policy.SSRC_ANY_INBOUND)
        assert [theirs.unprotect(p) for p in protected[: len(rtp)]] == [p.data for p in rtp]
        assert [theirs.unprotect_rtcp(p) for p in protected[len(rtp) :]] == rtcp


@pytest.mark.parametrize("profile", PROFILES)
def test_disorder_is_followed_across_the_roll_over(profile: str, run_ours: Callable[[list[str]], list[str]]):
    rng = random.Random(f"disorder {profile}")
    keys = random_keys(rng, profile)
    theirs = keys.libsrtp(Policy.SSRC_ANY_OUTBOUND)
    plain = [
        bytes.fromhex("8060") + (index & 0xFFFF).to_bytes(2, "big") + bytes(4) + b"ssrc" + rng.randbytes(50)
        for index in range(65_000, 200_000, 7)
    ]
    protected = [theirs.protect(p) for p in plain]
    arrived = disordered(rng, protected)
    assert arrived != protected
    answers = run_ours([keys.command(), *(f"unprotect-rtp 12 {p.hex()}" for p in arrived)])
    assert sorted(answers) == sorted(p.hex() for p in plain)
