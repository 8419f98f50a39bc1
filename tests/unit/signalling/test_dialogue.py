"""One connection's talk: in by join or resume, every request answered once, every refusal named."""

import json

import pytest

from sfu.auth.grants import Grant
from sfu.limits import FIXED, Limits
from sfu.signalling.outlet import CloseCode
from sfu.signalling.rate import ABUSE
from tests.unit.signalling.fakes import House


def test_joined_tells_the_whole_state() -> None:
    house = House()
    ada = house.joined("Ada", "microphone", "camera")
    ada.ask("send_chat", key="1", text="hello")
    bob = house.joined("Bob")
    reply = bob.joined
    assert [one["name"] for one in reply["participants"]] == ["Ada", "Bob"]
    assert [one["role"] for one in reply["participants"]] == ["moderator", "publisher"]
    assert [track["source"] for track in reply["participants"][0]["tracks"]] == ["microphone", "camera"]
    assert [message["text"] for message in reply["chat"]] == ["hello"]
    assert reply["video_slots"] == [{"mid": "v0"}, {"mid": "v1"}, {"mid": "v2"}]
    assert (reply["sdp"], reply["room"], reply["locked"]) == ("answer", "lobby", False)
    assert (reply["audio_mids"], reply["seq"], reply["role"]) == (["a0"], 0, "publisher")
    assert house.joiner.requests[0].reached_at == "127.0.0.1"


def test_a_newcomer_may_ask_for_pictures_with_its_join() -> None:
    house = House()
    ada, bob = house.joined("Ada", "microphone", "camera", "screen"), house.joined("Bob", "camera")
    cleo = house.joined("Cleo", "camera", pictures=2)
    shown = [slot.get("track") for slot in cleo.joined["video_slots"]]
    assert shown == [f"{ada.id}-screen", f"{ada.id}-camera", None]
    assert cleo.events == []
    cleo.say("set_view", tiles=[{"track": f"{bob.id}-camera", "width": 640, "height": 360}])
    (event,) = [event for event in cleo.events if event["type"] == "slots"]
    assert f"{bob.id}-camera" in [slot.get("track") for slot in event["slots"]]
    for pictures in (0, -1, 1_000_000):
        assert house.joined("Dan", pictures=pictures).joined["type"] == "joined"


def test_others_see_who_joins_publishes_and_leaves() -> None:
    house = House()
    ada = house.joined("Ada")
    bob = house.joined("Bob", "camera")
    bob.say("leave")
    assert [event["type"] for event in ada.events] == [
        "participant_joined",
        "track_published",
        "participant_left",
    ]
    assert [event["seq"] for event in ada.events] == [1, 2, 3]
    assert ada.events[1]["track"] == {"id": f"{bob.id}-camera", "source": "camera", "live": True}
    assert ada.events[2]["reason"] == "left"
    assert bob.outlet.code is CloseCode.NORMAL
    assert len(house.sessions) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "offer",
        "set_track",
        "set_view",
        "send_chat",
        "mute_track",
        "remove_participant",
        "lock_room",
        "cap_video",
        "end_room",
    ],
)
def test_first_a_join(kind: str) -> None:
    fields = {
        "offer": {"id": 1, "sdp": "", "tracks": []},
        "set_track": {"id": 1, "source": "camera", "live": True},
        "set_view": {"tiles": []},
        "send_chat": {"id": 1, "key": "1", "text": "x"},
        "mute_track": {"id": 1, "track": "x"},
        "remove_participant": {"id": 1, "participant": "x"},
        "lock_room": {"id": 1, "locked": True},
        "cap_video": {"id": 1, "kbps": 500},
        "end_room": {"id": 1},
    }[kind]
    person = House().person()
    person.say(kind, **fields)
    assert [frame["code"] for frame in person.outlet.frames] == ["not_joined"]
    assert person.outlet.code is None


def test_second_join_is_refused() -> None:
    house = House()
    ada = house.joined()
    assert ada.ask("join", room="other", name="Ada", sdp="offer", tracks=[])["code"] == "bad_message"
    assert len(house.world.rooms) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"room": "no/room"}, "bad_name"),
        ({"name": "a\r\nb"}, "bad_name"),
        ({"name": ""}, "bad_name"),
        ({"sdp": "bad"}, "bad_offer"),
        ({"tracks": [{"mid": "0", "source": "window", "live": True}]}, "bad_message"),
        ({"name": 7}, "bad_message"),
    ],
)
def test_refused_join_says_why_and_may_be_tried_again(fields: dict[str, object], code: str) -> None:
    house = House()
    person = house.person()
    assert person.join(**{"name": "Ada", **fields})["code"] == code
    assert len(house.world.rooms) == 0
    assert person.join()["type"] == "joined"


