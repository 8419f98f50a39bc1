"""What forwarding costs: CPU time of the packet worker a forwarded packet.

The plane runs in this process, publishers and subscribers in another (`sfu/packets/io/examples/load`), over the
loopback. Four patterns: one publisher of 2.5 Mbit/s to many slots in frames of one burst, or in frames whose packets
are spread over 40 % of the frame interval; audio alone, 50 packets a second; and a mesh of people who send audio and a
camera in three layers, see all others (the first of them large), and hear eight (`voices`: without cameras). Delays are from the publisher's
send to a subscriber's receive: of a video frame's last packet (`frame`) or of sound, and of any packet (`packet`),
which is what waiting adds: `--hold` compares how long video may wait for the end of its frame, `--join` how long
voices may wait for others, `--tick` how long anything that comes may, while much comes. The receiving sockets
take no runs, so the kernel's work of cutting them is on the worker's account, as it is with a network card that
cannot.
"""

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import IO, Any, Literal

from sfu import _packets
from sfu._packets import Plane, Snapshot

Pattern = Literal["bursts", "spread", "audio", "mesh", "voices"]
PATTERNS: tuple[Pattern, ...] = ("bursts", "spread", "audio", "mesh", "voices")
# As the server has them.
HOLD_MS = 14.0
JOIN_MS = 3.0
TICK_MS = 1.0
SLOTS = (10, 50, 100, 200)
PEOPLE = (10, 25)
HEARD = 8
# Server CPU µs a packet of others at 100 subscribers, spread over 40 % of the frame interval.
PEERS = {"mediasoup": 11.7, "Galène": 12.0, "LiveKit": 13.8, "Janus": 26.2}

PUBLISHER = 0
SOURCE = 1
SOURCE_SSRC = 0x0050_5542
EXTENSIONS = [(1, "mid"), (2, "absolute_send_time"), (3, "transport_sequence_number"), (4, "rid")]
RIDS = ("f", "h", "q")
MANIFEST = Path(__file__).parents[2] / "sfu" / "packets" / "Cargo.toml"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Cost:
    slots: int
    pattern: Pattern
    hold_ms: float
    join_ms: float
    tick_ms: float
    cpu_us_a_packet: float
    packets_a_second: float
    worker_load: float
    lost: float
    mebibytes_added: float
    decrypted: int
    undecryptable: int
    completion_us: tuple[int, int, int]
    """Median, 99th percentile and longest, of frames' last packets at all subscribers."""
    audio_us: tuple[int, int, int]
    """The same of sound."""
    packet_us: tuple[int, int, int]
    """The same of all packets at one subscriber."""
    stages_us: Mapping[str, float]
    """CPU µs a packet by stage, where the packet path was built to tell."""


def build_load() -> Path:
    """The generator's binary."""
    return build_example("load")


def build_example(name: str, package: str = "sfu-io") -> Path:
    """The binary of an example of the packet path, built if its sources changed."""
    artifacts = build("--package", package, "--example", name)
    return Path(next(each["executable"] for each in artifacts if each.get("executable")))


def build(*what: str) -> list[dict[str, Any]]:
    command = ["cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", str(MANIFEST), *what]
    built = subprocess.run(
        [*command, "--message-format", "json"], check=True, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in built.stdout.splitlines()]


