"""`/api/v1`: what goes on in the rooms, as JSON, for people's own tools.

In token mode it wants a moderator's token: of the room asked for, or of every room. Reads the rooms and the
media plane's reports and changes nothing; the bodies' shape is told in `openapi.json`, which a test compares.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from aiohttp import web

from sfu.auth.authenticator import Authenticator, bearer
from sfu.errors import NotFound
from sfu.media.stats import LayerReport, SlotReport, SourceReport, TransportReport
from sfu.rooms.descriptions import ParticipantDescription, RoomDescription, SlotDescription, TrackDescription
from sfu.rooms.room import Room
from sfu.rooms.rooms import Rooms

_OPENAPI = (Path(__file__).parent / "openapi.json").read_bytes()
_UNCACHED = {"Cache-Control": "no-store"}


class Reports(Protocol):
    async def report(self, transport: int) -> TransportReport | None:
        """What one peer sends and receives; None if it is gone."""
        ...


class Api:
    def __init__(self, *, rooms: Rooms, media: Reports, authenticator: Authenticator) -> None:
        self._rooms = rooms
        self._media = media
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/rooms", self._list),
            web.get("/api/v1/rooms/{room}", self._one),
            web.get("/api/v1/openapi.json", self._openapi),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        grant = self._authenticator.moderated(_token(request))
        seen = [room for room in self._rooms if grant is None or grant.covers(room.name)]
        return _json({"rooms": [_summary(room) for room in seen]})

    async def _one(self, request: web.Request) -> web.Response:
        name = self._rooms.checked_name(request.match_info["room"])
        self._authenticator.require_moderator(_token(request), name)
        room = self._rooms.find(name)
        if room is None:
            raise NotFound("There is no such room. Rooms come into being with their first participant.")
        described = room.describe()
        reports = {
            participant.id: await self._media.report(participant.transport)
            for participant in described.participants
            if participant.transport is not None
        }
        return _json(_room(described, reports))

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.Response(body=_OPENAPI, content_type="application/json")


def _token(request: web.Request) -> str | None:
    return bearer(request.headers.get("Authorization"))


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", headers=_UNCACHED)


def _summary(room: Room) -> dict[str, Any]:
    return {
        "name": room.name,
        "participants": len(room.participants),
        "viewers": room.viewers,
        "locked": room.locked,
        "opened_at": room.opened_at,
    }


def _room(room: RoomDescription, reports: Mapping[str, TransportReport | None]) -> dict[str, Any]:
    return {
        "name": room.name,
        "locked": room.locked,
        "video_cap_kbps": room.video_cap_kbps,
        "opened_at": room.opened_at,
        "viewers": room.viewers,
        "audio": room.audio,
        "speaking": room.speaking,
        "dominant": room.dominant,
        "participants": [_participant(each, reports.get(each.id)) for each in room.participants],
    }


def _participant(participant: ParticipantDescription, report: TransportReport | None) -> dict[str, Any]:
    sources = {source.id: source for source in report.sources} if report else {}
    shown = {slot.media: slot for slot in participant.slots}
    return {
        "id": participant.id,
        "name": participant.name,
        "kind": participant.kind,
        "role": participant.role,
        "joined_at": participant.joined_at,
        "reconnecting": participant.reconnecting,
        "media_lost": participant.media_lost,
        "round_trip_s": report.delay_s if report else None,
        "delay_up_s": report.delay_up_s if report else None,
        "delay_down_s": report.delay_down_s if report else None,
        "delay_error_s": report.delay_error_s if report else None,
        "jitter_down_s": report.jitter_down_s if report else None,
        "mos": {"up": report.mos_up if report else None, "down": report.mos_down if report else None},
        "estimate_bps": report.estimate_bps if report else None,
        "bytes_received": report.bytes_received if report else 0,
        "bytes_sent": report.bytes_sent if report else 0,
        "sources": [_source(track, sources.get(track.media)) for track in participant.tracks],
        "slots": [_slot(slot, shown) for slot in report.slots] if report else [],
    }


def _source(track: TrackDescription, report: SourceReport | None) -> dict[str, Any]:
    return {
        "track": track.id,
        "source": track.source,
        "live": track.live,
        "published": track.published,
        "muted_by_moderator": track.muted_by_moderator,
        "mid": report.mid if report else None,
        "codec": report.codec if report else None,
        "forwarding": report.forwarding if report else False,
        "layers": [_layer(layer) for layer in report.layers] if report else [],
    }


def _layer(report: LayerReport) -> dict[str, Any]:
    return {
        "layer": report.layer,
        "active": report.active,
        "width": report.width,
        "height": report.height,
        "frames_per_s": report.frames_per_s,
        "bitrate_bps": report.bitrate_bps,
        "packets": report.packets,
        "expected": report.expected,
        "lost": report.lost,
        "repaired": report.repaired,
        "lost_after_repair": report.lost_after_repair,
        "loss": report.loss,
        "recent_loss": report.recent.loss,
        "recent_loss_after_repair": report.recent.unrepaired,
        "duplicates": report.duplicates,
        "reordered": report.reordered,
        "jitter_s": report.jitter_s,
        "capture_delay_s": report.capture_delay_s,
        "keyframes": report.keyframes,
        "freezes": report.freezes,
        "frozen_s": report.frozen_s,
        "nacks": report.nacks,
        "keyframe_requests": report.keyframe_requests,
    }


def _slot(report: SlotReport, shown: Mapping[Any, SlotDescription]) -> dict[str, Any]:
    described = shown.get(report.id)
    return {
        "mid": report.mid,
        "kind": report.kind,
        "track": described.track if described else None,
        "undecodable": described.undecodable if described else False,
        "size": described.size if described else None,
        "layer": report.layer,
        "temporal_layer": report.temporal if report.temporal < 255 else None,
        "off": report.is_off,
        "reason": report.reason,
        "wanted_layer": report.wanted,
        "width": report.width,
        "height": report.height,
        "bitrate_bps": report.bitrate_bps,
        "packets": report.packets,
        "retransmitted": report.retransmitted,
        "expected": report.expected,
        "lost": report.lost,
        "lost_after_repair": report.lost_after_repair,
        "lost_up": report.lost_up,
        "loss": report.loss,
        "recent_loss": report.recent.loss,
        "recent_loss_after_repair": report.recent.unrepaired,
        "jitter_s": report.jitter_s,
        "frames": report.frames,
        "keyframes": report.keyframes,
        "nacks": report.nacks,
        "keyframe_requests": report.keyframe_requests,
        "switches": report.switches,
    }
