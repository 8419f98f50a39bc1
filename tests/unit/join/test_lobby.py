"""The lobby: what is opened before a join, what the join finds, and that nothing stays behind."""

from typing import Any

import pytest

from sfu.errors import (
    BadName,
    BadOffer,
    Draining,
    RateLimited,
    RoomFull,
    RoomLocked,
    ServerFull,
    SessionExpired,
    SfuError,
)
from sfu.join import Preparation, TrackHint
from sfu.limits import Limits
from tests.unit.join.fakes import HINTS, Broken, Setting, grant

IDLE = tuple(TrackHint(hint.mid, hint.source, live=False) for hint in HINTS)
ADDRESS = "192.0.2.7"


def prepared(setting: Setting, **changes: Any) -> Preparation:
    return setting.joiner.prepare(setting.request(**{"tracks": IDLE, "name": "", **changes}))


def test_only_a_transport_is_opened_and_nobody_is_told() -> None:
    setting = Setting()
    prepared(setting)
    media = setting.media
    assert (len(media.transports), media.sources, media.slots, media.rooms) == (1, {}, {}, set())
    assert len(setting.rooms) == 0
    assert setting.events == []


def test_the_join_gets_the_slots_that_were_announced() -> None:
    setting = Setting()
    preparation = prepared(setting)
    announced = {slot.ssrc for slot in setting.media.reserved.values()}
    assert all(f"a=ssrc:{ssrc} cname:{preparation.cname}" in preparation.answer for ssrc in announced)
    joined = setting.joiner.enter(setting.request(sdp=""), preparation)
    assert {10_000 + id_ for id_ in setting.media.slots} == announced
    assert {spec.cname for _, spec, _ in setting.media.slots.values()} == {preparation.cname}
    assert (joined.video_mids, joined.audio_mids) == (("v0", "v1"), ("a0", "a1"))
    assert (joined.answer, len(setting.media.transports)) == (preparation.answer, 1)


def test_the_answers_are_the_same_with_and_without_a_lobby() -> None:
    """But for what is made anew each time."""
    at_once, ahead = Setting(), Setting()
    plain = at_once.joiner.join(at_once.request()).answer
    answer = prepared(ahead).answer

    def shape(text: str) -> list[str]:
        varying = ("o=", "a=ssrc", "a=ice-", "a=msid")
        return [line for line in text.splitlines() if not line.startswith(varying)]

    assert shape(plain) == shape(answer)


def test_live_is_what_the_join_says() -> None:
    setting = Setting()
    joined = setting.joiner.enter(setting.request(), prepared(setting))
    (participant,) = setting.room().participants
    assert participant.id == joined.session.id
    assert {source: track.live for source, track in participant.tracks.items()} == {
        "microphone": True, "camera": True, "screen": False,
    }  # fmt: skip


def test_audio_follows_the_loudest_from_the_join_on() -> None:
    setting = Setting()
    setting.joiner.enter(setting.request(), prepared(setting))
    follows = {spec.follows for _, spec, _ in setting.media.slots.values() if spec.kind == "audio"}
    assert follows == {(setting.room().media_room, 0), (setting.room().media_room, 1)}


def test_what_was_dropped_leaves_nothing_and_cannot_be_entered() -> None:
    setting = Setting()
    preparation = prepared(setting)
    setting.joiner.drop(preparation)
    setting.joiner.drop(preparation)
    assert setting.media.is_empty
    with pytest.raises(SessionExpired):
        setting.joiner.enter(setting.request(), preparation)
    assert setting.media.is_empty


def test_dropping_what_was_entered_harms_nobody() -> None:
    setting = Setting()
    preparation = prepared(setting)
    setting.joiner.enter(setting.request(), preparation)
    setting.joiner.drop(preparation)
    assert len(setting.media.transports) == 1
    with pytest.raises(SessionExpired):
        setting.joiner.enter(setting.request(), preparation)
    assert len(setting.room().participants) == 1


def test_a_transport_lost_in_the_lobby_cannot_be_entered() -> None:
    setting = Setting()
    preparation = prepared(setting)
    setting.media.lose(preparation.link.transport)
    with pytest.raises(SessionExpired):
        setting.joiner.enter(setting.request(), preparation)
    assert setting.media.is_empty


def test_media_lost_after_the_join_is_the_rooms_to_know() -> None:
    setting = Setting()
    preparation = prepared(setting)
    listener = setting.media.transports[preparation.link.transport].listener
    listener.on_connected()
    joined = setting.joiner.enter(setting.request(), preparation)
    setting.media.lose(preparation.link.transport)
    assert setting.room().participant(joined.session.id).media_lost


@pytest.mark.parametrize(
    "changes",
    [{"room": "another"}, {"role": "subscriber"}],
    ids=["another room", "another role"],
)
def test_a_join_for_something_else_is_refused(changes: dict[str, Any]) -> None:
    setting = Setting()
    with pytest.raises(SessionExpired):
        setting.joiner.enter(setting.request(**changes), prepared(setting))
    assert setting.media.is_empty