def test_token_mode_asks_for_a_token_of_this_room() -> None:
    house = House(mode="token")
    other = house.tokens.mint(Grant("other", "publisher"), ttl_s=60)
    good = house.tokens.mint(Grant("lobby", "subscriber", "Sam"), ttl_s=60)
    person = house.person()
    for token in (None, "", "junk", other):
        assert person.join(token=token)["code"] == "unauthorized"
    reply = person.join("Somebody", token=good)
    assert (reply["role"], reply["participants"][0]["name"]) == ("subscriber", "Sam")
    house.world.clock.advance(3600)
    assert house.person().join(token=good)["code"] == "unauthorized"


def test_draining_full_and_locked_have_names() -> None:
    house = House(limits=Limits(participants_per_room=2, rooms=1))
    ada = house.joined()
    assert house.person().join(room="other")["code"] == "server_full"
    ada.ask("lock_room", locked=True)
    assert house.person().join()["code"] == "room_locked"
    ada.ask("lock_room", locked=False)
    house.joined()
    assert house.person().join()["code"] == "room_full"
    house.world.rooms.drain(60)
    assert house.person().join()["code"] == "draining"


def test_every_request_has_one_reply() -> None:
    house = House()
    ada, bob = house.joined("Ada", "microphone"), house.joined("Bob", "camera")
    assert ada.ask("set_track", source="microphone", live=False)["type"] == "ok"
    assert ada.ask("send_chat", key="1", text="hi")["type"] == "ok"
    assert ada.ask("mute_track", track=f"{bob.id}-camera")["type"] == "ok"
    assert ada.ask("lock_room", locked=True)["type"] == "ok"
    answer = ada.ask("offer", sdp="more", tracks=[])
    assert (answer["type"], answer["sdp"], len(answer["video_slots"])) == ("answer", "answer", 5)
    assert ada.ask("remove_participant", participant=bob.id)["type"] == "ok"
    assert ada.ask("end_room")["type"] == "ok"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("offer", {"sdp": "bad", "tracks": []}, "bad_offer"),
        ("set_track", {"source": "camera", "live": True}, "not_found"),
        ("send_chat", {"key": "1", "text": "x", "to": "nobody"}, "not_found"),
        ("send_chat", {"key": "1", "text": "x" * 20_000}, "too_large"),
        ("send_chat", {"key": "1", "text": ""}, "bad_message"),
        ("mute_track", {"track": "nothing"}, "forbidden"),
        ("remove_participant", {"participant": "nobody"}, "forbidden"),
        ("lock_room", {"locked": True}, "forbidden"),
        ("cap_video", {"kbps": 500}, "forbidden"),
        ("cap_video", {"kbps": -1}, "bad_message"),
        ("cap_video", {"kbps": 10**12}, "bad_message"),
        ("cap_video", {"kbps": "500"}, "bad_message"),
        ("end_room", {}, "forbidden"),
    ],
)
def test_refusal_is_named_and_changes_nothing(kind: str, fields: dict[str, object], code: str) -> None:
    house = House()
    ada = house.joined("Ada")
    bob = house.joined("Bob")
    before = len(ada.events)
    assert bob.ask(kind, **fields)["code"] == code
    assert len(ada.events) == before
    assert bob.outlet.code is None


def test_a_moderators_cap_is_told_to_all_and_to_who_comes_later() -> None:
    house = House()
    ada = house.joined("Ada")
    bob = house.joined("Bob")
    assert ada.ask("cap_video", kbps=500)["type"] == "ok"
    assert bob.events[-1] == {"type": "video_capped", "seq": bob.events[-1]["seq"], "kbps": 500}
    cleo = house.person()
    assert cleo.ask("join", room="lobby", name="Cleo", sdp="offer", tracks=[])["video_cap_kbps"] == 500
    assert ada.ask("cap_video")["type"] == "ok"
    assert "kbps" not in bob.events[-1]


def test_subscriber_may_not_send_but_write() -> None:
    house = House(mode="token")
    token = house.tokens.mint(Grant("lobby", "subscriber"), ttl_s=60)
    sam = house.joined("Sam", token=token)
    assert sam.ask("set_track", source="camera", live=True)["code"] == "forbidden"
    assert sam.ask("send_chat", key="1", text="hello")["type"] == "ok"


def test_view_brings_slots() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob", "camera")
    track = f"{bob.id}-camera"
    ada.say("set_view", tiles=[{"track": track, "width": 640, "height": -5, "stage": True}])
    assert ada.outlet.of("slots")[-1]["slots"] == [{"mid": "v0", "track": track}]
    assert not bob.outlet.of("slots")
    ada.say("set_view", tiles=[])
    assert ada.outlet.of("slots")[-1]["slots"] == [{"mid": "v0"}]
    sizes = [size for size in house.world.media.sizes.values() if size]
    assert not [size for size in sizes if size.height < 0]


