"""Prometheus beside the server, with the alert rules loaded: `make monitoring`.

Looks where the server listens by the same variables (SFU_PORT, SFU_TLS), keeps what it reads in a directory that goes
away with it, and answers on this machine only. MONITORING_PORT is 9090 unless said otherwise.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent


def config(target: str, scheme: str, interval: str = "5s") -> str:
    """prometheus.yml for this server, with its rules by absolute path."""
    text = (HERE / "prometheus.yml").read_text()
    for pattern, new in (
        (r"targets: \[.*\]", f'targets: ["{target}"]'),
        (r"scheme: \w+", f"scheme: {scheme}"),
        (r"(scrape|evaluation)_interval: \w+", rf"\1_interval: {interval}"),
        (r"alerts/\*", str(HERE / "alerts" / "*")),
    ):
        text, count = re.subn(pattern, new, text)
        if not count:
            raise ValueError(f"prometheus.yml has no {pattern}")
    return text


def command(directory: Path, port: int) -> list[str]:
    """How Prometheus is run on `directory`, which holds its configuration."""
    return [
        shutil.which("prometheus") or "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def place(environment: Mapping[str, str]) -> tuple[str, str]:
    """Address and scheme of the server that was started with these variables."""
    scheme = "http" if environment.get("SFU_TLS") == "off" else "https"
    return f"127.0.0.1:{environment.get('SFU_PORT', '8443')}", scheme


def main() -> int:
    target, scheme = place(os.environ)
    port = int(os.environ.get("MONITORING_PORT", "9090"))
    with tempfile.TemporaryDirectory(prefix="sfu-prometheus-") as name:
        directory = Path(name)
        (directory / "prometheus.yml").write_text(config(target, scheme))
        print(f"Prometheus on http://127.0.0.1:{port}/ reads {scheme}://{target}/metrics", flush=True)
        try:
            return subprocess.run(command(directory, port), check=False).returncode
        except FileNotFoundError:
            print("Prometheus is missing. Debian: sudo apt-get install prometheus", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