@pytest.mark.parametrize(
    "tracks",
    [
        (),
        HINTS[:2],
        (HINTS[0], HINTS[1], TrackHint("cam", "screen", live=True)),
        (*HINTS, HINTS[0]),
    ],
    ids=["none", "fewer", "swapped", "twice"],
)
def test_tracks_are_those_that_were_prepared(tracks: tuple[TrackHint, ...]) -> None:
    setting = Setting()
    with pytest.raises(BadOffer):
        setting.joiner.enter(setting.request(tracks=tracks), prepared(setting))
    assert setting.media.is_empty


def test_a_refused_join_ends_the_lobby_and_leaves_nothing() -> None:
    setting = Setting(limits=Limits(lobbies=1))
    for _ in range(2):
        with pytest.raises(BadName):
            setting.joiner.enter(setting.request(name="\n"), prepared(setting))
        assert setting.media.is_empty


@pytest.mark.parametrize("step", ["open_transport", "candidates", "reserve_slot"])
def test_a_preparation_that_breaks_leaves_nothing(step: str) -> None:
    setting = Setting(limits=Limits(lobbies=1))
    setting.media.fails_at = step
    for _ in range(2):
        with pytest.raises(Broken):
            prepared(setting)
    assert setting.media.is_empty
    setting.media.fails_at = ""
    prepared(setting)


@pytest.mark.parametrize("step", ["add_source", "add_slot"])
def test_a_join_that_breaks_leaves_nothing(step: str) -> None:
    setting = Setting()
    preparation = prepared(setting)
    setting.media.fails_at = step
    with pytest.raises(Broken):
        setting.joiner.enter(setting.request(), preparation)
    assert setting.media.is_empty


def test_what_a_join_would_be_refused_is_not_prepared() -> None:
    setting = Setting(limits=Limits(rooms=1, participants_per_room=1))
    moderator = setting.joiner.join(setting.request(role="moderator"))
    with pytest.raises(ServerFull):
        prepared(setting, room="another")
    with pytest.raises(RoomFull):
        prepared(setting)
    setting.room().lock(moderator.session.id, True)
    with pytest.raises(RoomLocked):
        prepared(setting)
    setting.rooms.drain(60)
    with pytest.raises(Draining):
        prepared(setting)
    assert len(setting.media.transports) == 1


def test_a_server_lets_so_many_wait() -> None:
    setting = Setting(limits=Limits(lobbies=2))
    first, _ = prepared(setting), prepared(setting, came_from=ADDRESS)
    second = prepared(setting, came_from="192.0.2.8")
    with pytest.raises(RateLimited):
        prepared(setting, came_from="192.0.2.9")
    setting.joiner.join(setting.request(came_from="192.0.2.9"))
    setting.joiner.enter(setting.request(came_from="192.0.2.8"), second)
    prepared(setting, came_from="192.0.2.9")
    setting.joiner.drop(first)


def test_one_address_has_so_many_places_in_the_lobby_and_its_joins_others() -> None:
    setting = Setting(limits=Limits(half_open_joins=1))
    preparation = prepared(setting, came_from=ADDRESS)
    with pytest.raises(RateLimited):
        prepared(setting, came_from=ADDRESS)
    # Its media is there, and still it holds a transport that nobody sees.
    setting.media.transports[preparation.link.transport].listener.on_connected()
    with pytest.raises(RateLimited):
        prepared(setting, came_from=ADDRESS)
    setting.joiner.join(setting.request(came_from=ADDRESS))


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_join_without_media_takes_a_place_as_any_other(is_connected: bool) -> None:
    setting = Setting(limits=Limits(half_open_joins=1))
    preparation = prepared(setting, came_from=ADDRESS)
    if is_connected:
        setting.media.transports[preparation.link.transport].listener.on_connected()
    setting.joiner.enter(setting.request(came_from=ADDRESS), preparation)
    if is_connected:
        setting.joiner.join(setting.request(came_from=ADDRESS))
        return
    with pytest.raises(RateLimited):
        setting.joiner.join(setting.request(came_from=ADDRESS))
    setting.media.transports[preparation.link.transport].listener.on_connected()
    setting.joiner.join(setting.request(came_from=ADDRESS))


def test_who_came_from_the_lobby_may_offer_again() -> None:
    setting = Setting()
    preparation = prepared(setting)
    request = setting.request()
    joined = setting.joiner.enter(request, preparation)
    again = setting.joiner.renegotiate(joined.session, request.sdp, HINTS)
    assert again.video_mids == joined.video_mids
    assert len(setting.media.transports) == 1


def test_a_bad_offer_is_refused_like_a_join() -> None:
    with pytest.raises(SfuError, match="v="):
        prepared(Setting(), sdp="nonsense")


def test_a_token_role_that_may_not_send_is_prepared_without_sources() -> None:
    setting = Setting(is_open=False)
    request = setting.request(grant=grant("subscriber"), tracks=IDLE)
    setting.joiner.enter(request, setting.joiner.prepare(request))
    assert setting.media.sources == {}
