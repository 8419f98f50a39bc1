"""The layer that a tile gets."""

from dataclasses import dataclass

import pytest

from sfu.media.policy import LayerPolicy, choose, resolutions_of

F, H, Q = 0, 1, 2
HD = {F: (1280, 720), H: (640, 360), Q: (320, 180)}
PORTRAIT = {F: (720, 1280), H: (360, 640), Q: (180, 320)}


@dataclass(frozen=True)
class Tile:
    width: int
    height: int
    stage: bool = False


@pytest.mark.parametrize(
    ("tile", "layers", "expected"),
    [
        (Tile(320, 180), HD, Q),
        (Tile(426, 240), HD, Q),  # 180 is three quarters of it
        (Tile(430, 242), HD, H),
        (Tile(640, 360), HD, H),
        (Tile(853, 480), HD, H),
        (Tile(860, 484), HD, F),
        (Tile(1280, 720), HD, F),
        (Tile(3840, 2160), HD, F),  # nothing larger there is
        (Tile(1, 1), HD, Q),
        (Tile(0, 0), HD, Q),
        (Tile(320, 180, stage=True), HD, Q),
        (Tile(321, 180, stage=True), HD, H),  # the stage is filled entirely
        (Tile(640, 361, stage=True), HD, F),
        (None, HD, F),
        (Tile(320, 180), PORTRAIT, H),  # covers the tile: the width decides
        (Tile(180, 320), PORTRAIT, Q),
        (Tile(360, 320), HD, H),  # a square tile cuts the sides off: the height decides
        (Tile(320, 180), {F: (1280, 720)}, F),
        (Tile(1280, 720), {H: (640, 360), Q: (320, 180)}, H),
        (Tile(320, 180), {}, F),
    ],
)
def test_the_smallest_layer_that_fills_the_tile(tile, layers, expected) -> None:
    assert choose(tile, layers) == expected


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({}, HD),
        ({F: (1920, 1080)}, {F: (1920, 1080), H: (960, 540), Q: (480, 270)}),
        ({H: (320, 180)}, {F: (640, 360), H: (320, 180), Q: (160, 90)}),
        ({F: (640, 480), Q: (160, 120)}, {F: (640, 480), H: (320, 240), Q: (160, 120)}),
        ({F: (1280, 720), H: (960, 540)}, {F: (1280, 720), H: (960, 540), Q: (320, 180)}),
    ],
)
def test_unmeasured_layers_are_guessed_from_measured_ones(measured, expected) -> None:
    assert resolutions_of(3, measured) == expected


@pytest.fixture
def policy() -> LayerPolicy:
    policy = LayerPolicy()
    policy.add_source(1, 3, is_screen=False)
    return policy


def test_two_layers_are_those_of_a_small_picture_until_a_keyframe_tells() -> None:
    assert resolutions_of(2, {}) == {F: (640, 360), H: (320, 180)}
    assert resolutions_of(2, {F: (1280, 720)}) == {F: (1280, 720), H: (640, 360)}
    assert resolutions_of(3, {})[F] == resolutions_of(1, {})[F] == (1280, 720)


def test_a_new_size_chooses_anew(policy: LayerPolicy) -> None:
    assert policy.show(9, 1, Tile(320, 180)) == Q
    assert policy.show(9, 1, Tile(640, 360)) == H
    assert policy.show(9, 1, Tile(960, 540, stage=True)) == F


def test_a_measured_resolution_moves_the_slots_that_it_concerns(policy: LayerPolicy) -> None:
    policy.show(8, 1, Tile(320, 180))
    policy.show(9, 1, Tile(1280, 720))
    assert policy.measured(1, {F: (640, 360), H: (320, 180), Q: (160, 90)}) == [(8, 1, H)]
    assert policy.measured(1, {F: (640, 360), H: (320, 180), Q: (160, 90)}) == []


def test_layers_without_a_keyframe_do_not_count_as_measured(policy: LayerPolicy) -> None:
    policy.show(9, 1, Tile(320, 180))
    assert policy.measured(1, {F: (0, 0), H: (0, 0), Q: (0, 0)}) == []


def test_a_layer_that_stops_is_not_asked_for(policy: LayerPolicy) -> None:
    policy.show(9, 1, Tile(320, 180))
    assert policy.layers_changed(1, [F, H]) == [(9, 1, H)]
    assert policy.layers_changed(1, [F, H, Q]) == [(9, 1, Q)]


def test_silence_keeps_the_choice(policy: LayerPolicy) -> None:
    policy.show(9, 1, Tile(320, 180))
    assert policy.layers_changed(1, []) == []


