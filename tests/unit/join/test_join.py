"""Joining: what a good offer opens, and that a bad or broken one leaves nothing behind."""

import pytest

from sfu.errors import (
    BadName,
    BadOffer,
    Draining,
    Forbidden,
    RoomFull,
    RoomLocked,
    ServerFull,
    SfuError,
    TooLarge,
    UnacceptableOffer,
    UnsupportedMedia,
)
from sfu.join import TrackHint
from sfu.limits import Limits
from sfu.rooms import events
from sfu.rooms.ports import TileSize
from sfu.rooms.subscription import View
from tests.unit.join.fakes import (
    H264,
    HINTS,
    PARTICIPANT,
    PROGRAM,
    SENT,
    VIEWER,
    Broken,
    Setting,
    audio,
    grant,
    video,
)
from tests.unit.sdp.offers import SESSION, blocks, load, offer


def told(setting: Setting, kind: type) -> list[object]:
    return [event for event in setting.events if type(event) is kind]


def test_a_participant_gets_its_tracks_and_slots() -> None:
    setting = Setting()
    joined = setting.joiner.join(setting.request())
    (participant,) = setting.room().participants
    assert joined.session.id == participant.id
    assert (joined.video_mids, joined.audio_mids) == (("v0", "v1"), ("a0", "a1"))
    assert {source: track.live for source, track in participant.tracks.items()} == {
        "microphone": True, "camera": True, "screen": False,
    }  # fmt: skip
    assert [slot.mid for slot in participant.subscription.slots] == ["v0", "v1"]
    assert participant.audio_mids == ("a0", "a1")


def test_what_media_is_told() -> None:
    setting = Setting()
    setting.joiner.join(setting.request(reached_at="192.0.2.9"))
    media, room = setting.media, setting.room().media_room
    (transport,) = media.transports.values()
    assert (transport.remote.ufrag, transport.remote.setup) == ("abcd", "actpass")
    assert media.reached == ["192.0.2.9"]
    _, microphone = media.source("mic")
    _, screen = media.source("screen")
    assert (microphone.room, microphone.is_screen) == (room, False)
    assert (screen.room, screen.is_screen) == (None, True)
    assert [(codec.codec, codec.payload_type, codec.nack, codec.pli) for codec in screen.codecs] == [
        ("vp8", 96, True, True)
    ]
    assert [media.slot(mid)[1].follows for mid in ("a0", "a1", "v0")] == [(room, 0), (room, 1), None]
    cnames = {spec.cname for _, spec, _ in media.slots.values()}
    assert len(cnames) == 1


def test_the_answer_names_what_media_gave() -> None:
    setting = Setting()
    joined = setting.joiner.join(setting.request())
    session, *sections = blocks(joined.answer)
    (transport,) = setting.media.transports
    assert f"a=ice-ufrag:ufrag{transport}" in session
    slot = setting.media.slot("v1")[0]
    assert f"a=ssrc-group:FID {10_000 + slot} {20_000 + slot}" in sections[4]
    assert "a=msid:slot-1 video-1" in sections[4]
    assert "a=msid:slot-1 audio-1" in sections[6]


@pytest.mark.parametrize(
    ("name", "announced"), [("chromium-156-participant", 0), ("firefox-153-participant", 3)]
)
def test_simulcast_of_real_browsers(name: str, announced: int) -> None:
    hints = [TrackHint("0", "microphone", live=True), TrackHint("1", "camera", live=True)]
    setting = Setting()
    joined = setting.joiner.join(setting.request(sdp=load(name), tracks=hints))
    _, camera = setting.media.source("1")
    assert camera.rids == ("f", "h", "q")
    assert len(camera.announced) == announced, "one SSRC a rid, or none"
    assert (len(joined.video_mids), len(joined.audio_mids)) == (25, 8)
    assert "a=inactive" in blocks(joined.answer)[3], "the screen line had no hint"


