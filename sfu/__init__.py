"""A self-hosted WebRTC conference server.

Python decides, Rust moves packets: doors (`web`, `signalling`, `whip`) speak to the outside, `rooms` is the
model, `media` drives the packet path in `sfu._packets`. Imports only go down; ARCHITECTURE.md has the map.
"""

__version__ = "0.1.0"
