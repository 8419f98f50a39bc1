"""The dashboards as code: `python grafana/generate.py` writes `dashboards/*.json`, which Grafana reads.

A panel is a title, one sentence on how to read it, a unit, and expressions with the words of their legend.
Edit here, not in Grafana; a test compares the files, and evaluates every expression on a server under load.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, COLUMNS = 8, 8, 24


@dataclass(frozen=True)
class Panel:
    title: str
    words: str
    unit: str
    expressions: dict[str, str]
    """Legend to expression."""
    kind: Literal["timeseries", "stat"] = "timeseries"
    limits: tuple[float, ...] = field(default=())
    """Yellow from the first, red from the second on."""
    is_worse_below: bool = False


def quantiles(metric: str, by: str = "", where: str = "", *shares: float) -> dict[str, str]:
    """Legend and expression of each share."""
    labels = f"le, {by}" if by else "le"
    names = "".join(f" {{{{{label.strip()}}}}}" for label in by.split(",") if label)
    told = {}
    for share in shares or (0.5, 0.95):
        rate = f"sum by ({labels}) (rate({metric}_bucket{{{where}}}[$__rate_interval]))"
        told[f"p{100 * share:g}{names}"] = f"histogram_quantile({share}, {rate})".replace("{}", "")
    return told


def rate(metric: str, by: str = "", where: str = "") -> str:
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}(rate({metric}{{{where}}}[$__rate_interval]))".replace("{}", "")


def share(part: str, whole: str, by: str, where: str = "") -> str:
    """Of two counters; 0 where there was nothing to have a share of."""
    return f"{rate(part, by, where)} / clamp_min({rate(whole, by, where)}, 1)"


EACH = "direction, kind"
PICTURES = 'kind=~"camera|screen"'

LOSS_BEFORE = share("sfu_lost_packets_total", "sfu_expected_packets_total", EACH)
LOSS_AFTER = share("sfu_unrepaired_packets_total", "sfu_expected_packets_total", EACH)
BAD = 'le="3.6"'
BAD_VOICE = (
    f"{rate('sfu_mos_bucket', 'direction', BAD)} / clamp_min({rate('sfu_mos_count', 'direction')}, 0.01)"
)
SENT = 'direction="down"'
PER_PACKET = f"{rate('sfu_worker_cpu_seconds_total')} / clamp_min({rate('sfu_packets_total', '', SENT)}, 1)"

MEDIA_OK = Panel(
    "Media flows", "A round trip of ICE, DTLS and RTP through the media port, every 5 s.", "bool_yes_no",
    {"": "min(sfu_media_probe_ok)"}, "stat", (1, 1), is_worse_below=True,
)  # fmt: skip
STRESS = Panel(
    "Stress", "How near the busiest worker is to its limit. Beyond 0.8 take no more.", "percentunit",
    {"{{instance}}": "sfu_stress"}, limits=(0.6, 0.8),
)  # fmt: skip
TRAFFIC = Panel(
    "Traffic", "UDP payload through the media port: up is what people send.", "binBps",
    {"{{direction}}": rate("sfu_bytes_total", "direction")},
)  # fmt: skip
VOICE = Panel(
    "Voice that dissatisfies", "Share of people whose voice scores below 3.6 of 4.4, by direction: up is how they "
    "are heard, down is how they hear.", "percentunit", {"{{direction}}": BAD_VOICE}, limits=(0.1, 0.2),
)  # fmt: skip
LOST = Panel(
    "Lost after repair", "Share of packets that nothing brought back, of each way alone: up is on the way from "
    "the publisher, down on the way to the receiver.", "percentunit", {"{{direction}} {{kind}}": LOSS_AFTER},
)  # fmt: skip
ROUND_TRIP = Panel(
    "Round trip", "Between the server and people, by RTCP.", "s",
    quantiles("sfu_round_trip_time_seconds", "", "", 0.5, 0.95, 0.99),
)  # fmt: skip
LIMITED = Panel(
    "Why pictures are not better", "Slots whose picture could be better, by reason: `your_downlink` is the "
    "viewer's network, `senders_uplink` the publisher's, `server_is_busy` is us.", "short",
    {"{{reason}}": "sum by (reason) (sfu_slots_limited)"},
)  # fmt: skip


def number(title: str, words: str, expression: str) -> Panel:
    return Panel(title, words, "short", {"": expression}, "stat")


DASHBOARDS: dict[str, tuple[str, list[Panel]]] = {
    "overview": (
        "Is all well, and if not, where to look",
        [
            MEDIA_OK,
            number("Rooms", "Open now.", "sum(sfu_rooms)"),
            number("People", "In all rooms, viewers by WHEP too.", "sum(sfu_participants) + sum(sfu_viewers)"),
            STRESS, TRAFFIC,
            Panel(
                "Joins a minute", "By the door they came in.", "short",
                {"{{door}}": "60 * " + rate("sfu_joins_total", "door")},
            ),
            VOICE, LOST, ROUND_TRIP, LIMITED,
            Panel(
                "Jitter", "Of the worst twentieth of streams.", "s",
                quantiles("sfu_jitter_seconds", "direction", "", 0.95),
            ),
            Panel(
                "Forwarding", "What the server itself adds: from the kernel's receive stamp until sent on.", "s",
                quantiles("sfu_forwarding_delay_seconds", "media", "", 0.5, 0.99),
            ),
        ],
    ),
    "rooms": (
        "Who is there and what they publish; a room's own details are in /api/v1/rooms/{room}",
        [
            number("Rooms", "Open now.", "sum(sfu_rooms)"),
            number("Participants", "In all rooms.", "sum(sfu_participants)"),
            number("Viewers", "By WHEP, in all rooms.", "sum(sfu_viewers)"),
            Panel("Rooms", "Over time.", "short", {"rooms": "sum(sfu_rooms)"}),
            Panel(
                "People", "Over time.", "short",
                {"participants": "sum(sfu_participants)", "viewers": "sum(sfu_viewers)"},
            ),
            Panel(
                "People to a room", "On average; 0 while no room is open.", "short",
                {"": "(sum(sfu_participants) + sum(sfu_viewers)) / clamp_min(sum(sfu_rooms), 1)"},
            ),
            Panel(
                "Joins a minute", "By the door they came in.", "short",
                {"{{door}}": "60 * " + rate("sfu_joins_total", "door")},
            ),
            Panel("Media connections", "One for each person.", "short", {"open": "sum(sfu_transports)"}),
            Panel(
                "Handshakes", "Finished a second, by result. All but `connected` failed; the probe has one each 5 s.", "ops",
                {"{{result}}": rate("sfu_dtls_handshakes_total", "result")},
            ),
            Panel(
                "Tracks", "That may be published, silent or not.", "short",
                {"{{kind}}": "sum by (kind) (sfu_sources)"},
            ),
            Panel(
                "Slots", "What people are shown and hear; idle ones are empty tiles.", "short",
                {"{{kind}}": "sum by (kind) (sfu_slots)", "idle": "sum(sfu_slots_idle)"},
            ),
            Panel(
                "Packets", "RTP of streams, by direction and kind.", "pps",
                {"{{direction}} {{kind}}": rate("sfu_stream_packets_total", EACH)},
            ),
        ],
    ),
    "network-quality": (
        "Is it people's networks? Up is from the publisher to the server, down from the server to the receiver",
        [
            ROUND_TRIP,
            Panel(
                "One way", "Delay of each way: measured where clocks are shared, else an estimate.", "s",
                quantiles("sfu_delay_seconds", "direction"),
            ),
            Panel(
                "Capture to server", "From the camera or microphone until it came to the server, where "
                "publishers tell.", "s", quantiles("sfu_capture_delay_seconds", "kind"),
            ),
            Panel(
                "Jitter up", "RFC 3550, by the kernel's stamps.", "s",
                quantiles("sfu_jitter_seconds", "kind", 'direction="up"'),
            ),
            Panel(
                "Jitter down", "Of the way to the receiver alone where its feedback tells.", "s",
                quantiles("sfu_jitter_seconds", "kind", 'direction="down"'),
            ),
            Panel(
                "Lost before repair", "Share of packets that did not come by themselves.", "percentunit",
                {"{{direction}} {{kind}}": LOSS_BEFORE},
            ),
            LOST,
            Panel(
                "Worst streams' loss", "After repair, of the worst twentieth of streams in each 5 s.",
                "percentunit", quantiles("sfu_unrepaired_loss_ratio", EACH, "", 0.95),
            ),
            Panel(
                "Repairs", "Packets brought back (up), sent again (down), a second.", "pps",
                {"{{direction}} {{kind}}": rate("sfu_repaired_packets_total", EACH)},
            ),
            Panel(
                "Asked again", "Packets asked for again, a second.", "pps",
                {"{{direction}} {{kind}}": rate("sfu_nacks_total", EACH)},
            ),
            Panel(
                "Out of order", "Reordered and duplicated packets that came to the server, a second.", "pps",
                {
                    "reordered {{kind}}": rate("sfu_reordered_packets_total", "kind"),
                    "duplicated {{kind}}": rate("sfu_duplicate_packets_total", "kind"),
                },
            ),
            Panel(
                "Voice", "Mean opinion score: 4.4 is best, below 3.6 many are dissatisfied. The worst "
                "twentieth, and the middle.", "short", quantiles("sfu_mos", "direction", "", 0.05, 0.5),
            ),
            VOICE,
            Panel(
                "Frozen", "Seconds a second that pictures stood still on their way to the server.", "percentunit",
                {"{{kind}}": rate("sfu_frozen_seconds_total", "kind")},
            ),
        ],
    ),
    "adaptation": (
        "What people get of what is published, and why not more",
        [
            LIMITED,
            Panel(
                "Layers sent", "Slots by layer, 0 the best.", "short",
                {"{{kind}} {{layer}}": "sum by (kind, layer) (sfu_slots_by_layer)"},
            ),
            Panel(
                "Pictures off", "Slots whose way has no room even for the least.", "short",
                {"{{kind}}": "sum by (kind) (sfu_slots_off)"},
            ),
            Panel(
                "What ways carry", "Estimate of each subscriber's downlink.", "binBps",
                quantiles("sfu_estimated_bytes_per_second", "", "", 0.05, 0.5, 0.95),
            ),
            Panel(
                "Streams' rates", "The middle of them.", "binBps",
                quantiles("sfu_stream_bytes_per_second", EACH, "", 0.5),
            ),
            Panel(
                "Height", "Of pictures, the middle of them.", "short",
                quantiles("sfu_frame_height_pixels", EACH, "", 0.5),
            ),
            Panel(
                "Frame rate", "The middle, and the worst twentieth.", "short",
                quantiles("sfu_frames_per_second", "direction", "", 0.05, 0.5),
            ),
            Panel(
                "Switches", "Of slots to another track or layer, a second.", "ops",
                {"{{kind}}": rate("sfu_slot_switches_total", "kind")},
            ),
            Panel(
                "Keyframes asked for", "By receivers (down), by us of publishers (up), a second.", "ops",
                {"{{direction}} {{kind}}": rate("sfu_keyframe_requests_total", EACH, PICTURES)},
            ),
            Panel(
                "Keyframes", "That came (up), that were sent (down), a second.", "ops",
                {"{{direction}} {{kind}}": rate("sfu_keyframes_total", EACH, PICTURES)},
            ),
        ],
    ),
    "capacity": (
        "How much more this server can take",
        [
            STRESS,
            Panel(
                "Workers", "Share of a core that each packet worker takes; the first receives.", "percentunit",
                {"{{instance}} {{worker}}": "rate(sfu_worker_cpu_seconds_total[$__rate_interval])"}, limits=(0.7, 0.9),
            ),
            Panel(
                "Cost of a packet", "CPU time of the packet path for each datagram that is sent.", "s",
                {"": PER_PACKET},
            ),
            Panel(
                "Connections", "Of the most that the limit lets in.", "percentunit",
                {"{{instance}}": "sfu_transports / sfu_transports_limit"}, limits=(0.8, 0.9),
            ),
            Panel(
                "Rooms", "Of the most that the limit lets open.", "percentunit",
                {"{{instance}}": "sfu_rooms / sfu_rooms_limit"}, limits=(0.8, 0.9),
            ),
            TRAFFIC,
            Panel(
                "Process", "CPU of the whole process, in cores: the workers and Python.", "short",
                {"{{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])"},
            ),
            Panel(
                "Memory", "Resident.", "bytes", {"{{instance}}": "process_resident_memory_bytes"},
            ),
            Panel(
                "Descriptors", "Of the most that the system lets open.", "percentunit",
                {"{{instance}}": "process_open_fds / process_max_fds"}, limits=(0.7, 0.9),
            ),
            Panel(
                "Left out", "Packets left out since the server fell behind, a second. 0 is well.", "pps",
                {"{{reason}}": rate("sfu_drops_total", "reason", 'reason=~".*_shed|send_queue_full|worker_behind"')},
            ),
        ],
    ),
    "server": (
        "Is it the server? What it adds, how late it runs, what it drops",
        [
            MEDIA_OK,
            number("Workers failed", "Above 0: drain and start anew.", "sum(sfu_workers_failed)"),
            number("Draining", "Takes no more joins.", "sum(sfu_draining)"),
            Panel(
                "Forwarding", "From the kernel's receive stamp until sent on; video waits for its frame's end.", "s",
                quantiles("sfu_forwarding_delay_seconds", "media", "", 0.5, 0.99),
            ),
            Panel(
                "Own scheduling delay", "From the kernel's receive stamp until read: high where other work "
                "takes the machine's cores.", "s", quantiles("sfu_receive_delay_seconds", "", "", 0.5, 0.99),
            ),
            Panel(
                "Event loop", "How late timers of the Python side run.", "s",
                quantiles("sfu_event_loop_lag_seconds", "", "", 0.5, 0.99),
            ),
            Panel(
                "Send queue", "How long the oldest datagram waits for a full socket.", "s",
                {"{{instance}}": "sfu_send_queue_age_seconds"},
            ),
            Panel(
                "Drops", "Packets that went no further, a second, by reason (docs/metrics.md).", "pps",
                {"{{reason}}": rate("sfu_drops_total", "reason")},
            ),
            Panel(
                "Kernel's drops", "Datagrams dropped before the server could read them, a second.", "pps",
                {"{{instance}}": "rate(sfu_socket_drops_total[$__rate_interval])"},
            ),
            Panel(
                "Probe", "A packet's way in and out, every 5 s.", "s",
                quantiles("sfu_media_probe_round_trip_seconds", "", "", 0.5, 0.99),
            ),
            Panel(
                "Probes", "A second, by result: all but `ok` say at which stage media fails.", "ops",
                {"{{result}}": rate("sfu_media_probes_total", "result")},
            ),
            Panel(
                "Handshakes", "Under way, and waiting for their turn.", "short",
                {
                    "under way": "sum(sfu_dtls_handshakes_under_way)",
                    "waiting": "sum(sfu_dtls_handshakes_waiting)",
                },
            ),
            Panel(
                "Counters' age", "How old the packet path's counters are. Above 10 s it does not answer.", "s",
                {"{{instance}}": "sfu_snapshot_age_seconds"},
            ),
            Panel(
                "Events dropped", "From the packet path to Python; stays 0.", "ops",
                {"": rate("sfu_media_events_dropped_total")},
            ),
        ],
    ),
}  # fmt: skip


def panel(index: int, spec: Panel) -> dict[str, Any]:
    across = COLUMNS // WIDTH
    return {
        "id": index + 1,
        "type": spec.kind,
        "title": spec.title,
        "description": spec.words,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": WIDTH * (index % across), "y": HEIGHT * (index // across)},
        "fieldConfig": {"defaults": {"unit": spec.unit, "min": 0, **thresholds(spec)}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": expression, "legendFormat": legend or "__auto"}
            for at, (legend, expression) in enumerate(spec.expressions.items())
        ],
    }


def thresholds(spec: Panel) -> dict[str, Any]:
    if not spec.limits:
        return {}
    colours = ("red", "yellow", "green") if spec.is_worse_below else ("green", "yellow", "red")
    values: tuple[float | None, ...] = (None, *spec.limits)
    steps = [{"color": colour, "value": value} for colour, value in zip(colours, values, strict=True)]
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def dashboard(name: str) -> dict[str, Any]:
    words, panels = DASHBOARDS[name]
    return {
        "uid": f"sfu-{name}",
        "title": f"SFU: {name.replace('-', ' ')}",
        "description": words,
        "tags": ["sfu"],
        "schemaVersion": 38,
        "version": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {"type": "dashboards", "title": "SFU", "tags": ["sfu"], "asDropdown": True, "keepTime": True}
        ],
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [panel(index, spec) for index, spec in enumerate(panels)],
    }


def text(name: str) -> str:
    return json.dumps(dashboard(name), indent=2) + "\n"


def expressions() -> list[str]:
    """Of every panel."""
    return [
        told for _, panels in DASHBOARDS.values() for spec in panels for told in spec.expressions.values()
    ]


def metrics() -> set[str]:
    """Names that the expressions use."""
    return {name for told in expressions() for name in re.findall(r"\b(?:sfu|process)_\w+", told)}


def main() -> None:
    for name in DASHBOARDS:
        (HERE / "dashboards" / f"{name}.json").write_text(text(name))


if __name__ == "__main__":
    main()