def test_a_name_in_the_token_wins() -> None:
    setting = Setting()
    setting.joiner.join(setting.request(grant=grant(name="Grace"), name="Ada"))
    assert [participant.name for participant in setting.room().participants] == ["Grace"]


def test_a_subscriber_sends_nothing() -> None:
    setting = Setting(is_open=False)
    joined = setting.joiner.join(setting.request(role="subscriber"))
    assert not setting.media.sources
    assert len(setting.media.slots) == 4
    assert ["a=inactive" in lines for lines in blocks(joined.answer)[1:4]] == [True] * 3


def test_more_slots_than_allowed_are_rejected() -> None:
    setting = Setting(limits=Limits(video_slots=1, audio_slots=1))
    joined = setting.joiner.join(setting.request())
    assert (joined.video_mids, joined.audio_mids) == (("v0",), ("a0",))


@pytest.mark.parametrize(
    "hints",
    [
        (TrackHint("unknown", "camera", live=True),),
        (TrackHint("mic", "camera", live=True),),
        (TrackHint("cam", "camera", live=True), TrackHint("screen", "camera", live=True)),
        (TrackHint("cam", "camera", live=True), TrackHint("cam", "screen", live=True)),
    ],
    ids=["unknown mid", "wrong kind", "one purpose twice", "one line twice"],
)
def test_hints_must_fit_the_offer(hints: tuple[TrackHint, ...]) -> None:
    setting = Setting()
    with pytest.raises(BadOffer):
        setting.joiner.join(setting.request(tracks=hints))
    assert setting.media.is_empty


def test_a_program_publishes_by_order() -> None:
    setting = Setting()
    sdp = offer(*(video(str(n), "sendonly") for n in range(3)), audio("a", "sendonly"))
    setting.joiner.join(setting.request(kind="whip", sdp=sdp, name="OBS"))
    (program,) = setting.room().participants
    assert (program.kind, program.name) == ("whip", "OBS")
    tracks = {source: track.live for source, track in program.tracks.items()}
    assert tracks == {"camera": True, "screen": True, "microphone": True}


def test_ffmpeg_publishes() -> None:
    setting = Setting()
    joined = setting.joiner.join(setting.request(kind="whip", sdp=load("ffmpeg-9-whip")))
    assert "a=setup:active" in blocks(joined.answer)[0]
    assert setting.media.source("1")[1].announced == ((1354773437, 1354773438),)
    assert setting.media.source("1")[1].codecs[0].format == "packetization-mode=1;profile=baseline"


def test_a_viewer_is_counted_and_not_listed() -> None:
    setting = Setting()
    setting.joiner.join(setting.request(kind="whep"))
    assert (setting.room().viewers, setting.room().participants) == (1, ())
    assert setting.media.slot("1")[1].follows is None


def test_a_viewer_plays_what_comes_later() -> None:
    setting = Setting()
    setting.joiner.join(setting.request(kind="whep", play="OBS"))
    slot = setting.media.slot("0")[0]
    setting.joiner.join(setting.request(kind="whip", name="Other"))
    assert setting.media.shown.get(slot) is None
    joined = setting.joiner.join(setting.request(kind="whip", name="OBS"))
    camera = setting.room().participant(joined.session.id).tracks["camera"]
    assert setting.media.shown[slot] == camera.media


def test_a_viewer_that_cannot_decode_is_told_so() -> None:
    setting = Setting()
    setting.joiner.join(setting.request(kind="whip", name="OBS"))
    before = setting.media.books()
    h264 = offer(video("0", "recvonly", H264, "102"))
    for play in ("OBS", None):
        with pytest.raises(UnsupportedMedia):
            setting.joiner.join(setting.request(kind="whep", play=play, sdp=h264))
    setting.joiner.join(setting.request(kind="whep", play="somebody else", sdp=h264))
    assert setting.media.books() != before
    assert setting.room().viewers == 1