def build_staged() -> Any:
    """The packet path once more, as a module that tells where its workers' time went (`stages()`)."""
    artifacts = build("--package", "sfu-packets", "--features", "stages")
    names = (each["filenames"] for each in artifacts if each.get("target", {}).get("name") == "_packets")
    library = next(Path(name) for name in next(names) if name.endswith((".so", ".dylib")))
    # Under a name of its own: the next build of the ordinary one would write over a library that is in use.
    copy = library.with_name(f"stages_{library.name}")
    shutil.copyfile(library, copy)
    loader = ExtensionFileLoader("_packets", str(copy))
    spec = spec_from_loader("_packets", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def measure(
    load: Path,
    slots: int,
    pattern: Pattern,
    seconds: float,
    hold_ms: float = HOLD_MS,
    join_ms: float = JOIN_MS,
    tick_ms: float = TICK_MS,
    packets: Any = _packets,
) -> Cost:
    """``packets``: the module to measure, `sfu._packets` or one that tells its stages."""
    before = resident_mebibytes()
    plane = packets.Plane(
        [("127.0.0.1", 0)], frame_hold_s=hold_ms / 1000, join_s=join_ms / 1000, receive_tick_s=tick_ms / 1000
    )
    tell_stages = getattr(packets, "stages", list)
    try:
        if pattern in ("mesh", "voices"):
            waiting = join_mesh(plane, slots, packets, has_cameras=pattern == "mesh")
        else:
            waiting = join_all(plane, slots, "audio" if pattern == "audio" else "video", packets)
        with running_load(load, plane, slots, pattern) as (process, stdin, stdout):
            stdin.write("go\n")
            stdin.flush()
            wait_until_all_flow(plane, waiting)
            start, started_at, stages = plane.snapshot(), time.monotonic(), dict(tell_stages())
            time.sleep(seconds)
            end, elapsed = plane.snapshot(), time.monotonic() - started_at
            stages = {stage: spent - stages[stage] for stage, spent in tell_stages()}
            added = resident_mebibytes() - before
            stdin.close()
            result = json.loads(stdout.readline())
            process.wait(PATIENCE_S)
            forwarded = slot_packets(plane.snapshot())
    finally:
        plane.close()
    count = slot_packets(end) - slot_packets(start)
    cpu = end.worker_cpu_s - start.worker_cpu_s
    due = forwarded if pattern in ("mesh", "voices") else result["sent"] * slots
    return Cost(
        slots=slots,
        pattern=pattern,
        hold_ms=hold_ms,
        join_ms=join_ms,
        tick_ms=tick_ms,
        cpu_us_a_packet=cpu / count * 1e6,
        packets_a_second=count / elapsed,
        worker_load=cpu / elapsed,
        lost=1 - result["received"] / due,
        mebibytes_added=added,
        decrypted=result["decrypted"],
        undecryptable=result["undecryptable"],
        completion_us=tuple(result["completion_us"]),
        audio_us=tuple(result["audio_us"]),
        packet_us=tuple(result["packet_us"]),
        stages_us={stage: spent / count * 1e6 for stage, spent in shares(stages, cpu).items()},
    )


def shares(stages: Mapping[str, float], cpu_s: float) -> Mapping[str, float]:
    """CPU seconds by stage. The clock that tells them apart runs on while the worker does not: its times are shares."""
    if not stages:
        return {}
    wait = stages["wait"]
    awake = sum(stages.values()) - wait
    factor = (cpu_s - wait) / awake
    return {"wait": wait} | {stage: spent * factor for stage, spent in stages.items() if stage != "wait"}


def join_all(plane: Plane, slots: int, kind: Literal["audio", "video"], packets: Any = _packets) -> int:
    """One publisher, and subscribers of one slot each; how many slots there are."""
    add_transports(plane, slots + 1)
    codecs = codecs_of(packets, kind)
    plane.add_source(
        SOURCE, transport=PUBLISHER, mid="0", kind=kind, codecs=codecs, announced=[(SOURCE_SSRC, None)]
    )
    for slot in range(1, slots + 1):
        add_slot(plane, slot, slot, kind, codecs)
        plane.show(slot, SOURCE)
    return slots


def join_mesh(plane: Plane, people: int, packets: Any, *, has_cameras: bool) -> int:
    """Everybody sees everybody, the first other one large, and hears some; how many slots there are."""
    add_transports(plane, people)
    audio, video = codecs_of(packets, "audio"), codecs_of(packets, "video")
    for person in range(people):
        plane.add_source(
            1000 + person,
            transport=person,
            mid="0",
            kind="audio",
            codecs=audio,
            announced=[(SOURCE_SSRC, None)],
        )
        if has_cameras:
            plane.add_source(2000 + person, transport=person, mid="1", kind="video", codecs=video, rids=RIDS)
    slot = 0
    for person in range(people):
        others = [other for other in range(people) if other != person]
        for other in others[:HEARD]:
            slot += 1
            add_slot(plane, slot, person, "audio", audio)
            plane.show(slot, 1000 + other)
        for other in others if has_cameras else ():
            slot += 1
            add_slot(plane, slot, person, "video", video)
            plane.show(slot, 2000 + other, 0 if other == others[0] else 2)
    return slot


def add_transports(plane: Plane, count: int) -> None:
    """As the control side would after each handshake; the keys are those that the generator computes."""
    for transport in range(count):
        add_transport(plane, transport)


def add_transport(plane: Plane, transport: int) -> None:
    plane.add_transport(
        transport,
        local_ufrag=f"server{transport}", local_password="the server's password, 24",
        remote_ufrag=f"peer{transport}", remote_password="the peer's password, long",
        extensions=EXTENSIONS,
    )  # fmt: skip
    local, remote = key_of(transport, b"\x53"), key_of(transport, b"\x50")
    plane.set_keys(
        transport, profile="SRTP_AEAD_AES_128_GCM",
        local_key=local, local_salt=local[:12], remote_key=remote, remote_salt=remote[:12],
    )  # fmt: skip


def codecs_of(packets: Any, kind: Literal["audio", "video"]) -> list[Any]:
    if kind == "audio":
        return [packets.CodecParameters(codec="opus", payload_type=111, clock_rate=48000, transport_cc=True)]
    return [
        packets.CodecParameters(
            codec="vp8", payload_type=96, rtx_payload_type=97, clock_rate=90000,
            nack=True, pli=True, transport_cc=True,
        )
    ]  # fmt: skip


def add_slot(
    plane: Plane, slot: int, transport: int, kind: Literal["audio", "video"], codecs: list[Any]
) -> None:
    plane.add_slot(
        slot, transport=transport, mid=str(slot % 100), kind=kind, codecs=codecs,
        ssrc=100_000 + slot, rtx_ssrc=200_000 + slot if kind == "video" else None, cname="bench",
    )  # fmt: skip


def key_of(transport: int, owner: bytes) -> bytes:
    return transport.to_bytes(8, "big") + owner * 8


@contextmanager
def running_load(
    load: Path, plane: Plane, slots: int, pattern: Pattern
) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    host, port = plane.local_addresses[0]
    command = [str(load), f"{host}:{port}", str(slots), pattern]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    try:
        line = stdout.readline()
        if line != "connected\n":
            raise RuntimeError(f"the generator could not connect: {line!r}")
        yield process, stdin, stdout
    finally:
        process.kill()
        process.wait()


def wait_until_all_flow(plane: Plane, slots: int) -> None:
    """Until every slot has sent a second of video, or a bit of audio."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        snapshot = plane.snapshot()
        flowing = sum(slot.packets > 30 for slot in snapshot.slots)
        if flowing == slots:
            return
        if time.monotonic() > deadline:
            drops = {reason: count for reason, count in snapshot.drops.items() if count}
            raise RuntimeError(f"only {flowing} of {slots} slots flow; dropped: {drops}")
        time.sleep(0.1)


def slot_packets(snapshot: Snapshot) -> int:
    return sum(slot.packets for slot in snapshot.slots)


def resident_mebibytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / (1 << 20)


def table(costs: list[Cost]) -> str:
    lines = [
        "                                                                    delay ms, p50/p99/longest",
        "slots  pattern  hold join tick  CPU µs/packet  packets/s  worker    lost    MiB  frame            sound",
    ]
    lines += [
        f"{cost.slots:5}  {cost.pattern:8}{cost.hold_ms:5.1f}{cost.join_ms:5.1f}{cost.tick_ms:5.1f} {cost.cpu_us_a_packet:13.2f}"
        f" {cost.packets_a_second:10.0f} {cost.worker_load:7.1%} {cost.lost:7.2%} {cost.mebibytes_added:6.1f}"
        f"  {delays(cost.completion_us):16} {delays(cost.audio_us)}"
        for cost in costs
    ]
    peers = ", ".join(f"{name} {cost}" for name, cost in PEERS.items())
    return "\n".join([*lines, f"others at 100, spread: {peers} (their servers whole, clients with feedback)"])


def delays(us: tuple[int, int, int]) -> str:
    return "/".join(f"{each / 1000:.1f}" for each in us)


def median(runs: list[Cost]) -> Cost:
    return sorted(runs, key=lambda cost: cost.cpu_us_a_packet)[len(runs) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--pattern", choices=PATTERNS, nargs="+", default=PATTERNS[:2])
    parser.add_argument("--hold", type=float, nargs="+", default=[HOLD_MS], help="milliseconds")
    parser.add_argument("--join", type=float, nargs="+", default=[JOIN_MS], help="milliseconds")
    parser.add_argument("--tick", type=float, nargs="+", default=[TICK_MS], help="milliseconds")
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE, help="of a mesh")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=1, help="the median run is printed")
    options = parser.parse_args()
    load = build_load()
    costs = []
    sizes = {each: options.people if each in ("mesh", "voices") else options.slots for each in PATTERNS}
    cases = [(pattern, slots) for pattern in options.pattern for slots in sizes[pattern]]
    for (pattern, slots), *waits in itertools.product(cases, options.hold, options.join, options.tick):
        runs = [measure(load, slots, pattern, options.seconds, *waits) for _ in range(options.runs)]
        costs.append(median(runs))
        sys.stderr.write(f"{table(costs[-1:]).splitlines()[2]}\n")
    print(table(costs))
    spread = [cost.cpu_us_a_packet for cost in costs if cost.pattern == "spread"]
    if spread:
        print(f"median, spread: {statistics.median(spread):.2f} µs")


if __name__ == "__main__":
    main()