def test_layers_out_of_range_are_ignored(policy: LayerPolicy) -> None:
    policy.show(9, 1, Tile(320, 180))
    assert policy.layers_changed(1, [F, 7, 255]) == [(9, 1, F)]


def test_the_largest_tile_says_what_is_wanted_though_it_is_not_sent(policy: LayerPolicy) -> None:
    assert policy.wanted(1) == Q
    policy.layers_changed(1, [H, Q])
    policy.show(8, 1, Tile(320, 180))
    policy.show(9, 1, Tile(1280, 720))
    assert policy.wanted(1) == F
    assert policy.remove_slot(9) == 1
    assert policy.wanted(1) == Q
    policy.show(9, 1, None)
    assert policy.wanted(1) == F


def test_what_is_wanted_follows_the_measured_resolution(policy: LayerPolicy) -> None:
    policy.show(9, 1, Tile(320, 180))
    policy.measured(1, {F: (320, 180), H: (160, 90), Q: (80, 45)})
    assert policy.wanted(1) == F
    policy.show(9, 1, Tile(80, 45))
    assert policy.wanted(1) == Q


def test_nothing_is_wanted_of_what_has_no_choice(policy: LayerPolicy) -> None:
    policy.add_source(2, 1, is_screen=False)
    policy.add_source(3, 3, is_screen=True)
    assert [policy.wanted(source) for source in (2, 3, 99)] == [None, None, None]


def test_a_screen_is_always_sharp(policy: LayerPolicy) -> None:
    policy.add_source(2, 3, is_screen=True)
    assert policy.show(9, 2, Tile(100, 60)) == F
    assert policy.measured(2, {F: (3840, 2160)}) == []


def test_what_is_gone_is_not_told_about(policy: LayerPolicy) -> None:
    policy.show(8, 1, Tile(320, 180))
    policy.show(9, 1, Tile(320, 180))
    policy.remove_slot(8)
    assert policy.layers_changed(1, [F]) == [(9, 1, F)]
    policy.remove_source(1)
    assert policy.layers_changed(1, [Q]) == []
    assert policy.show(9, 1, Tile(320, 180)) == F
    assert not policy.has_choices


def test_a_slot_that_shows_another_leaves_the_first(policy: LayerPolicy) -> None:
    policy.add_source(2, 3, is_screen=False)
    policy.show(9, 1, Tile(320, 180))
    policy.show(9, 2, Tile(320, 180))
    assert policy.layers_changed(1, [F]) == []
    policy.show(9, None, None)
    assert policy.layers_changed(2, [F]) == []


def test_what_a_way_does_not_let_through_is_not_wanted_until_it_does(policy: LayerPolicy) -> None:
    policy.show(8, 1, Tile(320, 180))
    policy.show(9, 1, Tile(1280, 720))
    assert policy.limit(9, 1, H)
    assert policy.wanted(1) == H
    assert not policy.limit(9, 1, H)
    policy.layers_changed(1, [H, Q])
    assert policy.show(9, 1, Tile(1280, 720)) == F, "what is right, though it is not sent"
    assert policy.wanted(1) == H
    assert policy.limit(9, 1, 200)
    assert policy.wanted(1) == Q
    assert policy.limit(9, 1, None)
    assert policy.wanted(1) == F


def test_a_limit_is_of_one_slot_and_one_source(policy: LayerPolicy) -> None:
    policy.add_source(2, 3, is_screen=False)
    policy.show(8, 1, Tile(1280, 720))
    policy.show(9, 1, Tile(1280, 720))
    policy.limit(9, 1, Q)
    assert policy.wanted(1) == F
    policy.show(9, 2, Tile(1280, 720))
    assert policy.wanted(2) == F
    assert not policy.limit(9, 1, Q)
    assert not policy.limit(99, 1, Q)
    policy.limit(8, 1, H)
    policy.measured(1, {F: (640, 360), H: (320, 180), Q: (160, 90)})
    assert policy.wanted(1) == H
    policy.remove_slot(8)
    assert policy.wanted(1) == Q


def test_a_single_stream_may_turn_out_to_have_spatial_layers(policy: LayerPolicy) -> None:
    policy.add_source(2, 1, is_screen=False)
    assert policy.show(8, 2, Tile(320, 180)) == F
    assert policy.layers_changed(2, [F, H, Q]) == [(8, 2, Q)]
    assert policy.layers_changed(2, [H, Q]) == [], "its sender leaves the highest out for now"
    assert policy.has_choices
    assert policy.wanted(2) is None, "there is no encoding that could be left out"
    assert policy.measured(2, {F: (320, 180)}) == [(8, 2, F)], "smaller than was thought"
    assert policy.layers_changed(2, [F]) == [], "it goes on without layers"
