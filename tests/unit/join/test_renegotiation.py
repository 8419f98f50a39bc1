"""A second offer: what was there stays, what is new comes, a failure changes nothing."""

from collections.abc import Sequence

import pytest

from sfu.errors import BadOffer, NotFound, SfuError, UnacceptableOffer
from sfu.join import Joined, TrackHint
from sfu.rooms import events
from tests.unit.join.fakes import HINTS, PARTICIPANT, RECEIVED, SENT, Broken, Setting, audio, video
from tests.unit.sdp.offers import SESSION, blocks, offer

MORE = offer(*SENT, *RECEIVED, video("v2", "recvonly"), audio("a2", "recvonly"))
RESTARTED = [line.replace("abcd", "wxyz") for line in SESSION]
NEW_CONNECTION = [line.replace("o=- 1 1", "o=- 2 1") for line in SESSION]


@pytest.fixture
def setting() -> Setting:
    return Setting()


@pytest.fixture
def joined(setting: Setting) -> Joined:
    return setting.joiner.join(setting.request())


def again(setting: Setting, joined: Joined, sdp: str, hints: Sequence[TrackHint] = HINTS) -> Joined:
    return setting.joiner.renegotiate(joined.session, sdp, hints)


def ssrcs(answer: str) -> list[str]:
    return [line for lines in blocks(answer)[1:] for line in lines if line.startswith("a=ssrc")]


def origin(answer: str) -> list[str]:
    return blocks(answer)[0][1].split(" ")


def test_more_slots(setting: Setting, joined: Joined) -> None:
    before = {mid: setting.media.slot(mid)[0] for mid in ("v0", "v1", "a0", "a1")}
    second = again(setting, joined, MORE)
    assert (second.video_mids, second.audio_mids) == (("v0", "v1", "v2"), ("a0", "a1", "a2"))
    assert {mid: setting.media.slot(mid)[0] for mid in before} == before
    assert setting.media.slot("a2")[1].follows == (setting.room().media_room, 2)
    participant = setting.room().participant(joined.session.id)
    assert [slot.mid for slot in participant.subscription.slots] == ["v0", "v1", "v2"]
    assert ssrcs(second.answer)[: len(ssrcs(joined.answer)) - 2] == ssrcs(joined.answer)[:-2]


def test_the_session_goes_on_under_its_name(setting: Setting, joined: Joined) -> None:
    first, second = origin(joined.answer), origin(again(setting, joined, MORE).answer)
    assert first[1] == second[1]
    assert int(second[2]) == int(first[2]) + 1


def test_the_same_offer_again_changes_nothing(setting: Setting, joined: Joined) -> None:
    before, heard = setting.media.books(), len(setting.events)
    again(setting, joined, PARTICIPANT)
    assert setting.media.books() == before
    assert setting.events[heard:] == []


def test_an_ice_restart_keeps_the_transport(setting: Setting, joined: Joined) -> None:
    before = setting.media.books()
    second = again(setting, joined, offer(*SENT, *RECEIVED, session=RESTARTED))
    assert setting.media.books() == before
    (transport,) = setting.media.transports.values()
    assert (transport.restarts, transport.remote.ufrag) == (1, "wxyz")
    assert any(line.startswith("a=ice-ufrag:again") for line in blocks(second.answer)[0])
    third = again(setting, joined, offer(*SENT, *RECEIVED, session=RESTARTED))
    assert transport.restarts == 1
    assert any(line.startswith("a=ice-ufrag:again") for line in blocks(third.answer)[0])


def test_a_track_may_come_and_go_live(setting: Setting, joined: Joined) -> None:
    shared = [TrackHint(hint.mid, hint.source, live=hint.source == "screen") for hint in HINTS]
    again(setting, joined, PARTICIPANT, shared)
    tracks = setting.room().participant(joined.session.id).tracks
    assert [tracks[source].live for source in ("microphone", "camera", "screen")] == [False, False, True]


def test_an_offer_does_not_end_a_moderators_mute(setting: Setting, joined: Joined) -> None:
    room = setting.room()
    camera = room.participant(joined.session.id).tracks["camera"]
    room.mute(joined.session.id, camera.id)
    again(setting, joined, PARTICIPANT)
    assert not camera.live
    assert camera.media in setting.media.gated


def test_another_screen_line(setting: Setting, joined: Joined) -> None:
    sdp = offer(*SENT, *RECEIVED, audio("sound", "sendonly"))
    again(setting, joined, sdp, [*HINTS, TrackHint("sound", "screen_audio", live=True)])
    assert "screen_audio" in setting.room().participant(joined.session.id).tracks


def test_what_is_stopped_goes(setting: Setting, joined: Joined) -> None:
    stopped = [
        [line.replace(" 9 ", " 0 ") if line.startswith("m=") else line for line in lines]
        for lines in (SENT[2], RECEIVED[2])
    ]
    sdp = offer(*SENT[:2], stopped[0], *RECEIVED[:2], stopped[1], RECEIVED[3])
    second = again(setting, joined, sdp, HINTS[:2])
    assert "screen" not in setting.room().participant(joined.session.id).tracks
    assert {spec.mid for _, spec, _ in setting.media.sources.values()} == {"mic", "cam"}
    assert second.audio_mids == ("", "a1"), "positions stay with their lines"