def test_what_is_really_sent_counts_once_it_is_known() -> None:
    setting = Setting()
    both = offer(video("0", "sendonly", ["a=rtpmap:96 VP8/90000", *H264], "96 102"))
    setting.joiner.join(setting.request(kind="whip", sdp=both))
    h264 = setting.request(kind="whep", sdp=offer(video("0", "recvonly", H264, "102")))
    with pytest.raises(UnsupportedMedia):
        setting.joiner.join(h264)
    (_, _, listener), *_ = setting.media.sources.values()
    assert listener is not None
    listener.on_layers("h264", [0])
    setting.joiner.join(h264)
    with pytest.raises(UnsupportedMedia):
        setting.joiner.join(setting.request(kind="whep"))


def test_leaving_closes_everything() -> None:
    setting = Setting()
    ended: list[str] = []
    joined = setting.joiner.join(setting.request(on_ended=ended.append))
    viewer = setting.joiner.join(setting.request(kind="whep", on_ended=ended.append))
    setting.joiner.leave(joined.session)
    setting.joiner.leave(joined.session)
    setting.joiner.leave(viewer.session)
    assert setting.media.is_empty
    assert ended == ["left", "left"]


@pytest.mark.parametrize("kind", ["whip", "whep"])
def test_a_program_whose_media_is_lost_has_left(kind: str) -> None:
    setting = Setting()
    ended: list[str] = []
    setting.joiner.join(setting.request(kind=kind, on_ended=ended.append))
    (transport,) = setting.media.transports
    setting.media.lose(transport)
    assert ended == ["lost"]
    assert setting.media.is_empty


def test_a_participant_whose_media_is_lost_stays_and_is_told() -> None:
    setting = Setting()
    joined = setting.joiner.join(setting.request())
    (transport,) = setting.media.transports
    setting.media.lose(transport)
    assert told(setting, events.MediaLost) == [events.MediaLost(joined.session.id)]
    assert len(setting.room().participants) == 1


def test_an_undecodable_slot_is_passed_on() -> None:
    setting = Setting()
    ada = setting.joiner.join(setting.request())
    (slot, _), (_, _, listener) = setting.media.slot("v0"), setting.media.slots[setting.media.slot("v0")[0]]
    grace = setting.joiner.join(setting.request(name="Grace", sdp=offer(*SENT)))
    camera = setting.room().participant(grace.session.id).tracks["camera"]
    setting.room().set_view(ada.session.id, [View(camera.id, TileSize(640, 360))])
    assert setting.media.shown[slot] == camera.media
    assert listener is not None
    listener.on_undecodable(camera.media, "h264")
    changed = told(setting, events.SlotsChanged)[-1]
    assert changed == events.SlotsChanged(
        ada.session.id, (events.SlotShown("v0", camera.id, undecodable=True),)
    )


@pytest.mark.parametrize(
    ("reason", "told_reason"),
    [("your_downlink", "your_downlink"), ("tile_is_small", None), ("no_higher_layer", None)],
)
def test_why_a_picture_is_not_better_is_passed_on_where_something_is_amiss(reason, told_reason) -> None:
    setting = Setting()
    ada = setting.joiner.join(setting.request())
    (slot, _), (_, _, listener) = setting.media.slot("v0"), setting.media.slots[setting.media.slot("v0")[0]]
    grace = setting.joiner.join(setting.request(name="Grace", sdp=offer(*SENT)))
    camera = setting.room().participant(grace.session.id).tracks["camera"]
    setting.room().set_view(ada.session.id, [View(camera.id, TileSize(640, 360))])
    assert setting.media.shown[slot] == camera.media
    assert listener is not None
    listener.on_adapted(camera.media, True, reason)
    changed = told(setting, events.SlotsChanged)[-1]
    shown = events.SlotShown("v0", camera.id, False, off=True, reason=told_reason)
    assert changed == events.SlotsChanged(ada.session.id, (shown,))


