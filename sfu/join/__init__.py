"""The one way in: an offer comes, a participant stands in a room, an answer goes back."""

from sfu.join.joiner import Joiner
from sfu.join.lobby import Preparation
from sfu.join.requests import Joined, JoinKind, JoinRequest, SessionHandle, TrackHint

__all__ = ["JoinKind", "JoinRequest", "Joined", "Joiner", "Preparation", "SessionHandle", "TrackHint"]
