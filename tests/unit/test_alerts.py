"""Every alert rings when what it is for happens, and none while all is well."""

import json
import subprocess
from pathlib import Path

import pytest

from grafana import generate

RULES = generate.HERE / "alerts" / "sfu.yml"
END = "20m"


def grows(per_interval: float) -> str:
    """A counter, over 20 minutes of 15 s."""
    return f"0+{per_interval}x80"


def stays(value: float) -> str:
    return f"{value}x80"


def histogram(name: str, labels: str, fast: float, slow: float) -> dict[str, str]:
    """Observations in 15 s that are below the bound of 1 ms, and above it."""
    comma = "," if labels else ""
    return {
        f'{name}_bucket{{{labels}{comma}le="0.001"}}': grows(fast),
        f'{name}_bucket{{{labels}{comma}le="1"}}': grows(fast + slow),
        f'{name}_bucket{{{labels}{comma}le="+Inf"}}': grows(fast + slow),
    }


def voice(bad: float) -> dict[str, str]:
    return {
        'sfu_mos_bucket{direction="down",le="3.6"}': grows(bad),
        'sfu_mos_bucket{direction="down",le="+Inf"}': grows(100),
        'sfu_mos_count{direction="down"}': grows(100),
    }


def lost(direction: str, packets: float) -> dict[str, str]:
    labels = f'{{direction="{direction}",kind="audio"}}'
    return {
        f"sfu_unrepaired_packets_total{labels}": grows(packets),
        f"sfu_expected_packets_total{labels}": grows(1000),
    }


WELL: dict[str, str] = {
    'up{job="sfu"}': stays(1),
    "sfu_media_probe_ok": stays(1),
    "sfu_workers_failed": stays(0),
    'sfu_drops_total{reason="video_shed"}': grows(0),
    'sfu_drops_total{reason="srtp_replayed"}': grows(9999),
    "sfu_stress": stays(0.4),
    "sfu_socket_drops_total": grows(0),
    "sfu_snapshot_age_seconds": stays(3),
    "sfu_media_events_dropped_total": stays(0),
    'sfu_dtls_handshakes_total{result="connected"}': grows(100),
    'sfu_dtls_handshakes_total{result="dtls_timeout"}': grows(1),
    'sfu_media_probes_total{result="ok"}': grows(3),
    'sfu_slots_limited{kind="camera",reason="your_downlink"}': stays(2),
    'sfu_slots{kind="camera"}': stays(10),
    'sfu_keyframe_requests_total{direction="up",kind="camera"}': grows(1),
    'sfu_sources{kind="camera"}': stays(10),
    "sfu_transports": stays(10),
    "sfu_transports_limit": stays(100),
    "sfu_rooms": stays(3),
    "sfu_rooms_limit": stays(100),
    'process_open_fds{job="sfu"}': stays(100),
    'process_max_fds{job="sfu"}': stays(1000),
    **histogram("sfu_receive_delay_seconds", "", 1000, 0),
    **histogram("sfu_forwarding_delay_seconds", 'media="audio"', 1000, 0),
    **histogram("sfu_event_loop_lag_seconds", "", 60, 0),
    **lost("up", 1),
    **lost("down", 1),
    **voice(2),
}

RINGS: dict[str, dict[str, str]] = {
    "SfuDown": {'up{job="sfu"}': stays(0)},
    "SfuNoMedia": {"sfu_media_probe_ok": stays(0)},
    "SfuWorkerFailed": {"sfu_workers_failed": stays(1)},
    "SfuBehind": {'sfu_drops_total{reason="video_shed"}': grows(60)},
    "SfuStress": {"sfu_stress": stays(0.95)},
    "SfuStarved": histogram("sfu_receive_delay_seconds", "", 900, 100),
    "SfuSlowForwarding": histogram("sfu_forwarding_delay_seconds", 'media="audio"', 900, 100),
    "SfuKernelDrops": {"sfu_socket_drops_total": grows(60)},
    "SfuEventLoopLate": histogram("sfu_event_loop_lag_seconds", "", 50, 10),
    "SfuCountersOld": {"sfu_snapshot_age_seconds": stays(60)},
    "SfuEventsDropped": {"sfu_media_events_dropped_total": grows(1)},
    "SfuJoinsFail": {'sfu_dtls_handshakes_total{result="dtls_timeout"}': grows(50)},
    "SfuUplinkLoss": lost("up", 50),
    "SfuDownlinkLoss": lost("down", 50),
    "SfuBadVoice": voice(40),
    "SfuPicturesLimited": {'sfu_slots_limited{kind="camera",reason="your_downlink"}': stays(8)},
    "SfuKeyframeStorm": {'sfu_keyframe_requests_total{direction="up",kind="camera"}': grows(150)},
    "SfuAlmostFull": {"sfu_transports": stays(95)},
    "SfuRoomsAlmostFull": {"sfu_rooms": stays(95)},
    "SfuDescriptors": {'process_open_fds{job="sfu"}': stays(900)},
}


def ringing(series: dict[str, str], expected: list[str], directory: Path) -> None:
    """Exactly these alerts ring at the end."""
    told = [
        {
            "expr": f'sum(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
            "eval_time": END,
            "exp_samples": [{"labels": "{}", "value": int(name in expected)}],
        }
        for name in RINGS
    ]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": told,
            }
        ],
    }
    path = directory / "alerts.yml"
    path.write_text(json.dumps(test))  # JSON is YAML
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_none_rings_while_all_is_well(tmp_path: Path) -> None:
    ringing(WELL, [], tmp_path)


@pytest.mark.parametrize("name", RINGS)
def test_it_rings_for_what_it_is_for_and_no_other_does(name: str, tmp_path: Path) -> None:
    ringing(WELL | RINGS[name], [name], tmp_path)


def test_joins_that_fail_ring_on_a_small_server_too(tmp_path: Path) -> None:
    few = {
        'sfu_dtls_handshakes_total{result="connected"}': grows(3),  # the probe's own
        'sfu_dtls_handshakes_total{result="dtls_timeout"}': grows(0.5),
    }
    ringing(WELL | few, ["SfuJoinsFail"], tmp_path)


def test_every_alert_is_tried() -> None:
    named = {line.split()[-1] for line in RULES.read_text().splitlines() if "- alert: " in line}
    assert named == set(RINGS)