def test_a_freed_audio_position_is_taken_again(setting: Setting, joined: Joined) -> None:
    stopped = [line.replace(" 9 ", " 0 ") if line.startswith("m=") else line for line in RECEIVED[2]]
    again(setting, joined, offer(*SENT, *RECEIVED[:2], stopped, RECEIVED[3]))
    sdp = offer(*SENT, *RECEIVED[:2], stopped, RECEIVED[3], audio("a2", "recvonly"))
    second = again(setting, joined, sdp)
    assert second.audio_mids == ("a2", "a1")
    assert setting.media.slot("a2")[1].follows == (setting.room().media_room, 0)
    assert "a=msid:slot-0 audio-0" in blocks(second.answer)[8]
    assert "a=msid:slot-1 audio-1" in blocks(second.answer)[7]


@pytest.mark.parametrize(
    ("sdp", "hints", "error"),
    [
        ("nonsense", HINTS, BadOffer),
        (offer(*SENT), HINTS, UnacceptableOffer),
        (offer(*SENT, RECEIVED[1], RECEIVED[0], *RECEIVED[2:]), HINTS, UnacceptableOffer),
        (PARTICIPANT, [TrackHint("cam", "screen", live=True)], UnacceptableOffer),
    ],
    ids=["no sdp", "lines gone", "lines moved", "another purpose"],
)
def test_a_bad_offer_changes_nothing(
    setting: Setting, joined: Joined, sdp: str, hints: Sequence[TrackHint], error: type[SfuError]
) -> None:
    before, heard = setting.media.books(), len(setting.events)
    with pytest.raises(error):
        again(setting, joined, sdp, hints)
    assert setting.media.books() == before
    assert setting.events[heard:] == []
    again(setting, joined, MORE)


@pytest.mark.parametrize("step", ["add_slot", "restart_ice", "candidates"])
def test_a_failure_changes_nothing(setting: Setting, joined: Joined, step: str) -> None:
    before = setting.media.books()
    participant = setting.room().participant(joined.session.id)
    slots = [slot.id for slot in participant.subscription.slots]
    setting.media.fails_at = step
    restarted = offer(*SENT, *RECEIVED, video("v2", "recvonly"), session=RESTARTED)
    shared = [TrackHint(hint.mid, hint.source, live=True) for hint in HINTS]
    with pytest.raises(Broken):
        again(setting, joined, restarted, shared)
    assert setting.media.books() == before
    assert [slot.id for slot in participant.subscription.slots] == slots
    assert not participant.tracks["screen"].live
    setting.media.fails_at = ""
    assert again(setting, joined, MORE).video_mids == ("v0", "v1", "v2")


def test_a_new_connection_takes_the_place_of_the_old(setting: Setting, joined: Joined) -> None:
    (old,) = setting.media.transports
    again(setting, joined, offer(*SENT, *RECEIVED, session=NEW_CONNECTION))
    (new,) = setting.media.transports
    assert new != old
    participant = setting.room().participant(joined.session.id)
    assert participant.transport == new
    assert participant.tracks["camera"].media == setting.media.source("cam")[0]
    assert [slot.id for slot in participant.subscription.slots] == [
        setting.media.slot("v0")[0], setting.media.slot("v1")[0],
    ]  # fmt: skip
    setting.joiner.leave(joined.session)
    assert setting.media.is_empty


def test_tracks_that_a_new_connection_lacks_are_unpublished(setting: Setting, joined: Joined) -> None:
    again(setting, joined, offer(*SENT[:1], *RECEIVED, session=NEW_CONNECTION), HINTS[:1])
    assert list(setting.room().participant(joined.session.id).tracks) == ["microphone"]


@pytest.mark.parametrize("step", ["open_transport", "add_source", "add_slot", "candidates"])
def test_a_new_connection_that_fails_leaves_the_old_one(setting: Setting, joined: Joined, step: str) -> None:
    before = setting.media.books()
    participant = setting.room().participant(joined.session.id)
    sources = {source: track.media for source, track in participant.tracks.items()}
    slots = [slot.id for slot in participant.subscription.slots]
    setting.media.fails_at = step
    with pytest.raises(Broken):
        again(setting, joined, offer(*SENT, *RECEIVED, session=NEW_CONNECTION))
    assert setting.media.books() == before
    assert {source: track.media for source, track in participant.tracks.items()} == sources
    assert [slot.id for slot in participant.subscription.slots] == slots


def test_lost_media_comes_back_by_a_new_connection(setting: Setting, joined: Joined) -> None:
    (old,) = setting.media.transports
    setting.media.lose(old)
    with pytest.raises(BadOffer, match="new RTCPeerConnection"):
        again(setting, joined, PARTICIPANT)
    again(setting, joined, offer(*SENT, *RECEIVED, session=NEW_CONNECTION))
    (transport,) = setting.media.transports.values()
    transport.listener.on_connected()
    assert setting.events[-1] == events.MediaRestored(joined.session.id)


def test_the_end_of_a_replaced_connection_means_nothing(setting: Setting, joined: Joined) -> None:
    ((_, old),) = setting.media.transports.items()
    again(setting, joined, offer(*SENT, *RECEIVED, session=NEW_CONNECTION))
    heard = len(setting.events)
    old.listener.on_lost("consent_expired")
    old.listener.on_connected()
    assert setting.events[heard:] == []


def test_an_ended_session_cannot_offer(setting: Setting, joined: Joined) -> None:
    setting.joiner.leave(joined.session)
    with pytest.raises(NotFound):
        again(setting, joined, MORE)
