"""Rooms and people are called what URLs and screens can bear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfu.errors import BadName
from sfu.rooms.names import checked_person_name, checked_room_name


@pytest.mark.parametrize("name", ["lobby", "a", "Größe-1", "会議室", "चर्चा", "a.b~c_d-e", "x" * 64, "9"])
def test_good_room_names_stay(name: str) -> None:
    assert checked_room_name(name, 64) == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 65, "a b", "a/b", "a\nb", "a\x00", "a?b", "#", "..", ".", "%2e", "a\u202eb", "\u0301a", "😀"],
)
def test_bad_room_names_are_refused(name: str) -> None:
    with pytest.raises(BadName):
        checked_room_name(name, 64)


def test_one_spelling_is_one_room() -> None:
    assert checked_room_name("cafe\u0301", 64) == checked_room_name("caf\u00e9", 64)


@pytest.mark.parametrize("name", ["Ada", "  Ada  ", "José Ñ", "李", "O'Brien <b>", "👩‍🔬", "שרה", "x" * 64])
def test_good_names_of_people_are_trimmed(name: str) -> None:
    assert checked_person_name(name, 64) == name.strip()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 65,
        "a\r\nb",
        "a\x07",
        "a\x85b",
        "\u202eevil",
        "a\u2066b",
        "a\u2028b",
        "\ud800",
        "\u200b",
    ],
)
def test_bad_names_of_people_are_refused(name: str) -> None:
    with pytest.raises(BadName):
        checked_person_name(name, 64)


@given(st.text(max_size=80))
def test_any_text_is_accepted_or_refused_by_name(text: str) -> None:
    for check in (checked_room_name, checked_person_name):
        try:
            checked = check(text, 64)
        except BadName:
            continue
        assert 1 <= len(checked) <= 64
        assert check(checked, 64) == checked
        assert not any(mark in checked for mark in "\r\n\x00\u202e")