def test_view_of_thousands_is_refused() -> None:
    ada = House().joined()
    ada.say("set_view", tiles=[{"track": "x", "width": 1, "height": 1}] * 513)
    assert ada.outlet.frames[-1]["code"] == "bad_message"


def test_moderators_mute_reaches_its_owner() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob", "microphone")
    ada.ask("mute_track", track=f"{bob.id}-microphone")
    told = bob.outlet.of("track_updated")[-1]
    assert (told["by_moderator"], told["track"]["live"]) == (True, False)
    bob.ask("set_track", source="microphone", live=True)
    assert "by_moderator" not in ada.outlet.of("track_updated")[-1]


def test_removed_participant_is_told_and_disconnected() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    ada.ask("remove_participant", participant=bob.id)
    assert bob.events[-1]["type"] == "ended"
    assert bob.events[-1]["reason"] == "removed"
    assert bob.outlet.code is CloseCode.NORMAL
    assert ada.outlet.of("participant_left")[-1]["reason"] == "removed"
    again = house.person()
    assert again.ask("resume", session=bob.joined["session"], last_seq=0)["code"] == "session_expired"


def test_ended_room_ends_everyone() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    ada.ask("end_room")
    for one in (ada, bob):
        assert one.outlet.of("ended") == [
            {"type": "ended", "seq": one.events[-1]["seq"], "reason": "room_ended"}
        ]
        assert one.outlet.code is CloseCode.NORMAL
    assert (len(house.sessions), len(house.world.rooms)) == (0, 0)
    assert not bob.outlet.of("participant_left")


def test_private_words_reach_the_two_alone() -> None:
    house = House()
    ada, bob, cleo = (house.joined(name) for name in ("Ada", "Bob", "Cleo"))
    ada.ask("send_chat", key="1", text="psst", to=bob.id)
    assert [len(one.outlet.of("chat_received")) for one in (ada, bob, cleo)] == [1, 1, 0]
    assert bob.outlet.of("chat_received")[0]["message"]["to"] == bob.id
    assert house.joined("Dora").joined["chat"] == []


def test_repeated_chat_is_one_message() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    for _ in range(2):
        assert ada.ask("send_chat", key="k", text="hello")["type"] == "ok"
    assert len(bob.outlet.of("chat_received")) == 1


def test_ping_is_answered_before_and_after_joining() -> None:
    person = House().person()
    person.say("ping")
    person.join()
    person.say("ping")
    assert len(person.outlet.of("pong")) == 2


def test_leave_without_a_session_closes() -> None:
    person = House().person()
    person.say("leave")
    assert person.outlet.code is CloseCode.NORMAL


def test_binary_frame_ends_the_connection_not_the_session() -> None:
    house = House()
    ada = house.joined()
    ada.dialogue.on_binary()
    assert ada.outlet.frames[-1]["code"] == "bad_message"
    assert ada.outlet.code is CloseCode.UNSUPPORTED_DATA
    assert len(house.sessions) == 1


def test_who_does_not_join_in_time_is_disconnected() -> None:
    house = House()
    idle, ada = house.person(), house.joined()
    house.timers.advance(FIXED.join_timeout_s)
    assert (idle.outlet.frames[-1]["code"], idle.outlet.code) == ("not_joined", CloseCode.POLICY)
    assert ada.outlet.code is None


def test_flood_is_refused_by_name_and_abuse_ends_the_connection() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    for number in range(150):
        ada.say("set_track", id=1000 + number, source="camera", live=True)
    refused = [frame for frame in ada.outlet.of("error") if frame["code"] == "rate_limited"]
    assert len(refused) == 51
    assert refused[-1]["id"] == 1149
    assert ada.outlet.code is None
    assert bob.ask("send_chat", key="1", text="unharmed")["type"] == "ok"
    for _ in range(ABUSE):
        ada.say("ping")
    assert ada.outlet.code is CloseCode.POLICY


def test_our_own_mistake_is_an_error_of_that_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    ada = house.joined()
    monkeypatch.setattr(house.chat, "send", None)
    assert ada.ask("send_chat", key="1", text="x")["code"] == "internal"
    assert ada.ask("lock_room", locked=True)["type"] == "ok"


def test_unreadable_message_is_answered_without_an_id() -> None:
    person = House().person()
    person.dialogue.on_text("{")
    person.dialogue.on_text(json.dumps({"type": "nonsense", "id": 3}))
    assert [frame.get("id") for frame in person.outlet.frames] == [None, 3]
    assert {frame["code"] for frame in person.outlet.frames} == {"bad_message"}