@pytest.mark.parametrize("step", ["open_transport", "add_source", "add_slot", "candidates"])
@pytest.mark.parametrize("kind", ["participant", "whip", "whep"])
def test_a_failure_leaves_nothing_behind(kind: str, step: str) -> None:
    setting = Setting()
    if (kind, step) in (("whip", "add_slot"), ("whep", "add_source")):
        step = "candidates"
    setting.media.fails_at = step
    with pytest.raises(Broken):
        setting.joiner.join(setting.request(kind=kind))
    assert setting.media.is_empty
    assert len(setting.rooms) == 0


def test_a_failure_in_a_room_with_others_disturbs_nobody() -> None:
    setting = Setting()
    setting.joiner.join(setting.request())
    before = setting.media.books()
    setting.media.fails_at = "add_slot"
    with pytest.raises(Broken):
        setting.joiner.join(setting.request(name="Grace"))
    assert setting.media.books() == before
    assert len(setting.room().participants) == 1


REFUSED: dict[str, tuple[type[SfuError], dict[str, object]]] = {
    "no sdp": (BadOffer, {"sdp": "hello"}),
    "too large": (TooLarge, {"sdp": "v=0\r\n" + "a" * 600_000}),
    "too many lines": (BadOffer, {"sdp": "v=0\r\n" + "m=audio 9 X 0\r\n" * 10_000}),
    "no fingerprint": (
        UnacceptableOffer,
        {"sdp": offer(*SENT, session=[line for line in SESSION if "finger" not in line])},
    ),
    "nothing usable": (UnsupportedMedia, {"sdp": offer(video("0", "inactive")), "tracks": ()}),
    "whip that only listens": (UnsupportedMedia, {"kind": "whip", "sdp": VIEWER}),
    "whep that only sends": (UnsupportedMedia, {"kind": "whep", "sdp": PROGRAM}),
    "whip as a subscriber": (Forbidden, {"kind": "whip", "role": "subscriber"}),
    "bad room": (BadName, {"room": "a/b"}),
    "CRLF in the name": (BadName, {"name": "Ada\r\nSet-Cookie: x"}),
}


@pytest.mark.parametrize(("error", "changes"), REFUSED.values(), ids=list(REFUSED))
def test_refusals_have_names_and_leave_nothing(error: type[SfuError], changes: dict[str, object]) -> None:
    setting = Setting()
    with pytest.raises(error) as raised:
        setting.joiner.join(setting.request(**changes))
    assert type(raised.value) is error
    assert setting.media.is_empty
    assert setting.events == [] or isinstance(setting.events[-1], events.RoomClosed)


def test_full_locked_and_draining_rooms_leave_nothing() -> None:
    setting = Setting(limits=Limits(participants_per_room=1))
    first = setting.joiner.join(setting.request())
    before = setting.media.books()
    with pytest.raises(RoomFull):
        setting.joiner.join(setting.request())
    setting.room().lock(first.session.id, locked=True)
    with pytest.raises(RoomLocked):
        setting.joiner.join(setting.request(kind="whep"))
    setting.rooms.drain(60)
    with pytest.raises(Draining):
        setting.joiner.join(setting.request(room="other"))
    assert setting.media.books() == before


def test_a_full_server_says_so() -> None:
    setting = Setting()
    setting.media.limit = 0
    with pytest.raises(ServerFull):
        setting.joiner.join(setting.request())
    assert len(setting.rooms) == 0


def test_no_more_publishers_than_allowed() -> None:
    setting = Setting(limits=Limits(publishers_per_room=1))
    setting.joiner.join(setting.request(kind="whip"))
    before = setting.media.books()
    setting.events.clear()
    with pytest.raises(RoomFull):
        setting.joiner.join(setting.request())
    assert setting.media.books() == before
    assert not setting.events, "nobody is told of someone who could not stay"
    quiet = [TrackHint(hint.mid, hint.source, live=False) for hint in HINTS]
    setting.joiner.join(setting.request(tracks=quiet, sdp=PARTICIPANT))
    assert len(setting.room().participants) == 2
