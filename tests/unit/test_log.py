import io
import logging

import pytest

from sfu import log


@pytest.fixture
def lines():
    """What was logged, a line an entry; the process's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("info", stream)
    yield lambda: stream.getvalue().splitlines()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_has_time_level_place_words_and_fields(lines):
    log.get_logger("sfu.rooms").bind(room="lobby").info("participant joined", participant="abc", took_s=0.25)
    (line,) = lines()
    assert line.endswith(' info sfu.rooms "participant joined" room=lobby participant=abc took_s=0.25')


def test_input_cannot_forge_a_line_or_a_field(lines):
    log.get_logger("x").info("joined", name='a" role=moderator\n2026 error x "y"\x1b[2J', empty="")
    (line,) = lines()
    assert line.endswith(r'"joined" name="a\" role=moderator\n2026 error x \"y\"\x1b[2J" empty=""')


def test_a_field_is_cut(lines):
    log.get_logger("x").info("joined", name="é" * 100_000)
    assert len(lines()[0]) < 1000


def test_an_error_stays_on_one_line(lines):
    try:
        raise ValueError("line\nbreak")
    except ValueError:
        log.get_logger("x").exception("failed")
    (line,) = lines()
    assert "ValueError" in line


def test_a_repeated_message_is_limited_and_others_are_not(lines):
    logger = log.get_logger("x")
    for number in range(1000):
        logger.info("again", number=number)
    logger.info("other")
    assert len(lines()) == log.REPEATS + 1
    assert "left out" in lines()[log.REPEATS - 1]


def test_a_level_below_the_configured_is_silent(lines):
    log.get_logger("x").debug("detail")
    assert lines() == []
