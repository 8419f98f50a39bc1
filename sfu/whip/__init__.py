"""The door for programs: publish by WHIP, play by WHEP. Knows no signalling."""

from sfu.whip.door import WhipDoor

__all__ = ["WhipDoor"]
