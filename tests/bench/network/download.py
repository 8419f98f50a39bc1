"""A long TCP download: `serve :PORT` gives without end, `fetch ADDRESS:PORT SECONDS` takes for so long."""

import contextlib
import socket
import sys
import time

CONGESTION_CONTROL = b"cubic"


def serve(port: int) -> None:
    with socket.create_server(("", port)) as listener:
        # Whatever the machine prefers: RFC 8867 means one that fills queues.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(bytes(65536))


def fetch(address: str, port: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    with socket.create_connection((address, port)) as connection:
        while time.monotonic() < until and connection.recv(65536):
            pass


def main() -> None:
    address, _, port = sys.argv[2].partition(":")
    if sys.argv[1] == "serve":
        serve(int(port))
    else:
        fetch(address, int(port), float(sys.argv[3]))


if __name__ == "__main__":
    main()
